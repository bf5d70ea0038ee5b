"""Curves as an SVG, both scales by powers of ten: what takes ten times as long rises by one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

Curve = Sequence[tuple[float, float]]

WIDE: Final = 760
HIGH: Final = 420
_LEFT, _RIGHT, _TOP, _LOW = 70, 200, 40, 40
_COLOURS: Final = ("#2563a8", "#c2571a", "#3a7d44", "#7b3fa0", "#8a6d00")
_INK, _FAINT = "#1d2329", "#d5dade"


def draw(title: str, curves: Mapping[str, Mapping[str, Curve]], units: tuple[str, str]) -> str:
    """Return a plot of *curves*: one colour for each name, one kind of line for each way of it.

    The *units* are those of the horizontal axis and of the vertical one.
    """
    points = [point for ways in curves.values() for curve in ways.values() for point in curve]
    x, y = (_scale([point[axis] for point in points]) for axis in (0, 1))
    parts = [f"<rect width='{WIDE}' height='{HIGH}' fill='#ffffff'/>"]
    parts.append(_text(8, 20, f"{title} ({units[1]}, by {units[0]})", "font-weight='600'"))
    parts += [_upright(10.0**power, x) for power in range(x[0], x[1] + 1)]
    parts += [_level(10.0**power, y) for power in range(y[0], y[1] + 1)]
    for number, (name, ways) in enumerate(curves.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        parts += _curves(name, ways, (x, y), (colour, _TOP + 12 + 42 * number))
    box = f"width='{WIDE}' height='{HIGH}' viewBox='0 0 {WIDE} {HIGH}'"
    style = f"font-family='system-ui, sans-serif' font-size='12' fill='{_INK}'"
    return "\n".join([f"<svg xmlns='http://www.w3.org/2000/svg' {box} {style}>", *parts, "</svg>"])


def _curves(
    name: str,
    ways: Mapping[str, Curve],
    scales: tuple[tuple[int, int], tuple[int, int]],
    drawn: tuple[str, int],
) -> list[str]:
    colour, key = drawn
    parts = [_text(WIDE - _RIGHT + 16, key, name, f"fill='{colour}' font-weight='600'")]
    for number, (way, curve) in enumerate(ways.items()):
        dash = "" if number == 0 else " stroke-dasharray='5 4'"
        line = f"fill='none' stroke='{colour}' stroke-width='2'{dash}"
        places = [(_across(x, scales[0]), _up(y, scales[1])) for x, y in curve]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f"<polyline points='{path}' {line}/>")
        parts += [f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3' fill='{colour}'/>" for x, y in places]
        left, low = WIDE - _RIGHT + 16 + 84 * number, key + 15
        parts.append(f"<polyline points='{left},{low - 4} {left + 20},{low - 4}' {line}/>")
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
    return f"<path d='M{x:.1f} {_TOP}V{HIGH - _LOW}' stroke='{_FAINT}'/>{label}"


def _level(value: float, scale: tuple[int, int]) -> str:
    y = _up(value, scale)
    label = _text(
        _LEFT - 8, y + 4, f"{value:,.0f}" if value >= 1 else f"{value:g}", "text-anchor='end'"
    )
    return f"<path d='M{_LEFT} {y:.1f}H{WIDE - _RIGHT}' stroke='{_FAINT}'/>{label}"


def _text(x: float, y: float, text: str, style: str = "") -> str:
    return f"<text x='{x:.1f}' y='{y:.1f}' {style}>{escape(text)}</text>"
