// One post as a card: the picture first, then what it says, then when and where.
// Every text of a post is a stranger's. It goes into the page as text, never as HTML.

import { begin, make, number, safeLink, time } from "./format.js";
import { addressOf, go } from "./place.js";
import { say } from "./words.js";

const NARROWEST = 0.75, WIDEST = 2; // shapes beyond these are cropped, or a panorama is a thread
const STRIP = 4; // small pictures under the first of an album
const WAITING = ["pending", "healing", "unavailable"];

const DISKS = { away: "diskAway", unread: "diskUnread" };
let disk = null; // what is wrong with the disk of the pictures, as the archive names it

// Nothing is on its way while the disk is not there: what waits says so, at once.
export function setDisk(kind) {
  if (kind === disk) return;
  disk = kind;
  for (const words of document.querySelectorAll(".empty [data-state]")) words.textContent = waitingFor(words.dataset.state);
}

const waitingFor = (state) => say(DISKS[disk] ?? state);

const isAwaited = (picture) => !picture.url && WAITING.includes(picture.state);

export const isWaiting = (post) => picturesOf(post).some(isAwaited);

export function fill(card, post, pageName) {
  const pictures = picturesOf(post);
  const text = wordsOf(post);
  // A picture that waits keeps its place, so that the card has its shape from the beginning.
  const first = pictures.find((picture) => picture.url || isAwaited(picture)) ?? pictures[0];
  card.classList.toggle("wordy", !first);
  card.replaceChildren(
    ...(first ? [frame(post, first, text, pictures), ...strip(post, pictures, first)] : []),
    ...(text ? message(card, text) : []),
    ...(text || first ? [] : [bare(post)]),
    foot(post, pageName),
  );
}

export const wordsOf = (post) => (post.message || post.story || "").trim();

// The attachments' pictures, or the post's own where it has no attachment that shows any.
export function picturesOf(post) {
  const attached = post.attachments.filter((part) => part.image_state).map((part) => ({
    url: part.local_media_url ?? part.local_thumbnail_url, sizes: part.images,
    width: part.width, height: part.height, about: part.description || part.title,
    ...stateOf(part.image_state),
  }));
  if (attached.length || !post.image_state) return attached;
  return [{
    url: post.local_full_picture_url ?? post.local_picture_url, sizes: post.images,
    ...largest(post.images), ...stateOf(post.image_state),
  }];
}

function largest(sizes) {
  const { width, height } = sizes.at(-1) ?? {};
  return { width, height };
}

// "lost: the file is gone" -> a state, and why.
function stateOf(text) {
  const [state, ...why] = (text ?? "").split(": ");
  return { state, why: why.join(": ") };
}

function frame(post, first, text, pictures) {
  const alt = begin(first.about || text || say("wordless"));
  const inside = [first.url ? image(first, alt) : placeholder(first), ...badges(post, pictures.length)];
  const element = first.url ? opening(post, pictures.indexOf(first), inside) : make("div", {}, ...inside);
  element.className = "picture";
  const ratio = first.width && first.height ? first.width / first.height : 1;
  element.style.aspectRatio = Math.min(WIDEST, Math.max(NARROWEST, ratio));
  return element;
}

// A link that opens the post with all its pictures, at this one.
function opening(post, nth, inside) {
  const place = { post: post.id, picture: nth ? String(nth + 1) : "" };
  const link = make("a", { href: addressOf(place), "data-opens": `${post.id} ${nth}` }, ...inside);
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(place);
  });
  return link;
}

export function image({ url, sizes, width, height }, alt, room = "(max-width: 40rem) 100vw, 24rem") {
  const many = sizes.filter((size) => size.width);
  const srcset = many.length > 1 ? many.map((size) => `${size.url} ${size.width}w`).join(", ") : null;
  const element = make("img", {
    alt, width, height, loading: "lazy", decoding: "async", srcset, sizes: srcset ? room : null,
  });
  element.addEventListener("load", () => element.classList.add("there"), { once: true });
  element.src = url;
  return element;
}

export function placeholder({ state, why }) {
  const lost = !WAITING.includes(state);
  return make("p", { class: lost ? "empty lost" : "empty" },
    lost ? make("span", {}, say("lost")) : make("span", { "data-state": state }, waitingFor(state)),
    lost && why ? make("small", {}, why) : null);
}

function badges(post, count) {
  return [
    isVideo(post) ? make("span", { class: "badge video" }, say("video")) : null,
    count > 1 ? make("span", { class: "badge" }, say("count", { count })) : null,
  ];
}

function isVideo(post) {
  return [post, ...post.attachments].some(({ type }) => type?.includes("video"));
}

function strip(post, pictures, first) {
  const others = pictures.filter((picture) => picture !== first);
  const unseen = others.length - STRIP;
  const places = others.slice(0, STRIP).map((picture) => {
    if (!picture.url) return make("div", {});
    const nth = pictures.indexOf(picture);
    const alt = picture.about || say("nthOf", { nth: nth + 1, all: pictures.length });
    return opening(post, nth, [image(picture, alt, "6rem")]);
  });
  if (unseen > 0) places.at(-1).dataset.unseen = `+${number(unseen)}`;
  return places.length ? [make("div", { class: "strip" }, ...places)] : [];
}

// A post of neither words nor pictures was something all the same: a link, an event, a share of
// what is gone.
const KINDS = ["photo", "album", "video", "link", "status", "event"];
function bare(post) {
  const title = post.attachments.map((part) => part.title || part.description).find(Boolean);
  const kind = say(`kind_${KINDS.includes(post.type) ? post.type : "other"}`);
  return make("div", { class: "bare" },
    make("p", { class: "soft" }, say("bare", { kind })),
    title ? make("p", { dir: "auto" }, begin(title)) : null);
}

function message(card, text) {
  const words = make("p", { class: "message", dir: "auto" }, text);
  const more = make("button", { type: "button", class: "more", hidden: "" }, say("readOn"));
  more.addEventListener("click", () => {
    const open = card.classList.toggle("open");
    more.textContent = say(open ? "foldUp" : "readOn");
    more.setAttribute("aria-expanded", String(open));
  });
  return [words, more];
}

// Whether the words are longer than the card shows. Asks the layout, so ask for many at once.
export function isCut(card) {
  const words = card.querySelector(".message");
  return Boolean(words) && (card.classList.contains("open") || words.scrollHeight > words.clientHeight + 2);
}

export function offerMore(card, cut) {
  const more = card.querySelector(".more");
  if (more) more.hidden = !cut;
}

function foot(post, pageName) {
  const link = safeLink(post.permalink_url);
  return make("footer", {},
    post.created_time ? time(post.created_time) : null,
    pageName ? make("span", { class: "whose", title: pageName }, pageName) : null,
    ...marks(post),
    link ? make("a", { class: "out", href: link, target: "_blank", rel: "noopener noreferrer" }, say("onFacebook")) : null);
}

function marks(post) {
  const edited = post.edits ? opening(post, 0, [say("edited")]) : null;
  if (edited) Object.assign(edited, { className: "mark", title: say("editedWhy") });
  return [
    edited,
    post.deleted_at ? make("span", { class: "mark gone", title: say("keptHereWhy") }, say("keptHere")) : null,
  ];
}
