// What the page shows is in its address: so a view can be shared, and Back goes back.

import { begin } from "./steps.js";

const NAMES = ["view", "q", "page", "type", "local", "since", "until", "post", "picture"];
export const FILTERS = ["q", "page", "type", "local", "since", "until"];

// The present place: each name with its text, "" where there is none.
export function here() {
  const given = new URLSearchParams(location.search);
  return Object.fromEntries(NAMES.map((name) => [name, given.get(name) ?? ""]));
}

export function addressOf(changes) {
  const address = new URL(location.href);
  for (const [name, text] of Object.entries(changes)) {
    if (text === "") address.searchParams.delete(name);
    else address.searchParams.set(name, text);
  }
  return address.href;
}

// Go somewhere else. A step of its own is one that Back undoes; a letter typed is not. `about` is
// what the step is to be known by.
export function go(changes, { step = true, about = {} } = {}) {
  const now = here();
  // By the words, not by the address: the same words can be written in more than one way.
  if (Object.entries(changes).every(([name, text]) => now[name] === text)) return;
  if (step) begin(addressOf(changes), about);
  else history.replaceState(history.state, "", addressOf(changes));
  dispatchEvent(new Event("place"));
}

// Undo a step of this page; for who came by a shared address there is none to undo.
export function back(changes) {
  if (history.state?.inside) history.back();
  else go(changes, { step: false });
}

// The reader's midnight, so many days after a day; what is no day is left to the archive to refuse.
function midnight(text, later = 0) {
  const date = new Date(`${text}T00:00`);
  if (Number.isNaN(date.getTime())) return text;
  date.setDate(date.getDate() + later);
  return date.toISOString();
}

// The filters as /api/posts knows them. The last day counts whole.
export function query({ q, page, type, local, since, until }) {
  const asked = {
    q, type, page_id: page, since: since && midnight(since), until: until && midnight(until, 1),
    has_local_image: { yes: "true", no: "false" }[local] ?? "",
  };
  return new URLSearchParams(Object.entries(asked).filter(([, text]) => text));
}
