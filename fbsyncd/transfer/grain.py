"""What columns of numbers and times make of a value that they cannot hold as it is.

Only PostgreSQL rounds. The rules for numbers are those of its casts from double precision
(https://www.postgresql.org/docs/current/datatype-numeric.html), which take a half to the even
number where they make a whole one, and away from zero where they make a decimal one. Intervals and
times take a half away from zero, which for times is the first moment of 2000; intervals without
seconds are cut, and so are times in a column of days (measured on PostgreSQL 18).
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import partial
from typing import Final

from peewee import Database, FloatField, IntegerField

from fbsyncd import adopted
from fbsyncd.adopted import Grain
from fbsyncd.models import engine, from_text, rows, session, to_text
from fbsyncd.tables import UTCTimeField
from fbsyncd.transfer.shapes import SHAPES, Shape

#: As many digits of a double as become a decimal number, whichever way it is told.
_DIGITS: Final = 15
#: The largest double and the finest scale of a column together.
_EXACT: Final = Context(prec=2000)
_DECIMAL: Final = re.compile(r"numeric(?:\(\d+,(-?\d+)\))?")
_INTERVAL: Final = re.compile(r"interval(?: (?:\w+ to )?(\w+))?(?:\((\d)\))?")
_TIME: Final = re.compile(r"timestamp(?:\((\d)\))? with(?:out)? time zone")
#: Seconds in the last field of an interval; one that ends in days or above takes no seconds at all.
_FIELDS: Final = {"minute": 60, "hour": 3600}
#: As finely as both engines keep a time.
_FINEST: Final = 6
#: Where PostgreSQL's clock begins.
_ZERO: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICRO: Final = timedelta(microseconds=1)


def grains(db: Database) -> Mapping[str, Mapping[str, Grain]]:
    """Return by table and column how numbers are rounded in tables of an older program."""
    if not (engine(db).types_of and adopted.is_adopted(db)):
        return {}
    found = {shape.name: _of(db, shape) for shape in SHAPES}
    return {name: columns for name, columns in found.items() if columns}


def grain(declared: str) -> Grain | None:
    """Return what a column of the type *declared* makes of a value; None: nothing else."""
    rule = _rule(declared)
    if rule:
        return partial(_number, rule)
    if declared == "date":
        return _day
    time = _TIME.fullmatch(declared)
    if time and time[1] and int(time[1]) < _FINEST:
        return partial(_moment, int(time[1]))
    return None


def _rule(declared: str) -> Callable[[float], float] | None:
    if declared in {"smallint", "integer", "bigint"}:
        return _whole
    if declared == "real":
        return _single
    interval = _INTERVAL.fullmatch(declared)
    if interval and interval[1] not in {None, "second"}:
        return partial(_cut, _FIELDS.get(interval[1]))
    if interval:
        return partial(_span, int(interval[2] or _FINEST))
    decimal = _DECIMAL.fullmatch(declared)
    if decimal:
        return partial(_decimal, int(decimal[1]) if decimal[1] else None)
    return None


def _of(db: Database, shape: Shape) -> dict[str, Grain]:
    fields = shape.model._meta.columns
    with session(db):
        types: dict[str, str] = dict(rows(db, engine(db).types_of, [shape.name]))
    told = {
        name: grain(types.get(name, ""))
        for name in shape.columns
        if isinstance(fields[name], FloatField | IntegerField | UTCTimeField)
    }
    return {name: one for name, one in told.items() if one is not None}


def _number(rule: Callable[[float], float], value: float | str) -> float | str:
    """Return a number, or the text that tells it, as *rule* has it; the same where it stays so."""
    plain = float(value)
    told = rule(plain) if math.isfinite(plain) else value
    if told in (plain, value):
        return value
    # A text is an interval's, which knows no exponents.
    return f"{told:f}" if isinstance(value, str) else type(value)(told)


def _whole(value: float) -> float:
    return float(round(value))


def _span(digits: int, value: float) -> float:
    # It comes to microseconds first, in which a half to the even one is none to the one above.
    return _halved(round(value * 10**_FINEST), digits) / 10**_FINEST


def _cut(unit: int | None, value: float) -> float:
    return float(math.trunc(value / unit) * unit) if unit else 0.0


def _halved(micros: int, digits: int) -> int:
    """Return so many microseconds in steps of so many *digits*, a half away from zero."""
    step: int = 10 ** (_FINEST - digits)
    told = (abs(micros) + step // 2) // step * step
    return told if micros >= 0 else -told


def _moment(digits: int, value: str) -> str:
    moment = from_text(value)
    if moment is None:
        return value
    try:
        return to_text(_ZERO + _halved((moment - _ZERO) // _MICRO, digits) * _MICRO)
    except OverflowError:
        return value


def _day(value: str) -> str:
    moment = from_text(value)
    return (
        value
        if moment is None
        else to_text(moment.replace(hour=0, minute=0, second=0, microsecond=0))
    )


def _decimal(scale: int | None, value: float) -> float:
    told = Decimal(f"{value:.{_DIGITS}g}")
    if scale is not None:
        told = told.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP, _EXACT)
    return float(told)


def _single(value: float) -> float:
    """Return a number of single precision as it is read: in as few digits as tell it apart."""
    try:
        kept = struct.pack("f", value)
    except OverflowError:
        return value
    (held,) = struct.unpack("f", kept)
    told = (float(f"{held:.{digits}g}") for digits in range(6, 10))
    return next((one for one in told if struct.pack("f", one) == kept), held)
