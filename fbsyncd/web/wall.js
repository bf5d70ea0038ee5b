// The wall of posts: loads older ones as they are scrolled to, and offers new ones as they come.

import { ask, Refused } from "./api.js";
import { isWaiting } from "./card.js";
import { tellTime, make } from "./format.js";
import { cards, empty, isAtRest, near, returnTo, show, toNewest } from "./grid.js";
import { query } from "./place.js";
import { say } from "./words.js";

const PAGE = 24; // posts asked for at once
const MOST = 100; // as many as the archive gives at once
const TURNS = 10; // pages looked through for the first post that is known
const LONGEST = 40; // pages loaded at once to come back to a post
const EMPTY = 12; // empty cards looked after in one go

const byId = (id) => document.getElementById(id);
const list = byId("posts"), more = byId("more"), end = byId("end"), news = byId("news");

let wanted = new URLSearchParams(); // the filters, as the API knows them
let turn = 0; // answers to what was wanted before are dropped
let cursor = "", tail = ""; // where the next posts begin, where the last ones did
let sought = null; // the spot to come back to, once there are cards
let last = Promise.resolve(); // the load that was begun last
let finished = false, loading = false, tellTrouble = () => {};
const onTrouble = (error) => tellTrouble(error);

const bottom = new IntersectionObserver((changes) => {
  if (changes.some((change) => change.isIntersecting)) loadMore();
}, { rootMargin: "1500px" });

export const postShown = (id) => cards.get(id)?.post;
export const setTrouble = (tell) => { tellTrouble = tell; };

// Show what fits these filters, from the newest on, or where the reader was.
export function choose(place, spot) {
  const now = query(place);
  if (turn && now.toString() === wanted.toString()) {
    if (spot) returnTo(spot);
    return Promise.resolve();
  }
  wanted = now;
  sought = spot;
  return startAnew();
}

function startAnew() {
  turn += 1;
  finished = loading = false;
  cursor = tail = "";
  offerNews([]);
  list.setAttribute("aria-busy", "true");
  return loadMore();
}

function postsFrom(start, limit = PAGE) {
  const asked = new URLSearchParams(wanted);
  asked.set("limit", limit);
  if (start) asked.set("cursor", start);
  return ask(`api/posts?${asked}`);
}

// The posts from `start` on; whoever comes back gets all down to the post they were at.
async function gather(start, post) {
  if (!post) return { start, ...(await postsFrom(start)) };
  const posts = [];
  for (let turns = 1; ; turns += 1) {
    const page = await postsFrom(start, MOST);
    posts.push(...page.posts);
    const there = page.posts.some(({ id }) => id === post);
    if (there || page.next_cursor === null || turns === LONGEST) return { ...page, start, posts };
    start = page.next_cursor;
  }
}

export const loadMore = () => {
  const done = loadNext().catch(onTrouble);
  if (loading) last = done;
  return done;
};

// When the posts that are being loaded are there.
export const loaded = () => last;

// Whether a card that may be seen waits for its picture.
export const isAwaiting = () => [...near].some((card) => isWaiting(card.post));

async function loadNext() {
  if (loading || finished) return;
  loading = true;
  const mine = turn;
  try {
    const page = await gather(cursor, cursor ? null : sought?.post);
    if (mine !== turn) return;
    // What was shown for other filters stays until there is something to show in its place.
    if (!cursor) begin(page.posts);
    else show(page.posts);
    tail = page.start;
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

function begin(posts) {
  empty();
  show(posts);
  if (sought) returnTo(sought);
  else toNewest();
  sought = null;
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
  else end.textContent = wanted.size ? say("nothingFound") : "";
}

// Look for what has changed: at the top, at an end that still grows, and where pictures wait.
export async function lookAgain() {
  if (loading) return;
  const mine = turn;
  if (cards.size) await loadNewest(mine);
  else await loadNext();
  if (finished && mine === turn) {
    const page = await postsFrom(tail, MOST);
    if (mine !== turn) return;
    show(page.posts);
    goOnAt(page.next_cursor);
  }
  await refreshEmpty();
  for (const card of near) card.querySelectorAll("time").forEach(tellTime);
}

// What came in at the top since the last look, down to the first post that is known.
async function loadNewest(mine) {
  const found = [];
  let start = "", met = false;
  for (let turns = 0; !met && start !== null && turns < TURNS; turns += 1) {
    const page = await postsFrom(start);
    if (mine !== turn) return;
    met = page.posts.some((post) => cards.has(post.id));
    found.push(...page.posts);
    start = page.next_cursor;
  }
  show(found.filter((post) => cards.has(post.id)));
  const fresh = found.filter((post) => !cards.has(post.id));
  // So many that there is a gap below them: the wall begins anew.
  const take = met || start === null ? () => show(fresh) : startAnew;
  if (fresh.length && !isAtRest()) return offerNews(fresh, take);
  offerNews([]);
  if (fresh.length) take();
}

// New cards at the top would move what is being read: the reader says when.
function offerNews(fresh, take) {
  const words = fresh.length ? say("newPosts", { count: fresh.length }) : "";
  const button = news.firstElementChild ?? make("button", { type: "button" });
  button.onclick = () => {
    offerNews([]);
    take();
    toNewest();
    list.focus({ preventScroll: true });
  };
  if (news.textContent === words) return;
  button.textContent = words;
  news.replaceChildren(...(words ? [button] : []));
}

async function refreshEmpty() {
  const open = [...near].filter((card) => card.broken || isWaiting(card.post)).slice(0, EMPTY);
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
