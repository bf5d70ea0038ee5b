"""Developing: the last proof of every archived picture, and its small version.

Worker processes decode (:mod:`fbsyncd.darkroom`); this process writes. A picture that does not
decode is put in quarantine and back into the queue. A picture that kills its worker is tried
alone once more, and if it kills that one too it is treated as damaged.
"""

from __future__ import annotations

import hashlib
import logging
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event
from typing import Final
from uuid import UUID

from peewee import Database

from fbsyncd import borne, links, models
from fbsyncd import media as names
from fbsyncd.assets import Archived
from fbsyncd.backlog import Backlog
from fbsyncd.brake import Brake, most
from fbsyncd.darkroom import Print, Spoilt, Unread, begin, develop
from fbsyncd.errors import ArchiveError, MediaTrouble, RowRefused
from fbsyncd.media import Media, Staged
from fbsyncd.models import change_many, marks, rows, to_text, transaction

log = logging.getLogger(__name__)

CLAIM: Final = 32
PROCESSES: Final = 2
#: Appended to the asset key of a picture for the one developed from it.
SUFFIX: Final = "@320"
#: A row that may not be called developed is decoded again after so long; so many are remembered.
REFUSED_PAUSE: Final = timedelta(hours=6)
MOST_REFUSED: Final = 1000


Outcome = Print | Spoilt | Unread
#: The ids of a picture and of its small version, which may be the picture itself.
_Pair = tuple[UUID, UUID]


@dataclass(frozen=True, slots=True)
class Negative:
    """An archived picture that has not been decoded in full."""

    id: UUID
    asset_key: str
    category: str
    filename: str


class Darkroom:
    """The developing station of one archive; its workers start with the first picture."""

    def __init__(
        self, db: Database, backlog: Backlog, media: Media, brake: Brake, *, max_pixels: int
    ) -> None:
        self._db = db
        self._backlog = backlog
        self._media = media
        self._brake = brake
        self._max_pixels = max_pixels
        self._pool: ProcessPoolExecutor | None = None
        # Rows that a rule of somebody's keeps as they are, and until when they are left in peace.
        self._refused: dict[UUID, datetime] = {}

    def drain(
        self,
        now: Callable[[], datetime],
        stop: Event,
        heard: Callable[[int], None] = lambda _: None,
    ) -> int:
        """Develop what is archived and not developed; return how many pictures were settled.

        *heard* is called with their number after each handful. Raises MediaTrouble for files that
        cannot be read, and RowRefused for rows that a rule of somebody's keeps as they are; these
        are decoded again some hours later, in case the rule is mended. Raises
        Unavailable where the brake is pulled, or pulls it where too many of a handful are wrong.
        """
        settled = 0
        while not stop.is_set() and (negatives := self._claim(now())):
            unsettled = [one.id for one in negatives]
            try:
                results = list(zip(negatives, self._develop(negatives), strict=True))
                troubles = self._settle(results, now())
                if len(troubles) < len(negatives):
                    unsettled = []
            finally:
                if unsettled:
                    self._backlog.leases.give_back(unsettled)
            settled += len(negatives) - len(troubles)
            heard(settled)
            if troubles:
                raise troubles[0]
        return settled

    def close(self) -> None:
        """End the worker processes; a picture being decoded is decoded again another time."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)

    def _claim(self, now: datetime) -> list[Negative]:
        self._brake.require()
        engine = models.engine(self._db)
        self._refused = {id_: at for id_, at in self._refused.items() if at > now}
        refused = sorted(map(str, self._refused))
        with self._backlog.leases.take(now) as lease:
            found = rows(
                self._db,
                "UPDATE media_storage SET lease_owner = ?, lease_until = ? WHERE id IN ("
                " SELECT id FROM media_storage WHERE download_status = 'success'"
                " AND developed_at IS NULL AND derived_from IS NULL"
                f" {f'AND id NOT IN ({marks(len(refused))})' if refused else ''}"
                " AND (lease_until IS NULL OR lease_until <= ?) ORDER BY id LIMIT ?"
                f" {engine.skip_locked}) RETURNING id, asset_key, category, local_filename",
                [*lease, *refused, to_text(now), CLAIM],
            )
        return [Negative(UUID(str(id_)), *rest) for id_, *rest in found]

    def _develop(self, negatives: list[Negative]) -> list[Outcome]:
        futures = [self._submit(one) for one in negatives]
        results: list[Outcome] = []
        for negative, future in zip(negatives, futures, strict=True):
            try:
                results.append(future.result())
            except BrokenProcessPool:
                results.append(self._alone(negative))
        return results

    def _alone(self, negative: Negative) -> Outcome:
        """Develop one picture after a worker died, to learn whether it was this one's doing."""
        self.close()
        try:
            return self._submit(negative).result()
        except BrokenProcessPool:
            self.close()
            return Spoilt("the decoder crashed on this picture")

    def _submit(self, negative: Negative) -> Future[Outcome]:
        path = str(self._media.root / negative.category / negative.filename)
        sha256 = negative.filename.partition(".")[0]
        try:
            return self._workers().submit(develop, path, sha256, self._max_pixels)
        except BrokenProcessPool:
            # A worker died while it had nothing to do; the pool would refuse work for ever.
            self.close()
            return self._workers().submit(develop, path, sha256, self._max_pixels)
        except OSError as error:
            self.close()
            raise MediaTrouble(f"cannot start a process to decode in: {error.strerror}") from error

    def _workers(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # spawn: a forked child would share our database connections and threads' locks.
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(PROCESSES, mp_context=spawn, initializer=begin)
        return self._pool

    def _settle(
        self, results: Sequence[tuple[Negative, Outcome]], now: datetime
    ) -> list[ArchiveError]:
        """Write what came out, and return why some could not be read or written."""
        made: list[tuple[Negative, Archived, Staged]] = []
        whole: list[_Pair] = []
        troubles: list[ArchiveError] = []
        self._judge(results)
        try:
            for negative, result in results:
                if isinstance(result, Spoilt):
                    self._spoil(negative, result, now)
                elif isinstance(result, Unread):
                    troubles += self._miss(negative, result, now)
                elif result.data:
                    archived = self._archived(negative, result)
                    made.append((negative, archived, self._stage(archived, result)))
                    whole.append((negative.id, archived.id))
                else:
                    whole.append((negative.id, negative.id))
            troubles += self._record(made, whole, now)
        finally:
            # What was published has no temporary file any more.
            self._media.discard([staged for _, _, staged in made])
        return troubles

    def _judge(self, results: Sequence[tuple[Negative, Outcome]]) -> None:
        """Change no row for a disk that is not there, or that gives back what it was not given."""
        gone = [one for one, it in results if isinstance(it, Unread) and it.is_missing]
        altered = [one for one, it in results if isinstance(it, Spoilt) and it.is_altered]
        limit = most(len(results))
        if gone:
            self._brake.require_marker()
        if len(gone) > limit:
            self._brake.doubt(len(gone), len(results))
        if len(altered) > limit:
            paths = [f"{one.category}/{one.filename}" for one in altered]
            self._brake.pull_for_damage(paths, len(altered), len(results))

    def _record(
        self,
        made: Sequence[tuple[Negative, Archived, Staged]],
        whole: Sequence[_Pair],
        now: datetime,
    ) -> list[RowRefused]:
        """Put all small versions on disk first, then everything into one transaction.

        Return why rows were refused; an attachment that may not name its small version is told.
        """
        self._media.publish([staged for _, _, staged in made])
        small = {parent.id: (parent, archived) for parent, archived, _ in made}
        refused = set[UUID]()

        def write(pairs: Sequence[_Pair]) -> list[_Pair]:
            mine = [small[id_] for id_, _ in pairs if id_ in small]
            self._backlog.put_derived(
                [(one.id, f"{parent.asset_key}{SUFFIX}", parent.id) for parent, one in mine]
            )
            self._backlog.succeed([archived for _, archived in mine], now, refused.add)
            self._finish(pairs, now)
            return [pair for pair in pairs if pair[1] not in refused]

        def hide(pair: _Pair, why: str) -> None:
            borne.warn_left(self._db, "attachments", f"with picture {pair[0]}", why)

        def leave(pair: _Pair, why: str) -> None:
            left.append(RowRefused(why, "media_storage"))
            if len(self._refused) < MOST_REFUSED:
                self._refused[pair[0]] = now + REFUSED_PAUSE

        left: list[RowRefused] = []
        with transaction(self._db):
            parts = borne.spare(self._db, whole, write, leave)
            borne.spare(self._db, [pair for part in parts for pair in part], self._show, hide)
        return left

    def _spoil(self, negative: Negative, spoilt: Spoilt, now: datetime) -> None:
        log.warning("%s: %s", negative.id, spoilt.reason)
        if spoilt.is_altered:
            # Damaged here, not at its source: that is no failed attempt of the source's.
            self._backlog.lose([(negative.id, spoilt.reason)], now)
        else:
            self._backlog.spoil(negative.id, spoilt.reason, now)
        # Only now: a kill in between must not leave a row that claims what has been moved.
        self._media.quarantine(
            negative.category, negative.filename, even_whole=not spoilt.is_altered
        )

    def _miss(self, negative: Negative, unread: Unread, now: datetime) -> list[MediaTrouble]:
        if not unread.is_missing:
            return [MediaTrouble(unread.reason)]
        self._backlog.lose([(negative.id, unread.reason)], now)
        return []

    def _archived(self, negative: Negative, made: Print) -> Archived:
        sha256 = hashlib.sha256(made.data).hexdigest()
        name = names.filename(sha256, made.extension)
        return Archived(
            id=links.asset_id(f"{negative.asset_key}{SUFFIX}"),
            filename=name,
            local_path=self._media.local_path("thumbnails", name),
            public_url=names.public_path("thumbnails", name),
            file_size=len(made.data),
            sha256=sha256,
            mime_type=made.mime_type,
            width=made.width,
            height=made.height,
        )

    def _stage(self, archived: Archived, made: Print) -> Staged:
        return self._media.stage(made.data, "thumbnails", archived.filename)

    def _finish(self, pairs: Sequence[_Pair], now: datetime) -> None:
        """Record that every pixel was decoded."""
        decoded = sorted({str(id_) for pair in pairs for id_ in pair})
        change_many(
            self._db,
            "UPDATE media_storage SET developed_at = ?, attempts = 0, lease_owner = NULL,"
            " lease_until = NULL WHERE id = ? AND download_status = 'success'",
            [(to_text(now), id_) for id_ in decoded],
        )

    def _show(self, pairs: Sequence[_Pair]) -> None:
        """Show small versions where none is named."""
        change_many(
            self._db,
            "UPDATE facebook_post_attachments SET local_thumbnail_id = ?"
            " WHERE local_media_id = ? AND thumbnail_url IS NULL"
            " AND (local_thumbnail_id IS NULL OR local_thumbnail_id <> ?)",
            [(str(small), str(id_), str(small)) for id_, small in pairs],
        )
