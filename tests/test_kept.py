"""Answers that are kept: no row is read twice for nothing, and nothing is kept that is not true."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event, Semaphore
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from served import Reply, Site, serving
from shelf import NOW, Shelf, picture, url

from fbsyncd import links
from fbsyncd.assets import Asset
from fbsyncd.changes import Changes
from fbsyncd.feed import Feed
from fbsyncd.models import change, to_text, transaction
from fbsyncd.server import make_app
from fbsyncd.server.answers import json_answer
from fbsyncd.server.encoding import Ready
from fbsyncd.server.kept import Kept, first_death, looking, marking
from fbsyncd.server.timed import timed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from peewee import Database

TOKEN = "open-sesame"


class CountedFeed(Feed):
    """The feed, and how often it was asked for rows."""

    asked = 0

    def __init__(self, *archive: Any, **named: Any) -> None:
        super().__init__(*archive, **named)
        self.arrived, self.hold = Semaphore(0), Event()
        self.hold.set()
        self.after: Callable[[], object] = dict

    def posts(self, **wanted: Any) -> dict[str, Any]:
        """Count, wait while held, answer, and do what is to happen before that is sent."""
        self.asked += 1
        self.arrived.release()
        assert self.hold.wait(60)
        told = super().posts(**wanted)
        self.after()
        return told

    def stats(self, **also: Any) -> dict[str, Any]:
        """Count and answer."""
        self.asked += 1
        return super().stats(**also)


@dataclass
class Place:
    """A served archive on either engine, whose clock stands until it is moved."""

    shelf: Shelf
    feed: CountedFeed
    now: datetime = NOW
    site: Site | None = None

    def ask(self, path: str = "/api/posts", method: str = "GET", **headers: str) -> Reply:
        """Ask the server with the token."""
        assert self.site
        return self.site.ask(path, method, Authorization=f"Bearer {TOKEN}", **headers)

    def post(self, number: int, *, link: str | None = None) -> None:
        """Write a post, with a picture to be fetched if it has a link."""
        if link:
            self.shelf.backlog.put([Asset(link, "posts")], NOW)
        asset = str(Asset(link, "posts").id) if link else None
        with transaction(self.shelf.db):
            change(
                self.shelf.db,
                "INSERT INTO facebook_posts (id, page_id, message, created_time, picture_url,"
                " local_picture_id) VALUES (?, '1', ?, ?, ?, ?)",
                [f"1_{number}", "text " * 60, to_text(_hour(number)), link, asset],
            )


def _hour(number: int) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number)


@pytest.fixture
def place(db: Database, tmp_path: Path) -> Iterator[Place]:
    """One post without a picture, served with a token."""
    shelf = Shelf.make(db, tmp_path)
    made: Place = Place(shelf, CountedFeed(db, shelf.media, now=lambda: made.now))
    made.post(1)
    mark = marking(Changes(db), shelf.media)
    kept = Kept(mark, lambda: made.now, look=looking(shelf.media))
    with serving(make_app(made.feed, shelf.media, auth_token=TOKEN, kept=kept)) as site:
        made.site = site
        yield made


def _ids(reply: Reply) -> list[str]:
    return [post["id"] for post in reply.json["posts"]]


def test_while_nothing_changes_no_row_is_read(place: Place) -> None:
    """Asked again, by GET or HEAD, whole or conditionally, the first answer is sent again."""
    first = place.ask()
    again = place.ask()
    assert (again.body, again.headers["etag"]) == (first.body, first.headers["etag"])
    assert place.ask(method="HEAD").headers["etag"] == first.headers["etag"]
    assert place.ask(If_None_Match=first.headers["etag"]).status == 304
    assert place.feed.asked == 1


def test_many_who_ask_at_once_are_answered_by_few_readings(place: Place) -> None:
    """After a change all who ask for the same page at the same time share what is read."""
    with ThreadPoolExecutor(8) as pool:
        bodies = {reply.body for reply in pool.map(lambda _: place.ask(), range(40))}
    assert len(bodies) == 1
    assert place.feed.asked <= 4


def test_an_answer_that_takes_long_keeps_no_other_waiting(place: Place) -> None:
    """Whoever has waited a moment for those who read is let in all the same."""
    place.feed.hold.clear()
    with ThreadPoolExecutor(8) as pool:
        slow = [pool.submit(place.ask, f"/api/posts?limit={n}") for n in range(1, 7)]
        for _ in slow:
            assert place.feed.arrived.acquire(timeout=60)
        place.feed.hold.set()
        assert [one.result().status for one in slow] == [200] * 6


def test_each_question_has_its_own_answer(place: Place) -> None:
    """Path and query together tell one answer from another, and refusals are not kept."""
    place.post(2)
    assert _ids(place.ask("/api/posts?limit=1")) == ["1_2"]
    assert _ids(place.ask("/api/posts?limit=2")) == ["1_2", "1_1"]
    assert place.ask("/api/posts/1_3").status == 404
    place.post(3)
    assert place.ask("/api/posts/1_3").status == 200


def test_what_was_written_is_there_in_the_next_answer(place: Place) -> None:
    """After a write has ended no answer is older than it, however often it happens."""
    for number in range(2, 40):
        place.post(number)
        assert _ids(place.ask("/api/posts?limit=1")) == [f"1_{number}"]


def test_what_another_process_writes_is_there_too(place: Place, database_url: str) -> None:
    """It does not matter who writes."""
    before = place.ask()
    _write_elsewhere(database_url, "another")
    after = place.ask(If_None_Match=before.headers["etag"])
    assert (after.status, after.json["posts"][0]["message"]) == (200, "another")


def test_what_is_held_is_compared_without_a_statement(place: Place, database_url: str) -> None:
    """304 comes without a word to the rows, and again so after another process has written."""
    said: list[str] = []
    for number in range(3):
        held = place.ask().headers["etag"]
        place.shelf.db.query_hooks[:] = [lambda event: said.append(event.sql)]
        for _ in range(5):
            assert place.ask(If_None_Match=held).status == 304
        place.shelf.db.query_hooks.clear()
        assert said == []
        _write_elsewhere(database_url, str(number))
        assert place.ask(If_None_Match=held).status == 200


def _write_elsewhere(url: str, message: str) -> None:
    """Let another process change the text of every post."""
    code = (
        "import sys; from fbsyncd import models; db = models.connect(sys.argv[1])\n"
        "with models.transaction(db):\n"
        "    models.change(db, 'UPDATE facebook_posts SET message = ?', [sys.argv[2]])\n"
        "models.close(db)"
    )
    subprocess.run([sys.executable, "-c", code, url, message], check=True, timeout=60)


def test_a_link_is_not_handed_out_after_its_death(place: Place) -> None:
    """An answer is kept until the first link in it dies, though nobody writes at that moment."""
    place.post(2, link=url(1, hours=1))
    place.post(3, link=url(2, hours=2))
    assert [bool(post["original_picture_url"]) for post in place.ask().json["posts"]][:2] == [1, 1]
    place.now = NOW + timedelta(hours=1)
    assert [bool(post["original_picture_url"]) for post in place.ask().json["posts"]][:2] == [1, 0]
    place.now = NOW + timedelta(hours=2)
    assert [bool(post["original_picture_url"]) for post in place.ask().json["posts"]][:2] == [0, 0]


def test_a_link_that_dies_in_a_moment_shortens_what_is_kept(place: Place) -> None:
    """Just before the death nothing is read again, at the death it is."""
    link = url(1, hours=0).rpartition("=")[0]
    place.post(2, link=f"{link}={int(NOW.timestamp()) + 10:X}")
    assert place.ask().json["posts"][0]["original_picture_url"]
    place.now = NOW + timedelta(seconds=9)
    assert place.ask().json["posts"][0]["original_picture_url"]
    assert place.feed.asked == 1
    place.now = NOW + timedelta(seconds=10)
    assert place.ask().json["posts"][0]["original_picture_url"] is None


def test_a_disk_that_goes_and_comes_is_noticed(place: Place) -> None:
    """When the media folder is taken away, and when it is back, answers are made anew."""
    assert place.ask("/api/stats").json["unavailable"] is None
    root = place.shelf.media.root
    root.rename(root.with_name("elsewhere"))
    place.ask()
    root.with_name("elsewhere").rename(root)
    place.ask()
    (root / ".fbsyncd-archive").write_text("another archive\n")
    assert "another archive" in place.ask("/api/stats").json["unavailable"]
    assert place.feed.asked == 4


def test_a_file_that_comes_or_goes_is_noticed(place: Place) -> None:
    """A change in one of the three folders makes the next answer a new one."""
    place.ask()
    (place.shelf.media.root / "posts" / "new").touch()
    place.ask()
    assert place.feed.asked == 2


@pytest.mark.parametrize("how", ["cut", "cut, with its old time", "longer", "link"])
def test_a_file_that_is_altered_in_its_place_is_noticed(place: Place, how: str) -> None:
    """Within a second no answer names it, though neither row nor folder has changed."""
    link = url(7)
    path = place.shelf.path(place.shelf.add(7, picture(7)))
    place.post(7, link=link)
    (shown, _) = place.ask().json["posts"]
    assert shown["has_local_image"]
    place.now += timedelta(seconds=1)
    assert place.ask().json["posts"][0] == shown
    assert place.feed.asked == 1
    before, folder = path.stat(), path.parent.stat()
    if how == "link":
        path.rename(path.with_name("other"))
        path.symlink_to("other")
    else:
        os.truncate(path, 10 if "cut" in how else before.st_size + 1)
    if how == "cut, with its old time":
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.utime(path.parent, ns=(folder.st_atime_ns, folder.st_mtime_ns))
    place.now += timedelta(seconds=1)
    assert not place.ask().json["posts"][0]["has_local_image"]


def test_a_file_that_is_cut_while_it_is_named_is_noticed(place: Place) -> None:
    """An answer is not kept for what its file was when it was too late to look."""
    path = place.shelf.path(place.shelf.add(7, picture(7)))
    place.post(7, link=url(7))
    place.feed.after = lambda: os.truncate(path, 10)
    assert place.ask().json["posts"][0]["has_local_image"]
    assert not place.ask().json["posts"][0]["has_local_image"]


def test_files_are_looked_at_once_a_second() -> None:
    """However often an answer is asked for, and nothing is looked at where it names no file."""
    now, looks, state = [NOW], list[list[str]](), ["as it was"]

    def look(files: Iterable[str]) -> tuple[str, ...]:
        looks.append(named := list(files))
        return (state[0],) * len(named)

    kept = Kept(lambda: 1, lambda: now[0], look=look)
    names = [f"posts/{character * 64}.jpg" for character in "ab"]
    ready = Ready(json_answer({"posts": []}))
    kept.put(("/api/posts", "q=nothing"), 1, ready)
    assert kept.get(("/api/posts", "q=nothing"), 1)
    kept.put(("/api/posts", ""), 1, ready, dict.fromkeys(names, "as it was"))
    assert looks == []
    for _ in range(5):
        now[0] += timedelta(seconds=0.4)
        assert kept.get(("/api/posts", ""), 1)
    assert looks == [names, names]
    state[0] = "cut"
    now[0] += timedelta(seconds=1)
    assert kept.get(("/api/posts", ""), 1) is None
    state[0] = "as it was"
    assert kept.get(("/api/posts", ""), 1) is None


def test_numbers_of_the_last_hour_are_kept_for_seconds(place: Place) -> None:
    """The statistics tell of time that passes, so they are made anew after a few seconds."""
    first = place.ask("/api/stats")
    place.now = NOW + timedelta(seconds=4)
    assert place.ask("/api/stats").body == first.body
    assert place.feed.asked == 1
    place.now = NOW + timedelta(seconds=5)
    place.ask("/api/stats")
    assert place.feed.asked == 2


def test_nothing_is_kept_for_longer_than_a_minute(place: Place) -> None:
    """Whatever no mark tells, a minute later the rows are asked again."""
    place.ask()
    place.now = NOW + timedelta(seconds=61)
    place.ask()
    assert place.feed.asked == 2


def test_the_token_is_asked_before_what_is_kept(place: Place) -> None:
    """What one client was given is not given to another without the token."""
    place.ask()
    assert place.site
    assert place.site.ask("/api/posts").status == 401
    assert place.site.ask("/api/posts", If_None_Match="*").status == 401


def test_health_is_never_kept(place: Place) -> None:
    """Whether the archive is ready is found out each time."""
    assert place.ask("/readyz").status == 200
    place.shelf.media.root.rename(place.shelf.media.root.with_name("elsewhere"))
    assert place.ask("/readyz").status == 503


def test_requests_are_counted_by_route_also_when_nothing_is_read(place: Place) -> None:
    """Whoever counts requests learns the route of an answer that was kept, too."""
    counted: list[tuple[str, str, str]] = []
    kept = Kept(marking(Changes(place.shelf.db), place.shelf.media), lambda: NOW)
    app = make_app(place.feed, place.shelf.media, kept=kept)
    with serving(timed(app, lambda *told: counted.append(told[:3]))) as site:
        for _ in range(2):
            site.ask("/api/posts/1_1")
    assert counted == [("GET", "/api/posts/<post_id>", "200")] * 2


def test_a_compressed_answer_is_the_same_answer(place: Place) -> None:
    """gzip is sent to who asks for it, under an ETag of its own, made of the same rows."""
    plain = place.ask()
    packed = place.ask(Accept_Encoding="gzip, deflate, br")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body)
    assert packed.headers["etag"] != plain.headers["etag"]
    assert {plain.headers["vary"], packed.headers["vary"]} == {"Accept-Encoding"}
    for held, wanted in ((plain, ""), (packed, "gzip")):
        etag = held.headers["etag"]
        again = place.ask(If_None_Match=etag, Accept_Encoding=wanted)
        assert (again.status, again.headers["etag"]) == (304, etag)
        assert again.headers["vary"] == "Accept-Encoding"
    assert place.ask(If_None_Match=plain.headers["etag"], Accept_Encoding="gzip").status == 200
    assert place.feed.asked == 1


def test_what_is_kept_stays_small() -> None:
    """The oldest answers go when there is no more room, and one that is too large is not kept."""
    kept = Kept(lambda: 1, lambda: NOW, size=40_000)
    ready = Ready(json_answer("x" * 1000))
    for number in range(100):
        kept.put(("/api/posts", f"limit={number}"), 1, ready)
    held = [n for n in range(100) if kept.get(("/api/posts", f"limit={n}"), 1)]
    assert 5 < len(held) <= 10
    assert held[-1] == 99
    kept.put(("/api/posts", "large"), 1, Ready(json_answer("x" * 20_000)))
    assert kept.get(("/api/posts", "large"), 1) is None


def test_what_is_used_stays_longest() -> None:
    """An answer that is asked for again and again is not the one that goes."""
    kept = Kept(lambda: 1, lambda: NOW, size=40_000)
    ready = Ready(json_answer("x" * 1000))
    for number in range(100):
        kept.put(("/api/posts", f"limit={number}"), 1, ready)
        assert kept.get(("/api/posts", "limit=0"), 1)


_NAMES = st.sampled_from(["oe", "ext", "__gda__", "oh", "_nc_cat", "url"])
_VALUES = st.integers(1_700_000_000, 1_900_000_000).map(lambda n: f"{n:X}") | st.text(
    "0123456789ABCDEFabcdef_", max_size=12
)
_JOINTS = st.sampled_from(["&", "&amp;", "&&", "\\u0026", "&amp;amp;"])


@given(st.lists(st.tuples(_NAMES, _VALUES, _JOINTS), min_size=1, max_size=5), st.booleans())
def test_no_answer_outlives_a_link_in_it(
    pairs: list[tuple[str, str, str]], first_is_page: bool
) -> None:
    """However a link says when it dies, an answer that holds it is not kept beyond that."""
    query = "".join(f"{joint}{name}={value}" for name, value, joint in pairs)
    link = f"https://scontent.xx.fbcdn.net/v/a.jpg?{'_nc_x=1' if first_is_page else ''}{query}"
    body = b"".join(json_answer({"url": link, "text": "?oe=1"}).body)
    now = 1_750_000_000.0
    dies = links.expires_at(link)
    if dies is not None and dies.timestamp() > now:
        assert now < first_death(body, now) <= dies.timestamp()
