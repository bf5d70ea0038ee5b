// The numbers at the top: how much is safe, what is in work, what needs a look.

import { bytes, distance, make, moment, number, time } from "./format.js";
import { say } from "./words.js";

const byId = (id) => document.getElementById(id);

export function showSummary(stats) {
  const { safe, all } = stats.pictures, reach = { away: "ofAllAway", unread: "ofAllUnread", linked: "ofAllLinked" }[stats.unavailable_kind] ?? "ofAll";
  byId("safe").textContent = number(safe);
  byId("of-all").textContent = say(all ? reach : "noPictures", { count: all });
  byId("summary").classList.toggle("away", reach !== "ofAll");
  byId("progress").max = all || 1;
  byId("progress").value = safe;
  byId("facts").replaceChildren(...facts(stats).map(([name, value]) => fact(name, value)));
  byId("notices").replaceChildren(...notices(stats));
  const names = stats.pages.map((page) => page.name).filter(Boolean);
  byId("title").textContent = names.length === 1 ? names[0] : say("archive");
  document.title = names.length === 1 ? `${names[0]} · fbsyncd` : "fbsyncd";
  byId("summary").hidden = false;
  showFirstRun(stats);
}

// What to do next, or to wait for, where nothing is archived yet.
function showFirstRun({ posts, pictures, pages, unreached }) {
  byId("first-run").hidden = Boolean(posts || pictures.all);
  byId("first-steps").hidden = pages.length > 0;
  byId("first-now").textContent = pages.length ? say(expected(pages, unreached)) : "";
}

function expected(pages, unreached) {
  if (pages.some((page) => page.message)) return "firstStopped";
  if (unreached.facebook) return "firstAway";
  return pages.every((page) => page.state === "ok") ? "firstNone" : "firstReading";
}

// A Page that was never read has no name yet.
export const nameOf = (page) => page.name ?? `${say("page")} ${page.id}`;

// What goes on, and what that is: busy, calm, or away.
export function doing(stats) {
  const trouble = hindrance(stats);
  if (trouble) return { text: trouble, state: "away" };
  const busy = work(stats);
  return busy ? { text: busy, state: "busy" } : { text: say("calm"), state: "calm" };
}

const HEADINGS = { away: "picturesAway", unread: "picturesUnread", linked: "picturesLinked" };

function hindrance({ unavailable_kind: kind, unreached, pages }) {
  if (kind) return say(HEADINGS[kind]);
  if (unreached.facebook) return say("facebookAway");
  const count = pages.filter((page) => page.message).length;
  return count ? say("stopped", { count }) : null;
}

function work(stats) {
  if (stats.pages.some((page) => page.is_syncing || page.state === "reading")) return say("reading");
  const { pending, unlinked } = stats.media;
  if (pending > unlinked) return say("arriving", { count: pending - unlinked });
  return unlinked ? say("linkless", { count: unlinked }) : null;
}

function facts({ posts, videos, media, expires_next: dies, pages }) {
  const synced = pages.map((page) => page.last_sync).filter(Boolean).sort().at(-1);
  return [
    [say("posts"), number(posts)],
    [say("videos"), number(videos)],
    [say("onDisk"), bytes(media.bytes)],
    media.pending > media.unlinked ? [say("waiting"), number(media.pending - media.unlinked)] : null,
    media.unlinked ? [say("unlinked"), number(media.unlinked)] : null,
    media.failed ? [say("retried"), number(media.failed)] : null,
    media.given_up ? [say("notSaved"), number(media.given_up)] : null,
    dies ? [say("nextDies"), distance(new Date(dies))] : null,
    synced ? [say("lastSync"), time(synced)] : null,
  ].filter(Boolean);
}

export function fact(name, value) {
  return make("div", {}, make("dt", {}, name), make("dd", {}, value));
}

function notices({ unavailable, unavailable_kind: kind, unreached, pages, tokens }) {
  const disk = kind ? [notice(`${say(HEADINGS[kind])}:`, whyUnavailable(kind, unavailable))] : [];
  const stopped = pages.filter((page) => page.message);
  const ending = tokens.filter((token) => token.state === "ending");
  return [
    ...disk,
    ...outOfReach(unreached),
    ...stopped.map((page) => notice(`${nameOf(page)}:`, whyStopped(page))),
    ...ending.map(({ page_id: id, days_left: count }) =>
      notice(`${nameOf(pages.find((page) => page.id === id) ?? { id })}:`, say("tokenEnding", { count }))),
  ];
}

// In the reader's words where the trouble is of a known kind, and always with the archive's own.
const KNOWN = ["token", "throttled", "unavailable", "incomplete"];
export const whyStopped = ({ state, message }) => (KNOWN.includes(state) ? say(`stopped_${state}`, { message }) : message);

export const whyUnavailable = (kind, message) => say(`${HEADINGS[kind]}Why`, { message });

function outOfReach({ facebook, pictures }) {
  const since = facebook ?? pictures;
  if (!since) return [];
  const why = say(facebook ? "facebookAwayWhy" : "hostsAwayWhy", { when: moment(new Date(since)) });
  return [notice(say(facebook ? "facebookAway" : "hostsAway"), why)];
}

function notice(what, why) {
  return make("li", {}, make("strong", {}, what), ` ${why}`);
}
