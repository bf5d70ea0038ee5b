// The posts by month, as bars to choose from. A month is the reader's, as are the days of the
// filters: what a bar counts is what choosing it shows.

import { localDay, make, month } from "./format.js";
import { go, here } from "./place.js";
import { say } from "./words.js";

const MOST = 48; // more bars than that are a thicket: then a bar is a year
const FINGER = 24; // pixels, the least a bar has where fingers choose

const byId = (id) => document.getElementById(id);
const bars = byId("bars");
const fingers = matchMedia("(pointer: coarse), (max-width: 40rem)");

let drawn = "", spans = [];

export function drawBars(posts) {
  byId("histogram").hidden = posts.length < 2;
  const most = fingers.matches ? Math.floor(byId("histogram").clientWidth / FINGER) : MOST;
  const told = JSON.stringify([posts, most]);
  if (posts.length < 2 || drawn === told) return;
  drawn = told;
  const months = filled(posts);
  const yearly = months.length > most;
  spans = yearly ? byYear(months) : months;
  bars.setAttribute("aria-label", say(yearly ? "byYear" : "byMonth"));
  const highest = Math.max(...spans.map((span) => span.posts));
  bars.replaceChildren(...spans.map((span) => bar(span, highest, yearly)));
  byId("histogram").style.setProperty("--bars", spans.length);
  byId("bars-about").textContent = say(yearly ? "years" : "months");
  byId("first-bar").textContent = called(spans[0], yearly);
  byId("last-bar").textContent = spans.length > 1 ? called(spans.at(-1), yearly) : "";
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

const parts = (name) => name.split("-").map(Number);
const nextMonth = (name) => localDay(new Date(parts(name)[0], parts(name)[1], 1)).slice(0, 7);
const lastDay = (name) => localDay(new Date(parts(name)[0], parts(name)[1], 0));

function byYear(months) {
  const years = new Map();
  for (const { since, posts } of months) {
    const name = since.slice(0, 4);
    years.set(name, (years.get(name) ?? 0) + posts);
  }
  return [...years].map(([name, posts]) => ({ since: `${name}-01-01`, until: `${name}-12-31`, name, posts }));
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

export function press({ since, until }) {
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
