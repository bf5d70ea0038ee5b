"""From the Graph API's records to rows, and every picture they name to the backlog.

One page of results is one transaction: the rows, the queue and how far the walk has come are all
there or none is. A killed walk therefore goes on where it was, with nothing doubled or skipped.
It downloads nothing and never deletes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

from peewee import Database

from fbsyncd import borne, former, gone, ledger, listed, search, thrift, walks
from fbsyncd.backlog import Backlog
from fbsyncd.errors import (
    CallRefused,
    GraphError,
    GraphUnavailable,
    Interrupted,
    ObjectMissing,
    Throttled,
    TokenRefused,
    Unreached,
    sentences,
)
from fbsyncd.gone import Span
from fbsyncd.graph import Graph, Listing
from fbsyncd.models import session, transaction
from fbsyncd.orders import Order, Report, Source
from fbsyncd.records import Post, Video
from fbsyncd.refusals import FORGOTTEN, REFUSED_PAUSE, REPORTED, WRONG_ID, Refusals
from fbsyncd.rows import Rows, Stored
from fbsyncd.thrift import Step
from fbsyncd.walks import Progress, Walk

__all__ = ["STREAMS", "Order", "Report", "Source", "Sync"]

log = logging.getLogger(__name__)

STREAMS: Final = ("posts", "videos")


class Sync:
    """Reads Pages into one archive."""

    def __init__(self, db: Database, graph: Graph, backlog: Backlog) -> None:
        self.db = db
        self.graph = graph
        self.rows = Rows(db, backlog)
        self.refusals = Refusals()
        #: When each stream of each Page was last asked for what is new.
        self.looked: dict[tuple[str, str], datetime] = {}

    def page(self, source: Source, order: Order) -> Report:
        """Read what is due of one Page.

        What goes wrong with the Page ends up in the report and in ``sync_state``, not in an
        exception, so that other Pages go on. Raises ArchiveError when the archive itself fails.
        """
        report = Report(source.page_id)
        if self.rows.is_forgotten_page(source.page_id):
            log.warning("page %s %s", source.page_id, FORGOTTEN)
            report.is_forgotten = True
            return report
        reading = _Reading(self, source, order, report)
        token = ""
        try:
            token = source.token()
            if self.refusals.is_refused(source.page_id, token, order.now()):
                report.is_stopped = True
                return report
            reading.streams()
        except Interrupted:
            return report
        except Unreached as error:
            report.is_offline = True
            report.problems.append(str(error))
            return report
        except TokenRefused as error:
            self.refusals.refuse(source.page_id, token, order.now())
            reading.stop_page("token", sentences(str(error), error.remedy, source.renewal))
        except Throttled as error:
            reading.stop_page("throttled", str(error), error.until)
        with transaction(self.db):
            former.join_videos(self.db, source.page_id)
            search.refresh(self.db)
        return report


class _Reading:
    """One Page being read, stream by stream."""

    def __init__(self, sync: Sync, source: Source, order: Order, report: Report) -> None:
        self._db = sync.db
        self._graph = sync.graph
        self._rows = sync.rows
        self._looked = sync.looked
        self._refusals = sync.refusals
        self._source = source
        self._order = order
        self._report = report

    def streams(self) -> None:
        """Read every stream, as :meth:`stream` does, until the whole Page is stopped."""
        for name in STREAMS:
            if not self._report.is_stopped:
                self.stream(name)

    def stream(self, name: str) -> None:
        """Read what is due of one stream, or what is wanted; what fails here stops only it.

        Raises Throttled and TokenRefused, which concern the whole Page, and Interrupted.
        """
        now = self._order.now()
        progress = self._progress(name)
        if progress.is_held(now) and (progress.state == "throttled" or not self._order.wanted):
            if progress.state == "throttled" and progress.message:
                self._report.problems.append(progress.message)
            return
        try:
            self._read(name, progress, now)
        except (Throttled, TokenRefused, Interrupted, Unreached):
            raise
        except CallRefused as error:
            self._refused(name, error, now + REFUSED_PAUSE)
        except GraphError as error:
            self._stop(name, "incomplete", str(error))
        else:
            if self._refusals.ends(self._source.page_id, name):
                log.warning("page %s: its %s can be read again", self._source.page_id, name)

    def stop_page(self, state: str, message: str, hold_until: datetime | None = None) -> None:
        """Record why this Page cannot be read further; its walks stay, to be gone on with."""
        self._report.problems.append(message)
        self._report.is_stopped = True
        self._tell("", state, message)
        for name in STREAMS:
            if state == "unavailable" or self._progress(name).state != "unavailable":
                self._record(name, state, message, hold_until)

    def _read(self, name: str, progress: Progress, now: datetime) -> None:
        """Make the walks: a cut one goes on first, and no narrow one by hand takes its place."""
        cut, order = progress.walk, self._order
        wanted = order.wanted(now) if order.wanted else None
        if wanted and cut and not cut.continues_as(wanted):
            if cut.is_within(wanted):
                self._walk(name, progress, wanted)
            else:
                self._glance(name, wanted)
        elif wanted and not cut:
            self._walk(name, progress, wanted)
        else:
            self._read_due(name, progress, now)

    def _read_due(self, name: str, progress: Progress, now: datetime) -> None:
        cut, order, place = progress.walk, self._order, (self._source.page_id, name)
        looked = self._looked.get(place)
        for step in thrift.steps(progress, order.window, order.means(), now, looked):
            if step.walk.reached is None:
                self._looked[place] = now
            if step.beside:
                self._glance(name, step.walk)
            else:
                progress = self._walk(name, progress, step.walk, step)
        if cut and progress.walk is None:
            self._walk(name, progress, walks.due(progress, order.window, now))

    def _refused(self, name: str, error: CallRefused, until: datetime) -> None:
        # The posts hang on the Page's own id: where that is not there, nothing of the Page is.
        if name == "posts" and isinstance(error, ObjectMissing):
            self.stop_page("unavailable", sentences(str(error), WRONG_ID), until)
        else:
            self._stop(name, "unavailable", str(error), until)

    def _stop(
        self, name: str, state: str, message: str, hold_until: datetime | None = None
    ) -> None:
        self._report.problems.append(f"{name}: {message}")
        self._tell(name, state, message)
        self._record(name, state, message, hold_until)

    def _tell(self, name: str, state: str, message: str) -> None:
        """Tell what stops the Page, or a stream of it, when that begins and not at each turn."""
        if self._refusals.begins(self._source.page_id, name, state):
            what = f"{name} {state}".strip()
            log.warning("page %s: %s: %s", self._source.page_id, what, message, extra=REPORTED)

    def _record(self, name: str, state: str, message: str, hold_until: datetime | None) -> None:
        with transaction(self._db):
            progress = ledger.load(self._db, self._source.page_id, name)
            stopped = progress.stopped(state, message, hold_until)
            ledger.save(self._db, self._source.page_id, name, stopped)

    def _progress(self, name: str) -> Progress:
        with session(self._db):
            return ledger.load(self._db, self._source.page_id, name)

    def _walk(
        self, name: str, progress: Progress, walk: Walk, step: Step | None = None
    ) -> Progress:
        self._begin_notes(walk)
        for made, listing in enumerate(self._ask(name, walk), start=1):
            if listing.skipped:
                self._doubt_notes(walk)
            times = [record.created_time for record in listing.records]
            walk = walk.step(times)
            wanted = self._within(walk, listing)
            self._store(name, replace(progress, walk=walk, state="reading"), wanted)
            if walk.is_done(times):
                break
            means = self._order.means()
            if step and thrift.is_enough(step, made, means):
                self._report.is_cut |= means.percent < thrift.WHOLE
                return replace(progress, walk=walk, state="reading")
        done = progress.completed(walk, self._order.now())
        with transaction(self._db):
            ledger.save(self._db, self._source.page_id, name, done)
            if walk.kind == "full":
                self._close_notes(name, progress, walk)
        if name == "posts" and walk.kind == "full":
            self._describe()
        return done

    def _begin_notes(self, walk: Walk) -> None:
        if walk.kind == "full" and walk.reached is None:
            with transaction(self._db):
                listed.begin(self._db, self._source.page_id, walk.started_at)

    def _doubt_notes(self, walk: Walk) -> None:
        # Before the page itself is stored: killed in between, its walk still goes on in doubt.
        with transaction(self._db):
            listed.doubt(self._db, self._source.page_id, walk.started_at)

    def _close_notes(self, name: str, progress: Progress, walk: Walk) -> None:
        page_id = self._source.page_id
        span = Span(name, page_id, walk.since, walk.started_at)
        gone.count_missing(self._db, span, progress.full_at, self._order.now())
        if name == "posts":
            listed.close(self._db, page_id, walk.started_at)
        listed.sweep(self._db, page_id)

    def _glance(self, name: str, walk: Walk) -> None:
        """Make a walk that leaves no trace but its rows, beside a cut one that is kept."""
        progress = self._progress(name)
        for listing in self._ask(name, walk):
            self._store(name, progress, self._within(walk, listing))
            if walk.is_done([record.created_time for record in listing.records]):
                break

    def _describe(self) -> None:
        """Write how the Page describes itself; whoever may not know that may still read posts."""
        try:
            page = self._graph.page(self._source.page_id, self._source.token())
        except (CallRefused, GraphUnavailable) as error:
            log.info("page %s does not describe itself: %s", self._source.page_id, error)
            return
        with transaction(self._db):
            self._rows.put_page(page)

    def _within(
        self, walk: Walk, listing: Listing[Post] | Listing[Video]
    ) -> Listing[Post] | Listing[Video]:
        """Leave out what is older than was asked for; Facebook's pages end where they like.

        A look for what is new keeps all that came with it: edits of older posts cost nothing there.
        """
        narrow = walk.kind in {"days", "full"}
        since = walk.since if narrow else self._order.window.since(self._order.now())
        kept = tuple(one for one in listing.records if one.created_time >= since)
        return replace(listing, records=kept)  # type: ignore[arg-type]  # of one kind, as before

    def _ask(self, name: str, walk: Walk) -> Iterator[Listing[Post] | Listing[Video]]:
        ask = self._graph.posts if name == "posts" else self._graph.videos
        return ask(self._source.page_id, self._source.token(), until=walk.until)

    def _store(
        self, name: str, progress: Progress, listing: Listing[Post] | Listing[Video]
    ) -> None:
        now, walk, page_id = self._order.now(), progress.walk, self._source.page_id

        def write(bears: bool) -> Stored:
            stored = self._rows.put(listing.records, now, bears=bears)
            gone.seen(self._db, name, gone.ids(listing.records))
            ledger.save(self._db, page_id, name, progress)
            if walk and walk.kind == "full":
                listed.note(self._db, (page_id, walk.started_at), listing.records, stored.kept)
            search.refresh(self._db)
            return stored

        # Somebody's own key may ask for the Page's row first.
        stored = borne.store(self._db, write, self._describe)
        self._report.add(name, len(listing.records), stored.written, stored.pictures_new)
        self._report.unreadable += listing.skipped
        self._order.heard(self._report)
