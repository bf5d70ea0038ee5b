"""What every answer is seen through: the time, the prefix of links, and which files can be had.

The pictures of a whole answer are read at once and each of them once, however often it is named:
a post's picture is mostly its attachment's too, and what was developed from it an attachment's
thumbnail. Whether a file is there is asked of the disk for each answer: a folder does not tell that
a file in it was cut, and a link that leads to nothing costs the reader's trust.
"""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Final

from peewee import Database

from fbsyncd.brake import Brake, Fault
from fbsyncd.media import CATEGORIES, Media
from fbsyncd.models import Row, marks, rows
from fbsyncd.view import SHOT_COLUMNS, Lens, Shot

LINKED: Final = (
    "is a link, and nothing outside of the media folder is served: put the folder itself there"
)
#: Asked for by one statement at most; each is two parameters, and SQLite takes 32,766.
_MOST: Final = 10_000
#: Columns that name a picture. They are read as text: PostgreSQL's driver makes an object of each
#: UUID, and a page has hundreds.
_NAMING: Final = frozenset(
    ("local_picture_id", "local_full_picture_id", "local_media_id", "local_thumbnail_id")
)
_PICTURES: Final = (
    f"SELECT CAST(id AS TEXT), {', '.join(SHOT_COLUMNS[1:])}, CAST(derived_from AS TEXT)"
    " FROM media_storage"
    " WHERE id IN ({0}) OR (derived_from IN ({0}) AND download_status = 'success')"
)
#: What the answer that is being made has seen of files, by their places (category/name).
_SEEN: ContextVar[dict[str, Hashable] | None] = ContextVar("seen", default=None)


@contextmanager
def witnessed() -> Iterator[Mapping[str, Hashable]]:
    """Have what answers made within this block see of files written down, by their places."""
    seen: dict[str, Hashable] = {}
    before = _SEEN.set(seen)
    try:
        yield seen
    finally:
        _SEEN.reset(before)


def state(seen: os.stat_result) -> Hashable:
    """Return what of a file or folder is another when it was altered or exchanged.

    A name that comes or goes in a folder changes its time, another disk the first two; a file that
    is cut has another size, whatever its time is set to.
    """
    return seen.st_dev, seen.st_ino, seen.st_mtime_ns, seen.st_size


class Pictures:
    """The pictures of one answer by the ids of their rows, and what was developed from them."""

    def __init__(
        self, lens: Lens, found: Iterable[Row], ours: Collection[str] | None = None
    ) -> None:
        self._lens = lens
        self._ours = ours
        self._nothing = Shot.linked(None, lens)
        stored = [(row, Shot.stored(row[:-1], lens)) for row in found]
        self._shots: Mapping[str, Shot] = {row[0]: shot for row, shot in stored}
        for row, shot in stored:
            parent = self._shots.get(row[-1])
            if shot.file and parent is not None and parent.status == "success":
                parent.files.append(shot.file)

    def shot(self, id_: str | None, link: str | None, page_id: object) -> Shot:
        """Return the picture of the row *id_*; without such a row all there is is its *link*.

        *page_id* is the Page that shows it.
        """
        found = self._shots.get(id_) if id_ is not None else None
        if found is not None:
            return found
        if link is None:
            return self._nothing
        is_ours = self._ours is None or str(page_id) in self._ours
        return Shot.linked(link, self._lens, is_ours=is_ours)


class Sight:
    """Makes the lens of each answer; must be asked inside a session.

    *ours* are the Pages that are configured; where that is not known, every Page counts as one.
    """

    def __init__(
        self,
        db: Database,
        media: Media,
        *,
        now: Callable[[], datetime],
        public_url: str,
        ours: Collection[str] | None = None,
    ) -> None:
        self._db = db
        self._ours = ours
        self._root = str(media.root)
        self._brake = Brake(db, media)
        self._now = now
        self._prefix = public_url.rstrip("/")

    def lens(self) -> Lens:
        """Return how things look now."""
        # Two rows can share a file: once is enough.
        is_there = functools.cache(self._is_there)
        fault = self.fault()
        return Lens(self._prefix, self._now(), is_there, fault.brief if fault else None)

    def pictures(self, ids: Iterable[str | None]) -> Pictures:
        """Return the pictures with these *ids* (None for none) as they look now."""
        lens = self.lens()
        asked = sorted({id_ for id_ in ids if id_ is not None})
        found: list[Row] = []
        for start in range(0, len(asked), _MOST):
            some = asked[start : start + _MOST]
            found += rows(self._db, _PICTURES.format(marks(len(some))), some * 2)
        return Pictures(lens, found, self._ours)

    def reason(self) -> str | None:
        """Return why no file can be had, None when files can."""
        fault = self.fault()
        return fault.reason if fault else None

    def fault(self) -> Fault | None:
        """Return the same with words for everybody.

        A link in the place of a folder of pictures is one: work may go on behind it, but nothing
        outside of the media folder is handed out.
        """
        return self._brake.fault() or self._linked()

    def _linked(self) -> Fault | None:
        for name in CATEGORIES:
            folder = f"{self._root}/{name}"
            if os.path.islink(folder):  # noqa: PTH114  # for every answer
                return Fault(f"{folder} {LINKED}", "a folder of the archive is a link", "linked")
        return None

    def _is_there(self, category: str, name: str, size: int) -> bool:
        try:
            # Two microseconds a picture.
            seen = os.lstat(f"{self._root}/{category}/{name}")
        except OSError:
            return False
        told = _SEEN.get()
        if told is not None:
            told[f"{category}/{name}"] = state(seen)
        return stat.S_ISREG(seen.st_mode) and seen.st_size == size


def columns(alias: str, names: Sequence[str]) -> str:
    """Return *names* as columns of *alias*; those that name a picture as text."""
    return ", ".join(
        f"CAST({alias}.{name} AS TEXT)" if name in _NAMING else f"{alias}.{name}" for name in names
    )
