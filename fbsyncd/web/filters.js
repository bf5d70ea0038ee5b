// Which posts are wanted: Page, kind, pictures, days, words. All of it is in the address.

import { make, month } from "./format.js";
import { FILTERS, go, here } from "./place.js";
import { say } from "./words.js";

const PAUSE = 250; // milliseconds without a letter until the search begins
const MOST_MONTHS = 48; // more bars than that are too thin for a finger: then a bar is a year

const byId = (id) => document.getElementById(id);
const search = byId("search"), bars = byId("bars");
const CHOICES = ["page", "type", "local", "since", "until"];

let typing = 0, drawn = "", spans = [];

export const isFiltered = (place) => FILTERS.some((name) => place[name]);

// Show in the fields what the address says.
export function showFilters(place) {
  if (place.view) clearTimeout(typing);
  // What is being typed stays; so does a space at its end.
  if (search.value.trim() !== place.q) search.value = place.q;
  for (const name of CHOICES) byId(name).value = place[name];
  byId("clear").hidden = !isFiltered(place);
  press(place);
}

export function offer(pages, timeline) {
  options(byId("page"), "allPages", pages.map(({ id, name }) => [id, name ?? id]));
  byId("page").parentElement.hidden = pages.length < 2;
  const kinds = timeline.types.map(({ type }) => [type, kindOf(type)]);
  options(byId("type"), "allKinds", kinds);
  byId("type").parentElement.hidden = kinds.length < 2;
  drawBars(timeline.posts);
  showFilters(here());
}

function kindOf(type) {
  const known = ["photo", "album", "video", "link", "status", "event"].includes(type);
  return known ? say(`type_${type}`) : type;
}

function options(select, all, values) {
  const made = [["", say(all)], ...values].map(([value, text]) => make("option", { value }, text));
  const told = made.map((option) => option.value + option.text).join("\n");
  if (select.told === told) return;
  select.told = told;
  select.replaceChildren(...made);
}

// Every month between the first and the last, also those without a post.
function filled(posts) {
  const counts = new Map(posts.map((one) => [one.month, one.posts]));
  const found = [];
  for (let at = posts[0].month; at <= posts.at(-1).month; at = nextMonth(at)) {
    found.push({ since: `${at}-01`, until: lastDay(at), posts: counts.get(at) ?? 0, name: at });
  }
  return found;
}

const utc = (name) => name.split("-").map(Number);
const nextMonth = (name) => new Date(Date.UTC(utc(name)[0], utc(name)[1], 1)).toISOString().slice(0, 7);
const lastDay = (name) => new Date(Date.UTC(utc(name)[0], utc(name)[1], 0)).toISOString().slice(0, 10);

function byYear(months) {
  const years = new Map();
  for (const { since, posts } of months) {
    const name = since.slice(0, 4);
    years.set(name, (years.get(name) ?? 0) + posts);
  }
  return [...years].map(([name, posts]) => ({ since: `${name}-01-01`, until: `${name}-12-31`, name, posts }));
}

function drawBars(posts) {
  byId("histogram").hidden = posts.length < 2;
  if (posts.length < 2 || drawn === JSON.stringify(posts)) return;
  drawn = JSON.stringify(posts);
  const months = filled(posts);
  const yearly = months.length > MOST_MONTHS;
  spans = yearly ? byYear(months) : months;
  bars.setAttribute("aria-label", say(yearly ? "byYear" : "byMonth"));
  const highest = Math.max(...spans.map((span) => span.posts));
  bars.replaceChildren(...spans.map((span) => bar(span, highest, yearly)));
  byId("first-bar").textContent = called(spans[0], yearly);
  byId("last-bar").textContent = called(spans.at(-1), yearly);
}

const called = ({ name, since }, yearly) => (yearly ? name : month(new Date(`${since}T12:00`)));

function bar(span, highest, yearly) {
  const words = say("bar", { when: called(span, yearly), count: span.posts });
  const button = make("button", { type: "button", class: "bar-of", title: words, "aria-label": words, tabindex: -1 });
  const part = make("span");
  part.style.height = span.posts ? `${Math.max(6, 100 * span.posts / highest)}%` : "0";
  button.append(part);
  button.addEventListener("click", (event) => choose(span, event.shiftKey));
  return button;
}

function choose(span, widen) {
  const { since, until } = here();
  if (widen && since && until) {
    return go({ since: span.since < since ? span.since : since, until: span.until > until ? span.until : until });
  }
  const same = since === span.since && until === span.until;
  return go(same ? { since: "", until: "" } : { since: span.since, until: span.until });
}

function press({ since, until }) {
  const all = [...bars.children];
  all.forEach((button, nth) => {
    const inside = (since || until) && (!since || spans[nth].until >= since) && (!until || spans[nth].since <= until);
    button.setAttribute("aria-pressed", String(Boolean(inside)));
  });
  // One stop for the Tab key; arrows go on from there.
  if (!all.some((button) => button.tabIndex === 0) && all.length) all.at(-1).tabIndex = 0;
}

const STEPS = { ArrowLeft: -1, ArrowRight: 1 };
bars.addEventListener("keydown", (event) => {
  const all = [...bars.children], at = all.indexOf(event.target);
  const next = { Home: all[0], End: all.at(-1) }[event.key] ?? all[at + STEPS[event.key]];
  if (!next) return;
  event.preventDefault();
  event.target.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
});

search.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    const before = here().q;
    go({ q: search.value.trim(), view: "" }, { step: !before });
  }, PAUSE);
});
byId("search-form").addEventListener("submit", (event) => event.preventDefault());
for (const name of CHOICES) byId(name).addEventListener("change", () => go({ [name]: byId(name).value }));
byId("clear").addEventListener("click", () => {
  search.value = "";
  go(Object.fromEntries(FILTERS.map((name) => [name, ""])));
});
