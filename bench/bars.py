"""Horizontal bars as an SVG, in a few lines: what is measured beside 1.0, its peer."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDE: Final = 920
LABEL: Final = 460
ROW: Final = 22
#: Of the picture that a telephone shows too: how wide it is, its edge, and letters in a line.
NARROW: Final = 460
EDGE: Final = 12
LETTERS: Final = 58
#: A bar longer than so many times the peer is cut and says so with its figure.
MOST: Final = 4.0

#: Whoever looks at it in the dark gets a dark sheet: the ink always goes with the sheet below it.
STYLE: Final = """<style>
.sheet{fill:#ffffff}.ink{fill:#1d2329}.faint{fill:#6b747d}.line{stroke:#6b747d}
.grid{stroke:#d5dade}.ours{fill:#2563a8}.theirs{fill:#b9c0c8}.missed{fill:#c2571a}
.aim{stroke:#1d2329}
@media (prefers-color-scheme: dark){
.sheet{fill:#14181d}.ink{fill:#e6e9ec}.faint{fill:#9aa3ac}.line{stroke:#9aa3ac}
.grid{stroke:#343b43}.ours{fill:#5b9bd9}.theirs{fill:#59626b}.missed{fill:#e08a4c}
.aim{stroke:#e6e9ec}}
</style>"""


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars under one title: name, length in terms of the peer, and whether it is the peer."""

    title: str
    bars: Sequence[tuple[str, float, bool]]


@dataclass(frozen=True, slots=True)
class Bar:
    """How many times as good as another program it is, and is to be; *load* says what was done."""

    name: str
    load: str
    times: float
    aim: float

    @property
    def reached(self) -> bool:
        """Tell whether it is as good as it is to be."""
        return self.times >= self.aim


def number(value: float) -> str:
    """Return a figure with as many digits as can mean something."""
    if value == float("inf"):
        return "without end"
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.3g}"


def draw(charts: Sequence[Chart]) -> str:
    """Return the charts below each other, all by their own scale."""
    parts: list[str] = []
    top = 8
    for chart in charts:
        parts += _chart(chart, top)
        top += ROW * (len(chart.bars) + 2)
    return sheet(parts, top)


def sheet(parts: Sequence[str], high: int, wide: int = WIDE) -> str:
    """Return an SVG of so many pixels, with its parts upon a sheet of its own."""
    style = "font-family='system-ui, sans-serif' font-size='13'"
    box = f"width='{wide}' height='{high}' viewBox='0 0 {wide} {high}'"
    ground = f"<rect class='sheet' width='{wide}' height='{high}'/>"
    head = f"<svg xmlns='http://www.w3.org/2000/svg' {box} {style}>"
    return "\n".join([head, STYLE, ground, *parts, "</svg>", ""])


def draw_times(title: str, groups: Mapping[str, Sequence[Bar]]) -> str:
    """Return bars under headings, by powers of ten: to the right of 1.0 is better than the peer.

    A mark across a bar is what was aimed at. It is as narrow as a telephone, names are above bars.
    """
    every = [bar for bars in groups.values() for bar in bars]
    figures = [math.log10(one) for bar in every for one in (bar.times, bar.aim)]
    least, most = min(-1, *map(math.floor, figures), 0), max(1, *map(math.ceil, figures), 0)
    unit = (NARROW - 2 * EDGE - 34) / (most - least)

    def place(times: float) -> float:
        return EDGE + unit * (min(max(math.log10(times), least), most) - least)

    parts = [_text(EDGE, 24, title, "class='ink' font-weight='600' font-size='14'"), *_legend()]
    top = low = 116
    drawn: list[str] = []
    powers = range(least, most + 1)
    for heading, bars in groups.items():
        drawn.append(_text(EDGE, low + 20, heading, "class='ink' font-weight='600'"))
        low += 28
        for bar in bars:
            told, low = _times(bar, low, place)
            for power in powers:
                kind, x = "line" if power == 0 else "grid", place(10.0**power)
                drawn.append(f"<path class='{kind}' d='M{x:.1f} {low - 26}V{low - 3}'/>")
            drawn += told
    for power in powers:
        x = place(10.0**power)
        name = "other = 1.0" if power == 0 else f"{10.0**power:g} x"
        anchor = "start" if power == least else "middle"
        parts.append(_text(x, top - 6, name, f"class='faint' text-anchor='{anchor}'"))
    return sheet([*parts, *drawn], low + 12, NARROW)


def _legend() -> list[str]:
    named = (
        (EDGE, "<rect class='ours' x='{x}' y='38' width='20' height='12' rx='2'/>", "aim reached"),
        (152, "<rect class='missed' x='{x}' y='38' width='20' height='12' rx='2'/>", "not reached"),
        (302, "<path class='aim' stroke-width='2' d='M{x} 35V53'/>", "what was aimed at"),
    )
    parts = []
    for x, sign, words in named:
        parts += [sign.format(x=x), _text(x + (28 if "rect" in sign else 8), 49, words)]
    words = "By powers of ten; further to the right is better."
    return [*parts, _text(EDGE, 74, words, "class='faint' font-size='12'")]


def _times(bar: Bar, top: int, place: Callable[[float], float]) -> tuple[list[str], int]:
    parts = []
    for line in textwrap.wrap(bar.name, LETTERS):
        top += 17
        parts.append(_text(EDGE, top, line))
    parts.append(_text(EDGE, top + 15, bar.load, "class='faint' font-size='12'"))
    one, end, aim = place(1), place(bar.times), place(bar.aim)
    left, wide, y = min(one, end), max(abs(end - one), 1.5), top + 21
    at = max(one, end) + 6
    if -6 < aim - at < 40:
        at = aim + 6
    parts += [
        f"<rect class='{'ours' if bar.reached else 'missed'}' x='{left:.1f}' y='{y}'"
        f" width='{wide:.1f}' height='14' rx='2'/>",
        f"<path class='aim' stroke-width='2' d='M{aim:.1f} {y - 3}V{y + 17}'/>",
        _text(at, y + 12, number(bar.times)),
    ]
    return parts, y + 22


def _chart(chart: Chart, top: int) -> list[str]:
    longest = min(MOST, max((length for _, length, _ in chart.bars), default=1.0) or 1.0)
    unit = (WIDE - LABEL - 70) / max(longest, 1.0)
    parts = [_text(8, top + 16, chart.title, "class='ink' font-weight='600'")]
    for line_number, (name, length, is_peer) in enumerate(chart.bars, start=1):
        y = top + ROW * line_number
        wide = max(min(length, longest) * unit, 1.0)
        kind = "ours" if name.startswith("fbsyncd") else "theirs"
        parts.append(_text(LABEL - 8, y + 15, name, "class='ink' text-anchor='end'"))
        parts.append(
            f"<rect class='{kind}' x='{LABEL}' y='{y + 4}' width='{wide:.1f}' height='{ROW - 8}'"
            " rx='2'/>"
        )
        told = "1.0" if is_peer else f"{length:.2f}{' (cut)' if length > longest else ''}"
        parts.append(_text(LABEL + wide + 6, y + 15, told, "class='faint'"))
    at = LABEL + unit
    low = top + ROW * (len(chart.bars) + 1)
    line = f"<line class='line' x1='{at:.1f}' x2='{at:.1f}' y1='{top + ROW}' y2='{low}'"
    return [*parts, f"{line} stroke-dasharray='3 3'/>"]


def _text(x: float, y: float, text: str, style: str = "class='ink'") -> str:
    return f"<text x='{x:.1f}' y='{y:.1f}' {style}>{escape(text)}</text>"
