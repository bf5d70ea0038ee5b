// The words of the page, in the reader's language. A language is one file: copy en.js, translate
// it, and name it here.

import english from "./en.js";

const LANGUAGES = ["en", "th"];

const wanted = navigator.languages.map((one) => one.split("-")[0]);
export const language = wanted.find((one) => LANGUAGES.includes(one)) ?? "en";
// Of the forms a language has (en-GB, en-US), the browser's own.
export const locale = navigator.languages.find((one) => one.split("-")[0] === language) ?? language;

const words = language === "en" ? english : (await import(`./${language}.js`)).default;
const numbers = new Intl.NumberFormat(locale);
const plural = new Intl.PluralRules(locale);

// The words for `key`; {name} in them is replaced by values.name, and values.count chooses between
// one and many where the language tells them apart.
export function say(key, values = {}) {
  const found = words[key];
  const text = typeof found === "string" ? found : found[plural.select(values.count)] ?? found.other;
  return text.replace(/\{(\w+)\}/g, (_, name) => shown(values[name]));
}

const shown = (value) => (typeof value === "number" ? numbers.format(value) : value);

// What stands in index.html names its words: data-say for the text, data-say-NAME for an attribute.
export function translate(root) {
  document.documentElement.lang = language;
  for (const element of root.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
  for (const name of ["label", "placeholder"]) {
    const attribute = name === "label" ? "aria-label" : name;
    for (const element of root.querySelectorAll(`[data-say-${name}]`)) {
      element.setAttribute(attribute, say(element.getAttribute(`data-say-${name}`)));
    }
  }
}
