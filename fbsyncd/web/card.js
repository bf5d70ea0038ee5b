// One post as a card: the picture first, then what it says, then when and where.
// Every text of a post is a stranger's. It goes into the page as text, never as HTML.

import { make, number, time } from "./format.js";

const SMALL = [320, 960]; // pixels, the box that pictures in thumbnails/ are made to fit
const NARROWEST = 0.75, WIDEST = 2; // shapes beyond these are cropped, or a panorama is a thread
const STRIP = 4; // small pictures under the first of an album

const WAITING = {
  pending: "The picture is on its way",
  healing: "Asking Facebook for a fresh link",
};

export function isWaiting(post) {
  return picturesOf(post).some((picture) => !picture.url && picture.state in WAITING);
}

export function fill(card, post, pageName) {
  const pictures = picturesOf(post);
  const text = (post.message || post.story || "").trim();
  // A picture that waits keeps its place, so that the card has its shape from the beginning.
  const first = pictures.find((picture) => picture.url || picture.state in WAITING) ?? pictures[0];
  card.classList.toggle("wordy", !first);
  card.replaceChildren(
    ...(first ? [frame(post, first, text, pictures.length), ...strip(pictures, first)] : []),
    ...(text ? message(card, text) : []),
    foot(post, pageName),
  );
}

// The attachments' pictures, or the post's own where it has no attachment that shows any.
function picturesOf(post) {
  const attached = post.attachments.filter((part) => part.image_state).map((part) => ({
    url: part.local_media_url ?? part.local_thumbnail_url,
    small: part.local_media_url ? part.local_thumbnail_url : null,
    width: part.width, height: part.height, about: part.description || part.title,
    ...stateOf(part.image_state),
  }));
  if (attached.length || !post.image_state) return attached;
  return [{ url: post.local_full_picture_url ?? post.local_picture_url, ...stateOf(post.image_state) }];
}

// "lost: the file is gone" -> a state, and why.
function stateOf(text) {
  const [state, ...why] = (text ?? "").split(": ");
  return { state, why: why.join(": ") };
}

function frame(post, first, text, count) {
  const alt = (first.about || text || "A picture without words").slice(0, 160);
  const inside = [first.url ? image(first, alt) : placeholder(first), ...badges(post, count)];
  const element = first.url ? opening(first.url, inside) : make("div", {}, ...inside);
  element.className = "picture";
  const ratio = first.width && first.height ? first.width / first.height : 1;
  element.style.aspectRatio = Math.min(WIDEST, Math.max(NARROWEST, ratio));
  return element;
}

function opening(url, inside) {
  return make("a", { href: url, target: "_blank", rel: "noopener" }, ...inside);
}

function image({ url, small, width, height }, alt, sizes = "(max-width: 40rem) 100vw, 24rem") {
  const both = small && width && height;
  const narrow = both && Math.round(width * Math.min(1, SMALL[0] / width, SMALL[1] / height));
  const element = make("img", {
    alt, width, height, loading: "lazy", decoding: "async", sizes: both ? sizes : null,
    srcset: both ? `${small} ${narrow}w, ${url} ${width}w` : null,
  });
  element.addEventListener("load", () => element.classList.add("there"), { once: true });
  element.src = url;
  return element;
}

function placeholder({ state, why }) {
  const lost = !(state in WAITING);
  return make("p", { class: lost ? "empty lost" : "empty" },
    make("span", {}, lost ? "This picture could not be saved" : WAITING[state]),
    why ? make("small", {}, why) : null);
}

function badges(post, count) {
  const kinds = [post.type, ...post.attachments.map((part) => part.type)];
  return [
    kinds.some((kind) => kind?.includes("video")) ? make("span", { class: "badge video" }, "Video") : null,
    count > 1 ? make("span", { class: "badge" }, `${number(count)} pictures`) : null,
  ].filter(Boolean);
}

function strip(pictures, first) {
  const others = pictures.filter((picture) => picture !== first);
  const unseen = others.length - STRIP;
  const places = others.slice(0, STRIP).map((picture) => {
    if (!picture.url) return make("div", {});
    const alt = picture.about || `Picture ${pictures.indexOf(picture) + 1} of ${pictures.length}`;
    return opening(picture.url, [image(picture, alt, "6rem")]);
  });
  if (unseen > 0) places.at(-1).dataset.unseen = `+${number(unseen)}`;
  return places.length ? [make("div", { class: "strip" }, ...places)] : [];
}

function message(card, text) {
  const words = make("p", { class: "message", dir: "auto" }, text);
  const more = make("button", { type: "button", class: "more", hidden: "" }, "Read on");
  more.addEventListener("click", () => {
    const open = card.classList.toggle("open");
    more.textContent = open ? "Fold up" : "Read on";
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
  const gone = { class: "gone", title: "Facebook no longer shows this post" };
  return make("footer", {},
    post.created_time ? time(post.created_time) : null,
    pageName ? make("span", {}, pageName) : null,
    post.deleted_at ? make("span", gone, "Kept here only") : null,
    link ? make("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, "On Facebook") : null);
}

function safeLink(text) {
  const { protocol, hostname } = URL.parse(text ?? "") ?? {};
  return protocol === "https:" && /(^|\.)facebook\.com$/.test(hostname) ? text : null;
}
