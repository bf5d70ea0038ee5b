"""Posts that are missed at the source: when they count as gone, and that nothing is lost by it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from plant import archive_of, files, one, query, read, sync

from fbsyncd import models
from fbsyncd.archive import Archive
from fbsyncd.gone import SUSPECTS
from fbsyncd.heal import Round
from fbsyncd.models import from_text
from fbsyncd.simulator import Simulator
from fbsyncd.sync import Report, Source
from fbsyncd.walks import BEGINNING, Walk

HALF_A_DAY = timedelta(hours=13)


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=20, seed=3, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def archive(facebook: Simulator, tmp_path: Path, database_url: str) -> Iterator[Archive]:
    with archive_of(facebook, tmp_path, database_url) as opened:
        yield opened


def walk(archive: Archive) -> None:
    """Read the whole window now."""
    archive.stop.clear()
    page = archive.config.facebook.pages[0]
    archive.sync(page, wanted=lambda now: Walk("full", BEGINNING, now))


def newest(archive: Archive) -> str:
    return str(one(archive, "SELECT id FROM facebook_posts ORDER BY created_time DESC LIMIT 1"))


def misses(archive: Archive, post_id: str) -> tuple[int, bool]:
    """How often the post was missed, and whether it counts as gone."""
    ((count, at),) = query(
        archive, "SELECT misses, deleted_at FROM facebook_posts WHERE id = ?", [post_id]
    )
    return int(count), at is not None


def test_a_removed_post_is_marked_after_three_misses_over_a_day(
    facebook: Simulator, archive: Archive
) -> None:
    """The mark is the time of the first miss; text, pictures and files stay."""
    sync(archive)
    post_id, before = newest(archive), files(archive)
    seen_at = facebook.clock.now()
    facebook.clock.move(timedelta(hours=1))
    facebook.remove(post_id)
    removed_at = facebook.clock.now()
    for count in (1, 2):
        walk(archive)
        assert misses(archive, post_id) == (count, False)
        facebook.clock.move(HALF_A_DAY)
    walk(archive)
    assert misses(archive, post_id) == (3, True)
    told = archive.feed.post(post_id)
    assert told is not None
    assert told["has_local_image"]
    assert told["deleted_at"] is not None
    ((deleted, seen),) = query(
        archive, "SELECT deleted_at, last_seen_at FROM facebook_posts WHERE misses > 0"
    )
    marked, last = from_text(deleted), from_text(seen)
    assert marked is not None
    assert last is not None
    assert timedelta() <= marked - removed_at < timedelta(minutes=1)
    assert abs(last - seen_at) < timedelta(minutes=2)
    assert files(archive) == before
    assert one(archive, "SELECT count(*) FROM facebook_posts WHERE misses > 0") == 1


def test_many_misses_within_a_day_are_not_enough(facebook: Simulator, archive: Archive) -> None:
    """A person who syncs ten times in a row deletes nothing by it, and one absence counts once."""
    read(archive)
    post_id = newest(archive)
    facebook.remove(post_id)
    for _ in range(10):
        walk(archive)
        facebook.clock.move(timedelta(hours=2))
    assert misses(archive, post_id) == (4, False)


def test_a_post_that_vanishes_for_two_hours_is_never_marked(
    facebook: Simulator, archive: Archive
) -> None:
    """It does so every day for a week, is looked at each time, and is there at the end."""
    read(archive)
    post_id = newest(archive)
    for _ in range(7):
        facebook.remove(post_id)
        walk(archive)
        assert misses(archive, post_id) == (1, False)
        facebook.clock.move(timedelta(hours=2))
        facebook.restore(post_id)
        read(archive)
        assert misses(archive, post_id) == (0, False)
        facebook.clock.move(timedelta(hours=22))


def test_a_post_that_comes_back_is_unmarked(facebook: Simulator, archive: Archive) -> None:
    """However long it was gone, one sight of it is enough."""
    read(archive)
    post_id = newest(archive)
    facebook.remove(post_id)
    for _ in range(3):
        walk(archive)
        facebook.clock.move(HALF_A_DAY)
    assert misses(archive, post_id) == (3, True)
    facebook.restore(post_id)
    walk(archive)
    assert misses(archive, post_id) == (0, False)


def test_a_missed_post_is_looked_for_by_its_id(facebook: Simulator, archive: Archive) -> None:
    """One walk a week is enough: the daemon asks more and more rarely until it is sure."""
    sync(archive)
    post_id = newest(archive)
    facebook.remove(post_id)
    walk(archive)
    for _ in range(3):
        archive.heal()
        facebook.clock.move(timedelta(hours=8, minutes=1))
    assert misses(archive, post_id) == (2, False)
    archive.heal()
    assert misses(archive, post_id) == (3, True)
    asked = facebook.calls["graph"]
    facebook.clock.move(timedelta(days=1))
    archive.heal()
    assert facebook.calls["graph"] == asked


def test_a_post_that_no_list_shows_but_answers_is_there(
    facebook: Simulator, archive: Archive
) -> None:
    """Lists are "ranked" and may leave posts out; the post itself says it is not gone."""
    sync(archive)
    post_id = newest(archive)
    post = facebook.world.discard(post_id)
    walk(archive)
    assert misses(archive, post_id) == (1, False)
    facebook.world.keep([post])
    facebook.clock.move(timedelta(hours=9))
    archive.heal()
    assert misses(archive, post_id) == (0, False)


def test_many_missed_posts_are_looked_for_a_few_at_a_time(
    facebook: Simulator, archive: Archive
) -> None:
    """A list may leave out hundreds of posts that are there; asking for each is a call."""
    for _ in range(70):
        facebook.add_post("text")
    read(archive)
    posts = [one for one in facebook.world.posts(facebook.page_id) if one.kind == "text"]
    for post in posts:
        facebook.world.discard(post.id)
    walk(archive)
    facebook.world.keep(posts)
    missed = "SELECT count(*) FROM facebook_posts WHERE misses > 0"
    assert one(archive, missed) >= 70
    facebook.clock.move(timedelta(hours=9))
    calls = archive.graph.calls[facebook.page_id]
    for _ in range(5):
        archive.heal()
    # One call more lists what may have dying links.
    assert SUSPECTS <= archive.graph.calls[facebook.page_id] - calls <= SUSPECTS + 1 < 70
    facebook.clock.move(timedelta(hours=1, minutes=1))
    archive.heal()
    assert one(archive, missed) == 0


def test_an_unanswered_question_is_no_miss(facebook: Simulator, archive: Archive) -> None:
    """When Facebook cannot say, nothing is counted and the next look is not at once."""
    sync(archive)
    post_id = newest(archive)
    facebook.remove(post_id)
    walk(archive)
    facebook.clock.move(timedelta(hours=9))
    facebook.faults.batch_nulls(times=1)
    archive.heal()
    asked = facebook.calls["graph"]
    archive.heal()
    assert facebook.calls["graph"] == asked
    assert misses(archive, post_id) == (1, False)
    facebook.clock.move(timedelta(days=40))
    facebook.faults.batch_nulls(times=1)
    archive.heal()
    # The clock was wrong: what it put off is not put off for weeks.
    facebook.clock.move(-timedelta(days=40))
    archive.heal()
    assert misses(archive, post_id) == (2, False)


@pytest.fixture
def long(tmp_path: Path, database_url: str) -> Iterator[tuple[Simulator, Archive]]:
    """A Page whose walks can be cut: read whole once, and due to be read whole again."""
    with (
        Simulator(posts=160, seed=5, pictures="plain") as facebook,
        archive_of(facebook, tmp_path, database_url) as archive,
    ):
        for _ in range(60):
            facebook.add_post("reel")
        read(archive)
        with models.transaction(archive.db):
            models.change(archive.db, "UPDATE sync_state SET full_at = NULL, walk_kind = NULL")
        facebook.clock.move(timedelta(hours=1))
        yield facebook, archive


def cut(facebook: Simulator, archive: Archive) -> bool:
    """Read one more page of each list at the most; tell whether the posts' walk is unfinished."""
    facebook.faults.invalid_cursors(times=2)
    read(archive)
    facebook.faults.clear()
    return bool(query(archive, "SELECT 1 FROM sync_state WHERE walk_kind = 'full'"))


def missed_posts(archive: Archive) -> list[str]:
    found = query(archive, "SELECT id FROM facebook_posts WHERE misses > 0 ORDER BY created_time")
    return [str(id_) for (id_,) in found]


def oldest(archive: Archive) -> str:
    return str(one(archive, "SELECT id FROM facebook_posts ORDER BY created_time LIMIT 1"))


def test_a_walk_that_is_cut_again_and_again_counts_at_its_end(
    long: tuple[Simulator, Archive],
) -> None:
    """What none of its parts has met is missed once, what any of them has met is not."""
    facebook, archive = long
    gone = [oldest(archive), newest(archive)]
    seen = str(
        one(archive, "SELECT id FROM facebook_posts ORDER BY created_time DESC LIMIT 1 OFFSET 5")
    )
    for post_id in gone:
        facebook.remove(post_id)
    assert cut(facebook, archive)
    assert missed_posts(archive) == []
    facebook.remove(seen)
    turns = 1
    while cut(facebook, archive):
        turns += 1
    assert turns >= 2
    assert missed_posts(archive) == gone
    assert one(archive, "SELECT count(*) FROM facebook_posts WHERE misses > 1") == 0
    assert query(archive, "SELECT 1 FROM listed_posts") == []
    assert one(archive, "SELECT count(*) FROM facebook_video_posts WHERE misses > 0") == 1


def test_what_came_while_a_walk_was_cut_is_not_missed(long: tuple[Simulator, Archive]) -> None:
    """Neither a new post, nor one that was dated back to where the walk had been already."""
    facebook, archive = long
    assert cut(facebook, archive)
    fresh = facebook.add_post("photo")
    place = facebook.clock.now() - timedelta(hours=2)
    dated_back = facebook.add_post("photo", created_time=place)
    page = archive.config.facebook.pages[0]
    archive.sync(page, wanted=lambda now: Walk("days", now - timedelta(days=1), now))
    assert query(archive, "SELECT 1 FROM facebook_posts WHERE id = ?", [dated_back])
    by_id = facebook.add_post("photo", created_time=place)
    source = Source(facebook.page_id, lambda: facebook.token)
    order = Round([source], archive.now, archive.stop)
    archive.healer._inquiry(source, "posts", order).ask([by_id])
    assert query(archive, "SELECT 1 FROM facebook_posts WHERE id = ?", [by_id])
    while cut(facebook, archive):
        pass
    assert missed_posts(archive) == []
    assert query(archive, "SELECT 1 FROM facebook_posts WHERE id = ?", [fresh])


def test_a_walk_that_could_not_read_everything_counts_nothing(
    long: tuple[Simulator, Archive],
) -> None:
    """A record without its time may be any post, also when the walk was cut after it."""
    facebook, archive = long
    facebook.remove(oldest(archive))
    odd = facebook.world.discard(newest(archive))
    facebook.world.keep([replace(odd, id="")])
    assert cut(facebook, archive)
    while cut(facebook, archive):
        pass
    assert missed_posts(archive) == []


def test_two_walks_at_once_spoil_no_numbers(long: tuple[Simulator, Archive]) -> None:
    """The one that comes to its end first takes the notes of the other, which then says nothing."""
    facebook, archive = long
    page = archive.config.facebook.pages[0]
    between: list[int] = []

    def heard(report: Report) -> None:
        if report.posts and not between:
            between.append(report.posts)
            walk(archive)

    facebook.remove(oldest(archive))
    listed = "SELECT sum(posts) FROM source_months"
    archive.sync(page, wanted=lambda now: Walk("full", BEGINNING, now), heard=heard)
    assert between[0] < len(facebook.world.posts(facebook.page_id))
    assert one(archive, listed) == len(facebook.world.posts(facebook.page_id))
    assert len(missed_posts(archive)) == 1


def test_a_walk_of_which_the_beginning_was_not_noted_counts_nothing(
    long: tuple[Simulator, Archive],
) -> None:
    """Notes may be from before they were complete, or gone; none is counted for that."""
    facebook, archive = long
    facebook.remove(oldest(archive))
    months = query(archive, "SELECT * FROM source_months ORDER BY month")
    assert cut(facebook, archive)
    with models.transaction(archive.db):
        models.change(archive.db, "DELETE FROM listed_posts")
    while cut(facebook, archive):
        pass
    assert missed_posts(archive) == []
    assert len(query(archive, "SELECT * FROM source_months")) <= len(months)


def test_an_empty_list_is_no_thousand_deletions(facebook: Simulator, archive: Archive) -> None:
    """A token that lost its permissions is shown nothing at all, without an error."""
    read(archive)
    for post in facebook.world.posts(facebook.page_id).copy():
        facebook.remove(post.id)
    for _ in range(4):
        walk(archive)
        facebook.clock.move(HALF_A_DAY)
    assert one(archive, "SELECT state FROM sync_state WHERE stream = 'posts'") == "ok"
    assert one(archive, "SELECT max(misses) FROM facebook_posts") == 0


def test_a_video_that_is_gone_is_marked_too(facebook: Simulator, archive: Archive) -> None:
    """Its row has a mark of its own."""
    post_id = facebook.add_post("reel")
    facebook.add_post("reel")
    read(archive)
    facebook.remove(post_id)
    for _ in range(3):
        walk(archive)
        facebook.clock.move(HALF_A_DAY)
    gone = query(archive, "SELECT post_id FROM facebook_video_posts WHERE deleted_at IS NOT NULL")
    assert gone == [(post_id,)]


def test_what_is_not_missing_is_not_written(facebook: Simulator, archive: Archive) -> None:
    """A miss of one post leaves the rows of all others as they were, stamps included."""
    read(archive)
    post_id = newest(archive)
    others = "SELECT * FROM facebook_posts WHERE id <> ? ORDER BY id"
    before = query(archive, others, [post_id])
    facebook.remove(post_id)
    walk(archive)
    assert query(archive, others, [post_id]) == before


def stamps(archive: Archive, post_id: str) -> list[object]:
    """When a post and its video were last changed, after one more walk."""
    walk(archive)
    found = [
        query(archive, f"SELECT updated_at FROM {table} = ?", [post_id])
        for table in ("facebook_posts WHERE id", "facebook_video_posts WHERE post_id")
    ]
    assert [len(one) for one in found] == [1, 1]
    return [stamp for one in found for (stamp,) in one]


def test_a_miss_is_no_change_of_the_post(facebook: Simulator, archive: Archive) -> None:
    """Whoever asks for what has changed is given no missed post again and again."""
    post_id = facebook.add_post("reel")
    read(archive)
    before = stamps(archive, post_id)
    facebook.remove(post_id)
    for count in (1, 2):
        assert stamps(archive, post_id) == before
        assert misses(archive, post_id) == (count, False)
        facebook.clock.move(HALF_A_DAY)
    facebook.restore(post_id)
    assert stamps(archive, post_id) == before
    assert misses(archive, post_id) == (0, False)


def test_that_a_post_is_gone_or_back_is_a_change(facebook: Simulator, archive: Archive) -> None:
    """Both are told to whoever asks for what has changed."""
    post_id = facebook.add_post("reel")
    read(archive)
    before = stamps(archive, post_id)
    facebook.remove(post_id)
    for _ in range(3):
        gone = stamps(archive, post_id)
        facebook.clock.move(HALF_A_DAY)
    assert misses(archive, post_id) == (3, True)
    facebook.restore(post_id)
    back = stamps(archive, post_id)
    for nth in (0, 1):
        assert len({str(one[nth]) for one in (before, gone, back)}) == 3
