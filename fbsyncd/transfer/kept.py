"""What of two archives' pasts is written into the target: see :mod:`fbsyncd.transfer.past`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

from peewee import Database

from fbsyncd import models
from fbsyncd.models import Row, change_many, engine, marks, rows
from fbsyncd.transfer import past
from fbsyncd.transfer.past import Text, Texts
from fbsyncd.transfer.shapes import ATTACHMENTS, FORMER, HISTORY, Shape
from fbsyncd.transfer.union import Judged
from fbsyncd.transfer.whose import at_source

_TEXT: Final = (
    f"INSERT INTO {HISTORY.name} (post_id, seen_from, seen_until, message, story)"
    f" VALUES ({marks(5)}) ON CONFLICT DO NOTHING"
)
# A picture that stayed behind, or that a script took away, cannot be named.
_PICTURE: Final = (
    f"INSERT INTO {FORMER.name} (owner_id, media_id) SELECT ?, ?"
    " WHERE EXISTS (SELECT 1 FROM media_storage WHERE id = ?) ON CONFLICT DO NOTHING"
)
_GONE: Final = (
    f"UPDATE {ATTACHMENTS.name} SET removed_at = ?, updated_at = ?"
    " WHERE post_id = ? AND attachment_key = ? AND removed_at IS NULL"
)


class Kept:
    """Keeps what would be lost of *source*'s and the target's rows; *counts* rows by table.

    *knows_albums*: both archives have read all attachments of a post at once, as older programs
    have not: those stored some of them.
    """

    def __init__(self, source: Database, *, knows_albums: bool = True) -> None:
        self._source = source
        self.knows_albums = knows_albums
        self.counts: Counter[str] = Counter()

    @contextmanager
    def transaction(self, db: Database) -> Iterator[None]:
        """A transaction on the target; what it does not keep is not counted."""
        with ExitStack() as undo:
            undo.callback(setattr, self, "counts", self.counts.copy())
            with models.transaction(db):
                yield
            undo.pop_all()

    def keep(self, db: Database, shape: Shape, judged: Sequence[Judged]) -> None:
        """Write what would be lost of both sides' rows, before they are written over."""
        pictures = [(owner, id_, id_) for owner, id_ in past.former(shape, judged)]
        self.counts[FORMER.name] += change_many(db, _PICTURE, pictures)
        ways = past.disputed(shape, judged)
        if ways:
            ids = sorted({way.goes[0] for way in ways})
            with at_source(), models.session(self._source):
                ours = _texts(self._source, ids)
            texts = past.earlier(shape, ways, ours, _texts(db, ids))
            self.counts[HISTORY.name] += change_many(db, _TEXT, map(_row, texts))

    def mark(self, db: Database, gone: Sequence[Row]) -> None:
        """Mark the target's attachments that the source found gone."""
        at = ATTACHMENTS.at
        names = ("removed_at", "updated_at", "post_id", "attachment_key")
        many = [[row[at[name]] for name in names] for row in gone]
        self.counts[ATTACHMENTS.name] += change_many(db, _GONE, many)


def _texts(db: Database, ids: Sequence[str]) -> Texts:
    some, params = engine(db).among(ids)
    found = defaultdict[str, list[Text]](list)
    for row in HISTORY.read(rows(db, f"{HISTORY.select()} WHERE post_id {some}", params)):
        found[row[0]].append(Text(*row))
    return found


def _row(text: Text) -> Row:
    return text.post_id, text.since, text.until, text.message, text.story
