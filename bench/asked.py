"""What each server is asked for, when pictures and pages of posts are measured."""

from __future__ import annotations

import itertools
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench import load
from bench.compared import Case
from bench.peers import Contender

STATIC: Final = "nginx, the same bytes as files"
#: So many pictures have bytes; the rest only a size, as only rows ask for them.
REAL: Final = 400


def pictures(media: Path, there: dict[str, Contender]) -> list[Case]:
    """Return what every server of *there* is asked for of the files in a folder."""
    files = sorted(media.glob("attachments/*"), key=lambda file: -file.stat().st_blocks)[:REAL]
    paths = {file.stem: f"/media/facebook/attachments/{file.name}" for file in files}
    got = _cycled(*map(load.request, paths.values()))
    held = [load.request(path, If_None_Match=f'"{sha256}"') for sha256, path in paths.items()]
    cases = []
    for name, one in there.items():
        cases.append(Case(name, one, got))
        if name == "fbsyncd":
            cases.append(Case("fbsyncd, 304", one, _cycled(*held), frozenset({304})))
    return cases


def pages(there: dict[str, Contender], ours: Contender, posts: int) -> list[Case]:
    """Return what every server of *there*, and *ours* with so many posts, is asked for."""
    plain = _cycled(load.request("/api/posts"))
    packed = load.request("/api/posts", Accept_Encoding="gzip")
    held = load.request("/api/posts", If_None_Match=_etag(ours.port, "/api/posts"))
    cursor = _deep(ours.port, min(150, posts // 20 - 1))
    other, static = (there.pop(name, None) for name in ("fbsyncd, PostgreSQL", STATIC))
    cases = [Case(name, one, _cycled(load.request(one.posts))) for name, one in there.items()]
    cases += [
        Case("fbsyncd", ours, plain),
        Case("fbsyncd, gzip", ours, _cycled(packed)),
        Case("fbsyncd, 304", ours, _cycled(held), frozenset({304})),
        Case("fbsyncd, nothing kept", ours, _unique("")),
        Case("fbsyncd, nothing kept, page 151", ours, _unique(f"&cursor={cursor}")),
    ]
    if other:
        cases.append(Case("fbsyncd, PostgreSQL", other, plain))
        cases.append(Case("fbsyncd, PostgreSQL, nothing kept", other, _unique("")))
    return [*cases, *([Case(STATIC, static, plain)] if static else [])]


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
