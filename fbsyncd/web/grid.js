// The cards, each in its month and in its place: newest first.

import { fill, isCut, offerMore } from "./card.js";
import { make, month } from "./format.js";
import { say } from "./words.js";

const ROW = 4; // pixels, the row height of the grid in wall.css

const byId = (id) => document.getElementById(id);
const list = byId("posts");

export const cards = new Map(); // post id -> its card
export const near = new Set(); // cards on the screen or close to it
let pageNames = new Map();

// Each card takes as many grid rows as it is high: a wall without holes, in the order of reading.
const heights = new ResizeObserver((changes) => fit(changes.map((change) => change.target)));
function fit(changed) {
  const rows = changed.map((card) =>
    Math.ceil((card.offsetHeight + parseFloat(getComputedStyle(card).marginBottom)) / ROW));
  // A card that is not shown just now has no height; it keeps its place.
  changed.forEach((card, nth) => { if (card.offsetHeight) card.style.gridRowEnd = `span ${rows[nth]}`; });
}

const sight = new IntersectionObserver((changes) => {
  for (const { target, isIntersecting } of changes) near[isIntersecting ? "add" : "delete"](target);
}, { rootMargin: "50%" });

export const nameOfPage = (id) => pageNames.get(id) ?? id;

export function setPages(pages) {
  pageNames = new Map(pages.map((page) => [page.id, page.name ?? page.id]));
}

export function empty() {
  for (const card of cards.values()) {
    heights.unobserve(card);
    sight.unobserve(card);
  }
  cards.clear();
  near.clear();
  list.replaceChildren();
}

export function show(posts) {
  const changed = posts.map(put).filter(Boolean);
  const cut = changed.map(isCut);
  changed.forEach((card, nth) => offerMore(card, cut[nth]));
  // At once, not when the observer gets to it: otherwise the cards are seen to jump.
  fit(changed);
}

function put(post) {
  const known = cards.get(post.id);
  const card = known ?? make("article", { class: "card" });
  const told = JSON.stringify(post) + pageNames.get(post.page_id);
  if (card.told === told && !card.broken) return null;
  Object.assign(card, { told, post, broken: false });
  // With several Pages each card says whose it is; with one the heading has said it.
  fill(card, post, pageNames.size > 1 ? nameOfPage(post.page_id) : null);
  if (known) return card;
  cards.set(post.id, card);
  place(card);
  heights.observe(card);
  sight.observe(card);
  return card;
}

function place(card) {
  const created = card.post.created_time ?? "";
  const grid = monthOf(created);
  const older = [...grid.children].findLast((other) => (other.post.created_time ?? "") >= created);
  if (older) older.after(card);
  else grid.prepend(card);
}

function monthOf(created) {
  const date = new Date(created || 0);
  const key = `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, "0")}`;
  const there = byId(`month-${key}`);
  if (there) return there.nextElementSibling;
  const title = make("h2", { id: `month-${key}` }, created ? month(date) : say("undated"));
  const section = make("section", { "aria-labelledby": title.id }, title, make("div", { class: "grid" }));
  const next = [...list.children].find((other) => other.firstElementChild.id < title.id);
  list.insertBefore(section, next ?? null);
  return section.lastElementChild;
}

// Where the reader is: the uppermost card that is seen, and how high on the screen.
export function spot() {
  // Right after a jump nothing was told yet of what is near.
  const seen = uppermost(near) ?? uppermost(cards.values());
  return scrollY && seen ? { y: scrollY, post: seen.card.post.id, top: seen.at.top } : { y: scrollY };
}

function uppermost(some) {
  return [...some].map((card) => ({ card, at: card.getBoundingClientRect() }))
    .filter(({ at }) => at.bottom > barHeight() && at.top < innerHeight)
    .sort((one, other) => one.at.top - other.at.top)[0];
}

export function returnTo({ y, post, top }) {
  const card = cards.get(post);
  scrollTo(0, card ? scrollY + card.getBoundingClientRect().top - top : y);
}

const barHeight = () => document.querySelector(".bar").offsetHeight;

// The newest cards, however far down the reader is.
export function toNewest() {
  const above = list.getBoundingClientRect().top - barHeight();
  if (above < 0) scrollBy(0, above);
}

// Whether cards can come in at the top without moving what is being read.
export function isAtRest() {
  const { activeElement: on } = document;
  if (on !== list && list.contains(on)) return false;
  return scrollY < 40 || list.getBoundingClientRect().top > innerHeight;
}
