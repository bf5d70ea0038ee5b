"""The one style sheet of an export."""

from __future__ import annotations

from typing import Final

STYLE: Final = """\
:root {
  color-scheme: light dark;
  --paper: #f6f4ef; --card: #fffefb; --ink: #1d1b18; --soft: #666057; --line: #e3dfd5;
  --accent: #0b6e5c; --warn: #8f5300;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #141311; --card: #1e1c19; --ink: #efebe3; --soft: #a39c90; --line: #312e29;
    --accent: #53cba9; --warn: #e5a95b;
  }
}
*, *::before, *::after { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 0 1rem 4rem; max-width: 68rem;
  background: var(--paper); color: var(--ink); overflow-wrap: anywhere;
  font: 1rem/1.6 -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans Thai", Ubuntu,
    "Helvetica Neue", Arial, system-ui, sans-serif;
}
.month { max-width: 46rem; }
a { color: var(--accent); }
.top { padding: 2rem 0 1rem; }
h1 { margin: 0; font-size: 1.9rem; line-height: 1.25; letter-spacing: -.015em; }
h2 { margin: 2rem 0 .75rem; font-size: 1.25rem; }
.told, .when, nav, small { color: var(--soft); font-size: .9rem; }
.told { margin: 0; }

.months {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: 1rem;
  margin: 0; padding: 0; list-style: none;
}
.months a {
  display: block; height: 100%; overflow: hidden; padding-bottom: .7rem;
  background: var(--card); color: inherit; text-decoration: none;
  border: 1px solid var(--line); border-radius: 12px;
}
.months a:hover, .months a:focus-visible { border-color: var(--accent); }
.months img, .months span {
  display: block; width: 100%; aspect-ratio: 4 / 3; object-fit: cover; background: var(--line);
}
.months b, .months small { display: block; margin: .1rem .9rem 0; }
.months b { margin-top: .6rem; }

article {
  margin: 0 0 1.25rem; padding: 1rem 1.25rem 1.25rem;
  background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  content-visibility: auto; contain-intrinsic-size: auto 32rem;
}
article p { margin: 0 0 .75rem; }
article > :last-child { margin-bottom: 0; }
article .page { margin: 0; font-weight: 600; }
.text, .story { white-space: pre-wrap; }
.story { color: var(--soft); font-style: italic; }
.when a { margin-left: .5rem; }
mark, .lost { color: var(--warn); background: none; font-size: .9rem; }
details { margin-top: .75rem; font-size: .95rem; }
summary { color: var(--soft); cursor: pointer; }

.pictures { display: grid; gap: 4px; border-radius: 8px; overflow: hidden; }
.pictures img {
  display: block; width: 100%; height: 100%; object-fit: cover; background: var(--line);
}
.n1 img { height: auto; max-height: 80vh; object-fit: contain; }
.n2, .n3, .n4 { grid-template-columns: repeat(2, 1fr); }
.n2 a, .n3 a, .n4 a { aspect-ratio: 1; }
.n3 a:first-child { grid-row: span 2; aspect-ratio: auto; }
@media print { article { break-inside: avoid; content-visibility: visible; } }
"""
