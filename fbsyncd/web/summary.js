// The numbers at the top: how much is safe, what is in work, what needs a look.

import { bytes, distance, make, number, time } from "./format.js";

const byId = (id) => document.getElementById(id);

export function showSummary(stats) {
  const { safe, all } = stats.pictures;
  byId("safe").textContent = number(safe);
  byId("of-all").textContent = all ? `of ${number(all)} pictures are safe on this disk` : "pictures yet";
  byId("progress").max = all || 1;
  byId("progress").value = safe;
  byId("facts").replaceChildren(...facts(stats).map(([name, value]) => fact(name, value)));
  byId("notices").replaceChildren(...notices(stats));
  const names = stats.pages.map(nameOf).join(", ");
  byId("title").textContent = names || "Archive";
  document.title = names ? `${names} · fbsyncd` : "fbsyncd";
}

export const nameOf = (page) => page.name ?? page.id;

export function doing(stats) {
  if (stats.pages.some((page) => page.state === "reading")) return "Reading from Facebook";
  return stats.media.pending ? "Pictures are arriving" : null;
}

function facts({ posts, videos, media, expires_next: dies, pages }) {
  const synced = pages.map((page) => page.last_sync).filter(Boolean).sort().at(-1);
  return [
    ["Posts", number(posts)],
    ["Videos", number(videos)],
    ["On disk", bytes(media.bytes)],
    media.pending ? ["Arriving", number(media.pending)] : null,
    media.failed ? ["To be retried", number(media.failed)] : null,
    media.given_up ? ["Not saved", number(media.given_up)] : null,
    dies ? ["Next link dies", distance(new Date(dies))] : null,
    synced ? ["Last sync", time(synced)] : null,
  ].filter(Boolean);
}

function fact(name, value) {
  return make("div", {}, make("dt", {}, name), make("dd", {}, value));
}

function notices({ unavailable, pages }) {
  const disk = unavailable ? [notice("The pictures are not there", unavailable)] : [];
  const stopped = pages.filter((page) => page.message);
  return [...disk, ...stopped.map((page) => notice(nameOf(page), page.message))];
}

function notice(what, why) {
  return make("li", {}, make("strong", {}, what), ` ${why}`);
}
