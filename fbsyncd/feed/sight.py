"""What every answer is seen through: the time, the prefix of links, and which files can be had."""

from __future__ import annotations

import functools
import os
import stat
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from peewee import Database

from fbsyncd.brake import Brake
from fbsyncd.media import Media
from fbsyncd.models import Row, marks, rows
from fbsyncd.view import FILE_COLUMNS, SHOT_COLUMNS, Lens, Rendition

SHOT: Final = len(SHOT_COLUMNS)
_ID, _STATUS = SHOT_COLUMNS.index("id"), SHOT_COLUMNS.index("download_status")


class Sight:
    """Makes the lens of each answer; must be asked inside a session."""

    def __init__(
        self, db: Database, media: Media, *, now: Callable[[], datetime], public_url: str
    ) -> None:
        self._db = db
        self._root = str(media.root)
        self._brake = Brake(db, media)
        self._now = now
        self._prefix = public_url.rstrip("/")

    def lens(self) -> Lens:
        """Return how things look now."""
        # A picture of a post is mostly its attachment's too: once is enough.
        is_there = functools.cache(self._is_there)
        return Lens(self._prefix, self._now(), is_there, self.reason() is not None)

    def lens_for(self, shots: Collection[Row]) -> Lens:
        """Return how things look now, with the files made of *shots* (columns of view.Shot)."""
        lens = self.lens()
        parents = {str(shot[_ID]) for shot in shots if shot[_STATUS] == "success"}
        if not parents or lens.is_away:
            return lens
        return replace(lens, developed=self._developed(sorted(parents), lens))

    def reason(self) -> str | None:
        """Return why no file can be had, None when files can."""
        return self._brake.reason()

    def _developed(self, parents: Sequence[str], lens: Lens) -> Mapping[str, Sequence[Rendition]]:
        found: dict[str, list[Rendition]] = defaultdict(list)
        for parent, *file in rows(
            self._db,
            f"SELECT derived_from, {', '.join(FILE_COLUMNS)} FROM media_storage"
            f" WHERE derived_from IN ({marks(len(parents))}) AND download_status = 'success'",
            parents,
        ):
            made = lens.rendition(file)
            if made:
                found[str(parent)].append(made)
        return found

    def _is_there(self, category: str, name: str, size: int) -> bool:
        # Two microseconds a picture; a link that leads to nothing costs the reader's trust.
        try:
            seen = os.lstat(f"{self._root}/{category}/{name}")
        except OSError:
            return False
        return stat.S_ISREG(seen.st_mode) and seen.st_size == size


def columns(alias: str, names: Sequence[str]) -> str:
    """Return *names* as columns of *alias*."""
    return ", ".join(f"{alias}.{name}" for name in names)


def parts(row: Row, names: Sequence[str]) -> tuple[dict[str, Any], list[Row]]:
    """Cut a joined row into its own columns and those of each of its pictures."""
    own = len(names)
    shots = [row[start : start + SHOT] for start in range(own, len(row), SHOT)]
    return dict(zip(names, row, strict=False)), shots
