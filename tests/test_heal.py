"""Dead links: what is asked for, how cheaply, and what becomes of what nobody can give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import log2
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plant import archive_of, one, query, read

from fbsyncd import models
from fbsyncd.archive import Archive
from fbsyncd.assets import Asset, Retry
from fbsyncd.errors import CallRefused, GraphUnavailable, ObjectMissing
from fbsyncd.graph import BATCH, Graph
from fbsyncd.graph.caller import TRIES
from fbsyncd.heal import Healer, Owner, Round, Unlinked, Ward, plan
from fbsyncd.heal.inquiry import Inquiry
from fbsyncd.heal.plan import outcome
from fbsyncd.simulator import Simulator
from fbsyncd.sync import Report, Source
from fbsyncd.walks import BEGINNING, Walk

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
HASTY = Retry(timedelta(seconds=30), timedelta(hours=6), 4)
DEAD = "SELECT count(*) FROM media_storage WHERE download_status <> 'success'"


def owner(minute: int) -> Owner:
    return Owner("posts", "1", f"1_{minute}", NOW - timedelta(minutes=minute))


def cheapest(places: list[int], per_call: int) -> int:
    """The fewest calls by trying every way: each call lists a stretch, or asks for one."""
    best = [0] * (len(places) + 1)
    for end in range(1, len(places) + 1):
        best[end] = min(
            best[start] + 1 for start in range(end) if places[end - 1] - places[start] < per_call
        )
    return best[-1]


@given(st.sets(st.integers(0, 60), min_size=1, max_size=25), st.integers(1, 12))
def test_a_plan_asks_for_everything_with_the_fewest_calls(wanted: set[int], per_call: int) -> None:
    """No other way of listing stretches and asking by id takes fewer calls."""
    feed = [NOW - timedelta(minutes=minute) for minute in range(61)]
    made = plan([owner(minute) for minute in wanted], feed, per_call)
    asked = {*made.singles, *(id_ for window in made.windows for id_ in window.ids)}
    assert asked == {f"1_{minute}" for minute in wanted}
    assert made.calls == cheapest(sorted(wanted), per_call)
    for window in made.windows:
        listed = sum(window.oldest <= time <= window.newest for time in feed)
        assert len(window.ids) > 1
        assert listed <= per_call
    assert all(b.newest < a.oldest for a, b in pairwise(made.windows))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(1, 5))
def test_a_plan_ends_although_many_posts_are_of_one_moment(
    minutes: list[int], per_call: int
) -> None:
    """Imported posts may all bear the same time; every one of them is asked for all the same."""
    owners = [
        Owner("posts", "1", str(nth), NOW - timedelta(minutes=minute))
        for nth, minute in enumerate(minutes)
    ]
    made = plan(owners, [one.created for one in owners if one.created], per_call)
    asked = {*made.singles, *(id_ for window in made.windows for id_ in window.ids)}
    assert asked == {one.id for one in owners}


def test_an_owner_without_a_date_is_asked_for_by_id() -> None:
    """It has no place in the feed that could be listed."""
    made = plan([Owner("videos", "1", "9", None)], [])
    assert (made.windows, made.singles) == ((), ("9",))


def test_only_an_answer_is_final() -> None:
    """A Facebook that is silent has not said no, however often it was asked."""
    ward = Ward(uuid4(), 50, (owner(1),))
    silent = outcome(ward, GraphUnavailable("busy"), 12, poisoned=True)
    assert not silent.is_final
    assert outcome(ward, None, 12, poisoned=False).is_final
    assert outcome(ward, CallRefused("no"), 12, poisoned=False).is_final
    assert not outcome(ward, CallRefused("no"), 99, poisoned=False).is_final


def test_a_picture_of_two_posts_is_not_given_up_with_one() -> None:
    """While another post that names it is there, that one is asked next."""
    missing = ObjectMissing("gone")
    shared = Ward(uuid4(), 0, (owner(1), owner(2)))
    alone = Ward(uuid4(), 0, (owner(1),))
    assert not outcome(shared, missing, 12, poisoned=False, is_gone=True).is_final
    assert outcome(alone, missing, 12, poisoned=False, is_gone=True).is_final
    # A post may be away for an hour or two and come back.
    assert not outcome(replace(alone, asked=99), missing, 12, poisoned=False).is_final


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=60, seed=3, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def archive(facebook: Simulator, tmp_path: Path, database_url: str) -> Iterator[Archive]:
    with archive_of(facebook, tmp_path, database_url) as opened:
        yield opened


def heal(archive: Archive) -> None:
    """Take turns until nothing is due."""
    archive.stop.clear()
    for _ in range(20):
        if not archive.heal():
            return
    raise AssertionError("there is always something due")


def dead(archive: Archive) -> int:
    now = models.to_text(archive.now())
    found: int = one(archive, f"{DEAD} AND (needs_link OR link_expires_at <= ?)", [now])
    return found


def posts_with(archive: Archive, count: int) -> list[str]:
    """Ids of posts with a picture, spread over the feed."""
    found = query(
        archive,
        "SELECT id FROM facebook_posts WHERE local_full_picture_id IS NOT NULL"
        " ORDER BY created_time DESC",
    )
    return [str(id_) for (id_,) in found[:: max(1, len(found) // count)]][:count]


def keep_dead(archive: Archive, posts: list[str]) -> None:
    """Let only the pictures of *posts* still need their links, the others be made and gone."""
    marks = models.marks(len(posts))
    with models.transaction(archive.db):
        models.change(
            archive.db,
            "UPDATE media_storage SET download_status = 'success', local_filename = 'x',"
            " file_size = 1, sha256 = 'x', developed_at = created_at WHERE id NOT IN"
            f" (SELECT local_full_picture_id FROM facebook_posts WHERE id IN ({marks}))",
            posts,
        )


def test_dead_links_of_a_region_are_healed_by_listing_it_again(
    facebook: Simulator, archive: Archive
) -> None:
    """Sixty posts with all their pictures take a handful of calls, none of them by id."""
    read(archive)
    facebook.clock.move(WEEK)
    assert dead(archive) > 60
    before, batches = dict(archive.graph.calls), facebook.count("graph", "/v26.0/?")
    heal(archive)
    assert dead(archive) == 0
    assert archive.graph.calls[facebook.page_id] - before[facebook.page_id] <= 4
    assert facebook.count("graph", "/v26.0/?") == batches


def test_healed_links_are_fetched_at_once(facebook: Simulator, archive: Archive) -> None:
    """No link is tried that is known to be dead, and everything is archived."""
    read(archive)
    facebook.clock.move(WEEK)
    heal(archive)
    archive.download()
    assert one(archive, DEAD) == 0
    assert facebook.calls["cdn"] == one(
        archive, "SELECT count(*) FROM media_storage WHERE derived_from IS NULL"
    )


def test_a_list_that_leads_nowhere_is_no_obstacle(facebook: Simulator, archive: Archive) -> None:
    """What cannot be listed is asked for by id in the same turn."""
    read(archive)
    facebook.clock.move(WEEK)
    facebook.faults.empty_pages_forever()
    heal(archive)
    assert dead(archive) == 0


def test_scattered_ones_are_asked_for_by_id(tmp_path: Path, database_url: str) -> None:
    """Three posts far apart take three calls in one exchange."""
    with (
        Simulator(posts=400, seed=4, pictures="plain") as facebook,
        archive_of(facebook, tmp_path, database_url) as archive,
    ):
        read(archive)
        keep_dead(archive, posts_with(archive, 3))
        facebook.clock.move(WEEK)
        assert dead(archive) == 3
        calls, asked = archive.graph.calls[facebook.page_id], facebook.calls["graph"]
        heal(archive)
        assert dead(archive) == 0
        assert archive.graph.calls[facebook.page_id] - calls == 3
        assert facebook.calls["graph"] - asked == 1


def test_a_page_that_lists_little_at_once_is_asked_by_id_sooner(
    tmp_path: Path, database_url: str
) -> None:
    """Fifty posts are one call only where Facebook gives fifty at once."""
    with (
        Simulator(posts=120, seed=4, pictures="plain") as facebook,
        archive_of(facebook, tmp_path, database_url) as archive,
    ):
        facebook.faults.reduce_data(above=6, times=None)
        read(archive)
        with_pictures = query(
            archive,
            "SELECT id FROM facebook_posts WHERE local_full_picture_id IS NOT NULL"
            " ORDER BY created_time DESC",
        )
        keep_dead(archive, [str(id_) for (id_,) in with_pictures[:40:13]])
        facebook.clock.move(WEEK)
        assert dead(archive) == 4
        calls = archive.graph.calls[facebook.page_id]
        heal(archive)
        assert dead(archive) == 0
        assert archive.graph.calls[facebook.page_id] - calls == 4


def test_nothing_due_costs_one_statement(facebook: Simulator, archive: Archive) -> None:
    """A look at a healthy queue is one query of rows and one of each table for missed posts."""
    read(archive)
    archive.heal()
    asked = facebook.calls["graph"]
    counted: list[str] = []
    archive.db.query_hooks.append(lambda event: counted.append(event.sql))
    assert archive.heal() == 0
    assert not archive.healer.is_due(archive.now())
    assert len([sql for sql in counted if "media_storage" in sql]) == 2
    assert len([sql for sql in counted if "SELECT" in sql]) == 4
    assert facebook.calls["graph"] == asked


def test_null_items_are_asked_for_again(facebook: Simulator, archive: Archive) -> None:
    """What a batch ran out of time for comes with a later one."""
    read(archive)
    keep_dead(archive, posts_with(archive, 1))
    facebook.clock.move(WEEK)
    facebook.faults.batch_nulls(times=1)
    heal(archive)
    assert dead(archive) == 1
    assert "ran out of time" in one(
        archive, "SELECT error_message FROM media_storage WHERE heal_attempts > 0"
    )
    facebook.clock.move(timedelta(minutes=1))
    heal(archive)
    assert dead(archive) == 0


@pytest.fixture
def long_feed(tmp_path: Path, database_url: str) -> Iterator[tuple[Simulator, Archive]]:
    """A feed in which five posts can be far apart, read whole."""
    with (
        Simulator(posts=300, seed=4, pictures="plain") as facebook,
        archive_of(facebook, tmp_path, database_url) as archive,
    ):
        read(archive)
        yield facebook, archive


def impatient(archive: Archive, facebook: Simulator) -> Iterator[Graph]:
    """A client that does not wait between its tries."""
    graph = Graph(
        url=facebook.url,
        version="v26.0",
        now=archive.now,
        wait=lambda _: False,
        user_agent="test",
    )
    yield graph
    graph.close()


def hasty(archive: Archive, facebook: Simulator) -> Iterator[Healer]:
    """The archive's healer, with a client that does not wait between its tries."""
    unlinked = Unlinked(archive.db, retry=HASTY, leases=archive.backlog.leases)
    for graph in impatient(archive, facebook):
        yield Healer(archive.db, graph, archive.backlog, unlinked)


def test_a_poisoned_id_is_found_and_set_aside(long_feed: tuple[Simulator, Archive]) -> None:
    """The others get their links in the same turn; the bad one is not asked for in the next."""
    facebook, archive = long_feed
    chosen = posts_with(archive, 5)
    keep_dead(archive, chosen)
    facebook.clock.move(WEEK)
    facebook.faults.poison([chosen[3]])
    source = Source(facebook.page_id, lambda: facebook.token)
    for healer in hasty(archive, facebook):
        order = Round([source], archive.now, archive.stop)
        healer.turn(order)
        assert dead(archive) == 1
        asked = facebook.calls["graph"]
        assert healer.turn(order) == 0
        assert facebook.calls["graph"] == asked
        after = models.from_text(
            one(archive, "SELECT heal_after FROM media_storage WHERE heal_attempts > 1")
        )
        assert after is not None
        assert after - archive.now() > 5 * HASTY.base
        facebook.faults.clear()
        facebook.clock.move(timedelta(hours=1))
        healer.turn(order)
        assert dead(archive) == 0


@pytest.mark.parametrize("count", [1, 2])
def test_a_poisoned_id_costs_few_calls(long_feed: tuple[Simulator, Archive], count: int) -> None:
    """Halving takes about two calls a level, not five tries for each half."""
    facebook, archive = long_feed
    ids = [post.id for post in facebook.world.posts(facebook.page_id)[:BATCH]]
    bad = ids[7 :: BATCH // 2][:count]
    facebook.faults.poison(bad)
    source = Source(facebook.page_id, lambda: facebook.token)
    for graph in impatient(archive, facebook):
        inquiry = Inquiry(graph, source, "posts", lambda _: None)
        asked = facebook.calls["graph"]
        inquiry.ask(ids)
        assert inquiry.poisoned == set(bad)
        assert {id_ for id_, error in inquiry.answers.items() if error} == set(bad)
        assert facebook.calls["graph"] - asked <= count * 2 * log2(BATCH) + 5


def test_a_hiccup_blames_no_id(long_feed: tuple[Simulator, Archive]) -> None:
    """A batch that fails for no item's fault is given when it is asked for in parts."""
    facebook, archive = long_feed
    ids = [post.id for post in facebook.world.posts(facebook.page_id)[:BATCH]]
    source = Source(facebook.page_id, lambda: facebook.token)
    for graph in impatient(archive, facebook):
        inquiry = Inquiry(graph, source, "posts", lambda _: None)
        facebook.faults.drop(times=2)
        inquiry.ask(ids)
        assert inquiry.poisoned == set()
        assert inquiry.answers == dict.fromkeys(ids)


def test_a_facebook_that_is_down_is_not_asked_for_each_id(
    long_feed: tuple[Simulator, Archive],
) -> None:
    """When the Page itself does not answer, halving batches would be no use."""
    facebook, archive = long_feed
    keep_dead(archive, posts_with(archive, 5))
    facebook.clock.move(WEEK)
    facebook.faults.html(times=None)
    source = Source(facebook.page_id, lambda: facebook.token)
    for healer in hasty(archive, facebook):
        asked = facebook.calls["graph"]
        order = Round([source], archive.now, archive.stop)
        healer.turn(order)
        assert facebook.calls["graph"] - asked == 2 + TRIES
        assert one(archive, "SELECT max(heal_attempts) FROM media_storage") == 0
        assert (
            one(
                archive,
                "SELECT count(*) FROM media_storage WHERE lease_until > ?",
                [models.to_text(archive.now())],
            )
            == 0
        )
        facebook.faults.clear()
        facebook.clock.move(timedelta(minutes=6))
        healer.turn(order)
        assert dead(archive) == 0


def test_a_post_that_is_gone_takes_the_picture_with_it(
    long_feed: tuple[Simulator, Archive], caplog: pytest.LogCaptureFixture
) -> None:
    """Not before the post counts as gone, a day later, is the row given up, and said to be."""
    facebook, archive = long_feed
    caplog.set_level("WARNING")
    chosen = posts_with(archive, 4)
    keep_dead(archive, chosen)
    facebook.clock.move(WEEK)
    facebook.remove(chosen[1])
    heal(archive)
    assert dead(archive) == 1
    state = (
        "SELECT download_status, next_attempt_at, heal_after, error_message FROM media_storage"
        " WHERE download_status <> 'success' AND derived_from IS NULL"
        " AND (needs_link OR link_expires_at <= ?)"
    )
    ((status, again, asked_after, why),) = query(archive, state, [models.to_text(archive.now())])
    assert status == "pending" or again
    assert asked_after
    assert "not there just now" in why
    assert "100/33" in why
    missed = query(archive, "SELECT id, misses, deleted_at FROM facebook_posts WHERE misses > 0")
    assert missed == [(chosen[1], 1, None)]
    assert "for good" not in caplog.text
    for _ in range(3):
        facebook.clock.move(timedelta(hours=9))
        heal(archive)
    ((status, again, _, why),) = query(archive, state, [models.to_text(archive.now())])
    assert (status, again) == ("failed", None)
    assert "its owner is gone" in why
    assert "1 picture whose links are dead for good" in caplog.text


def test_a_post_that_comes_back_brings_its_picture(long_feed: tuple[Simulator, Archive]) -> None:
    """What was given up for want of a link is fetched when there is one after all."""
    facebook, archive = long_feed
    chosen = posts_with(archive, 4)
    keep_dead(archive, chosen)
    facebook.clock.move(WEEK)
    facebook.remove(chosen[1])
    heal(archive)
    facebook.restore(chosen[1])
    facebook.clock.move(timedelta(hours=9))
    heal(archive)
    assert query(archive, "SELECT 1 FROM facebook_posts WHERE misses > 0") == []
    archive.download()
    assert one(archive, DEAD) == 0


def test_what_was_replaced_at_the_source_is_given_up_in_the_end(
    facebook: Simulator, archive: Archive
) -> None:
    """No post names the old picture any more: after some asking the row says so."""
    post_id = facebook.add_post("photo")
    read(archive)
    keep_dead(archive, [post_id])
    old = one(archive, "SELECT id FROM media_storage WHERE download_status <> 'success'")
    facebook.clock.move(WEEK)
    facebook.replace_photo(post_id)
    calls = archive.graph.calls[facebook.page_id]
    for _ in range(20):
        heal(archive)
        facebook.clock.move(timedelta(hours=7))
    status, again, why = query(
        archive,
        "SELECT download_status, next_attempt_at, error_message FROM media_storage WHERE id = ?",
        [str(old)],
    )[0]
    assert (status, again) == ("failed", None)
    assert "names it" in why
    assert archive.graph.calls[facebook.page_id] - calls < 20


def test_a_link_somebody_archived_by_hand_has_no_owner(
    facebook: Simulator, archive: Archive
) -> None:
    """A row that no post names costs no call, and is given up with that reason."""
    link = "https://scontent.xx.fbcdn.net/v/t39.30808-6/1_2_3_n.jpg?oh=a&oe=65D3CC1C"
    asset = Asset(link, "posts")
    archive.backlog.put([asset], archive.now() - timedelta(days=5000))
    unlinked = Unlinked(archive.db, retry=HASTY, leases=archive.backlog.leases)
    healer = Healer(archive.db, archive.graph, archive.backlog, unlinked)
    for _ in range(HASTY.attempts):
        healer.turn(Round([], archive.now, archive.stop))
        facebook.clock.move(timedelta(hours=7))
    ((status, again, why),) = query(
        archive, "SELECT download_status, next_attempt_at, error_message FROM media_storage"
    )
    assert (status, again) == ("failed", None)
    assert "no owner to ask" in why
    assert archive.graph.calls == {}


def test_a_purged_picture_is_not_asked_for_in_a_circle(
    facebook: Simulator, archive: Archive
) -> None:
    """A file that is gone from the CDN answers 404 under every fresh link: it ends as given up."""
    post_id = facebook.add_post("photo")
    read(archive)
    keep_dead(archive, [post_id])
    facebook.purge(post_id)
    for _ in range(30):
        archive.download()
        heal(archive)
        facebook.clock.move(timedelta(hours=7))
    assert facebook.calls["cdn"] <= 12
    ((status, again, why),) = query(
        archive,
        "SELECT download_status, next_attempt_at, error_message FROM media_storage"
        " WHERE download_status <> 'success'",
    )
    assert (status, again) == ("failed", None)
    assert "404" in why


def test_videos_are_asked_for_too(facebook: Simulator, archive: Archive) -> None:
    """A poster that only the list of videos names is healed by it, or by id where it is refused."""
    for _ in range(3):
        facebook.add_post("reel")
    read(archive)
    with models.transaction(archive.db):
        models.change(archive.db, "DELETE FROM facebook_post_attachments")
        models.change(archive.db, "DELETE FROM facebook_posts")
    videos = "SELECT count(*) FROM media_storage m JOIN facebook_video_posts v"
    videos += " ON v.local_picture_id = m.id WHERE m.link_expires_at <= ?"
    for refused in (False, True):
        facebook.clock.move(WEEK)
        if refused:
            facebook.faults.refuse_videos()
        assert one(archive, videos, [models.to_text(archive.now())]) > 1
        heal(archive)
        assert one(archive, videos, [models.to_text(archive.now())]) == 0


def test_a_throttled_page_is_left_alone(facebook: Simulator, archive: Archive) -> None:
    """Nothing is asked before the time Facebook named, and no attempt is counted."""
    read(archive)
    facebook.clock.move(WEEK)
    facebook.faults.throttle(minutes=30, times=1)
    archive.heal()
    asked = facebook.calls["graph"]
    facebook.clock.move(timedelta(minutes=20))
    heal(archive)
    assert facebook.calls["graph"] == asked
    assert one(archive, "SELECT max(heal_attempts) FROM media_storage") == 0
    facebook.clock.move(timedelta(minutes=21))
    heal(archive)
    assert dead(archive) == 0


def test_a_page_that_is_being_read_is_not_asked_twice(
    facebook: Simulator, archive: Archive
) -> None:
    """Its rows wait a moment: the walk signs their links anew."""
    read(archive)
    facebook.clock.move(WEEK)
    asked = facebook.calls["graph"]

    def heal_meanwhile(_: Report) -> None:
        archive.heal()

    page = archive.config.facebook.pages[0]
    archive.sync(page, wanted=lambda now: Walk("full", BEGINNING, now), heard=heal_meanwhile)
    assert dead(archive) == 0
    assert facebook.calls["graph"] - asked <= 6


ALBUM = 12
GONE = "SELECT count(*) FROM facebook_posts WHERE deleted_at IS NOT NULL"
GIVEN_UP = (
    "SELECT count(*) FROM media_storage WHERE download_status = 'failed'"
    " AND next_attempt_at IS NULL AND error_message LIKE '%owner is gone%'"
)


def forgotten(facebook: Simulator, archive: Archive) -> list[str]:
    """Let Facebook not know any more the half of what is archived, albums among it."""
    for _ in range(8):
        facebook.add_post("album", photos=ALBUM)
    read(archive)
    known = facebook.world.posts(facebook.page_id).copy()
    ids = [post.id for post in known[::2]]
    facebook.clock.move(WEEK)
    for id_ in ids:
        facebook.remove(id_)
    return ids


def test_a_post_that_is_unknown_is_asked_for_once_whatever_its_pictures(
    facebook: Simulator, archive: Archive
) -> None:
    """Each costs a call at first, none in the next hours, and three in all until it is gone."""
    ids = forgotten(facebook, archive)
    pictures = one(archive, f"{DEAD} AND link_expires_at <= ?", [models.to_text(archive.now())])
    assert pictures > 2 * len(ids)
    begun = archive.graph.calls[facebook.page_id]
    heal(archive)
    # What a video names as well as its post is asked for there next.
    facebook.clock.move(timedelta(minutes=15))
    heal(archive)
    missed = one(archive, "SELECT count(*) FROM facebook_posts WHERE misses > 0")
    videos = one(archive, "SELECT count(*) FROM facebook_video_posts WHERE misses > 0")
    first = archive.graph.calls[facebook.page_id] - begun
    listings = 4
    assert missed > len(ids) / 2
    assert first <= missed + videos + listings
    for _ in range(28):
        facebook.clock.move(timedelta(minutes=15))
        heal(archive)
    assert archive.graph.calls[facebook.page_id] - begun == first
    assert one(archive, "SELECT max(misses) FROM facebook_posts") == 1
    for _ in range(40):
        facebook.clock.move(timedelta(hours=1))
        heal(archive)
    # What is there is listed again now and then, since nothing is downloaded here.
    assert archive.graph.calls[facebook.page_id] - begun <= 3 * (missed + videos) + 4 * listings
    assert one(archive, "SELECT max(misses) FROM facebook_posts") == 3
    assert one(archive, GONE) == missed
    assert one(archive, GIVEN_UP) > missed


def test_a_picture_that_is_found_dead_later_costs_no_call_for_a_post_that_is_unknown(
    facebook: Simulator, archive: Archive
) -> None:
    """Its post was asked for a minute ago, for another picture."""
    post_id = facebook.add_post("album", photos=ALBUM)
    read(archive)
    keep_dead(archive, [post_id])
    facebook.clock.move(WEEK)
    facebook.remove(post_id)
    heal(archive)
    facebook.clock.move(timedelta(minutes=1))
    calls = archive.graph.calls[facebook.page_id]
    with models.transaction(archive.db):
        models.change(
            archive.db,
            "UPDATE media_storage SET download_status = 'pending', needs_link = TRUE,"
            " heal_attempts = 0, heal_after = NULL WHERE id IN (SELECT local_media_id"
            " FROM facebook_post_attachments WHERE post_id = ?)",
            [post_id],
        )
    heal(archive)
    assert archive.graph.calls[facebook.page_id] == calls


def test_what_is_unknown_is_not_asked_for_when_the_budget_is_needed(
    facebook: Simulator, archive: Archive
) -> None:
    """Of a budget that is nearly used up, the rest is for what is new."""
    ids = forgotten(facebook, archive)
    heal(archive)
    facebook.clock.move(timedelta(hours=9))
    facebook.faults.usage(page={"call_count": 90})
    archive.graph.page(facebook.page_id, facebook.token)
    calls = archive.graph.calls[facebook.page_id]
    heal(archive)
    assert archive.graph.calls[facebook.page_id] == calls
    assert one(archive, "SELECT max(misses) FROM facebook_posts") == 1
    facebook.faults.usage(page={"call_count": 5})
    facebook.clock.move(timedelta(hours=1, minutes=1))
    heal(archive)
    assert archive.graph.calls[facebook.page_id] > calls + len(ids) / 2
    assert one(archive, "SELECT max(misses) FROM facebook_posts") == 2
