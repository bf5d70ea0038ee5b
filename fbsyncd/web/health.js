// How the archive is: what is safe, what waits, what failed and why, and what is about to happen.

import { ask, order, TokenNeeded } from "./api.js";
import { area, columns, stacked } from "./charts.js";
import { bytes, day, dayOf, distance, localDay, make, number, percent, tellTime, time } from "./format.js";
import { fact, nameOf, whyStopped, whyUnavailable } from "./summary.js";
import { say } from "./words.js";

const AHEAD = 14; // days of links that die
const FAILED = 20; // rows asked for at once

const byId = (id) => document.getElementById(id);

const told = new Map(); // panel -> what it was made from
let shownFailed = FAILED;

export async function showHealth(stats, timeline) {
  const failed = await ask(`api/media?status=failed&limit=${Math.min(shownFailed, 100)}`);
  const { deadlines, media, pictures: counts, budgets, tokens, unreached, unavailable, reconcile } = stats;
  fill("pictures", pictures, { pictures: counts, media });
  fill("growth", growth, timeline.archived);
  // The day is part of it: at midnight the bars move on.
  fill("dying", dying, { deadlines, days: timeline.dying, today: localDay(new Date()) });
  fill("pages", pages, { pages: stats.pages, budgets, tokens, unreached });
  fill("disk", disk, { media, free: stats.free_bytes, all: stats.disk_bytes });
  fill("folder", folder, { unavailable, kind: stats.unavailable_kind, reconcile });
  fill("failed", failures, failed);
  byId("health").querySelectorAll("time").forEach(tellTime);
}

// Only what has changed is made anew: whoever is on a button with the keyboard stays there.
function fill(id, made, from) {
  const now = JSON.stringify(from);
  if (told.get(id) === now) return;
  told.set(id, now);
  byId(`health-${id}`).replaceChildren(...made(from).filter(Boolean));
}

function pictures({ pictures: { safe, all }, media }) {
  const waiting = all - safe;
  const givenUp = Math.min(media.given_up, waiting), failed = Math.min(media.failed, waiting - givenUp);
  const unlinked = Math.min(media.unlinked, waiting - givenUp - failed), coming = waiting - givenUp - failed - unlinked;
  const parts = [["safe", safe], ["pending", coming], ["unlinked", unlinked], ["failed", failed], ["given_up", givenUp]];
  return [
    stacked(parts.map(([kind, count]) => ({ kind, share: all ? count / all : 0 }))),
    legend(parts.map(([kind, count]) => [kind, say(`state_${kind}`), number(count)])),
  ];
}

function growth(days) {
  if (!days.length) return [make("p", { class: "soft" }, say("noGrowth"))];
  const kinds = [["pictures", "growthPictures", number], ["bytes", "growthBytes", bytes]];
  return days.length > 1 ? kinds.map((kind) => curve(days, kind)) : firstDay(days[0], kinds);
}

function curve(days, [what, name, shown]) {
  const from = day(dayOf(days[0].day)), to = day(dayOf(days.at(-1).day));
  const before = dayOf(days[0].day);
  before.setDate(before.getDate() - 1);
  let sum = 0;
  const points = days.map((one) => [dayOf(one.day).getTime(), (sum += one[what])]);
  return make("figure", {}, area([[before.getTime(), 0], ...points], `${say(name)}: ${say("growthAbout", { from, to })}, ${shown(sum)}`),
    make("figcaption", {}, make("span", {}, `${from} – ${to}`), make("strong", {}, `${say(name)}: ${shown(sum)}`)));
}

// One day is a point, and a line through it would say nothing.
function firstDay(only, kinds) {
  return [
    make("dl", { class: "facts large" }, ...kinds.map(([what, name, shown]) => fact(say(name), shown(only[what])))),
    make("p", { class: "soft" }, say("growthFirst", { when: day(dayOf(only.day)) })),
  ];
}

function dying({ deadlines: { will_die: late, dead }, days }) {
  const counts = new Map(days.map((one) => [one.day, one.pictures]));
  const ahead = Array.from({ length: AHEAD }, (_, nth) => {
    const date = new Date();
    date.setDate(date.getDate() + nth);
    const count = counts.get(localDay(date)) ?? 0;
    return { count, name: date.getDate(), title: say("dyingBar", { when: day(date), count }) };
  });
  const any = ahead.some(({ count }) => count);
  return [
    any ? columns(ahead) : make("p", { class: "soft" }, say("dyingNone")),
    any || late ? make("p", { class: late ? "gone" : "soft" }, late ? say("willDie", { count: late }) : say("willNotDie")) : null,
    dead ? make("p", { class: "soft" }, say("dead", { count: dead })) : null,
  ];
}

// On a phone each Page is a block of lines, see health.css. The roles are named because what is
// shown otherwise than as a table is no longer read out as one.
function pages({ pages: all, budgets, tokens, unreached }) {
  const head = ["page", "state", "lastSync", "nextSync", "tokenEnds", "budget"];
  const cell = (name, what, attributes = {}) => make("td", { role: "cell", "data-name": say(name), ...attributes }, what);
  const rows = all.map((page) => make("tr", { role: "row" },
    make("th", { scope: "row", role: "rowheader" }, nameOf(page)),
    cell("state", stateOf(page, unreached), { class: page.message ? "gone long" : unreached.facebook ? "gone" : null }),
    cell("lastSync", time(page.last_sync)),
    cell("nextSync", page.next_sync ? time(page.next_sync) : "–"),
    cell("tokenEnds", tokenOf(tokens.find((token) => token.page_id === page.id))),
    cell("budget", budgetOf(budgets.filter((one) => one.page_id === page.id || !one.page_id)))));
  const heads = head.map((name) => make("th", { scope: "col", role: "columnheader" }, say(name)));
  return [make("table", { role: "table", "aria-labelledby": "t-pages" },
    make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...heads)),
    make("tbody", { role: "rowgroup" }, ...rows))];
}

function tokenOf(token) {
  const end = [token?.expires_at, token?.data_access_expires_at].filter(Boolean).sort()[0];
  return end ? time(end) : "–";
}

// The fuller of the Page's own budget and the app's, and when calls go on if it is used up.
function budgetOf(some) {
  if (!some.length) return "–";
  const used = percent(Math.max(...some.map((one) => one.percent)) / 100);
  const back = some.map((one) => one.back_at).filter(Boolean).sort().at(-1);
  return back ? `${used} · ${say("budgetBack", { when: distance(new Date(back)) })}` : used;
}

function stateOf({ state, message, is_syncing: isRead }, unreached) {
  if (message) return whyStopped({ state, message });
  if (unreached.facebook) return say("pageAway");
  if (isRead || state === "reading") return say("pageReading");
  return say(state ? "pageOk" : "pageUnread");
}

// The whole disk: these pictures, what else lies on it, and what is free.
function disk({ media, free, all }) {
  const isThere = all !== null && free !== null;
  const rest = isThere ? [["other", Math.max(0, all - free - media.bytes)], ["free", free]] : [];
  const parts = [["safe", media.bytes], ...rest];
  const sum = parts.reduce((known, [, size]) => known + size, 0);
  return [
    isThere ? stacked(parts.map(([kind, size]) => ({ kind, share: size / sum }))) : null,
    legend(parts.map(([kind, size]) => [kind, say(`disk_${kind}`), bytes(size)])),
    make("dl", { class: "facts small" }, ...Object.entries(media.by_category).map(([name, { files, bytes: size }]) =>
      fact(say(`folder_${name}`), `${number(files)} · ${bytes(size)}`))),
  ];
}

function legend(lines) {
  return make("dl", { class: "legend" }, ...lines.map(([kind, name, value]) =>
    make("div", { class: kind }, make("dt", {}, name), make("dd", {}, value))));
}

function folder({ unavailable, kind, reconcile }) {
  const looks = [["lastScan", reconcile.last_scan], ["lastScrub", reconcile.last_scrub]];
  return [
    make("p", { class: kind ? "gone" : "" },
      kind ? whyUnavailable(kind, unavailable) : say(reconcile.last_scan ? "folderLooked" : "folderUnseen")),
    make("dl", { class: "facts" }, ...looks.map(([name, at]) => fact(say(name), time(at)))),
  ];
}

function failures({ media, next_cursor: more }) {
  if (!media.length) return [make("p", { class: "soft" }, say("failedNone"))];
  const rows = media.map((row) => make("li", {},
    make("div", {},
      make("p", {}, row.error_message ?? "–"),
      make("p", { class: "soft" }, [
        row.post_id ?? row.video_id ?? row.id, say("tries", { count: row.attempts }),
        row.given_up ? say("givenUp") : row.next_attempt_at && say("nextTry", { when: distance(new Date(row.next_attempt_at)) }),
      ].filter(Boolean).join(" · "))),
    retry(row)));
  return [make("ul", { class: "failed" }, ...rows), more && shownFailed < 100 ? showMore() : null];
}

function retry(row) {
  const button = make("button", { type: "button", class: "quiet" }, say("retry"));
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await order(`api/media/${encodeURIComponent(row.id)}/retry`);
      button.textContent = say("queued");
    } catch (error) {
      button.disabled = false;
      if (error instanceof TokenNeeded) dispatchEvent(new Event("token"));
      else byId("said").textContent = say("refused", { why: error.message });
    }
  });
  return button;
}

function showMore() {
  const button = make("button", { type: "button", class: "quiet" }, say("showMore"));
  button.addEventListener("click", () => {
    shownFailed = 100;
    button.disabled = true;
    dispatchEvent(new Event("place"));
  });
  return button;
}
