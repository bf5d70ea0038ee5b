"""From a simulated Facebook to rows and files, with everything Facebook does on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from plant import archive_of, config_text, everything, files, one, query, read, sync

from fbsyncd import models
from fbsyncd.archive import Archive
from fbsyncd.simulator import Simulator
from fbsyncd.sync import STREAMS, Report
from fbsyncd.walks import BEGINNING, Walk


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=30, seed=3, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def archive(facebook: Simulator, tmp_path: Path, database_url: str) -> Iterator[Archive]:
    with archive_of(facebook, tmp_path, database_url) as opened:
        yield opened


def state(archive: Archive, stream: str = "posts") -> tuple[str, str | None]:
    ((said, message),) = query(
        archive, "SELECT state, message FROM sync_state WHERE stream = ?", [stream]
    )
    return said, message


def test_a_page_is_archived_end_to_end(facebook: Simulator, archive: Archive) -> None:
    """Every post is a row, every picture a whole file, and every post shows a local one."""
    progress = sync(archive)
    assert progress.problems == []
    assert one(archive, "SELECT count(*) FROM facebook_posts") == 30
    assert query(archive, "SELECT 1 FROM media_storage WHERE download_status <> 'success'") == []
    assert query(archive, "SELECT 1 FROM media_storage WHERE developed_at IS NULL") == []
    for post in archive.feed.posts(limit=100)["posts"]:
        named = [post["display_image_url"]]
        named += [one_["display_image_url"] for one_ in post["attachments"]]
        for url in filter(None, named):
            assert url.startswith("/media/facebook/")
            assert archive.media.file(*url.split("/")[-2:]) is not None
    assert one(archive, "SELECT name FROM facebook_pages") == facebook.pages[0].name


def test_a_second_sync_changes_nothing(facebook: Simulator, archive: Archive) -> None:
    """No download, no new row, no changed row, no changed file, and two calls."""
    sync(archive)
    before = everything(archive), files(archive)
    calls = facebook.calls["graph"]
    fetched = facebook.calls["cdn"]
    progress = sync(archive)
    assert (everything(archive), files(archive)) == before
    assert facebook.calls["cdn"] == fetched
    assert facebook.calls["graph"] - calls == 2
    assert progress.archived == 0


def test_a_full_walk_over_an_unchanged_page_writes_no_row(
    facebook: Simulator, archive: Archive
) -> None:
    """All links are signed anew in every answer, and that alone is no news."""
    sync(archive)
    before = everything(archive)
    facebook.clock.move(timedelta(hours=1))
    archive.stop.clear()
    page = archive.config.facebook.pages[0]
    report = archive.sync(page, wanted=lambda now: Walk("full", BEGINNING, now))
    assert (report.posts, report.rows_written, report.pictures_new) == (30, 0, 0)
    assert everything(archive) == before


def test_new_posts_come_with_the_next_sync(facebook: Simulator, archive: Archive) -> None:
    """What appeared since is read, and only that is fetched."""
    sync(archive)
    facebook.clock.move(timedelta(minutes=15))
    post_id = facebook.add_post("album", photos=3, message="สวัสดีตอนเช้า ☀️")
    fetched = facebook.calls["cdn"]
    sync(archive)
    post = archive.feed.post(post_id)
    assert post is not None
    assert post["message"] == "สวัสดีตอนเช้า ☀️"
    assert [one_["has_local_image"] for one_ in post["attachments"]] == [True] * 3
    assert facebook.calls["cdn"] - fetched <= 3 * 2


def test_an_edit_updates_the_text(facebook: Simulator, archive: Archive) -> None:
    """A text changed at the source is changed in the row at the next re-reading."""
    sync(archive)
    newest = archive.feed.posts(limit=1)["posts"][0]["id"]
    facebook.edit(newest, "ข้อความใหม่")
    read(archive)
    assert one(archive, "SELECT message FROM facebook_posts WHERE id = ?", [newest]) == "ข้อความใหม่"


def test_an_album_that_grows_gets_its_new_photos(facebook: Simulator, archive: Archive) -> None:
    """Photos added later are added here, the others are left alone."""
    post_id = facebook.add_post("album", photos=4)
    sync(archive)
    facebook.grow_album(post_id, 2)
    fetched = facebook.calls["cdn"]
    sync(archive)
    post = archive.feed.post(post_id)
    assert post is not None
    assert [one_["has_local_image"] for one_ in post["attachments"]] == [True] * 6
    assert facebook.calls["cdn"] - fetched == 2


def test_a_replaced_photo_keeps_the_old_picture(facebook: Simulator, archive: Archive) -> None:
    """The post shows the new photo; the old one's row and file stay."""
    post_id = facebook.add_post("photo")
    sync(archive)
    before = set(files(archive))
    facebook.replace_photo(post_id)
    sync(archive)
    post = archive.feed.post(post_id)
    assert post is not None
    assert len(post["attachments"]) == 1
    assert post["has_local_image"]
    assert before < set(files(archive))


def test_an_answer_without_attachments_deletes_nothing(
    facebook: Simulator, archive: Archive
) -> None:
    """A glitch of an hour leaves every row as it was."""
    sync(archive)
    before = everything(archive)
    ids = [row[0] for row in query(archive, "SELECT id FROM facebook_posts")]
    facebook.faults.glitch_without_attachments(ids, times=1)
    read(archive)
    assert everything(archive) == before


def test_a_scheduled_post_is_no_ghost(facebook: Simulator, archive: Archive) -> None:
    """An unpublished post is not kept: it comes back under another id when it is published."""
    ghost = facebook.schedule(facebook.clock.now() + timedelta(days=1))
    facebook.faults.show_unpublished()
    sync(archive)
    assert archive.feed.post(ghost) is None
    published = facebook.publish(ghost)
    sync(archive)
    assert archive.feed.post(published) is not None


def test_a_throttled_page_is_left_alone_until_its_time(
    facebook: Simulator, archive: Archive
) -> None:
    """The archive says until when, asks nothing before, and goes on after."""
    facebook.faults.throttle(minutes=30, times=1)
    report = read(archive)
    assert state(archive)[0] == "throttled"
    assert report.problems
    calls = facebook.calls["graph"]
    facebook.clock.move(timedelta(minutes=10))
    assert read(archive).problems
    assert facebook.calls["graph"] == calls
    facebook.clock.move(timedelta(minutes=21))
    assert read(archive).problems == []
    assert one(archive, "SELECT count(*) FROM facebook_posts") == 30


def test_one_page_with_a_dead_token_does_not_hold_up_another(
    tmp_path: Path, database_url: str
) -> None:
    """Its state says what to do; the other Page is archived all the same."""
    with Simulator(posts=5, pages=2, pictures="plain") as facebook:
        facebook.faults.token_dead(facebook.pages[0].id)
        with archive_of(facebook, tmp_path, database_url) as archive:
            progress = sync(archive)
            assert len(progress.problems) == 1
            assert "token" in progress.problems[0].lower()
            assert facebook.pages[0].token not in progress.problems[0]
            counts = dict(query(archive, "SELECT page_id, count(*) FROM facebook_posts GROUP BY 1"))
            assert counts == {facebook.pages[1].id: 5}
            asked = facebook.calls["graph"]
            assert read(archive).problems == []
            assert facebook.calls["graph"] == asked
            facebook.faults.revive(facebook.pages[0].id)
            facebook.clock.move(timedelta(hours=1))
            assert sync(archive).problems == []
            counts = dict(query(archive, "SELECT page_id, count(*) FROM facebook_posts GROUP BY 1"))
            assert set(counts.values()) == {5}


def test_a_page_that_may_not_be_described_is_read_all_the_same(
    facebook: Simulator, archive: Archive
) -> None:
    """Name and fans are nice to have; posts are what it is for."""
    page = archive.config.facebook.pages[0]

    def heard(report: Report) -> None:
        if report.posts and not report.videos:
            facebook.faults.refuse(code=10, times=1, message="no permission for fan_count")

    report = archive.sync(page, heard=heard)
    assert (report.posts, report.problems) == (30, [])
    assert state(archive)[0] == "ok"
    assert query(archive, "SELECT name FROM facebook_pages") == []


def test_trouble_with_videos_is_not_told_of_posts(facebook: Simulator, archive: Archive) -> None:
    """Each stream has a state of its own."""
    facebook.faults.reduce_data(above=0, having="length")
    read(archive)
    assert state(archive)[0] == "ok"
    assert state(archive, "videos")[0] == "incomplete"


def test_only_the_days_asked_for_are_kept(facebook: Simulator, archive: Archive) -> None:
    """Facebook's page goes further back than asked; what is older is left out."""
    page = archive.config.facebook.pages[0]
    archive.sync(page, wanted=lambda now: Walk("days", now - timedelta(days=3), now))
    limit = facebook.clock.now() - timedelta(days=3)
    expected = [p for p in facebook.world.posts(facebook.page_id) if p.created >= limit]
    assert 0 < len(expected) < 30
    assert one(archive, "SELECT count(*) FROM facebook_posts") == len(expected)


def test_a_stop_is_no_trouble(facebook: Simulator, archive: Archive) -> None:
    """Stopping in mid-walk leaves nothing to explain."""
    archive.stop.set()
    report = archive.sync(archive.config.facebook.pages[0])
    assert report.problems == []
    assert query(archive, "SELECT state FROM sync_state WHERE state <> 'new'") == []


def test_a_walk_by_hand_does_not_throw_away_a_cut_one(tmp_path: Path, database_url: str) -> None:
    """A glance at the last hour leaves the unfinished reading of months where it was."""
    with (
        Simulator(posts=120, seed=5, pictures="plain") as facebook,
        archive_of(facebook, tmp_path, database_url) as archive,
    ):
        facebook.faults.invalid_cursors(times=1)
        read(archive)
        page = archive.config.facebook.pages[0]
        archive.sync(page, wanted=lambda now: Walk("days", now - timedelta(hours=1), now))
        assert one(archive, "SELECT walk_kind FROM sync_state WHERE stream = 'posts'") == "full"
        read(archive)
        assert one(archive, "SELECT count(*) FROM facebook_posts") == 120


def test_everything_asked_for_again_goes_on_where_it_was(tmp_path: Path, database_url: str) -> None:
    """``--all`` cut by a small budget gets further each time."""
    with (
        Simulator(posts=120, seed=5, pictures="plain") as facebook,
        archive_of(facebook, tmp_path, database_url) as archive,
    ):
        page = archive.config.facebook.pages[0]
        facebook.faults.invalid_cursors(times=1)
        archive.sync(page, wanted=lambda now: Walk("full", BEGINNING, now))
        asked = facebook.count("graph", "/posts")
        archive.sync(page, wanted=lambda now: Walk("full", BEGINNING, now))
        assert one(archive, "SELECT count(*) FROM facebook_posts") == 120
        requests = [r for r in facebook.requests if "/posts" in r.path][asked:]
        assert "until" in requests[0].query


def test_refused_videos_do_not_stop_posts(facebook: Simulator, archive: Archive) -> None:
    """That stream is marked unavailable and asked for again a day later."""
    facebook.faults.refuse_videos()
    sync(archive)
    assert state(archive)[0] == "ok"
    assert state(archive, "videos")[0] == "unavailable"
    calls = facebook.count("graph", "/videos")
    read(archive)
    assert facebook.count("graph", "/videos") == calls
    facebook.faults.clear()
    facebook.clock.move(timedelta(days=1, minutes=1))
    read(archive)
    assert state(archive, "videos")[0] == "ok"
    assert one(archive, "SELECT count(*) FROM facebook_video_posts") > 0


def test_videos_know_the_post_that_shows_them(facebook: Simulator, archive: Archive) -> None:
    """A video's row names the post whose attachment leads to it."""
    facebook.add_post("reel")
    sync(archive)
    named = query(
        archive,
        "SELECT v.post_id FROM facebook_video_posts v JOIN facebook_post_attachments a"
        " ON a.target_id = v.video_id AND a.post_id = v.post_id",
    )
    assert named


def test_a_walk_in_circles_is_never_complete(tmp_path: Path, database_url: str) -> None:
    """A repeated cursor ends the walk as incomplete, and the next one reads on."""
    with Simulator(posts=120, seed=5, pictures="plain") as facebook:
        facebook.faults.repeat_cursor()
        with archive_of(facebook, tmp_path, database_url) as archive:
            read(archive)
            assert state(archive)[0] == "incomplete"
            assert one(archive, "SELECT full_at FROM sync_state WHERE stream = 'posts'") is None
            facebook.faults.clear()
            read(archive)
            assert state(archive)[0] == "ok"
            assert one(archive, "SELECT count(*) FROM facebook_posts") == 120


def test_a_walk_goes_on_where_an_error_cut_it(tmp_path: Path, database_url: str) -> None:
    """After an error in the middle the next walk asks from the oldest post on."""
    with (
        Simulator(posts=120, seed=5, pictures="plain") as facebook,
        archive_of(facebook, tmp_path, database_url) as archive,
    ):
        facebook.faults.invalid_cursors(times=1)
        read(archive)
        assert 0 < one(archive, "SELECT count(*) FROM facebook_posts") < 120
        read(archive)
        assert one(archive, "SELECT count(*) FROM facebook_posts") == 120
        assert any("until" in asked.query for asked in facebook.requests)


def test_a_source_that_ignores_until_leaves_no_hole(tmp_path: Path, database_url: str) -> None:
    """Going on then means reading again from the top; nothing is doubled or missing."""
    with Simulator(posts=120, seed=5, pictures="plain") as facebook:
        facebook.faults.ignore_until()
        with archive_of(facebook, tmp_path, database_url) as archive:
            facebook.faults.invalid_cursors(times=1)
            read(archive)
            read(archive)
            assert one(archive, "SELECT count(*) FROM facebook_posts") == 120


def test_the_number_of_statements_does_not_grow_with_the_page(
    tmp_path: Path, database_url: str
) -> None:
    """A page of fifty posts is written with as many statements as a page of five."""

    def statements(posts: int, folder: Path, url: str) -> int:
        with Simulator(posts=posts, seed=5, pictures="plain") as facebook:
            facebook.faults.refuse_videos()
            with archive_of(facebook, folder, url) as archive:
                counted: list[str] = []
                archive.db.query_hooks.append(lambda sql, *_: counted.append(sql))
                read(archive)
                with models.transaction(archive.db):
                    models.change(archive.db, "DELETE FROM facebook_posts")
                    models.change(archive.db, "DELETE FROM media_storage")
                    models.change(archive.db, "DELETE FROM sync_state")
                return len(counted)

    few = statements(5, tmp_path, database_url)
    assert statements(50, tmp_path, database_url) == few


_SYNC = "import sys; from fbsyncd.__main__ import main; sys.exit(main(['sync', '--no-media']))"


def test_a_sync_killed_at_any_page_leaves_no_hole_and_no_double(
    tmp_path: Path, database_url: str
) -> None:
    """SIGKILL after each page of results in turn; in the end every post is there once."""
    with Simulator(posts=160, seed=7, pictures="plain") as facebook:
        (tmp_path / "config.toml").write_text(config_text(facebook, database_url))
        for _ in range(8):
            asked = facebook.count("graph", "/posts")
            process = subprocess.Popen(
                [sys.executable, "-c", _SYNC], cwd=tmp_path, stdout=subprocess.DEVNULL
            )
            while process.poll() is None and facebook.count("graph", "/posts") < asked + 2:
                os.sched_yield()
            process.send_signal(signal.SIGKILL)
            process.wait()
        subprocess.run([sys.executable, "-c", _SYNC], cwd=tmp_path, check=True)
        with archive_of(facebook, tmp_path, database_url) as archive:
            there = {row[0] for row in query(archive, "SELECT id FROM facebook_posts")}
            assert there == {post.id for post in facebook.world.posts(facebook.page_id)}
            named = "SELECT count(*) FROM facebook_posts p JOIN media_storage m ON m.id ="
            assert one(archive, f"{named} p.local_full_picture_id") > 0


def test_a_page_whose_id_is_not_there_is_told_once(
    facebook: Simulator, archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    """Both streams wait a day, one line of the log and one problem tell, with the remedy."""
    wrong = archive.config.facebook.pages[0].model_copy(update={"id": "999"})
    for _ in range(2):
        report = archive.sync(wrong)
        (problem,) = report.problems
        assert problem.startswith("The object is not there, or not for this token. Facebook said")
        assert problem.endswith("). Look at the id in [[facebook.pages]].")
        assert {state(archive, name) for name in STREAMS} == {("unavailable", problem)}
        calls = facebook.calls["graph"]
        assert archive.sync(wrong).problems == []
        assert facebook.calls["graph"] == calls
        facebook.clock.move(timedelta(days=1, minutes=1))
    assert len([one for one in caplog.records if "999" in one.getMessage()]) == 1


def test_what_a_refused_token_was_told_ends_before_the_remedy(
    facebook: Simulator, archive: Archive
) -> None:
    """A full stop stands between Facebook's words and ours."""
    facebook.faults.token_dead(facebook.page_id)
    (problem,) = read(archive).problems
    assert "). " in problem
    assert ") M" not in problem
