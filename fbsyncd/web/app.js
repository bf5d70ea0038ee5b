// The page's course: load posts as they are scrolled to, look now and then for what has changed.

import { ask, hasToken, keepToken, TokenNeeded } from "./api.js";
import { fill, isCut, isWaiting, offerMore } from "./card.js";
import { make, month, number, tellTime } from "./format.js";
import { doing, nameOf, showSummary } from "./summary.js";

const PAGE = 24; // posts asked for at once
const BUSY = 3_000, CALM = 20_000, AGAIN = 5_000; // milliseconds between looks
const MOST = 12; // empty cards looked after in one go
const ROW = 4; // pixels, the row height of the grid in style.css

const byId = (id) => document.getElementById(id);
const list = byId("posts"), more = byId("more"), end = byId("end"), live = byId("live");

const cards = new Map(); // post id -> its card
const near = new Set(); // cards on the screen or close to it
let pageNames = new Map();
let cursor = "", tail = ""; // where the next posts begin, where the last ones did
let finished = false, loading = false, looking = false, timer = 0;

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
  const title = make("h2", { id: `month-${key}` }, created ? month(date) : "Without a date");
  const section = make("section", { "aria-labelledby": title.id }, title, make("div", { class: "grid" }));
  const next = [...list.children].find((other) => other.firstElementChild.id < title.id);
  list.insertBefore(section, next ?? null);
  return section.lastElementChild;
}

const postsFrom = (place) => ask(`api/posts?limit=${PAGE}&cursor=${encodeURIComponent(place)}`);

async function loadMore() {
  if (loading || finished) return;
  loading = true;
  try {
    const page = await postsFrom(cursor);
    show(page.posts);
    tail = cursor;
    goOnAt(page.next_cursor);
  } catch (error) {
    trouble(error);
  } finally {
    loading = false;
    list.setAttribute("aria-busy", "false");
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
  else if (cards.size) end.textContent = `That is all: ${number(cards.size)} posts.`;
  else end.textContent = "No posts are archived yet. The first ones appear here by themselves.";
}

// What came in at the top since the last look, down to the first post that is known.
async function loadNewest() {
  for (let place = "", turns = 0; place !== null && turns < 10; turns += 1) {
    const page = await postsFrom(place);
    place = page.posts.some((post) => cards.has(post.id)) ? null : page.next_cursor;
    show(page.posts);
  }
}

// An archive that is still being filled grows at its end too.
async function loadOldest() {
  const page = await postsFrom(tail);
  show(page.posts);
  goOnAt(page.next_cursor);
}

async function refreshEmpty() {
  const empty = [...near].filter((card) => card.broken || isWaiting(card.post)).slice(0, MOST);
  const asked = empty.map((card) => ask(`api/posts/${encodeURIComponent(card.post.id)}`));
  show((await Promise.all(asked)).filter(Boolean));
}

async function look() {
  const stats = await ask("api/stats");
  pageNames = new Map(stats.pages.map((page) => [page.id, nameOf(page)]));
  showSummary(stats);
  if (cards.size) await loadNewest();
  else await loadMore();
  if (finished) await loadOldest();
  await refreshEmpty();
  for (const card of near) card.querySelectorAll("time").forEach(tellTime);
  return doing(stats);
}

async function keepLooking() {
  clearTimeout(timer);
  if (looking || document.hidden) return;
  looking = true;
  let wait = AGAIN;
  try {
    const busy = await look();
    say(busy ?? "Up to date", busy ? "busy" : "calm");
    wait = busy ? BUSY : CALM;
  } catch (error) {
    trouble(error);
    if (error instanceof TokenNeeded) wait = Infinity;
  }
  looking = false;
  if (wait < Infinity) timer = setTimeout(keepLooking, wait);
}

function trouble(error) {
  if (error instanceof TokenNeeded) askForToken();
  else say("The archive does not answer. Trying again", "away");
}

function say(text, state) {
  if (live.textContent !== text) live.textContent = text;
  live.dataset.state = state;
}

function askForToken() {
  byId("token-wrong").textContent = hasToken() ? "That was not the right token." : "";
  byId("token").value = "";
  if (!byId("token-dialog").open) byId("token-dialog").showModal();
}

byId("token-form").addEventListener("submit", () => {
  keepToken(byId("token").value);
  keepLooking();
});
byId("token-dialog").addEventListener("cancel", (event) => event.preventDefault());
more.addEventListener("click", loadMore);
// A file that is gone from the disk comes back under the same name: the card is made anew.
list.addEventListener("error", ({ target }) => { target.closest("article").broken = true; }, true);
document.addEventListener("visibilitychange", keepLooking);
addEventListener("online", keepLooking);
keepLooking();
