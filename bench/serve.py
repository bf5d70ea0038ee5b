"""Pictures and JSON over HTTP against other servers of the same files and rows, in one run.

    python -m bench.serve [--rounds 5] [--seconds 1.5] [--posts 3111]

Every server has one core and the client the other; the rounds of all are interleaved, and what is
told is the median of the rounds. Needs nginx, and the network for pip: Flask, gunicorn and
Datasette are installed into a folder that is removed afterwards. PostgreSQL's binaries are those
the tests use.
"""

from __future__ import annotations

import argparse
import itertools
import os
import socket
import statistics
import sys
import tempfile
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench import load, rows
from bench.peers import Contender, Peers, Site, install, started
from fbsyncd import config, models
from fbsyncd.archive import Archive
from fbsyncd.changes import Changes
from fbsyncd.server import make_app
from fbsyncd.server.kept import Kept, marking
from fbsyncd.server.listen import Server

_CONFIG: Final = '[database]\nurl = "{url}"\n[media]\nroot = "{folder}/media/facebook"\n'
_CLIENT_CORE: Final = {1}
_REAL: Final = 400  # so many pictures have bytes; the rest only a size, as only rows ask for them
_CONNECTIONS: Final = (1, 8)
_THREADS: Final = ("-k", "gthread", "--threads", "8")


@dataclass(frozen=True, slots=True)
class Case:
    """One thing asked of one server."""

    name: str
    contender: Contender
    requests: Callable[[], Iterator[bytes]]
    statuses: frozenset[int] = frozenset({200})


def build(folder: Path, url: str, posts: int) -> Archive:
    """Return an archive of *posts* with rows and files."""
    text = _CONFIG.format(url=url, folder=folder)
    archive = Archive(config.parse(text, base=folder, environ={}))
    archive.setup()
    if posts:
        rows.fill(archive.db, posts * rows.PER_POST)
        _write_files(archive)
    return archive


def _write_files(archive: Archive) -> None:
    sql = "SELECT category, local_filename, file_size FROM media_storage ORDER BY id"
    with models.session(archive.db):
        found = models.rows(archive.db, sql)
    real = 0
    for category, name, size in found:
        with (archive.media.root / category / name).open("wb") as file:
            if category == "attachments" and real < _REAL:
                real += 1
                file.write(os.urandom(size))
            else:
                file.truncate(size)


def serve(folder: Path, url: str, port: int, accel_prefix: str) -> None:
    """Serve an archive as the daemon does, without its jobs, until the process is ended."""
    archive = build(folder, url, 0)
    kept = Kept(marking(Changes(archive.db), archive.media), archive.now)
    app = make_app(archive.feed, archive.media, kept=kept, accel_prefix=accel_prefix)
    Server(app, host="127.0.0.1", port=port).start()
    os.read(sys.stdin.fileno(), 1)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _fbsyncd(stack: ExitStack, name: str, folder: Path, url: str, accel: str = "") -> Contender:
    port = _free_port()
    reader, writer = os.pipe()
    stack.callback(os.close, writer)
    stack.callback(os.close, reader)
    command = [sys.executable, "-m", "bench.serve", "--serve", str(folder), url, str(port), accel]
    process = stack.enter_context(started(command, port, "/api/posts", stdin=reader))
    return Contender(name, port, (process,))


def _cycled(*requests: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: itertools.cycle(requests)


def _unique(query: str) -> Callable[[], Iterator[bytes]]:
    """Ask for the same page under another query each time: nothing kept can answer it."""

    def requests() -> Iterator[bytes]:
        for number in itertools.count(int(datetime.now(UTC).timestamp() * 1000) % 10**8 * 10**4):
            micro, seconds = number % 1_000_000, number // 1_000_000 % 60
            until = f"2090-01-01T00:{number // 60_000_000 % 60:02}:{seconds:02}.{micro:06}Z"
            yield load.request(f"/api/posts?until={until}{query}")

    return requests


def _deep(port: int, pages: int) -> str:
    """Return the cursor of the page that many pages down."""
    cursor = ""
    for _ in range(pages):
        address = f"http://127.0.0.1:{port}/api/posts?cursor={cursor}"
        with urllib.request.urlopen(address) as answer:
            text = answer.read().decode()
        cursor = text.rpartition('"next_cursor":"')[2].partition('"')[0]
    return cursor


def _etag(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        return str(answer.headers["ETag"])


def measure(cases: Sequence[Case], rounds: int, seconds: float) -> list[Measured]:
    """Return what was measured of each case, the rounds of all interleaved."""
    seen = [Measured(case) for case in cases]
    for done in range(rounds):
        for measured in seen:
            for connections in _CONNECTIONS:
                run = _run(measured.case, connections, seconds)
                measured.runs[connections].append(run)
        print(f"round {done + 1} of {rounds}", file=sys.stderr)
    return seen


@dataclass(slots=True)
class Measured:
    """All runs of one case, by connections: rate, median, p99, processor time a request."""

    case: Case
    runs: dict[int, list[tuple[float, ...]]] = field(default_factory=lambda: defaultdict(list))

    def median(self, connections: int) -> list[float]:
        """Return the median of each figure."""
        return [statistics.median(column) for column in zip(*self.runs[connections], strict=True)]

    def ratio(self, base: Measured, connections: int) -> float:
        """Return how many times the rate of *base* this is: the median of the rounds' ratios."""
        pairs = zip(self.runs[connections], base.runs[connections], strict=True)
        return statistics.median(mine[0] / theirs[0] for mine, theirs in pairs)

    def saving(self, base: Measured, connections: int) -> float:
        """Return how many times less processor time a request takes than of *base*."""
        pairs = zip(self.runs[connections], base.runs[connections], strict=True)
        return statistics.median(theirs[3] / mine[3] for mine, theirs in pairs)


def _run(case: Case, connections: int, seconds: float) -> tuple[float, ...]:
    processes = case.contender.processes
    before = sum(map(load.cpu_seconds, processes))
    figures = load.run(
        case.contender.port, case.requests(), connections=connections, seconds=seconds
    )
    used = sum(map(load.cpu_seconds, processes)) - before
    if not figures.statuses <= case.statuses:
        sys.exit(f"{case.name} answered {set(figures.statuses)}")
    return figures.rate, figures.median, figures.p99, used / (figures.rate * seconds) * 1e6


def table(measured: Sequence[Measured]) -> None:
    """Print what was measured, and how it compares with the first of them."""
    columns = ("requests/s", "x", "median us", "p99 us", "CPU us/request", "x")
    for connections, name in zip(_CONNECTIONS, ("1 connection", "8 connections"), strict=True):
        print(f"\n| {name} | {' | '.join(columns)} |")
        print(f"|---|{'---:|' * len(columns)}")
        for one in measured:
            rate, median, p99, cpu = one.median(connections)
            times, saved = one.ratio(measured[0], connections), one.saving(measured[0], connections)
            cells = f"{rate:,.0f} | {times:.1f} | {median:,.0f} | {p99:,.0f} | {cpu:,.0f}"
            print(f"| {one.case.name} | {cells} | {saved:.1f} |")


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--posts", type=int, default=3111)
    parser.add_argument("--serve", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        folder, url, port, accel = args.serve
        serve(Path(folder), url, int(port), accel)
        return
    os.sched_setaffinity(0, _CLIENT_CORE)
    with ExitStack() as stack:
        _compare(stack, args)


def _compare(stack: ExitStack, args: argparse.Namespace) -> None:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fbsyncd-bench-")))
    _say("installing the peers")
    versions = install(folder / "peers")
    postgresql, sqlite = _postgresql(stack), f"sqlite:///{folder / 'fbsyncd.db'}"
    _say("making the archive")
    for url in (sqlite, postgresql):
        build(folder, url, args.posts).close()
    media = folder / "media" / "facebook"
    ours = _fbsyncd(stack, "fbsyncd", folder, sqlite)
    answer = folder / "posts.json"
    with urllib.request.urlopen(f"http://127.0.0.1:{ours.port}/api/posts") as posts:
        answer.write_bytes(posts.read())
    peers = Peers(stack, Site(folder, media, answer, sqlite), folder / "peers", _free_port)
    nginx, behind = peers.nginx(_fbsyncd(stack, "behind", folder, sqlite, "/archived/"))
    threaded = peers.flask("Flask under gunicorn (gthread)", sqlite, *_THREADS)
    pictures = _pictures(
        media,
        (
            peers.flask("Flask send_from_directory, gunicorn", sqlite),
            replace(threaded, name="Flask send_from_directory, gunicorn gthread"),
            behind,
            nginx,
        ),
        ours,
    )
    old = peers.flask("Flask + psycopg2.connect, gunicorn gthread", postgresql, *_THREADS)
    sqlite3 = replace(threaded, name="Flask + sqlite3.connect, gunicorn gthread")
    theirs = (old, sqlite3, peers.datasette(), nginx)
    json = _json(theirs, ours, _fbsyncd(stack, "fbsyncd, PostgreSQL", folder, postgresql), args)
    measured = measure([*pictures, *json], args.rounds, args.seconds)
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    print(f"\nPictures, the {_REAL} largest, about 190 KB each:")
    table(measured[: len(pictures)])
    print(f"\nA page of 20 posts, {answer.stat().st_size:,} bytes:")
    table(measured[len(pictures) :])


def _say(what: str) -> None:
    print(what, file=sys.stderr)


def _postgresql(stack: ExitStack) -> str:
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    import postgres

    binaries = postgres.find_binaries()
    if binaries is None:
        sys.exit(postgres.missing_reason())
    server = stack.enter_context(postgres.running_server(binaries))
    return str(stack.enter_context(server.fresh_database()))


def _pictures(media: Path, theirs: Sequence[Contender], ours: Contender) -> list[Case]:
    files = sorted(media.glob("attachments/*"), key=lambda file: -file.stat().st_blocks)[:_REAL]
    paths = {file.stem: f"/media/facebook/attachments/{file.name}" for file in files}
    got = _cycled(*map(load.request, paths.values()))
    held = [load.request(path, If_None_Match=f'"{sha256}"') for sha256, path in paths.items()]
    flasks, (behind, nginx) = theirs[:2], theirs[2:]
    return [
        *(Case(one.name, one, got) for one in flasks),
        Case("fbsyncd", ours, got),
        Case("fbsyncd, 304", ours, _cycled(*held), frozenset({304})),
        Case(behind.name, behind, got),
        Case(nginx.name, nginx, got),
    ]


def _json(
    theirs: Sequence[Contender], ours: Contender, other: Contender, args: argparse.Namespace
) -> list[Case]:
    plain = load.request("/api/posts")
    packed = load.request("/api/posts", Accept_Encoding="gzip")
    held = load.request("/api/posts", If_None_Match=_etag(ours.port, "/api/posts"))
    cursor = _deep(ours.port, min(150, args.posts // 20 - 1))
    return [
        *(Case(one.name, one, _cycled(load.request(one.posts))) for one in theirs[:-1]),
        Case("fbsyncd", ours, _cycled(plain)),
        Case("fbsyncd, gzip", ours, _cycled(packed)),
        Case("fbsyncd, 304", ours, _cycled(held), frozenset({304})),
        Case("fbsyncd, nothing kept", ours, _unique("")),
        Case("fbsyncd, nothing kept, 150 pages down", ours, _unique(f"&cursor={cursor}")),
        Case(other.name, other, _cycled(plain)),
        Case(f"{other.name}, nothing kept", other, _unique("")),
        Case(theirs[-1].name, theirs[-1], _cycled(plain)),
    ]


if __name__ == "__main__":
    main()
