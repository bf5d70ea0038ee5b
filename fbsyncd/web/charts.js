// Charts from numbers: a growing line, bars, and one bar of several parts. SVG, drawn by hand.

import { draw, make } from "./format.js";

const WIDE = 600, HIGH = 160; // units of the drawing; it is stretched to its place

// `points` are [x, y] with x rising; the area below them is filled.
export function area(points, label) {
  const [first, last] = [points[0][0], points.at(-1)[0]];
  const top = Math.max(...points.map(([, y]) => y)) || 1;
  const across = (x) => round(last === first ? WIDE : WIDE * (x - first) / (last - first));
  const up = (y) => round(HIGH - 4 - (HIGH - 12) * y / top);
  const from = last === first ? `M0 ${up(points[0][1])}` : "";
  const line = points.map(([x, y], nth) => `${nth || from ? "L" : "M"}${across(x)} ${up(y)}`).join("");
  return draw("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", role: "img", "aria-label": label, class: "area" },
    draw("path", { class: "under", d: `${from}${line}V${HIGH}H0Z` }),
    draw("path", { class: "line", d: `${from}${line}`, "vector-effect": "non-scaling-stroke" }));
}

const round = (value) => Math.round(value * 10) / 10;

// `values` are { count, title, name }; the highest bar is as high as there is room.
export function columns(values) {
  const highest = Math.max(...values.map(({ count }) => count), 1);
  return make("ol", { class: "columns" }, ...values.map(({ count, title, name }) => {
    const part = make("span", { class: count ? "part" : "part none" });
    part.style.height = `${count ? Math.max(4, 100 * count / highest) : 0}%`;
    return make("li", { title }, make("span", { class: "room" }, part),
      make("span", { class: "name", "aria-hidden": "true" }, name),
      make("span", { class: "heard" }, title));
  }));
}

// `parts` are { share, kind }; the shares add up to at most 1.
export function stacked(parts) {
  const shown = parts.filter(({ share }) => share);
  return make("div", { class: "stacked", "aria-hidden": "true" }, ...shown.map(({ share, kind }) => {
    const part = make("span", { class: kind });
    part.style.flexGrow = share;
    return part;
  }));
}
