"""Measured numbers become Prometheus' families of samples, and these its text.

Every name begins with ``fbsyncd_``; units are seconds, bytes and shares of one. Pages are labelled
with their ids. Nothing is measured here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from fbsyncd import __version__
from fbsyncd.metrics.measures import Queue, Stock
from fbsyncd.metrics.tallies import CLASSES, Tallies

# Named before they first happen: a rate needs the zero it rises from.
_RESULTS = ("archived", "link_dead", "failed", "unreachable", "refused")
_FINDINGS = ("missing", "wrong_size", "wrong_content", "unreadable", "queued", "adopted")


Samples = Iterable[tuple[tuple[str, ...], float]]


@dataclass(frozen=True, slots=True)
class Budget:
    """The calls of one Page (or, under ``app``, of all): made, *used* share, *closed* seconds."""

    page_id: str
    calls: int
    used: float
    closed: float


@dataclass(frozen=True, slots=True)
class Scrape:
    """All that one scrape tells; what could not be measured is None."""

    now: datetime
    tallies: Tallies
    budgets: tuple[Budget, ...]
    queue: Queue | None
    stock: Stock | None
    available: bool | None
    free_bytes: int | None
    floor_bytes: int


class _Ready(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def text(scrape: Scrape) -> tuple[bytes, str]:
    """Return the answer to a scrape, and its content type."""
    registry = CollectorRegistry()
    registry.register(_Ready(_families(scrape)))
    ProcessCollector(registry=registry)
    return generate_latest(registry), CONTENT_TYPE_LATEST


def _families(scrape: Scrape) -> Iterator[Metric]:
    yield _gauge("build_info", "The version that runs.", [((__version__,), 1)], "version")
    yield _gauge(
        "part_up",
        "Whether a part of the archive answers.",
        [
            (("database",), scrape.queue is not None),
            (("media",), scrape.free_bytes is not None),
        ],
        "part",
    )
    yield from _disk(scrape)
    if scrape.queue is not None:
        yield from _work(scrape.queue, scrape.now)
        yield from _tokens(scrape.queue)
    if scrape.stock is not None:
        yield from _stored(scrape.stock)
    yield from _graph(scrape.budgets)
    yield from _done(scrape.tallies)


def _disk(scrape: Scrape) -> Iterator[Metric]:
    if scrape.available is not None:
        told = "1: archived pictures can be had; 0: the media folder is unavailable."
        yield _single("archive_available", told, scrape.available)
    if scrape.free_bytes is not None:
        yield _single("disk_free_bytes", "Free bytes on the pictures' disk.", scrape.free_bytes)
    told = "Downloads stop when fewer bytes are free."
    yield _single("disk_floor_bytes", told, scrape.floor_bytes)


def _work(queue: Queue, now: datetime) -> Iterator[Metric]:
    yield _gauge(
        "queue_pictures",
        "Pictures that are not archived, by what they wait for.",
        [((state,), count) for state, count in queue.pictures.items()],
        "state",
    )
    age = (now - queue.oldest).total_seconds() if queue.oldest else 0.0
    told = "How long the oldest picture of the queue has waited; 0 without one."
    yield _single("queue_oldest_seconds", told, max(age, 0.0))
    dues = queue.deadlines
    if dues.next_death is not None:
        seconds = (dues.next_death - now).total_seconds()
        told = "Seconds until the next link of a waiting picture dies; absent without one."
        yield _single("next_link_death_seconds", told, max(seconds, 0.0))
    yield _single("links_dead", "Waiting pictures whose link is dead.", dues.dead)
    told = "Links that die before the queue, at its pace of the last hour, has come to them."
    yield _single("links_dying", told, dues.will_die)
    last = [
        ((one.page_id, one.name), one.synced_at.timestamp())
        for one in queue.streams
        if one.synced_at
    ]
    told = "When a stream of a Page was last read to its end."
    yield _gauge("last_sync_timestamp_seconds", told, last, "page", "stream")
    states = [((one.page_id, one.name, one.state), 1.0) for one in queue.streams]
    yield _gauge(
        "stream_state", "1 for the state a stream is in.", states, "page", "stream", "state"
    )


def _tokens(queue: Queue) -> Iterator[Metric]:
    told = "1: the Page's token is good; 0: it is refused or has ended. Absent: not known."
    known = [one for one in queue.tokens if one.state != "unknown"]
    good = [((one.page_id,), float(one.state != "dead")) for one in known]
    yield _gauge("token_valid", told, good, "page")
    ends = [(one.page_id, one.worth.end) for one in known if one.worth]
    dated = [((page_id,), end.timestamp()) for page_id, end in ends if end]
    told = "When the Page's token, or its access to data, ends; absent when neither does."
    yield _gauge("token_expires_timestamp_seconds", told, dated, "page")


def _stored(stock: Stock) -> Iterator[Metric]:
    yield _single("archived_pictures", "Pictures that are archived.", stock.archived)
    files = [((category,), count) for category, count in stock.files.items()]
    yield _gauge("stored_files", "Files on disk, by folder.", files, "category")
    sizes = [((category,), size) for category, size in stock.sizes.items()]
    yield _gauge("stored_bytes", "Bytes on disk, by folder.", sizes, "category")
    posts = [((page_id,), count) for page_id, count in stock.posts.items()]
    yield _gauge("posts", "Posts that are archived, by Page.", posts, "page")


def _graph(budgets: Iterable[Budget]) -> Iterator[Metric]:
    made = [((one.page_id,), one.calls) for one in budgets]
    yield _counter(
        "graph_calls", "Calls of the Graph API; each item of a batch is one.", made, "page"
    )
    used = [((one.page_id,), one.used) for one in budgets]
    told = "Share of the hour's calls that is used up, as Facebook last told it."
    yield _gauge("graph_budget_used_ratio", told, used, "page")
    closed = [((one.page_id,), one.closed) for one in budgets]
    told = "Seconds until calls are made again; 0 while they are."
    yield _gauge("graph_closed_seconds", told, closed, "page")


def _done(tallies: Tallies) -> Iterator[Metric]:
    results = dict.fromkeys(_RESULTS, 0) | tallies.counts("downloads")
    told = "Pictures fetched by this process, by what came of it."
    yield _counter("downloads", told, [((name,), n) for name, n in results.items()], "result")
    size = sum(tallies.counts("downloaded_bytes").values())
    yield _counter("downloaded_bytes", "Bytes of pictures fetched by this process.", [((), size)])
    scans = sum(tallies.counts("scans").values())
    yield _counter("reconcile_scans", "Comparisons of all rows with all files.", [((), scans)])
    found = dict.fromkeys(_FINDINGS, 0) | tallies.counts("findings")
    told = "What scans and scrubs of this process found."
    yield _counter(
        "reconcile_findings", told, [((name,), n) for name, n in found.items()], "finding"
    )
    yield _requests(tallies)


def _requests(tallies: Tallies) -> Metric:
    told = "How long requests took to answer, by route."
    labels = ("method", "route", "status")
    family = HistogramMetricFamily("fbsyncd_http_request_duration_seconds", told, labels=labels)
    ends = [*map(str, CLASSES), "+Inf"]
    for key, spread in tallies.spreads().items():
        buckets = list(zip(ends, accumulate(spread.classes), strict=True))
        family.add_metric(key, [(end, float(count)) for end, count in buckets], spread.sum)
    return family


def _single(name: str, told: str, value: float) -> Metric:
    return _gauge(name, told, [((), value)])


def _gauge(name: str, told: str, samples: Samples, *labels: str) -> Metric:
    family = GaugeMetricFamily(f"fbsyncd_{name}", told, labels=labels)
    for key, value in samples:
        family.add_metric(key, float(value))
    return family


def _counter(name: str, told: str, samples: Samples, label: str = "") -> Metric:
    labels = (label,) if label else ()
    family = CounterMetricFamily(f"fbsyncd_{name}", told, labels=labels)
    for key, value in samples:
        family.add_metric(key, float(value))
    return family
