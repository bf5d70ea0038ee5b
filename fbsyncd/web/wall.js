// The wall of posts: loads older ones as they are scrolled to, and puts each new one in its place.

import { ask, Refused } from "./api.js";
import { fill, isCut, isWaiting, offerMore } from "./card.js";
import { make, month, tellTime } from "./format.js";
import { query } from "./place.js";
import { say } from "./words.js";

const PAGE = 24; // posts asked for at once
const MOST = 12; // empty cards looked after in one go
const ROW = 4; // pixels, the row height of the grid in style.css

const byId = (id) => document.getElementById(id);
const list = byId("posts"), more = byId("more"), end = byId("end");

const cards = new Map(); // post id -> its card
const near = new Set(); // cards on the screen or close to it
let pageNames = new Map();
let wanted = new URLSearchParams(); // the filters, as the API knows them
let turn = 0; // answers to what was wanted before are dropped
let cursor = "", tail = ""; // where the next posts begin, where the last ones did
let finished = false, loading = false, tellTrouble = () => {};
const onTrouble = (error) => tellTrouble(error);

// Each card takes as many grid rows as it is high: a wall without holes, in the order of reading.
const heights = new ResizeObserver((changes) => fit(changes.map((change) => change.target)));
function fit(changed) {
  const rows = changed.map((card) =>
    Math.ceil((card.offsetHeight + parseFloat(getComputedStyle(card).marginBottom)) / ROW));
  changed.forEach((card, nth) => { card.style.gridRowEnd = `span ${rows[nth]}`; });
}

const sight = new IntersectionObserver((changes) => {
  for (const { target, isIntersecting } of changes) near[isIntersecting ? "add" : "delete"](target);
}, { rootMargin: "50%" });
const bottom = new IntersectionObserver((changes) => {
  if (changes.some((change) => change.isIntersecting)) loadMore();
}, { rootMargin: "1500px" });

export const postShown = (id) => cards.get(id)?.post;
export const nameOfPage = (id) => pageNames.get(id) ?? id;
export const setTrouble = (tell) => { tellTrouble = tell; };

export function setPages(pages) {
  pageNames = new Map(pages.map((page) => [page.id, page.name ?? page.id]));
}

// Show what fits these filters, from the newest on.
export function choose(place) {
  const now = query(place);
  if (turn && now.toString() === wanted.toString()) return Promise.resolve();
  wanted = now;
  turn += 1;
  finished = loading = false;
  cursor = tail = "";
  list.setAttribute("aria-busy", "true");
  return loadMore();
}

function empty() {
  for (const card of cards.values()) {
    heights.unobserve(card);
    sight.unobserve(card);
  }
  cards.clear();
  near.clear();
  list.replaceChildren();
}

function show(posts) {
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
  fill(card, post, pageNames.size > 1 ? pageNames.get(post.page_id) : null);
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

function postsFrom(start) {
  const asked = new URLSearchParams(wanted);
  asked.set("limit", PAGE);
  if (start) asked.set("cursor", start);
  return ask(`api/posts?${asked}`);
}

export const loadMore = () => loadNext().catch(onTrouble);

async function loadNext() {
  if (loading || finished) return;
  loading = true;
  const mine = turn;
  try {
    const page = await postsFrom(cursor);
    if (mine !== turn) return;
    // What was shown for other filters stays until there is something to show in its place.
    if (!cursor) empty();
    show(page.posts);
    tail = cursor;
    goOnAt(page.next_cursor);
  } catch (error) {
    if (mine !== turn) return;
    if (!cursor) empty();
    end.textContent = error instanceof Refused ? error.message : say("away");
    throw error;
  } finally {
    if (mine === turn) {
      loading = false;
      list.setAttribute("aria-busy", "false");
    }
  }
}

function goOnAt(next) {
  finished = next === null;
  cursor = next ?? cursor;
  more.hidden = finished;
  // Observed anew, it tells at once whether the end is still in sight.
  bottom.unobserve(more);
  bottom.observe(more);
  if (!finished) end.textContent = "";
  else if (cards.size) end.textContent = say("thatIsAll", { count: cards.size });
  else end.textContent = say(wanted.size ? "nothingFound" : "none");
}

// Look for what has changed: at the top, at an end that still grows, and where pictures wait.
export async function lookAgain() {
  if (loading) return;
  const mine = turn;
  if (cards.size) await loadNewest(mine);
  else await loadNext();
  if (finished && mine === turn) {
    const page = await postsFrom(tail);
    if (mine !== turn) return;
    show(page.posts);
    goOnAt(page.next_cursor);
  }
  await refreshEmpty();
  for (const card of near) card.querySelectorAll("time").forEach(tellTime);
}

// What came in at the top since the last look, down to the first post that is known.
async function loadNewest(mine) {
  for (let start = "", turns = 0; start !== null && turns < 10; turns += 1) {
    const page = await postsFrom(start);
    if (mine !== turn) return;
    start = page.posts.some((post) => cards.has(post.id)) ? null : page.next_cursor;
    show(page.posts);
  }
}

async function refreshEmpty() {
  const open = [...near].filter((card) => card.broken || isWaiting(card.post)).slice(0, MOST);
  const asked = open.map((card) => ask(`api/posts/${encodeURIComponent(card.post.id)}`));
  const found = (await Promise.all(asked)).filter(Boolean);
  show(found.filter((post) => cards.has(post.id)));
}

more.addEventListener("click", loadMore);
// A file that is gone from the disk comes back under the same name: the card is made anew.
list.addEventListener("error", ({ target }) => {
  const card = target.closest("article");
  if (card) card.broken = true;
}, true);
