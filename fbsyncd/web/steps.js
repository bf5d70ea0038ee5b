// The steps of this page in the browser's history, and where the reader was at each of them: Back
// leads there again. Cards move when newer posts come, so a place is a post and its height on the
// screen, not a number of pixels from the top.

const KEY = "fbsyncd-spots", MOST = 50;

const spots = new Map(JSON.parse(sessionStorage.getItem(KEY) ?? "[]"));
let measure = () => null;

// The browser would scroll before the cards are there.
history.scrollRestoration = "manual";

// Each step has a name of its own. A new one is none that was ever kept.
const named = (about) => ({ ...about, step: Math.random().toString(36).slice(2) });

function current() {
  if (!history.state?.step) history.replaceState(named(history.state), "");
  return history.state.step;
}

let step = current();

// Let `tell` say where the reader is.
export const measureBy = (tell) => { measure = tell; };
// Where the reader was when this step was left; undefined for one that is new.
export const spotOfStep = () => spots.get(step);

function keep() {
  const spot = measure();
  if (!spot) return;
  spots.delete(step);
  spots.set(step, spot);
}

export function begin(address, about) {
  keep();
  history.pushState(named({ ...about, inside: true }), "", address);
  step = current();
}

addEventListener("popstate", () => {
  keep();
  step = current();
  dispatchEvent(new Event("place"));
});

// What is kept in this page is gone with it; a reload, or Back from another site, asks the tab.
addEventListener("pagehide", () => {
  keep();
  sessionStorage.setItem(KEY, JSON.stringify([...spots].slice(-MOST)));
});
