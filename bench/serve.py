"""Pictures and JSON over HTTP against other servers of the same files and rows, in one run.

    python -m bench serve|json|media [--rounds 5] [--seconds 5] [--posts 3111]

Every server has one core and the client the other; PostgreSQL and the simulator may use both. Each
is warmed up first, and asked until it has given 200 answers at the least (of less than a second:
one); those that are under way at the end are waited for and counted. The rounds of all are
interleaved. fbsyncd is `fbsyncd run` with all its jobs, and a simulated Facebook whose Page has
nothing new; its first scan is over before it is measured. Each has an archive of its own with the
same rows. What is printed is Markdown. Needs nginx, and the first time the network for pip.
PostgreSQL's binaries are those the tests use. What is not there is told as not measured.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Final

from bench import asked, databases, programs, rows, table
from bench.archive import Facebook, free_port
from bench.compared import Aim, Case, measure, page, tables
from bench.peers import Contender, Peers, Site, install, started
from fbsyncd import config, facts, models
from fbsyncd.archive import Archive
from fbsyncd.reconcile.scrub import Place

_SERVER: Final = """
[server]
port = {port}
accel_prefix = "{accel}"
[log]
level = "warning"
"""
_ACCEL: Final = "/archived/"
_CLIENT_CORE: Final = {1}
_THREADS: Final = ("-k", "gthread", "--threads", "8")
_MEDIA: Final = "Pictures of 190 KB"
_JSON_AIM, _MEDIA_AIM = 3, 4
#: What is aimed at, of what was measured in both: so many times as good as another one.
_AIMS: Final = (
    Aim("fbsyncd", "Flask send_from_directory, gunicorn", 2, 4),
    Aim("fbsyncd", "Flask send_from_directory, gunicorn gthread", 2, 4),
    Aim("fbsyncd behind nginx, X-Accel", asked.STATIC, 0.95, 4),
    Aim("fbsyncd behind nginx, alias", asked.STATIC, 0.95, 4),
    Aim("fbsyncd", "Flask + psycopg2.connect, gunicorn gthread", 30, 3),
    Aim("fbsyncd", "Datasette, SQL with the join", 10, 3),
    Aim("fbsyncd, nothing kept", "Flask + psycopg2.connect, gunicorn gthread", 5, 3),
    Aim("fbsyncd, nothing kept", "Flask + sqlite3.connect, gunicorn gthread", 5, 3),
    Aim("fbsyncd, PostgreSQL, nothing kept", "Flask + psycopg2.connect, gunicorn gthread", 5, 3),
    Aim("fbsyncd, nothing kept, page 151", "fbsyncd, nothing kept", 1 / 1.2, 3),
)


def build(facebook: Facebook, folder: Path, url: str, posts: int, accel: str = "") -> int:
    """Make an archive of *posts* with rows and files; return the port of its daemon."""
    port = free_port()
    text = facebook.configure(folder, url, _SERVER.format(port=port, accel=accel))
    archive = Archive(config.parse(text, base=folder, environ={}))
    archive.setup()
    rows.fill(archive.db, posts * rows.PER_POST)
    _write_files(archive)
    now = models.to_text(archive.now())
    # Files without their bytes would all be found damaged: the next scrub is in a month.
    with models.transaction(archive.db):
        place = json.dumps(asdict(Place(now, finished_at=now)))
        facts.put(archive.db, facts.SCRUB, place)
    archive.close()
    return port


def _write_files(archive: Archive) -> None:
    sql = "SELECT category, local_filename, file_size FROM media_storage ORDER BY id"
    with models.session(archive.db):
        found = models.rows(archive.db, sql)
    real = 0
    for category, name, size in found:
        with (archive.media.root / category / name).open("wb") as file:
            if category == "attachments" and real < asked.REAL:
                real += 1
                file.write(os.urandom(size))
            else:
                file.truncate(size)


def _daemon(stack: ExitStack, name: str, folder: Path, port: int) -> Contender:
    """Run the daemon until its first scan and its first reading of the Page are over."""
    command = [sys.executable, "-m", "fbsyncd", "run"]
    process = stack.enter_context(started(command, port, "/api/posts", cwd=folder))
    for _ in range(600):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/stats") as answer:
            stats = json.load(answer)
        if stats["reconcile"]["last_scan"] and all(one["last_sync"] for one in stats["pages"]):
            return Contender(port, (process,))
        time.sleep(0.1)
    sys.exit(f"{name} did not finish its first scan")


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    table.options(parser, rounds=5)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--posts", type=int, default=3111)
    parser.add_argument("--only", choices=("json", "media"))
    args = parser.parse_args()
    with ExitStack() as stack:
        _compare(stack, args)


def _compare(stack: ExitStack, args: argparse.Namespace) -> None:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fbsyncd-bench-")))
    table.say("installing the peers")
    venv, versions = install()
    table.say("making the archives")
    home = Home(stack, stack.enter_context(Facebook.started(0)), folder, args.posts)
    ours = home.daemon("one", home.sqlite)
    site = Site(folder, folder / "one" / "media" / "facebook", folder / "posts.json", home.sqlite)
    with urllib.request.urlopen(f"http://127.0.0.1:{ours.port}/api/posts") as posts:
        site.answer.write_bytes(posts.read())
    rivals = Rivals(home, ours, Peers(stack, site, venv, free_port))
    cases: dict[str, list[Case]] = {}
    if args.only != "json":
        cases[_MEDIA] = asked.pictures(site.media, rivals.media())
    if args.only != "media":
        size = f"{site.answer.stat().st_size / 1000:.0f} KB"
        title = f"A page of 20 posts, {size} of JSON"
        cases[title] = asked.pages(rivals.json(), ours, args.posts)
    # Not earlier: what was started until now, PostgreSQL and the simulator, would stay there too.
    os.sched_setaffinity(0, _CLIENT_CORE)
    found = measure(list(itertools.chain(*cases.values())), args.rounds, args.seconds)
    kept, pages = [], [_programs(versions, args)]
    for title, of_it in cases.items():
        # An aim beside a peer that is not there is told as well, as not measured.
        aims = [
            aim for aim in _AIMS if aim.number == (_MEDIA_AIM if title == _MEDIA else _JSON_AIM)
        ]
        part = tables(title, [one for one in found if one.case in of_it], aims)
        kept += part
        pages.append(page(title, part))
    table.tell(args.only or "serve", kept, args, "\n\n".join(pages))


class Home:
    """The archives that are served, each in a folder of its own, and their daemons."""

    def __init__(self, stack: ExitStack, facebook: Facebook, folder: Path, posts: int) -> None:
        self._stack = stack
        self._facebook = facebook
        self._folder = folder
        self._posts = posts
        self.sqlite = f"sqlite:///{folder / 'one' / 'fbsyncd.db'}"

    def daemon(self, name: str, url: str, accel: str = "") -> Contender:
        """Make an archive, and run its daemon."""
        folder = self._folder / name
        port = build(self._facebook, folder, url, self._posts, accel)
        return _daemon(self._stack, name, folder, port)

    @cached_property
    def postgresql(self) -> str:
        """The address of a PostgreSQL database. Raises Missing."""
        server = self._stack.enter_context(databases.server())
        return str(self._stack.enter_context(server.fresh_database()))


class Rivals:
    """All servers of one measurement; one that could not be had is told as not measured."""

    def __init__(self, home: Home, ours: Contender, peers: Peers) -> None:
        self._home = home
        self._ours = ours
        self._peers = peers
        self._flask = cache(lambda: peers.flask(home.sqlite, *_THREADS))
        self._nginx = cache(peers.nginx)

    def media(self) -> dict[str, Contender]:
        """Return those that serve pictures."""
        home, ours, peers = self._home, self._ours, self._peers
        accel = partial(home.daemon, "behind", "sqlite:///fbsyncd.db", _ACCEL)
        return self._there(
            {
                "Flask send_from_directory, gunicorn": lambda: peers.flask(home.sqlite),
                "Flask send_from_directory, gunicorn gthread": self._flask,
                "fbsyncd": lambda: ours,
                "fbsyncd behind nginx, X-Accel": lambda: peers.in_front(
                    accel(), "nginx-accel.conf"
                ),
                "fbsyncd behind nginx, alias": lambda: peers.in_front(ours, "nginx.conf"),
                asked.STATIC: self._nginx,
            }
        )

    def json(self) -> dict[str, Contender]:
        """Return those that serve a page of posts."""
        home, peers = self._home, self._peers
        # The daemon makes the rows that Flask reads.
        other = cache(lambda: home.daemon("other", home.postgresql))
        return self._there(
            {
                "fbsyncd, PostgreSQL": other,
                "Flask + psycopg2.connect, gunicorn gthread": lambda: peers.flask(
                    home.postgresql, *_THREADS
                ),
                "Flask + sqlite3.connect, gunicorn gthread": self._flask,
                "Datasette, SQL with the join": peers.datasette,
                asked.STATIC: self._nginx,
            }
        )

    def _there(self, makers: Mapping[str, Callable[[], Contender]]) -> dict[str, Contender]:
        there = {}
        for name, make in makers.items():
            try:
                there[name] = make()
            except table.Missing as reason:
                table.leave_out(name, str(reason))
        return there


def _programs(versions: Mapping[str, str], args: argparse.Namespace) -> str:
    peers = [f"{name} {version}" for name, version in versions.items()]
    with suppress(table.Missing):
        peers.insert(0, programs.version("nginx"))
    least = f"Rounds of {args.seconds:g} seconds at the least, {args.rounds} of them"
    return f"{least}; {', '.join(peers)}."


if __name__ == "__main__":
    main()
