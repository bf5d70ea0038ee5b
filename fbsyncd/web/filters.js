// Which posts are wanted: Page, kind, pictures, days, words. All of it is in the address.

import { make } from "./format.js";
import { drawBars, press } from "./histogram.js";
import { FILTERS, go, here } from "./place.js";
import { say } from "./words.js";

const PAUSE = 250; // milliseconds without a letter until the search begins

const byId = (id) => document.getElementById(id);
const search = byId("search");
const CHOICES = ["page", "type", "local", "since", "until"];

let typing = 0;

const isFiltered = (place) => FILTERS.some((name) => place[name]);

// Show in the fields what the address says.
export function showFilters(place) {
  if (place.view) stopTyping();
  // What is being typed stays; so does a space at its end.
  if (!typing && search.value.trim() !== place.q) search.value = place.q;
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
  // Where nothing is there is nothing to choose from.
  byId("filters").hidden = !timeline.posts.length && !isFiltered(here());
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

search.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(lookFor, PAUSE);
});

function stopTyping() {
  clearTimeout(typing);
  typing = 0;
}

// All that is typed in one go is one step of the history; taken back to nothing, it was none.
function lookFor() {
  typing = 0;
  const words = search.value.trim(), typed = history.state?.typed;
  if (typed === "here" && !words) history.back();
  else go({ q: words, view: "" }, { step: !typed, about: { typed: here().view ? "elsewhere" : "here" } });
}

byId("search-form").addEventListener("submit", (event) => event.preventDefault());
for (const name of CHOICES) byId(name).addEventListener("change", () => go({ [name]: byId(name).value }));
byId("clear").addEventListener("click", () => {
  stopTyping();
  search.value = "";
  go(Object.fromEntries(FILTERS.map((name) => [name, ""])));
});
