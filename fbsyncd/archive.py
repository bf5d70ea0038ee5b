"""One archive with all its stations, wired from a configuration. Decides nothing."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event

from fbsyncd import (
    __version__,
    adopt,
    backend,
    bounds,
    condemned,
    download,
    handed,
    heirs,
    migrate,
    models,
    process,
    relocate,
    search,
)
from fbsyncd.assets import Tally
from fbsyncd.backlog import Backlog
from fbsyncd.brake import Brake
from fbsyncd.config import Config, Page
from fbsyncd.develop import Darkroom
from fbsyncd.errors import ConfigError, Offline, TokenRefused
from fbsyncd.feed import Feed
from fbsyncd.fetch import Fetcher
from fbsyncd.graph import Graph
from fbsyncd.heal import Healer, Round, Unlinked
from fbsyncd.known import configured
from fbsyncd.media import Media
from fbsyncd.metrics import Metrics, Subject, Tallies
from fbsyncd.outside import PICTURES
from fbsyncd.pulse import Pulse
from fbsyncd.reconcile import Findings, Pace, Reconciler, Request
from fbsyncd.refrain import Refrain
from fbsyncd.sync import Order, Report, Source, Sync
from fbsyncd.thrift import Means
from fbsyncd.walks import Walk, Window, share
from fbsyncd.writers import Writers

USER_AGENT = f"fbsyncd/{__version__}"


def utcnow() -> datetime:
    """Return the time; handed down as an argument from here on."""
    return datetime.now(UTC)


class Archive:
    """The stations of one archive.

    *stop* ends whatever is waiting or looping in them; *now* is the clock they go by.
    """

    def __init__(
        self,
        config: Config,
        *,
        stop: Event | None = None,
        now: Callable[[], datetime] = utcnow,
    ) -> None:
        self.config = config
        self.stop = stop or Event()
        self.now = now
        self.db = models.connect(config.database.url)
        self.media = Media(config.media.root, config.base)
        self.brake = Brake(self.db, self.media)
        self.writers = Writers(self.db, self.media.root)
        self.backlog = Backlog(self.db, retry=bounds.retry(config), owner=process.owner())
        pixels, url = config.media.max_pixels, config.server.public_url
        self.feed = Feed(self.db, self.media, now=now, public_url=url, ours=configured(config))
        self.darkroom = Darkroom(self.db, self.backlog, self.media, self.brake, max_pixels=pixels)
        self.fetcher = Fetcher(bounds.limits(config), user_agent=USER_AGENT)
        self.graph = Graph(
            url=config.facebook.graph_url,
            version=config.facebook.api_version,
            app_secret=config.facebook.app_secret.get_secret_value() or None,
            now=now,
            wait=self.stop.wait,
            user_agent=USER_AGENT,
        )
        self._sync = Sync(self.db, self.graph, self.backlog)
        unlinked = Unlinked(self.db, retry=bounds.retry(config), leases=self.backlog.leases)
        self.healer = Healer(self.db, self.graph, self.backlog, unlinked)
        self.pulse = Pulse(("scheduler", "download", "reconcile", "database"))
        self.tallies = Tallies()
        self._refrain = Refrain()
        self.metrics = Metrics(self._subject(), self.tallies)
        # Pages being read just now: their links are about to be fresh, so nobody asks twice.
        self._reading: Counter[str] = Counter()

    def setup(self, *, reads_only: bool = False) -> list[str]:
        """Bring schema and folders to what this program needs; return the migrations applied.

        Folders that are not this archive's are left as they are, and nothing is written there.
        Raises AlreadyRunning, with the schema as it was, when an older program works with that, or
        another folder is filled from this database; who *reads_only* leaves its own then as it is.
        """
        if reads_only and not backend.of(self.db).is_writable():
            migrate.require_none_lacking(self.db)
            return []
        applied = migrate.apply(self.db, self.writers.let if reads_only else self.writers.join)
        if reads_only and self.writers.are_elsewhere():
            return applied
        adopt.finish(self.db, self.brake, self.media)
        self.take_in()
        self.brake.setup()
        if self.brake.reason() is None:
            relocate.follow(self.db, self.media)
        return applied

    def take_over(self) -> adopt.Report | None:
        """Take over the tables of older programs; None when the database holds none of them."""
        if not adopt.is_needed(self.config.database.url):
            return None
        return adopt.adopt(self.db, adopt.places(self.config, self.media), self.now())

    def take_in(self) -> None:
        """Adopt the rows that older programs have added meanwhile, and bear what they removed."""
        places = adopt.places(self.config, self.media)
        adopt.later.turn(self.db, self.backlog, self.brake, places, self.now())
        adopt.turn(self.db, self.now())
        heirs.turn(self.db)

    def tidy(self) -> None:
        """Clear what killed processes left behind: half-written and forgotten files, leases."""
        self.media.sweep(self.now())
        if self.brake.reason() is None:
            condemned.sweep(self.db, self.media)
        self.backlog.leases.release(
            [owner for owner in self.backlog.leases.owners() if process.has_left(owner)]
        )

    def sync(
        self,
        page: Page,
        *,
        wanted: Callable[[datetime], Walk] | None = None,
        heard: Callable[[Report], None] = lambda _: None,
        thrifty: bool = False,
    ) -> Report:
        """Read one Page into rows; see :meth:`fbsyncd.sync.Sync.page`.

        *thrifty*: no more than its share of the budget of calls, see :mod:`fbsyncd.thrift`.
        """
        days = self.config.sync.backfill_days
        window = Window(
            timedelta(days=days) if days else None,
            self.config.sync.full_interval,
            share(page.id) if len(self.config.facebook.pages) > 1 else None,
        )
        means = partial(self._means, page.id) if thrifty else Means
        self._reading[page.id] += 1
        try:
            return self._sync.page(_source(page), Order(window, self.now, wanted, heard, means))
        finally:
            self._reading[page.id] -= 1

    def forgive(self, page_id: str) -> None:
        """Let the next reading of a Page try a token that was refused."""
        self._sync.refusals.forgive(page_id)

    def heal(self) -> int:
        """Ask for fresh links where they are dead; return how many rows were looked at."""
        sources = [_source(page) for page in self.config.facebook.pages]
        return self.healer.turn(Round(sources, self.now, self.stop, set(+self._reading)))

    def download(self, heard: Callable[[Tally], None] = lambda _: None) -> Tally:
        """Fetch every picture that can be fetched now; raises Unavailable without the disk."""
        self._require_folders()
        orders = download.Orders(
            workers=self.config.media.workers,
            floor=self.config.media.free_space_floor,
            stop=self.stop,
            now=self.now,
            heard=heard,
            count=self.tallies.downloaded,
            require=self.brake.require,
            alive=self.pulse.beater("download"),
            refrain=self._refrain,
        )
        try:
            tally = download.drain(self.backlog, self.fetcher, self.media, orders)
        except Offline as error:
            self.graph.outside.lost(PICTURES, str(error))
            raise
        self.graph.outside.back(PICTURES)
        return tally

    def develop(self, heard: Callable[[int], None] = lambda _: None) -> int:
        """Decode every picture that has not been, and make its small version."""
        self._require_folders()
        return self.darkroom.drain(self.now, self.stop, heard)

    def index(self) -> int:
        """Make texts findable that other programs wrote; return how many posts that were."""
        done = 0
        while not self.stop.is_set() and (count := search.refresh(self.db)):
            done += count
        return done

    def reconcile(self, request: Request | None = None) -> Findings:
        """Compare every row with its file; see :meth:`fbsyncd.reconcile.Reconciler.scan`."""
        findings = self._reconciler().scan(self.now(), request or Request())
        self.tallies.add("scans")
        for name in ("missing", "wrong_size", "queued", "adopted"):
            self.tallies.add("findings", name, getattr(findings, name))
        return findings

    def check(self, altered: Sequence[Path]) -> None:
        """Compare files that were written to with their SHA-256."""
        self._counted(self._reconciler().check(altered, self.now()))

    def welcome(self) -> int:
        """Adopt lost pictures whose file was put back, without a download."""
        return self._reconciler().welcome()

    def scrub(self, pace: Pace) -> Findings:
        """Compare every file with its SHA-256."""
        return self._counted(self._reconciler().scrub(self.now(), pace))

    def scrub_if_due(self, pace: Pace) -> None:
        """Go on with the scrub under way, or begin the next one when it is time."""
        interval = self.config.reconcile.scrub_interval
        self._counted(self._reconciler().scrub_if_due(self.now(), interval, pace))

    def close(self) -> None:
        """Let go of processes, connections and files."""
        self.darkroom.close()
        self.fetcher.close()
        self.graph.close()
        self.writers.leave()
        models.close(self.db)

    def _means(self, page_id: str) -> Means:
        used = self.graph.pace.used(page_id, self.now())
        return Means(used.percent, len(self.config.facebook.pages), self.config.sync.interval)

    def _subject(self) -> Subject:
        return Subject(
            db=self.db,
            media=self.media,
            unavailable=self.feed.unavailable,
            graph=self.graph,
            pages=configured(self.config),
            floor=self.config.media.free_space_floor,
            now=self.now,
        )

    def _counted(self, scrubbed: Findings) -> Findings:
        # Its other numbers are of the whole scrub, and this may be one turn of many.
        self.tallies.add("findings", "wrong_content", scrubbed.queued)
        self.tallies.add("findings", "queued", scrubbed.queued)
        self.tallies.add("findings", "unreadable", scrubbed.unreadable)
        return scrubbed

    def _reconciler(self) -> Reconciler:
        alive = self.pulse.beater("reconcile")
        return Reconciler(self.db, self.media, self.backlog, self.brake, alive=alive)

    def _require_folders(self) -> None:
        self.brake.require()
        self.media.prepare()  # an empty one may be gone; with the marker there it is ours to make


@contextmanager
def opened(
    config: Config, *, stop: Event | None = None, reads_only: bool = False
) -> Iterator[Archive]:
    """Open an archive for one command, set up if need be, and close it again."""
    archive = Archive(config, stop=stop)
    try:
        archive.setup(reads_only=reads_only)
        if not reads_only:
            archive.tidy()
        yield archive
    finally:
        archive.close()


def _source(page: Page) -> Source:
    def token() -> str:
        try:
            return page.token(os.environ)
        except ConfigError as error:
            raise TokenRefused(str(error), remedy="") from error

    return Source(page.id, token, handed.renewal(page.access_token_file, os.environ))
