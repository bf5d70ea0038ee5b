"""Horizontal bars as an SVG, in a few lines: what is measured beside 1.0, its peer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDE: Final = 760
LABEL: Final = 300
ROW: Final = 22
#: A bar longer than so many times the peer is cut and says so with its figure.
MOST: Final = 4.0

_OURS, _THEIRS, _INK, _FAINT = "#2563a8", "#b9c0c8", "#1d2329", "#6b747d"


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars under one title: name, length in terms of the peer, and whether it is the peer."""

    title: str
    bars: Sequence[tuple[str, float, bool]]


def draw(charts: Sequence[Chart]) -> str:
    """Return the charts below each other, all by their own scale."""
    parts: list[str] = []
    top = 8
    for chart in charts:
        parts += _chart(chart, top)
        top += ROW * (len(chart.bars) + 2)
    style = "font-family='system-ui, sans-serif' font-size='13'"
    box = f"width='{WIDE}' height='{top}' viewBox='0 0 {WIDE} {top}'"
    sheet = f"<rect width='{WIDE}' height='{top}' fill='#ffffff'/>"
    return "\n".join(
        [f"<svg xmlns='http://www.w3.org/2000/svg' {box} {style}>", sheet, *parts, "</svg>", ""]
    )


def _chart(chart: Chart, top: int) -> list[str]:
    longest = min(MOST, max((length for _, length, _ in chart.bars), default=1.0) or 1.0)
    unit = (WIDE - LABEL - 70) / max(longest, 1.0)
    parts = [_text(8, top + 16, chart.title, f"fill='{_INK}' font-weight='600'")]
    for number, (name, length, is_peer) in enumerate(chart.bars, start=1):
        y = top + ROW * number
        wide = max(min(length, longest) * unit, 1.0)
        colour = _OURS if name.startswith("fbsyncd") else _THEIRS
        parts.append(_text(LABEL - 8, y + 15, name, f"fill='{_INK}' text-anchor='end'"))
        parts.append(
            f"<rect x='{LABEL}' y='{y + 4}' width='{wide:.1f}' height='{ROW - 8}' rx='2'"
            f" fill='{colour}'/>"
        )
        told = "1.0" if is_peer else f"{length:.2f}{' (cut)' if length > longest else ''}"
        parts.append(_text(LABEL + wide + 6, y + 15, told, f"fill='{_FAINT}'"))
    at = LABEL + unit
    low = top + ROW * (len(chart.bars) + 1)
    line = f"<line x1='{at:.1f}' x2='{at:.1f}' y1='{top + ROW}' y2='{low}'"
    return [*parts, f"{line} stroke='{_FAINT}' stroke-dasharray='3 3'/>"]


def _text(x: float, y: float, text: str, style: str = f"fill='{_INK}'") -> str:
    return f"<text x='{x:.1f}' y='{y:.1f}' {style}>{escape(text)}</text>"
