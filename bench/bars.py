"""Horizontal bars as an SVG, in a few lines: what is measured beside 1.0, its peer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDE: Final = 920
LABEL: Final = 460
ROW: Final = 22
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
    """How many times as good as its peer something is, and is to be; *load* says what was done."""

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


def draw_times(title: str, bars: Sequence[Bar]) -> str:
    """Return bars by powers of ten: to the right of 1.0 is better than the peer, to the left worse.

    A mark across a bar is what was aimed at.
    """
    step, top = 2 * ROW - 8, 58
    figures = [one for bar in bars for one in (bar.times, bar.aim)]
    least = min(-1, math.floor(math.log10(min(figures, default=1))))
    most = max(1, math.ceil(math.log10(max(figures, default=1))))
    unit = (WIDE - LABEL - 70) / (most - least)

    def place(times: float) -> float:
        return LABEL + unit * (min(max(math.log10(times), least), most) - least)

    low = top + step * len(bars)
    parts = [_text(8, 22, title, "class='ink' font-weight='600'")]
    for power in range(least, most + 1):
        x = place(10.0**power)
        kind = "line" if power == 0 else "grid"
        parts.append(f"<path class='{kind}' d='M{x:.1f} {top - 6}V{low}'/>")
        told = "peer = 1.0" if power == 0 else f"{10.0**power:g} x"
        parts.append(_text(x, top - 12, told, "class='faint' text-anchor='middle'"))
    for at, bar in enumerate(bars):
        parts += _times(bar, top + step * at, (place(1), place(bar.times), place(bar.aim)))
    return sheet(parts, low + 12)


def _times(bar: Bar, y: int, places: tuple[float, float, float]) -> list[str]:
    one, end, aim = places
    left, wide = min(one, end), max(abs(end - one), 1.5)
    at = max(one, end) + 6
    if 0 < aim - at < 44:
        at = aim + 6
    return [
        _text(LABEL - 12, y + 13, bar.name, "class='ink' text-anchor='end'"),
        _text(LABEL - 12, y + 26, bar.load, "class='faint' text-anchor='end' font-size='11'"),
        f"<rect class='{'ours' if bar.reached else 'missed'}' x='{left:.1f}' y='{y + 6}'"
        f" width='{wide:.1f}' height='15' rx='2'/>",
        f"<path class='aim' stroke-width='2' d='M{aim:.1f} {y + 3}V{y + 24}'/>",
        _text(at, y + 18, number(bar.times)),
    ]


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
