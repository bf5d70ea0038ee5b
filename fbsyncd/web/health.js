// How the archive is: what is safe, what waits, what failed and why, and what is about to happen.

import { ask, order, TokenNeeded } from "./api.js";
import { area, columns, stacked } from "./charts.js";
import { bytes, day, distance, make, number, percent, tellTime, time } from "./format.js";
import { fact, nameOf } from "./summary.js";
import { say } from "./words.js";

const AHEAD = 14; // days of links that die
const FAILED = 20; // rows asked for at once

const byId = (id) => document.getElementById(id);
const DAY = 86_400_000;

const told = new Map(); // panel -> what it was made from
let shownFailed = FAILED;

export async function showHealth(stats, timeline) {
  const failed = await ask(`api/media?status=failed&limit=${Math.min(shownFailed, 100)}`);
  const { deadlines, media, pictures: counts, pages: read, budgets, tokens, unavailable, reconcile } = stats;
  fill("pictures", pictures, { pictures: counts, media });
  fill("growth", growth, timeline.archived);
  fill("dying", dying, { deadlines, days: timeline.dying });
  fill("pages", pages, { pages: read, budgets, tokens });
  fill("disk", disk, { media, free_bytes: stats.free_bytes });
  fill("folder", folder, { unavailable, reconcile });
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
  const parts = [["safe", safe], ["pending", waiting - failed - givenUp], ["failed", failed], ["given_up", givenUp]];
  return [
    stacked(parts.map(([kind, count]) => ({ kind, share: all ? count / all : 0 }))),
    make("dl", { class: "legend" }, ...parts.map(([kind, count]) =>
      make("div", { class: kind }, make("dt", {}, say(`state_${kind}`)), make("dd", {}, number(count))))),
  ];
}

function growth(days) {
  if (!days.length) return [make("p", { class: "soft" }, say("noGrowth"))];
  const from = day(new Date(days[0].day)), to = day(new Date(days.at(-1).day));
  return [["pictures", "growthPictures", number], ["bytes", "growthBytes", bytes]].map(([what, name, shown]) => {
    let sum = 0;
    const points = days.map((one) => [Date.parse(one.day), (sum += one[what])]);
    return make("figure", {}, area([[points[0][0] - DAY, 0], ...points], `${say(name)}: ${say("growthAbout", { from, to })}, ${shown(sum)}`),
      make("figcaption", {}, make("span", {}, `${from} – ${to}`), make("strong", {}, `${say(name)}: ${shown(sum)}`)));
  });
}

function dying({ deadlines: { will_die: late, dead }, days }) {
  const counts = new Map(days.map((one) => [one.day, one.pictures]));
  const ahead = Array.from({ length: AHEAD }, (_, nth) => {
    const date = new Date(Date.now() + nth * DAY);
    const count = counts.get(date.toISOString().slice(0, 10)) ?? 0;
    return { count, name: date.getDate(), title: say("dyingBar", { when: day(date), count }) };
  });
  const any = ahead.some(({ count }) => count);
  return [
    any ? columns(ahead) : make("p", { class: "soft" }, say("dyingNone")),
    any || late ? make("p", { class: late ? "gone" : "soft" }, late ? say("willDie", { count: late }) : say("willNotDie")) : null,
    dead ? make("p", { class: "soft" }, say("dead", { count: dead })) : null,
  ];
}

function pages({ pages: all, budgets, tokens }) {
  const head = ["page", "state", "lastSync", "nextSync", "tokenEnds", "budget"];
  const rows = all.map((page) => make("tr", {},
    make("th", { scope: "row" }, nameOf(page)),
    make("td", { class: page.message ? "gone" : "" }, stateOf(page)),
    make("td", {}, time(page.last_sync)),
    make("td", {}, page.next_sync ? time(page.next_sync) : "–"),
    make("td", {}, tokenOf(tokens.find((token) => token.page_id === page.id))),
    make("td", {}, budgetOf(budgets.filter((one) => one.page_id === page.id || !one.page_id)))));
  return [make("table", {},
    make("thead", {}, make("tr", {}, ...head.map((name) => make("th", { scope: "col" }, say(name))))),
    make("tbody", {}, ...rows))];
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

function stateOf({ state, message }) {
  if (message) return message;
  return say(state === "reading" ? "pageReading" : "pageOk");
}

function disk({ media, free_bytes: free }) {
  const known = free !== null && free !== undefined;
  const words = { used: bytes(media.bytes), free: known ? bytes(free) : "–" };
  const share = known ? media.bytes / (media.bytes + free || 1) : 0;
  return [
    stacked([{ kind: "safe", share }, { kind: "rest", share: 1 - share }]),
    make("p", {}, say("diskUsed", words)),
    make("dl", { class: "facts" }, ...Object.entries(media.by_category ?? {}).map(([name, { files, bytes: size }]) =>
      fact(name, `${number(files)} · ${bytes(size)}`))),
  ];
}

function folder({ unavailable, reconcile }) {
  const looks = [["lastScan", reconcile.last_scan], ["lastScrub", reconcile.last_scrub]];
  return [
    make("p", { class: unavailable ? "gone" : "" }, unavailable ?? say(reconcile.last_scan ? "folderLooked" : "folderUnseen")),
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
