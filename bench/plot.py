"""Curves as an SVG, both scales by powers of ten: what takes ten times as long rises by one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from bench import bars

Curve = Sequence[tuple[float, float]]

WIDE: Final = 800
HIGH: Final = 420
_LEFT, _RIGHT, _TOP, _LOW = 90, 220, 40, 40
#: On a light sheet and on a dark one.
_COLOURS: Final = (
    ("#2563a8", "#6aa9e6"),
    ("#c2571a", "#e8925a"),
    ("#3a7d44", "#74bd80"),
    ("#7b3fa0", "#c08fe0"),
    ("#8a6d00", "#d3b84a"),
)


def draw(title: str, curves: Mapping[str, Mapping[str, Curve]], units: tuple[str, str]) -> str:
    """Return a plot of *curves*: one colour for each name, one kind of line for each way of it.

    The *units* are those of the horizontal axis and of the vertical one.
    """
    points = [point for ways in curves.values() for curve in ways.values() for point in curve]
    x, y = (_scale([point[axis] for point in points]) for axis in (0, 1))
    parts = [_style(), _text(8, 20, f"{title} ({units[1]}, by {units[0]})", "font-weight='600'")]
    parts += [_upright(10.0**power, x) for power in range(x[0], x[1] + 1)]
    parts += [_level(10.0**power, y) for power in range(y[0], y[1] + 1)]
    for number, (name, ways) in enumerate(curves.items()):
        colour = f"c{number % len(_COLOURS)}"
        parts += _curves(name, ways, (x, y), (colour, _TOP + 12 + 42 * number))
    return bars.sheet(parts, HIGH, WIDE)


def _style() -> str:
    """Return the colours of the curves: as lines, and of their names and points."""
    light, dark = (
        "".join(
            f"path.c{number}{{stroke:{pair[which]}}}text.c{number},circle.c{number}{{fill:{pair[which]}}}"
            for number, pair in enumerate(_COLOURS)
        )
        for which in (0, 1)
    )
    return f"<style>{light}@media (prefers-color-scheme: dark){{{dark}}}</style>"


def _curves(
    name: str,
    ways: Mapping[str, Curve],
    scales: tuple[tuple[int, int], tuple[int, int]],
    drawn: tuple[str, int],
) -> list[str]:
    colour, key = drawn
    parts = [_text(WIDE - _RIGHT + 16, key, name, "font-weight='600'", colour)]
    for number, (way, curve) in enumerate(ways.items()):
        dash = "" if number == 0 else " stroke-dasharray='5 4'"
        line = f"class='{colour}' fill='none' stroke-width='2'{dash}"
        places = [(_across(x, scales[0]), _up(y, scales[1])) for x, y in curve]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        parts.append(f"<path d='M{path}' {line}/>")
        parts += [f"<circle class='{colour}' cx='{x:.1f}' cy='{y:.1f}' r='3'/>" for x, y in places]
        left, low = WIDE - _RIGHT + 16 + 84 * number, key + 15
        parts.append(f"<path d='M{left} {low - 4}h20' {line}/>")
        parts.append(_text(left + 24, low, way))
    return parts


def _scale(values: Sequence[float]) -> tuple[int, int]:
    return math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))


def _across(value: float, scale: tuple[int, int]) -> float:
    share = (math.log10(value) - scale[0]) / (scale[1] - scale[0])
    return _LEFT + share * (WIDE - _LEFT - _RIGHT)


def _up(value: float, scale: tuple[int, int]) -> float:
    share = (math.log10(value) - scale[0]) / (scale[1] - scale[0])
    return HIGH - _LOW - share * (HIGH - _LOW - _TOP)


def _upright(value: float, scale: tuple[int, int]) -> str:
    x = _across(value, scale)
    label = _text(x, HIGH - _LOW + 18, f"{value:,.0f}", "text-anchor='middle'")
    return f"<path d='M{x:.1f} {_TOP}V{HIGH - _LOW}' class='grid'/>{label}"


def _level(value: float, scale: tuple[int, int]) -> str:
    y = _up(value, scale)
    label = _text(
        _LEFT - 8, y + 4, f"{value:,.0f}" if value >= 1 else f"{value:g}", "text-anchor='end'"
    )
    return f"<path d='M{_LEFT} {y:.1f}H{WIDE - _RIGHT}' class='grid'/>{label}"


def _text(x: float, y: float, text: str, style: str = "", colour: str = "ink") -> str:
    return f"<text class='{colour}' x='{x:.1f}' y='{y:.1f}' {style}>{escape(text)}</text>"
