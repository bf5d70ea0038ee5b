"""How an adopted database holds what this program says, where that differs from our own tables.

Its columns stay as an older program made them, and so do the ids of its pictures. Rows are put
into our terms when they are read and into its terms when they are written; for a database made
here both are the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from peewee import Database

from fbsyncd import facts, links
from fbsyncd.intake import aliases
from fbsyncd.models import rows

Values = dict[str, Any]

#: For a column: the most characters, and what stands for nothing; None: any number, nothing does.
Limit = tuple[int | None, str | None]
Limits = Mapping[str, Mapping[str, Limit]]

_FACT: Final = "limits"
#: The columns of links, and those that name their pictures.
_PICTURES: Final = ("picture_url", "full_picture_url", "media_url", "thumbnail_url", "picture")
_LINKS: Final = {*_PICTURES, "permalink_url", "video_url", "source", "website"}


@dataclass(frozen=True, slots=True)
class Custom:
    """What is different: the *limits* of columns by table, and *aliases*, true ids by ours.

    An id that stands for nothing is of a picture whose row the database does not take.
    """

    limits: Limits = field(default_factory=dict)
    aliases: Mapping[str, str | None] = field(default_factory=dict)

    def read(self, values: Values | None) -> Values | None:
        """Return a stored row with the ids that its links give."""
        if values is None or not self.aliases:
            return values
        ours = {true: own for own, true in self.aliases.items() if true}
        return _renamed(values, ours)

    def tell(self, table: str, values: Values | None) -> Values | None:
        """Return a row as *table* takes it: texts cut, links left out that would be cut."""
        if values is None:
            return None
        told = _renamed(values, self.aliases) if self.aliases else values
        for column, limit in self.limits.get(table, {}).items():
            if column in told:
                told = told | {column: _fitting(column, told[column], limit)}
        return told


def keep_limits(db: Database, limits: Limits) -> None:
    """Write down what the columns of *db* take."""
    facts.put(db, _FACT, json.dumps(limits))


def is_adopted(db: Database) -> bool:
    """Tell whether an older program made the tables of *db*."""
    return facts.get(db, _FACT) is not None


def limits(db: Database) -> Limits:
    """Return what was written down of the columns of *db*; nothing when all are our own."""
    told: Limits = json.loads(facts.get(db, _FACT) or "{}")
    return told


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
    most, filler = limit
    if column == "length" and value is not None:
        # As text, which columns of intervals take too: a bare number there is seconds.
        value = str(value)
    if most is not None and isinstance(value, str) and len(value) > most:
        # Half a link leads nowhere.
        value = None if column in _LINKS else value[:most]
    return filler if value is None else value
