// Numbers, sizes and times as people read them; and elements.

import { locale, say } from "./words.js";

const numbers = new Intl.NumberFormat(locale);
const tenths = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
const percents = new Intl.NumberFormat(locale, { style: "percent" });
const days = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric" });
const months = new Intl.DateTimeFormat(locale, { month: "long", year: "numeric" });
const clock = new Intl.DateTimeFormat(locale, { timeStyle: "short" });
const clockAndDay = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
const exact = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "long" });

const STEPS = [["second", 60], ["minute", 60], ["hour", 24], ["day", Infinity]];
const SVG = "http://www.w3.org/2000/svg";

export const number = (value) => numbers.format(value ?? 0);
export const percent = (share) => percents.format(share);
export const month = (date) => months.format(date);
export const day = (date) => days.format(date);
export const exactTime = (date) => exact.format(date);

// A day as the archive writes it, 2026-11-22, is the reader's day: the timeline is asked for in the
// reader's time zone, and the filters send the reader's midnights.
export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
export const dayOf = (text) => new Date(`${text}T00:00`);
export function localDay(date) {
  const [year, month, day] = [date.getFullYear(), date.getMonth() + 1, date.getDate()];
  return `${String(year).padStart(4, "0")}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}`;
}

// "14:05" for a moment of today, else with its day.
export function moment(date, now = new Date()) {
  return (localDay(date) === localDay(now) ? clock : clockAndDay).format(date);
}

export function bytes(count) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let value = count ?? 0;
  while (value >= 1000 && units.length > 1) {
    value /= 1000;
    units.shift();
  }
  return `${tenths.format(value)} ${units[0]}`;
}

export function distance(date, now = Date.now()) {
  let value = (date - now) / 1000;
  for (const [unit, size] of STEPS) {
    if (Math.abs(value) < size) return relative.format(Math.trunc(value), unit);
    value /= size;
  }
}

// Within a week "3 days ago" says more than a date; after it a date does.
export const isNear = (date, now = Date.now()) => Math.abs(date - now) < 7 * 86_400_000;
export const when = (date, now = Date.now()) => (isNear(date, now) ? distance(date, now) : days.format(date));

export function make(tag, attributes = {}, ...children) {
  return dressed(document.createElement(tag), attributes, children);
}

export function draw(tag, attributes = {}, ...children) {
  return dressed(document.createElementNS(SVG, tag), attributes, children);
}

function dressed(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// The beginning of a text, never half a character.
export const begin = (text, length = 160) => [...text].slice(0, length).join("");

export function time(text) {
  if (!text) return say("never");
  const element = make("time", { datetime: text, title: exactTime(new Date(text)) });
  tellTime(element);
  return element;
}

// "2 minutes ago" is true for a minute only.
export function tellTime(element) {
  element.textContent = when(new Date(element.dateTime));
}

export function safeLink(text) {
  if (!text || !URL.canParse(text)) return null;
  const { protocol, hostname } = new URL(text);
  return protocol === "https:" && /(^|\.)facebook\.com$/.test(hostname) ? text : null;
}
