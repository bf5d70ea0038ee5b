// One post with all its pictures, large: arrows, swipes and zoom, its texts, and the way out.

import { ask } from "./api.js";
import { image, picturesOf, placeholder, wordsOf } from "./card.js";
import { begin, day, exactTime, isNear, make, safeLink, time } from "./format.js";
import { back, go, here } from "./place.js";
import { nameOfPage } from "./grid.js";
import { postShown } from "./wall.js";
import { say } from "./words.js";
import { zoomable } from "./zoom.js";

const byId = (id) => document.getElementById(id);
const box = byId("lightbox"), stage = byId("stage"), about = byId("about");

let post = null, pictures = [], nth = 0, zoom = null, opened = "", broken = false;

// Make the box show what the address says.
export async function follow(place) {
  if (!place.post) return close();
  if (post?.id !== place.post) await open(place.post);
  if (post && post.id === here().post) turnTo(Number(place.picture || 1) - 1);
}

async function open(id) {
  opened = id;
  const found = postShown(id) ?? await ask(`api/posts/${encodeURIComponent(id)}`).catch(() => null);
  if (here().post !== id) return; // closed, or another one opened, meanwhile
  post = found;
  pictures = found ? picturesOf(found) : [];
  nth = -1;
  if (!box.open) box.showModal();
  if (!found) return missing();
  tell(found);
  if (found.edits) tellHistory(id);
}

// A picture that was gone comes back under the same name, once it is there again.
export async function mend() {
  if (!broken || !post) return;
  const found = await ask(`api/posts/${encodeURIComponent(post.id)}`);
  if (!found || post?.id !== found.id || !picturesOf(found)[nth]?.url) return;
  post = found;
  pictures = picturesOf(found);
  const at = nth;
  nth = -1;
  turnTo(at);
}

// Who comes by a link to a post is here before the names of the Pages are.
export function entitle() {
  if (post) byId("box-title").textContent = nameOfPage(post.page_id);
}

function missing() {
  zoom = null;
  stage.replaceChildren(make("p", { class: "empty lost" }, say("gonePost")));
  about.replaceChildren();
  byId("counter").textContent = "";
}

function close() {
  const from = opened;
  post = null;
  opened = "";
  if (!box.open) return;
  box.close();
  document.querySelector(`[data-opens="${CSS.escape(`${from} ${Math.max(nth, 0)}`)}"]`)?.focus();
}

function turnTo(wanted) {
  const next = Math.min(Math.max(wanted || 0, 0), Math.max(pictures.length - 1, 0));
  if (next === nth) return;
  nth = next;
  broken = false;
  const picture = pictures[nth];
  const words = picture?.about || wordsOf(post) || say("wordless");
  const shown = picture?.url ? image(picture, begin(words), "100vw") : picture && placeholder(picture);
  stage.replaceChildren(...(shown ? [shown] : []));
  box.classList.toggle("wordy", !picture);
  zoom = picture?.url ? zoomable(stage, shown, (step) => move(step)) : null;
  byId("zoom").hidden = !zoom;
  byId("earlier").hidden = byId("later").hidden = pictures.length < 2;
  byId("earlier").disabled = nth === 0;
  byId("later").disabled = nth === pictures.length - 1;
  byId("counter").textContent = pictures.length > 1 ? say("nthOf", { nth: nth + 1, all: pictures.length }) : "";
  const caption = picture?.about ?? "";
  byId("caption")?.replaceChildren(caption === wordsOf(post) ? "" : caption);
  for (const beside of [nth + 1, nth - 1]) if (pictures[beside]?.url) new Image().src = pictures[beside].url;
}

function move(step) {
  const next = nth + step;
  if (pictures[next]) go({ picture: next ? String(next + 1) : "" }, { step: false });
}

function tell(shown) {
  const link = safeLink(shown.permalink_url);
  const text = wordsOf(shown);
  about.replaceChildren(
    make("h2", { id: "box-title" }, nameOfPage(shown.page_id)),
    make("p", { class: "soft" }, ...(shown.created_time ? published(shown.created_time) : [])),
    shown.deleted_at ? make("p", { class: "gone" },
      `${say("keptHereWhy")} (${day(new Date(shown.deleted_at))})`) : "",
    text ? make("p", { class: "text", dir: "auto" }, text) : "",
    make("p", { class: "soft text", id: "caption", dir: "auto" }),
    make("div", { id: "history" }),
    link ? make("p", {}, make("a", { href: link, target: "_blank", rel: "noopener noreferrer" },
      say("onFacebook"))) : "");
}

// Of an older post both would be the same date.
function published(text) {
  const at = new Date(text);
  return isNear(at) ? [time(text), ` · ${exactTime(at)}`] : [exactTime(at)];
}

async function tellHistory(id) {
  const answer = await ask(`api/posts/${encodeURIComponent(id)}/history`).catch(() => null);
  if (post?.id !== id || !answer?.history.length) return;
  byId("history").replaceChildren(
    make("h3", {}, say("earlierTexts")),
    make("ol", {}, ...answer.history.toReversed().map((earlier) => make("li", {},
      make("p", { class: "soft" }, say("until", { when: exactTime(new Date(earlier.until)) })),
      make("p", { class: "text", dir: "auto" }, earlier.message || earlier.story || say("noText"))))));
}

const leave = () => back({ post: "", picture: "" });

const KEYS = {
  ArrowLeft: () => move(-1),
  ArrowRight: () => move(1),
  Home: () => move(-nth),
  End: () => move(pictures.length - 1 - nth),
  "+": () => zoom?.by(1.5),
  "-": () => zoom?.by(1 / 1.5),
  0: () => zoom?.reset(),
};
box.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});
box.addEventListener("cancel", (event) => {
  event.preventDefault();
  leave();
});
// A file that is gone is being fetched again: the same picture, moments later.
stage.addEventListener("error", () => {
  stage.replaceChildren(placeholder({ state: "healing" }));
  broken = true;
}, true);
byId("close").addEventListener("click", leave);
byId("earlier").addEventListener("click", () => move(-1));
byId("later").addEventListener("click", () => move(1));
byId("zoom").addEventListener("click", () => zoom?.toggle());
