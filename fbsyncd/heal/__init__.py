"""Fresh links for dead ones: the post or video that names a picture is asked for anew.

Every link in an answer of the Graph API is freshly signed (measured on real feeds), so asking is
all it takes; :func:`fbsyncd.heal.plan.plan` says how to ask. Nothing is downloaded here: a row
whose link is fresh is claimable again, and the next download takes it.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event
from typing import Final

from peewee import Database

from fbsyncd import borne, gone, ledger, listed
from fbsyncd.backlog import Backlog
from fbsyncd.errors import ArchiveError, GraphError, ObjectMissing, Throttled, Unreached
from fbsyncd.gone import Sighting
from fbsyncd.graph import Graph
from fbsyncd.heal.again import Again
from fbsyncd.heal.inquiry import Inquiry, Records
from fbsyncd.heal.plan import Outcome, Owner, Plan, Ward, is_left, left, orphaned, outcome, plan
from fbsyncd.heal.unlinked import Unlinked
from fbsyncd.models import from_text, rows, session, to_text, transaction
from fbsyncd.plural import counted
from fbsyncd.rows import Rows
from fbsyncd.sync import STREAMS, Source
from fbsyncd.thrift import RECENT, WHOLE
from fbsyncd.walks import LONGEST_HOLD

__all__ = ["Healer", "Outcome", "Owner", "Plan", "Round", "Unlinked", "Ward", "plan"]

log = logging.getLogger(__name__)

#: How long rows wait whose Page is being read just now, could not be asked, or is not among the
#: Pages of the configuration.
BUSY_PAUSE: Final = timedelta(seconds=15)
TROUBLE_PAUSE: Final = timedelta(minutes=5)
STRANGER_PAUSE: Final = timedelta(hours=1)
#: Each missed post that is looked for costs a call; of many, some are each hour.
CROWD_PAUSE: Final = timedelta(hours=1)

_TABLES: Final = {"posts": "facebook_posts", "videos": "facebook_video_posts"}


@dataclass(frozen=True, slots=True)
class Round:
    """How one turn is to be made; *busy* are the Pages that are being read just now."""

    sources: Sequence[Source]
    now: Callable[[], datetime]
    stop: Event
    busy: Collection[str] = ()


class Healer:
    """Asks for fresh links for one archive's queue."""

    def __init__(self, db: Database, graph: Graph, backlog: Backlog, unlinked: Unlinked) -> None:
        self._db = db
        self._graph = graph
        self._backlog = backlog
        self._unlinked = unlinked
        self._again = Again(db, unlinked.retry.attempts)
        self._rows = Rows(db, backlog)
        self._look_again: dict[str, datetime] = {}
        # Streams and ids of what was asked for and not there, and when that was.
        self._unknown: dict[tuple[str, str], datetime] = {}

    def is_due(self, now: datetime) -> bool:
        """Tell whether any row needs a fresh link now, or one more attempt."""
        return self._unlinked.is_due(now) or self._again.is_due(now)

    def turn(self, order: Round) -> int:
        """Ask for what is due, some thousand rows at most; return how many were looked at.

        What goes wrong with a Page is logged, and its rows wait. Raises ArchiveError when the
        archive itself fails.
        """
        # Rows of a lease that nobody heard of would not be found.
        self._backlog.leases.give_back(())
        self._again.turn(order.now())
        self._look_for_missed(order)
        wards = self._unlinked.find(order.now())
        pages: dict[str, list[Ward]] = defaultdict(list)
        for ward in wards:
            pages[ward.owners[0].page_id if ward.owners else ""].append(ward)
        self._visit_orphans(pages.pop("", []), order.now())
        sources = {source.page_id: source for source in order.sources}
        for page_id, mine in pages.items():
            asked = self._leave(mine, order.now())
            until = self._not_before(page_id, order)
            if until is None:
                self._heal(sources[page_id], asked, order)
            else:
                self._unlinked.defer([ward.id for ward in asked], until)
        return len(wards)

    def _leave(self, wards: Sequence[Ward], now: datetime) -> list[Ward]:
        """Settle the rows for which nobody is to be asked; return the others."""
        unknown = {key: at for key, at in self._unknown.items() if at <= now < at + gone.LOOK_AGAIN}
        self._unknown = unknown
        waiting = [ward for ward in wards if is_left(ward, unknown)]
        if waiting:
            with transaction(self._db):
                self._close([left(ward, now) for ward in waiting], now)
        ids = {ward.id for ward in waiting}
        return [ward for ward in wards if ward.id not in ids]

    def _heal(self, source: Source, wards: Sequence[Ward], order: Round) -> None:
        leased = self._unlinked.lease([ward.id for ward in wards], order.now())
        mine = [ward for ward in wards if ward.id in leased]
        try:
            self._ask_and_settle(source, mine, order)
        except ArchiveError:
            self._backlog.leases.give_back(leased)
            raise

    def _ask_and_settle(self, source: Source, wards: Sequence[Ward], order: Round) -> None:
        inquiries = {name: self._inquiry(source, name, order) for name in STREAMS}
        try:
            for name, inquiry in inquiries.items():
                self._ask(inquiry, {w.owners[0] for w in wards if w.owners[0].stream == name})
        except GraphError as error:
            self._unlinked.defer([ward.id for ward in wards], _later(source, error, order))
        else:
            self._settle(wards, inquiries, order.now())

    def _ask(self, inquiry: Inquiry, owners: Collection[Owner]) -> None:
        per_call = self._graph.at_once(inquiry.page_id, inquiry.stream)
        chosen = plan(owners, self._feed(inquiry, owners), per_call)
        for window in chosen.windows:
            inquiry.list_again(window)
        inquiry.ask({owner.id for owner in owners})

    def _feed(self, inquiry: Inquiry, owners: Collection[Owner]) -> list[datetime]:
        """Return when everything between these owners in the feed was created."""
        times = sorted(owner.created for owner in owners if owner.created is not None)
        if not times:
            return []
        with session(self._db):
            found = rows(
                self._db,
                f"SELECT created_time FROM {_TABLES[inquiry.stream]} WHERE page_id = ?"
                " AND created_time >= ? AND created_time <= ? AND deleted_at IS NULL",
                [inquiry.page_id, to_text(times[0]), to_text(times[-1])],
            )
        return [at for (value,) in found if (at := from_text(value)) is not None]

    def _settle(
        self, wards: Sequence[Ward], inquiries: Mapping[str, Inquiry], now: datetime
    ) -> None:
        with transaction(self._db):
            for inquiry in inquiries.values():
                self._count_missing(inquiry, now)
            gone_now = {name: self._gone(inquiry) for name, inquiry in inquiries.items()}
            done = [self._outcome(ward, inquiries, gone_now) for ward in wards]
            self._close(done, now)

    def _outcome(
        self, ward: Ward, inquiries: Mapping[str, Inquiry], gone_now: Mapping[str, set[str]]
    ) -> Outcome:
        stream, id_ = ward.owners[0].stream, ward.owners[0].id
        inquiry = inquiries[stream]
        return outcome(
            ward,
            inquiry.answers[id_],
            self._unlinked.retry.attempts,
            poisoned=id_ in inquiry.poisoned,
            is_gone=id_ in gone_now[stream],
        )

    def _gone(self, inquiry: Inquiry) -> set[str]:
        return gone.among(self._db, inquiry.stream, _missing(inquiry))

    def _close(self, done: Sequence[Outcome], now: datetime) -> None:
        self._unlinked.settle(done, now)
        final = [(one.id, one.reason or "") for one in done if one.is_final]
        if final:
            lost = self._backlog.surrender(final, now)
            log.warning("given up: %s whose links are dead for good", counted(lost, "picture"))

    def _count_missing(self, inquiry: Inquiry, now: datetime) -> None:
        """Count a miss for what is not there; a miss is no proof, see :mod:`fbsyncd.gone`."""
        ids = _missing(inquiry)
        self._unknown |= {(inquiry.stream, id_): now for id_ in ids}
        if ids:
            progress = ledger.load(self._db, inquiry.page_id, inquiry.stream)
            gone.missed(self._db, Sighting(inquiry.stream, progress.full_at), ids, now)

    def _visit_orphans(self, wards: Sequence[Ward], now: datetime) -> None:
        if not wards:
            return
        attempts = self._unlinked.retry.attempts
        with transaction(self._db):
            self._close([orphaned(ward, attempts) for ward in wards], now)

    def _look_for_missed(self, order: Round) -> None:
        """Ask by id for what was missed: it is back, or that is one more miss."""
        now = order.now()
        ready = [
            source.page_id
            for source in order.sources
            # What is put off for longer was put off by a clock that was ahead.
            if not now < self._look_again.get(source.page_id, now) <= now + LONGEST_HOLD
        ]
        with session(self._db):
            suspects = gone.suspects(self._db, ready, now)
        sources = {source.page_id: source for source in order.sources}
        for stream, page_id in sorted({(stream, page_id) for stream, page_id, _ in suspects}):
            if self._not_before(page_id, order, WHOLE) is None:
                ids = [id_ for *place, id_ in suspects if place == [stream, page_id]]
                self._look_for(self._inquiry(sources[page_id], stream, order), ids, order)

    def _look_for(self, inquiry: Inquiry, ids: Sequence[str], order: Round) -> None:
        try:
            inquiry.ask(ids)
        except GraphError as error:
            self._look_again[inquiry.page_id] = _later(inquiry.source, error, order)
        else:
            # What was neither given nor missing is asked for again, but not each turn.
            pause = TROUBLE_PAUSE if len(ids) < gone.SUSPECTS else CROWD_PAUSE
            self._look_again[inquiry.page_id] = order.now() + pause
        with transaction(self._db):
            self._count_missing(inquiry, order.now())

    def _inquiry(self, source: Source, stream: str, order: Round) -> Inquiry:
        def put(records: Records) -> None:
            def write(bears: bool) -> None:
                self._rows.put(records, order.now(), bears=bears)
                gone.seen(self._db, stream, gone.ids(records))
                listed.meet(self._db, source.page_id, records)

            borne.store(self._db, write)

        return Inquiry(self._graph, source, stream, put)

    def _not_before(self, page_id: str, order: Round, most: float = RECENT) -> datetime | None:
        """Return until when a Page is not to be asked, or None when it may be.

        From *most* percent of its budget on, what is left is for looks for what is new.
        """
        now = order.now()
        if page_id not in {source.page_id for source in order.sources}:
            return now + STRANGER_PAUSE
        if page_id in order.busy or order.stop.is_set():
            return now + BUSY_PAUSE
        if self._graph.pace.used(page_id, now).percent >= most:
            return now + TROUBLE_PAUSE
        with session(self._db):
            streams = [ledger.load(self._db, page_id, name) for name in STREAMS]
        if streams[0].state == "token":
            # The next sync tries the token anew, and whoever reads signs links as well.
            return now + TROUBLE_PAUSE
        held = [one for one in streams if one.state == "throttled" and one.is_held(now)]
        return max((one.hold_until for one in held if one.hold_until), default=None)


def _missing(inquiry: Inquiry) -> list[str]:
    return [id_ for id_, error in inquiry.answers.items() if isinstance(error, ObjectMissing)]


def _later(source: Source, error: GraphError, order: Round) -> datetime:
    """Return when a Page may be asked again that answered with *error*."""
    if order.stop.is_set():
        return order.now()
    # Being offline is told of by whoever notices it, once.
    level = logging.DEBUG if isinstance(error, Unreached) else logging.WARNING
    log.log(level, "page %s: no fresh links: %s", source.page_id, error)
    return error.until if isinstance(error, Throttled) else order.now() + TROUBLE_PAUSE
