"""Pictures and JSON over HTTP against other servers of the same files and rows, in one run.

    python -m bench.serve [--only json|media] [--rounds 9] [--seconds 0.7] [--posts 3111]

Every server has one core and the client the other; the rounds of all are interleaved, and what is
told is the median of the rounds. What is printed is the part of docs/PERFORMANCE.md between its two
comments. Takes five minutes. Needs nginx, and the first time the network for pip. PostgreSQL's
binaries are those the tests use.
"""

from __future__ import annotations

import argparse
import itertools
import os
import socket
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench import load, programs, rows, table
from bench.compared import Aim, Case, Measured, measure, save, tables, told
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
_THREADS: Final = ("-k", "gthread", "--threads", "8")
#: What is aimed at, of what was measured in both: so many times as good as another one.
_AIMS: Final = (
    Aim("fbsyncd", "Flask send_from_directory, gunicorn", 2),
    Aim("fbsyncd", "Flask send_from_directory, gunicorn gthread", 2),
    Aim("fbsyncd behind nginx, X-Accel", "nginx, the same bytes as files", 0.95),
    Aim("fbsyncd behind nginx, alias", "nginx, the same bytes as files", 0.95),
    Aim("fbsyncd", "Flask + psycopg2.connect, gunicorn gthread", 30),
    Aim("fbsyncd", "Datasette, SQL with the join", 10),
    Aim("fbsyncd, nothing kept", "Flask + psycopg2.connect, gunicorn gthread", 5),
    Aim("fbsyncd, nothing kept, page 151", "fbsyncd, nothing kept", 1 / 1.2),
)


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


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    table.options(parser, rounds=9)
    parser.add_argument("--seconds", type=float, default=0.7)
    parser.add_argument("--posts", type=int, default=3111)
    parser.add_argument("--only", choices=("json", "media"))
    parser.add_argument("--serve", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        folder, url, port, accel = args.serve
        serve(Path(folder), url, int(port), accel)
        return
    machine = table.machine_line()
    os.sched_setaffinity(0, _CLIENT_CORE)
    with ExitStack() as stack:
        _compare(stack, args, machine)


def _compare(stack: ExitStack, args: argparse.Namespace, machine: str) -> None:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fbsyncd-bench-")))
    table.say("installing the peers")
    venv, versions = install()
    postgresql, sqlite = _postgresql(stack), f"sqlite:///{folder / 'fbsyncd.db'}"
    table.say("making the archive")
    for url in (sqlite, postgresql):
        build(folder, url, args.posts).close()
    ours = _fbsyncd(stack, "fbsyncd", folder, sqlite)
    site = Site(folder, folder / "media" / "facebook", folder / "posts.json", sqlite)
    with urllib.request.urlopen(f"http://127.0.0.1:{ours.port}/api/posts") as posts:
        site.answer.write_bytes(posts.read())
    peers = Peers(stack, site, venv, _free_port)
    flask, nginx = peers.flask("Flask, gunicorn gthread", sqlite, *_THREADS), peers.nginx()
    asked: dict[str, list[Case]] = {}
    if args.only != "json":
        accel = _fbsyncd(stack, "behind", folder, sqlite, "/archived/")
        theirs = [
            peers.flask("Flask send_from_directory, gunicorn", sqlite),
            replace(flask, name="Flask send_from_directory, gunicorn gthread"),
            peers.in_front("fbsyncd behind nginx, X-Accel", accel, "nginx-accel.conf"),
            peers.in_front("fbsyncd behind nginx, alias", ours, "nginx.conf"),
            nginx,
        ]
        asked["Pictures of 190 KB"] = _pictures(site.media, theirs, ours)
    if args.only != "media":
        theirs = [
            peers.flask("Flask + psycopg2.connect, gunicorn gthread", postgresql, *_THREADS),
            replace(flask, name="Flask + sqlite3.connect, gunicorn gthread"),
            *(peers.datasette(), nginx),
        ]
        both = ours, _fbsyncd(stack, "fbsyncd, PostgreSQL", folder, postgresql)
        size = f"{site.answer.stat().st_size / 1000:.0f} KB"
        asked[f"A page of 20 posts, {size} of JSON"] = _json(theirs, both, args)
    found = measure(list(itertools.chain(*asked.values())), args.rounds, args.seconds)
    _tell(asked, found, f"{machine}; {_programs(versions)}", args)


def _tell(
    asked: dict[str, list[Case]], found: Sequence[Measured], where: str, args: argparse.Namespace
) -> None:
    print(f"Measured on {where}; {args.rounds} rounds of {args.seconds} seconds.\n")
    kept = []
    for title, cases in asked.items():
        part = [one for one in found if one.case in cases]
        kept += tables(title, part, _AIMS)
        print(told(title, part, _AIMS), end="\n\n")
    if args.save:
        save("serve", kept, args.save)


def _programs(versions: Mapping[str, str]) -> str:
    peers = [f"{name} {version}" for name, version in versions.items()]
    return ", ".join([programs.version("nginx"), *peers])


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
    flasks, nginxes = theirs[:2], theirs[2:]
    return [
        *(Case(one.name, one, got) for one in flasks),
        Case("fbsyncd", ours, got),
        Case("fbsyncd, 304", ours, _cycled(*held), frozenset({304})),
        *(Case(one.name, one, got) for one in nginxes),
    ]


def _json(
    theirs: Sequence[Contender], both: tuple[Contender, Contender], args: argparse.Namespace
) -> list[Case]:
    ours, other = both
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
        Case("fbsyncd, nothing kept, page 151", ours, _unique(f"&cursor={cursor}")),
        Case(other.name, other, _cycled(plain)),
        Case(f"{other.name}, nothing kept", other, _unique("")),
        Case(theirs[-1].name, theirs[-1], _cycled(plain)),
    ]


if __name__ == "__main__":
    main()
