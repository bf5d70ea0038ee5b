"""From the backlog to files: claim, fetch, write, settle, at most so many at once.

Threads fetch, prove and stage: they wait for the network and for the disk side by side, and touch
no row and no name. There are more of them than may fetch at once: the next fetch begins while the
disk still takes in what the one before has brought. The thread that called :func:`drain` commits
what they have staged in groups (:class:`Group`): all bytes are on the disk, then all names, then
one transaction. A row is called archived only after its file is safe. Some more are lined up than
are fetched at once, so that nobody waits for that commit.
"""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from queue import Empty, SimpleQueue
from threading import Event, Semaphore
from typing import Final
from uuid import UUID

from fbsyncd.assets import Job, Tally
from fbsyncd.backlog import Backlog
from fbsyncd.errors import (
    ArchiveError,
    FetchError,
    Intercepted,
    LinkDead,
    MediaTrouble,
    Offline,
    PictureRefused,
    Unreachable,
)
from fbsyncd.fetch import Fetcher
from fbsyncd.hosts import TRIES_PER_HOST, Hosts
from fbsyncd.media import Media, Staged
from fbsyncd.plural import counted
from fbsyncd.refrain import Refrain
from fbsyncd.staging import Fetched, fetched, put_away

log = logging.getLogger(__name__)

GROUP_SIZE: Final = 256
GROUP_SECONDS: Final = 0.25
CLAIM: Final = 32
# What is lined up is worked off before its lease is over, even if every fetch takes its whole
# deadline: it is twice as many for each worker at the most, those that wait for the disk, and a
# claim on top of these.
LINED_UP_PER_WORKER: Final = 2
CLAIM_PER_WORKER: Final = 2
#: So many pictures at the most, for each that is fetched, wait in memory for the disk.
STAGED_PER_WORKER: Final = 0.5
#: Pictures of such hosts that are set aside, at the most, to get to those of others.
SET_ASIDE: Final = 2000
# Pictures on their way get this long when the program stops; the rest is given back.
LAST_CALL_SECONDS: Final = 4.0


@dataclass(slots=True)
class Group:
    """Pictures that are fetched but not settled yet."""

    staged: list[Fetched] = field(default_factory=list)
    failures: list[tuple[Job, FetchError]] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)

    def is_due(self) -> bool:
        full = len(self.staged) + len(self.failures) >= GROUP_SIZE
        return full or time.monotonic() - self.since >= GROUP_SECONDS


@dataclass(frozen=True, slots=True)
class Orders:
    """How to drain: *workers* at once, down to *floor* free bytes, until *stop* is set.

    *heard* is given the tally after each group, *count* every result with its number; *alive* is
    called every moment; *require* raises before each claim where the disk is not there.
    """

    workers: int
    floor: int
    stop: Event
    now: Callable[[], datetime]
    heard: Callable[[Tally], None] = lambda _: None
    count: Callable[[str, int], None] = lambda *_: None
    alive: Callable[[], None] = lambda: None
    require: Callable[[], None] = lambda: None
    refrain: Refrain = field(default_factory=Refrain)


def drain(backlog: Backlog, fetcher: Fetcher, media: Media, orders: Orders) -> Tally:
    """Fetch what is claimable until nothing is or *stop* is set.

    Raises MediaTrouble or DatabaseTrouble when the archive cannot be written, Offline when no host
    can be reached; what was claimed and not settled is given back first.
    """
    return _Drain(backlog, fetcher, media, orders).run()


def download_one(
    backlog: Backlog, fetcher: Fetcher, media: Media, job: Job, now: Callable[[], datetime]
) -> FetchError | None:
    """Fetch and settle one claimed row; return why it could not be had, or None when it was."""
    staged = list[Staged]()
    try:
        part, archived = fetched(job, fetcher, media)
        staged.append(part)
        media.publish(staged)
    except FetchError as error:
        backlog.fail([(job, error)], now())
        return error
    except MediaTrouble:
        media.discard(staged)
        backlog.leases.give_back([job.id])
        raise
    backlog.succeed([archived], now())
    return None


class _Drain:
    """One run of the loop; its state is what is in flight."""

    def __init__(self, backlog: Backlog, fetcher: Fetcher, media: Media, orders: Orders) -> None:
        self._backlog = backlog
        self._fetcher = fetcher
        self._media = media
        self._orders = orders
        self._hosts = Hosts()
        self._turns = Semaphore(orders.workers)
        self._flying: dict[Future[Fetched], Job] = {}
        self._recalled: list[Job] = []
        self._landed: SimpleQueue[Future[Fetched]] = SimpleQueue()
        self._unreached: list[tuple[Job, FetchError]] = []
        self._is_online = False
        self._group = Group()
        self._tally = Tally()

    def run(self) -> Tally:
        threads = self._orders.workers + math.ceil(self._orders.workers * STAGED_PER_WORKER)
        pool = ThreadPoolExecutor(threads, thread_name_prefix="fetch")
        try:
            while self._take_off(pool):
                self._orders.alive()
                self._land(timeout=GROUP_SECONDS)
            self._land_the_last()
            self._judge_the_unreached()
        finally:
            # Without waiting: a name look-up that hangs cannot be interrupted by anyone, and the
            # thread holds nothing that is not given back here.
            pool.shutdown(wait=not self._flying, cancel_futures=True)
            self._give_back()
            self._tell()
        return self._tally

    def _tell(self) -> None:
        for why in self._orders.refrain.due(self._orders.now()):
            log.info("could not be had: %s", why)
        if self._tally.returned:
            log.info("fetched again: %s", counted(self._tally.returned, "lost or damaged picture"))

    def _take_off(self, pool: ThreadPoolExecutor) -> bool:
        """Line up as many fetches as there is room for; False when there is nothing to wait for."""
        if self._orders.stop.is_set():
            return False
        most = (LINED_UP_PER_WORKER + STAGED_PER_WORKER) * self._orders.workers
        while len(self._flying) <= most and len(self._unreached) < SET_ASIDE:
            claimed = self._claim()
            if not claimed:
                break
            for job in claimed:
                future = pool.submit(self._fetch, job)
                self._flying[future] = job
                future.add_done_callback(self._landed.put)
        return bool(self._flying)

    def _fetch(self, job: Job) -> Fetched:
        with self._turns:
            if self._orders.stop.is_set():
                raise CancelledError
            picture = self._hosts.ask(job.url, lambda: self._fetcher.fetch(job.url))
        return put_away(job, picture, self._media)

    def _claim(self) -> list[Job]:
        self._orders.require()
        free = self._media.free_bytes()
        if free < self._orders.floor:
            raise MediaTrouble(
                f"only {free / 1e9:.1f} GB free on the disk of {self._media.root}, downloads stop"
                f" at {self._orders.floor / 1e9:.1f} GB: free some space or lower"
                " media.free_space_floor"
            )
        return self._backlog.claim(
            min(CLAIM, CLAIM_PER_WORKER * self._orders.workers), self._orders.now()
        )

    def _land(self, timeout: float) -> None:
        with suppress(Empty):
            self._receive(self._landed.get(timeout=timeout))
            while True:
                self._receive(self._landed.get_nowait())
        if self._group.is_due() or not self._flying:
            self._settle()

    def _receive(self, future: Future[Fetched]) -> None:
        job = self._flying[future]
        try:
            staged = future.result()
        except CancelledError:
            self._recalled.append(job)
        except (Unreachable, Intercepted) as error:
            self._unreached.append((job, error))
        except FetchError as error:
            self._is_online = True
            self._group.failures.append((job, error))
        else:
            self._is_online = True
            self._group.staged.append(staged)
        # Only now: a full disk above must leave the job among those given back.
        del self._flying[future]

    def _settle(self) -> None:
        group, self._group = self._group, Group()
        refused = set[UUID]()
        try:
            self._media.publish([staged for staged, _ in group.staged])
            done = [archived for _, archived in group.staged]
            self._tally.returned += self._backlog.succeed(done, self._orders.now(), refused.add)
            self._backlog.fail(group.failures, self._orders.now())
        except ArchiveError:
            self._media.discard([staged for staged, _ in group.staged])
            unsettled = [archived.id for _, archived in group.staged]
            self._backlog.leases.give_back(unsettled + [job.id for job, _ in group.failures])
            raise
        group.staged = [one for one in group.staged if one[1].id not in refused]
        self._tally.archived += len(group.staged)
        self._tally.failed += len(group.failures) + len(refused)
        self._tally.bytes += sum(archived.file_size for _, archived in group.staged)
        for _, error in group.failures:
            self._tally.why = str(error)
            self._orders.refrain.hear(str(error))
        self._orders.heard(self._tally)
        self._count(group)

    def _count(self, group: Group) -> None:
        results = Counter(_result(error) for _, error in group.failures)
        results["archived"] += len(group.staged)
        for result, count in results.items():
            self._orders.count(result, count)
        self._orders.count("bytes", sum(archived.file_size for _, archived in group.staged))

    def _land_the_last(self) -> None:
        """Keep what arrives within the last call; the rest is interrupted and given back."""
        for future in self._flying:
            future.cancel()
        deadline = time.monotonic() + LAST_CALL_SECONDS
        while self._flying and time.monotonic() < deadline:
            self._land(timeout=GROUP_SECONDS)
        self._settle()

    def _judge_the_unreached(self) -> None:
        """Let those wait whose host alone is away; blame nobody when no host answered at all.

        More than are held in memory have to wait too, or the next drain would meet them again.
        """
        is_cut_off = not self._is_online and len(self._unreached) >= TRIES_PER_HOST
        if self._orders.stop.is_set() or not self._unreached:
            return
        last = self._unreached[0][1]
        if not is_cut_off or len(self._unreached) >= SET_ASIDE:
            self._group.failures += self._unreached
            self._unreached = []
            self._settle()
        if is_cut_off:
            raise Offline(f"the pictures' hosts cannot be reached: {last}")

    def _give_back(self) -> None:
        unsettled = [job.id for job in (*self._recalled, *self._flying.values())]
        unsettled += [archived.id for _, archived in self._group.staged]
        unsettled += [job.id for job, _ in (*self._unreached, *self._group.failures)]
        self._media.discard([staged for staged, _ in self._group.staged])
        for future in self._flying:
            future.add_done_callback(self._drop)
        if unsettled:
            self._backlog.leases.give_back(unsettled)

    def _drop(self, future: Future[Fetched]) -> None:
        """Remove what a thread has staged that nobody waits for any more."""
        if not future.cancelled() and future.exception() is None:
            self._media.discard([future.result()[0]])


def _result(error: FetchError) -> str:
    names = {LinkDead: "link_dead", PictureRefused: "refused", Unreachable: "unreachable"}
    return names.get(type(error), "failed")
