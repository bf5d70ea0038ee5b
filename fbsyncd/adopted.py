"""How an adopted database holds what this program says, where that differs from our own tables.

Its columns stay as an older program made them, and so do the ids of its pictures. Rows are put
into our terms when they are read and into its terms when they are written; for a database made
here both are the same.
"""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple

from peewee import Database

from fbsyncd import facts, links
from fbsyncd.intake import aliases
from fbsyncd.models import rows

log = logging.getLogger(__name__)

Values = dict[str, Any]


class Limit(NamedTuple):
    """What a column takes: so many characters at *most*, and no number above the *largest*.

    *filler* stands for nothing there. An interval is told as a text.
    """

    most: int | None = None
    filler: str | None = None
    largest: int | None = None
    is_span: bool = False


Limits = Mapping[str, Mapping[str, Limit]]
#: What a column makes of a number, of the text that tells it, or of a time.
Grain = Callable[[Any], Any]

_FACT: Final = "limits"
#: So many values are told of once.
_TOLD: Final = 500
#: What a column of numbers makes a number of, and what it keeps then.
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)
_WHOLE: Final = re.compile(r"0|[1-9]\d{0,18}", re.ASCII)
#: The ids that Facebook gives.
IDS: Final = frozenset({"id", "video_id", "page_id", "post_id"})
#: The columns of links, and those that name their pictures.
_PICTURES: Final = ("picture_url", "full_picture_url", "media_url", "thumbnail_url", "picture")
_LINKS: Final = {*_PICTURES, "permalink_url", "video_url", "source", "website"}


@dataclass(frozen=True, slots=True)
class Custom:
    """What is different: the *limits* of columns by table, and *aliases*, true ids by ours.

    An id that stands for nothing is of a picture whose row the database does not take. *grains*
    round numbers and times, by table and column.
    """

    limits: Limits = field(default_factory=dict)
    aliases: Mapping[str, str | None] = field(default_factory=dict)
    grains: Mapping[str, Mapping[str, Grain]] = field(default_factory=dict)

    def narrow(self, table: str) -> set[str]:
        """Return the columns of *table* that do not take all there is."""
        return {*self.limits.get(table, ()), *self.grains.get(table, ())}

    def read(self, values: Values | None) -> Values | None:
        """Return a stored row with the ids that its links give."""
        if values is None or not self.aliases:
            return values
        ours = {true: own for own, true in self.aliases.items() if true}
        return _renamed(values, ours)

    def tell(self, table: str, values: Values | None) -> Values | None:
        """Return a row as *table* takes it: texts cut, links left out that would be cut.

        So are numbers that are too large or too long, and that is told once of each.
        """
        if values is None:
            return None
        told = _renamed(values, self.aliases) if self.aliases else values
        for column, limit in self.limits.get(table, {}).items():
            if column in told and column not in IDS:
                if _is_beyond(told[column], limit):
                    _tell_beyond(f"{table}.{column}", limit, told[column])
                told = told | {column: _fitting(column, told[column], limit)}
        for column, grain in self.grains.get(table, {}).items():
            if told[column] is not None:
                told = told | {column: grain(told[column])}
        return told


def keep_limits(db: Database, limits: Limits) -> None:
    """Write down what the columns of *db* take."""
    facts.put(db, _FACT, json.dumps(limits))


def is_adopted(db: Database) -> bool:
    """Tell whether an older program made the tables of *db*."""
    return facts.get(db, _FACT) is not None


def limits(db: Database) -> Limits:
    """Return what was written down of the columns of *db*; nothing when all are our own."""
    told = json.loads(facts.get(db, _FACT) or "{}")
    return {
        table: {column: Limit(*limit) for column, limit in columns.items()}
        for table, columns in told.items()
    }


def unheld(limits: Limits, table: str, ids: Mapping[str, str]) -> str | None:
    """Return why the columns of *table* would make another id of one of *ids*; None: they do not.

    SQLite makes numbers of digits where a column is not declared as one of texts.
    """
    for column, id_ in ids.items():
        largest = limits.get(table, {}).get(column, Limit()).largest
        if largest is not None and _NUMBER.fullmatch(id_) and not _is_whole(id_, largest):
            return f"{table}.{column} is no column of texts, and would make another number of {id_}"
    return None


def true_ids(db: Database, stored: Iterable[Values], named: Iterable[str]) -> dict[str, str]:
    """Return the true ids of the pictures that links *named* and *stored* rows lead to, by ours.

    Empty, at the cost of one look, in a database whose pictures have the ids their keys give.
    """
    if not rows(db, "SELECT 1 FROM media_storage WHERE key_id IS NOT NULL LIMIT 1"):
        return {}
    linked = {values[name] for values in stored for name in _PICTURES if values.get(name)}
    return aliases(db, set(map(links.link_id, linked.union(named))))


def _renamed(values: Values, names: Mapping[str, str | None]) -> Values:
    return {
        column: names.get(value, value) if column.startswith("local_") and value else value
        for column, value in values.items()
    }


def _fitting(column: str, value: Any, limit: Limit) -> Any:
    if limit.is_span and value is not None:
        # A bare number is seconds there, and has no exponent.
        value = f"{Decimal(str(value)):f}"
    elif _is_beyond(value, limit):
        value = None
    most = limit.most
    if most is not None and _is_number(value):
        value = _shortened(value, most)
    if most is not None and isinstance(value, str) and len(value) > most:
        # Half a link leads nowhere.
        value = None if column in _LINKS else value[:most]
    return limit.filler if value is None else value


def _is_beyond(value: Any, limit: Limit) -> bool:
    if not _is_number(value) or limit.is_span:
        return False
    if limit.largest is not None:
        return not math.isfinite(value) or abs(round(value)) > limit.largest
    return limit.most is not None and _shortened(value, limit.most) is None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shortened(value: float, most: int) -> float | None:
    """Return a number in as many decimals as so many characters hold, None where none do.

    A column of texts would cut no number, and refuse its row.
    """
    if not math.isfinite(value):
        return None
    told = (value, *(round(value, digits) for digits in range(most, -1, -1)))
    return next((one for one in told if _characters(one) <= most), None)


def _characters(value: float) -> int:
    return len(str(value).removesuffix(".0"))


@lru_cache(_TOLD)
def _tell_beyond(place: str, limit: Limit, value: object) -> None:
    most = f"above {limit.largest}" if limit.largest is not None else f"longer than {limit.most}"
    log.warning("%s takes no number %s: %s is left out", place, most, value)


def _is_whole(id_: str, largest: int) -> bool:
    return bool(_WHOLE.fullmatch(id_)) and int(id_) <= largest
