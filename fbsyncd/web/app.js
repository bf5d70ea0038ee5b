// The page's course: follow the address, look now and then for what has changed, say how it goes.

import { ask, hasToken, keepToken, order, Refused, TokenNeeded } from "./api.js";
import { setDisk } from "./card.js";
import { offer, showFilters } from "./filters.js";
import { zone } from "./format.js";
import { setPages, spot } from "./grid.js";
import { showHealth } from "./health.js";
import { entitle, follow, mend } from "./lightbox.js";
import { addressOf, go, here } from "./place.js";
import { measureBy, spotOfStep } from "./steps.js";
import { doing, showSummary } from "./summary.js";
import { choose, isAwaiting, loaded, lookAgain, setTrouble } from "./wall.js";
import { say, translate } from "./words.js";

const BUSY = 3_000, CALM = 20_000, AGAIN = 5_000; // milliseconds between looks
const EAGER = 30_000; // milliseconds after an order in which its effect is looked for

const byId = (id) => document.getElementById(id);
const live = byId("live");

let looking = false, again = false, timer = 0, eager = 0;
let troubles = 0; // how often something was in the way
let isKnown = false; // whether the archive has ever answered
let counted = zone; // the time zone of the counts, "" for UTC
let height = 0; // how far down Health is to be shown, once it is filled

async function look() {
  const place = here();
  const [stats, timeline] = await Promise.all([ask("api/stats"), timelineOf()]);
  isKnown = true;
  byId("unanswered").hidden = true;
  setPages(stats.pages);
  entitle();
  setDisk(stats.unavailable_kind);
  showSummary(stats);
  offer(stats.pages, timeline);
  if (place.view === "health") await fillHealth(stats, timeline);
  else await lookAgain();
  await mend();
  return doing(place.view === "health" ? stats : await agreed(stats));
}

// Counted by the reader's days, or by UTC's where the archive's machine does not know their zone.
async function timelineOf() {
  try {
    return await ask(`api/timeline?zone=${encodeURIComponent(counted)}`);
  } catch (error) {
    if (!(error instanceof Refused) || !counted) throw error;
    counted = "";
    return timelineOf();
  }
}

// The numbers and the cards are asked for one after the other. Where everything is said to be safe
// above a card that waits, one of them has been overtaken by the other.
async function agreed(stats) {
  await loaded();
  if (!isSafe(stats) || !isAwaiting()) return stats;
  const now = await ask("api/stats");
  showSummary(now);
  if (isSafe(now)) await lookAgain();
  return now;
}

const isSafe = ({ unavailable_kind: kind, pictures: { safe, all } }) => !kind && safe === all;

async function fillHealth(stats, timeline) {
  await showHealth(stats, timeline);
  if (height) scrollTo(0, height);
  height = 0;
}

async function keepLooking() {
  clearTimeout(timer);
  // Who asks in the middle of a look wants to see what came after its beginning.
  again = looking;
  if (looking || document.hidden) return;
  looking = true;
  const before = troubles;
  let wait = AGAIN;
  try {
    const { text, state } = await look();
    // The posts are loaded beside a look: it does not call well what was refused them meanwhile.
    if (troubles === before) {
      tell(text, state);
      wait = state === "busy" || Date.now() < eager ? BUSY : CALM;
    }
    if (Date.now() > eager) byId("said").textContent = "";
  } catch (error) {
    trouble(error);
    if (error instanceof TokenNeeded) wait = Infinity;
  }
  looking = false;
  if (again) wait = 0;
  if (wait < Infinity) timer = setTimeout(keepLooking, wait);
}

function trouble(error) {
  troubles += 1;
  if (error instanceof TokenNeeded) askForToken();
  else if (error instanceof Refused) tell(say("refused", { why: error.message }), "away");
  else {
    tell(say(navigator.onLine || isLocal() ? "away" : "offline"), "away");
    // With nothing to show yet, a dot in the corner is not enough.
    if (!isKnown) showUnanswered();
  }
}

function showUnanswered() {
  byId("unanswered").hidden = false;
  byId("end").textContent = "";
  for (const name of ["summary", "filters"]) byId(name).hidden = true;
}

// An archive on this machine answers without a network.
const isLocal = () => ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);

function tell(text, state) {
  if (live.textContent !== text) live.textContent = text;
  live.dataset.state = state;
}

function askForToken() {
  // Whoever is asked is typing already: a second refusal takes nothing of that away.
  if (byId("token-dialog").open) return;
  byId("token-wrong").textContent = hasToken() ? say("tokenWrong") : "";
  byId("token").value = "";
  byId("token-dialog").showModal();
}

function arrive() {
  const place = here();
  const isHealth = place.view === "health";
  byId("health").hidden = !isHealth;
  byId("wall").hidden = isHealth;
  byId("skip").hash = isHealth ? "health" : "posts";
  for (const [name, view] of [["to-posts", ""], ["to-health", "health"]]) {
    byId(name).href = addressOf({ view, post: "", picture: "" });
    if (place.view === view) byId(name).setAttribute("aria-current", "page");
    else byId(name).removeAttribute("aria-current");
  }
  showFilters(place);
  follow(place);
  const was = spotOfStep();
  if (!isHealth) {
    choose(place, was);
    return;
  }
  height = was?.y ?? 0;
  scrollTo(0, height);
  keepLooking();
}

for (const [name, view] of [["to-posts", ""], ["to-health", "health"]]) {
  byId(name).addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go({ view });
    scrollTo(0, 0);
  });
}

byId("sync").addEventListener("click", async () => {
  const button = byId("sync"), said = byId("said");
  button.disabled = true;
  try {
    await order("api/sync");
    said.textContent = say("syncAsked");
    eager = Date.now() + EAGER;
    await keepLooking();
  } catch (error) {
    if (error instanceof TokenNeeded) askForToken();
    else said.textContent = say("syncRefused", { why: error.message });
  }
  button.disabled = false;
});

byId("token-form").addEventListener("submit", () => keepToken(byId("token").value));
// Not before it is closed: a token that is wrong at once opens it again.
byId("token-dialog").addEventListener("close", () => {
  arrive();
  keepLooking();
});
byId("token-dialog").addEventListener("cancel", (event) => event.preventDefault());
document.addEventListener("visibilitychange", keepLooking);
addEventListener("online", keepLooking);
addEventListener("place", arrive);
addEventListener("token", askForToken);

translate(document);
measureBy(() => (byId("health").hidden ? spot() : { y: scrollY }));
setTrouble(trouble);
arrive();
keepLooking();
