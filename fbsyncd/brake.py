"""The brake: tells files that are lost from a disk that is not there.

A marker file in the media root holds the id of its archive. Where it is missing or another
archive's, where more than a fifth of the files are gone at once, or where a scrub finds more than a
fifth of the last files it has read damaged, the archive is *unavailable*: no row is changed and
nothing is written, until the disk is back or a person accepts the loss. A few damaged files are
healed one by one; a disk that reads garbage everywhere is no reason to fetch everything again.
Making the marker again by hand is not enough, since only this archive's id counts; and no program
makes it anew for an archive that has files.
"""

from __future__ import annotations

import errno
import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Final, NoReturn

from peewee import Database

from fbsyncd import facts
from fbsyncd.errors import MediaTrouble, SchemaError, Unavailable
from fbsyncd.media import CATEGORIES, MARKER, Media
from fbsyncd.models import marks, rows, session

log = logging.getLogger(__name__)

#: One in so many files may be gone at once...
SHARE: Final = 5
#: ... and so many always, or a small archive would wait for a person after one deleted file.
FEW: Final = 10
#: How many of the missing files are remembered, to notice that they are back without counting all.
SAMPLE: Final = 50
#: How many of the damaged ones: they have to be read to notice that.
DAMAGED_SAMPLE: Final = 5

_FACT: Final = "unavailable"
AWAY: Final = "the archive's disk is not there"
WAYS_OUT: Final = (
    "no row was changed; mount its disk again or put the files back and work goes on, or run"
    " 'fbsyncd reconcile --accept-loss' to take the folder as it is"
)
_WAYS_OUT_OF_DAMAGE: Final = (
    "check its disk, its cable and its memory; work goes on once they read well again, or run"
    " 'fbsyncd reconcile --accept-loss' to queue again whatever is damaged"
)
_ACCEPTING: Final = (
    "'fbsyncd reconcile --accept-loss' queues what is missing; if it was interrupted, run it again"
)


def most(files: int) -> int:
    """Return how many of *files* archived files may be missing without anyone's word."""
    return max(FEW - 1, files // SHARE)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an archive is unavailable: in full, and in words for everybody that name no file."""

    reason: str
    brief: str
    kind: str = "away"  # or "unread": it is there, and does not read; or "linked"


@dataclass(frozen=True, slots=True)
class _Alarm:
    """Why work has stopped, and some paths (category/name) by which its end is noticed."""

    reason: str | None = None
    gone: Sequence[str] = ()
    damaged: Sequence[str] = ()
    #: A scan has to tell.
    is_open: bool = False
    #: How many files may be missing for it to end; None where nothing was lost.
    limit: int | None = None

    def fault(self) -> Fault | None:
        return Fault(self.reason, *self._brief()) if self.reason else None

    def _brief(self) -> tuple[str, str]:
        if self.reason == _ACCEPTING:
            return "what the archive lacks is being queued again", "away"
        if self.is_open:
            return "files of the archive are gone, and all are being looked for", "away"
        what, kind = ("damaged", "unread") if self.damaged else ("gone", "away")
        return f"many of the archive's files are {what}", kind


class Brake:
    """The brake of one archive; what it knows is in the folder and in the database."""

    def __init__(self, db: Database, media: Media) -> None:
        self._db = db
        self._media = media
        #: What stopped something since the last look, and what the last look said in the log.
        self._noticed: str | None = None
        self._told: str | None = None

    def setup(self) -> None:
        """Mark a new folder and make its parts; leave one alone that may not be ours.

        From here on *media* itself writes only where the marker is.
        """
        self._media.archive_id = self._id()
        if self.reason() is None:
            self._media.prepare()
            if self._media.marker() is None:
                self._media.mark()

    def reason(self) -> str | None:
        """Return why the archive is unavailable, or None while it can be worked on."""
        fault = self.fault()
        return fault.reason if fault else None

    def fault(self) -> Fault | None:
        """Return the same with words for everybody."""
        told = facts.get_all(self._db, ["id", _FACT])
        return self._marker_fault(_known(told.get("id"))) or _alarm(told.get(_FACT)).fault()

    def require(self) -> None:
        """Raise Unavailable when the archive is."""
        if reason := self.reason():
            self._refuse(reason)

    def require_marker(self) -> None:
        """Raise Unavailable when the folder is not ours, however many files are in it."""
        if fault := self._marker_fault(self._id()):
            self._refuse(fault.reason)

    def most(self, files: int) -> int:
        """Return how many of *files* may be missing; files that are added excuse no loss."""
        limit = self._alarm().limit
        return most(files) if limit is None else min(limit, most(files))

    def pull(self, gone: Sequence[str], missing: int, files: int) -> None:
        """Stop everything: *missing* of *files* are gone, *gone* (category/name) among them.

        Raises Unavailable.
        """
        what = f"{missing:,} of {files:,} archived files are gone from {self._media.root} at once"
        reason = f"{what}: {WAYS_OUT}"
        self._stop(_Alarm(reason, gone=gone[:SAMPLE], limit=self.most(files)))

    def pull_for_damage(self, paths: Sequence[str], damaged: int, looked_at: int) -> None:
        """Stop everything: *damaged* of the files last looked at are, *paths* among them.

        Raises Unavailable.
        """
        what = f"{damaged:,} of the last {looked_at:,} files looked at in {self._media.root} are"
        reason = f"{what} damaged: {_WAYS_OUT_OF_DAMAGE}"
        self._stop(_Alarm(reason, damaged=paths[:DAMAGED_SAMPLE]))

    def doubt(self, gone: int, looked_at: int) -> None:
        """Stop everything until a scan has told: so many of a handful of files are gone.

        Raises Unavailable.
        """
        reason = (
            f"{gone:,} of {looked_at:,} files looked at are gone from {self._media.root}: no row is"
            " changed before all of them are looked at, by the daemon at once or by 'fbsyncd"
            " reconcile'"
        )
        self._stop(_Alarm(reason, is_open=True))

    def require_whole(self, *, dry_run: bool = False) -> None:
        """Raise Unavailable while the files that were found damaged, many at once, still are."""
        alarm = self._alarm()
        if alarm.damaged and not self._is_over(alarm):
            self._refuse(alarm.reason)
        if alarm.damaged and not dry_run:
            self.release()

    @property
    def doubts_content(self) -> bool:
        """Whether it was pulled because files are damaged, which only a scrub can see."""
        return bool(self._alarm().damaged)

    def release(self) -> None:
        """Let work go on: enough files are there and whole."""
        facts.drop(self._db, _FACT)

    def accept(self) -> None:
        """Take the folder as it is, whatever it lacks, and mark it as this archive's.

        Whoever calls this queues what is missing or damaged and then calls :meth:`release`:
        another process that looked in between would find too much gone once more.
        """
        self._alert(_Alarm(_ACCEPTING, damaged=self._alarm().damaged))
        self._media.archive_id = self._id()
        self._media.prepare()
        self._media.mark()

    def look(self) -> bool:
        """Say what has changed since the last look; tell whether it is time for a full scan.

        It is when the disk is back, when some of the missing files are, and when their rows have
        been queued: cheap enough for every few seconds, however large the archive is.
        """
        marker = self._marker_fault(self._id())
        alarm = self._alarm()
        was, now = self._noticed, marker.reason if marker else alarm.reason
        self._noticed = now
        self._tell(now)
        if now is None:
            return was is not None
        return not marker and self._is_over(alarm)

    def _tell(self, reason: str | None) -> None:
        if reason != self._told:
            if reason:
                log.error("unavailable: %s", reason)
            else:
                log.warning("the media folder %s is available again", self._media.root)
        self._told = reason

    def _is_over(self, alarm: _Alarm) -> bool:
        """Tell whether some files are back or whole again, or no row claims them any more."""
        if alarm.is_open:
            return True
        if alarm.reason == _ACCEPTING or not (alarm.gone or alarm.damaged):
            return False
        some = any(map(self._is_back, alarm.gone)) or any(map(self._is_whole, alarm.damaged))
        return some or not self._are_claimed([*alarm.gone, *alarm.damaged])

    def _is_back(self, path: str) -> bool:
        category, _, name = path.partition("/")
        return self._media.size(category, name) is not None

    def _is_whole(self, path: str) -> bool:
        category, _, name = path.partition("/")
        with suppress(MediaTrouble):
            return self._media.digest(category, name) == name.partition(".")[0]
        return False

    def _are_claimed(self, paths: Sequence[str]) -> bool:
        names = [path.partition("/")[2] for path in paths]
        with session(self._db):
            sql = (
                "SELECT 1 FROM media_storage WHERE download_status = 'success'"
                f" AND category IN ({marks(len(CATEGORIES))})"
                f" AND local_filename IN ({marks(len(names))}) LIMIT 1"
            )
            return bool(rows(self._db, sql, [*CATEGORIES, *names]))

    def _stop(self, alarm: _Alarm) -> None:
        self._alert(alarm)
        self._refuse(alarm.reason)

    def _refuse(self, reason: str | None) -> NoReturn:
        self._noticed = reason
        raise Unavailable(str(reason))

    def _alert(self, alarm: _Alarm) -> None:
        facts.put(self._db, _FACT, json.dumps(asdict(alarm)))

    def _alarm(self) -> _Alarm:
        return _alarm(facts.get(self._db, _FACT))

    def _marker_fault(self, own: str) -> Fault | None:
        try:
            found = self._media.marker()
        except MediaTrouble as error:
            if getattr(error.__cause__, "errno", None) in {errno.EMFILE, errno.ENFILE}:
                # Our own trouble: it says nothing of the disk.
                raise
            return Fault(f"{error}; {WAYS_OUT}", "the archive's disk cannot be read", "unread")
        root = self._media.root
        if found == own:
            return None
        if found is not None:
            reason = f"the media folder {root} belongs to another archive ({found}): {WAYS_OUT}"
            return Fault(reason, "the media folder is another archive's")
        if not self._has_files():
            return None
        if not root.exists():
            return Fault(f"the media folder {root} is not there: {WAYS_OUT}", AWAY)
        reason = f"the media folder {root} lacks its marker {MARKER}: {WAYS_OUT}"
        return Fault(reason, f"{AWAY}, or its folder has lost its marker")

    def _id(self) -> str:
        return _known(facts.get(self._db, "id"))

    def _has_files(self) -> bool:
        sql = "SELECT 1 FROM media_storage WHERE download_status = 'success' LIMIT 1"
        with session(self._db):
            return bool(rows(self._db, sql))


def _known(id_: str | None) -> str:
    if id_ is None:
        raise SchemaError("the database has lost the archive's id; restore it from a backup")
    return id_


def _alarm(told: str | None) -> _Alarm:
    return _Alarm(**json.loads(told)) if told else _Alarm()
