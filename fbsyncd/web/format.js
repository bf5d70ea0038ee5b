// Numbers, sizes and times as people read them; and elements.

// The words of the page are in one language. Of the forms it has, the browser's own is used.
const words = document.documentElement.lang;
const language = navigator.languages.find((one) => one.split("-")[0] === words) ?? words;
const numbers = new Intl.NumberFormat(language);
const tenths = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
const days = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", year: "numeric" });
const months = new Intl.DateTimeFormat(language, { month: "long", year: "numeric" });
const exact = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "long" });

const STEPS = [["second", 60], ["minute", 60], ["hour", 24], ["day", Infinity]];

export const number = (value) => numbers.format(value ?? 0);
export const month = (date) => months.format(date);
export const exactTime = (date) => exact.format(date);

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
export function when(date, now = Date.now()) {
  return Math.abs(date - now) < 7 * 86_400_000 ? distance(date, now) : days.format(date);
}

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

export function time(text) {
  const element = make("time", { datetime: text, title: exactTime(new Date(text)) });
  tellTime(element);
  return element;
}

// "2 minutes ago" is true for a minute only.
export function tellTime(element) {
  element.textContent = when(new Date(element.dateTime));
}
