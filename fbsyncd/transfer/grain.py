"""What columns of numbers make of a number that they cannot hold as it is.

Only PostgreSQL rounds. The rules are those of its casts from double precision
(https://www.postgresql.org/docs/current/datatype-numeric.html), which take a half to the even
number where they make a whole one, and away from zero where they make a decimal one.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Final

from peewee import Database, FloatField, IntegerField

from fbsyncd import adopted
from fbsyncd.adopted import Grain
from fbsyncd.models import engine, rows, session
from fbsyncd.transfer.shapes import SHAPES, Shape

#: As many digits of a double as become a decimal number, whichever way it is told.
_DIGITS: Final = 15
_DECIMAL: Final = re.compile(r"numeric(?:\(\d+,(-?\d+)\))?")


def grains(db: Database) -> Mapping[str, Mapping[str, Grain]]:
    """Return by table and column how numbers are rounded in tables of an older program."""
    if not (engine(db).types_of and adopted.is_adopted(db)):
        return {}
    found = {shape.name: _of(db, shape) for shape in SHAPES}
    return {name: columns for name, columns in found.items() if columns}


def grain(declared: str) -> Grain | None:
    """Return what a column of the type *declared* makes of a number; None: nothing else."""
    if declared in {"smallint", "integer", "bigint"}:
        return _whole
    if declared == "real":
        return _single
    if declared.startswith("interval"):
        return _micro
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
        if isinstance(fields[name], FloatField | IntegerField)
    }
    return {name: one for name, one in told.items() if one is not None}


def _whole(value: float) -> float:
    return float(round(value))


def _micro(value: float) -> float:
    return round(value, 6)


def _decimal(scale: int | None, value: float) -> float:
    told = Decimal(f"{value:.{_DIGITS}g}")
    if scale is not None:
        told = told.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
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
