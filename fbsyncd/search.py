"""Search: posts and videos by any part of their texts, on both engines, whatever the language.

``post_search`` holds the folded texts (:mod:`fbsyncd.fold`) of a post, its attachments and its
videos, indexed by every three characters in a row; and those of each video alone. Triggers note in
``search_stale`` which of them have other texts than when they were folded, whoever wrote them, and
:func:`refresh` folds those.

What is in many posts is found soonest by looking at them, newest first, until the page is full;
what is in few, by the index. Parts of one or two characters are in no index.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from peewee import Database

from fbsyncd import models
from fbsyncd.fold import fold
from fbsyncd.models import Row, change, change_many, marks, rows, session, transaction

GRAM: Final = 3
_MOST: Final = 500  # posts folded in one transaction
_WORDS: Final = re.compile(r'"([^"]*)"?|([^\s"]+)')
#: Stands before the id of a video, where otherwise the id of a post is.
_VIDEO: Final = "video:"
#: What a text is filed under, of a post ``p`` and of a video ``v``.
OF_POST: Final = "p.id"
OF_VIDEO: Final = f"'{_VIDEO}' || v.video_id"
_VIDEOS: Final = (
    f"SELECT '{_VIDEO}' || video_id, title, description FROM facebook_video_posts"
    " WHERE video_id IN ({})"
)
_TEXTS: Final = (
    "SELECT id, message, story FROM facebook_posts WHERE id IN ({})",
    "SELECT post_id, title, description FROM facebook_post_attachments"
    " WHERE removed_at IS NULL AND post_id IN ({}) ORDER BY post_id, position, id",
    "SELECT post_id, title, description FROM facebook_video_posts WHERE post_id IN ({})"
    " ORDER BY post_id, video_id",
)


def terms(asked: str) -> list[str]:
    """Return what has to be found, all of it: the words of *asked*, and its "quoted phrases".

    A quote that is not closed reaches to the end. What folds to nothing is left out.
    """
    found = (fold(phrase or word) for phrase, word in _WORDS.findall(asked))
    return [term for term in dict.fromkeys(found) if term]


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for, as two conditions that are true of the same posts ``p`` or videos ``v``.

    *scanned* looks into one, *indexed* asks the index; it is None when that cannot help.
    """

    scanned: tuple[str, list[str]]
    indexed: tuple[str, list[str]] | None


def of(db: Database, asked: str, subject: str = OF_POST) -> Search | None:
    """Return how to find what *asked* says; None when that is nothing."""
    wanted = terms(asked)
    if not wanted:
        return None
    engine = models.engine(db)
    inside = f"{engine.find}(s.folded, ?) > 0"
    clauses = " AND ".join([inside] * len(wanted))
    scanned = f"EXISTS (SELECT 1 FROM post_search s WHERE s.post_id = {subject} AND {clauses})"
    known = [term for term in wanted if len(term) >= GRAM]
    if not known:
        return Search((scanned, wanted), None)
    short = [term for term in wanted if len(term) < GRAM]
    clauses = " AND ".join([engine.indexed] * len(known) + [inside] * len(short))
    params = [term for term in known for _ in range(engine.indexed.count("?"))]
    indexed = f"{subject} IN (SELECT s.post_id FROM post_search s WHERE {clauses})"
    return Search((scanned, wanted), (indexed, params + short))


def refresh(db: Database) -> int:
    """Fold the texts that have changed, some at a time; return of how many posts and videos."""
    with session(db):
        if not rows(db, "SELECT 1 FROM search_stale LIMIT 1"):
            return 0
    with transaction(db):
        # Two at once could write the older of two texts last.
        rows(db, models.engine(db).lock_search)
        stale = rows(db, "SELECT id, post_id FROM search_stale ORDER BY id LIMIT ?", [_MOST])
        ids = sorted({str(post_id) for _, post_id in stale})
        if ids:
            _fold(db, ids)
            # Not "all up to the last": another one's row may have come to light in between.
            noted = [id_ for id_, _ in stale]
            change(db, f"DELETE FROM search_stale WHERE id IN ({marks(len(noted))})", noted)
    return len(ids)


def refresh_all(db: Database) -> None:
    """Fold every text that has changed."""
    while refresh(db):
        pass


def _fold(db: Database, ids: Sequence[str]) -> None:
    texts = _texts(db, ids)
    change_many(
        db,
        "INSERT INTO post_search (post_id, folded) VALUES (?, ?) ON CONFLICT (post_id)"
        " DO UPDATE SET folded = excluded.folded WHERE post_search.folded <> excluded.folded",
        sorted((post_id, "\n".join(filter(None, folded))) for post_id, folded in texts.items()),
    )
    gone = [id_ for id_ in ids if id_ not in texts]
    if gone:
        change(db, f"DELETE FROM post_search WHERE post_id IN ({marks(len(gone))})", gone)


def _texts(db: Database, ids: Sequence[str]) -> dict[str, dict[str, None]]:
    """Return the different texts of each one that is there, folded, in their order."""
    texts: dict[str, dict[str, None]] = defaultdict(dict)
    videos = [id_.removeprefix(_VIDEO) for id_ in ids if id_.startswith(_VIDEO)]
    own, *others = (_found(db, sql, ids) for sql in _TEXTS)
    for id_, *some in [*own, *_found(db, _VIDEOS, videos)]:
        texts[str(id_)] = {fold(text): None for text in some if text}
    for id_, *some in (row for found in others for row in found):
        if id_ in texts:
            texts[id_] |= {fold(text): None for text in some if text}
    return texts


def _found(db: Database, sql: str, ids: Sequence[str]) -> Sequence[Row]:
    return rows(db, sql.format(marks(len(ids))), ids) if ids else []
