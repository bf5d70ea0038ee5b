"""One archive's rows into another database: whole, once, and told truly."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import postgres
import psycopg
import pytest
from peewee import Database
from plant import config_text
from test_daemon import all_safe, running
from torture import Death, Gallows

from fbsyncd import facts, migrate, models, transfer
from fbsyncd.config import addresses
from fbsyncd.errors import DatabaseTrouble, UsageError
from fbsyncd.models import rows
from fbsyncd.simulator import Simulator
from fbsyncd.transfer import Copied
from fbsyncd.transfer.shapes import SHAPES

EARLY = "2026-01-01 00:00:00.000000+00:00"
LATE = "2026-02-02 00:00:00.000000+00:00"
SUCCESS = {
    "download_status": "success",
    "local_filename": "a.jpg",
    "file_size": 5,
    "sha256": "ab",
}


@pytest.fixture
def other_url(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[str]:
    """A second empty database, on the other engine; on the same one where a test says "same"."""
    is_sqlite = database_url.startswith("sqlite")
    if (getattr(request, "param", "other") == "same") is is_sqlite:
        yield f"sqlite:///{tmp_path / 'other.db'}"
        return
    if postgres.find_binaries() is None:
        pytest.skip(postgres.missing_reason())
    server: postgres.PostgresServer = request.getfixturevalue("postgres_server")
    with server.fresh_database() as url:
        yield url


@pytest.fixture
def other(other_url: str) -> Iterator[Database]:
    """A second archive's database."""
    database = models.connect(other_url)
    migrate.apply(database)
    yield database
    models.close(database)


def put(db: Database, table: str, **values: Any) -> None:
    """Write one row, the stamps being EARLY unless they are given."""
    if table in {"media_storage", "facebook_posts", "facebook_post_attachments", "facebook_pages"}:
        values = {"created_at": EARLY, "updated_at": EARLY} | values
    sql = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({models.marks(len(values))})"
    with models.transaction(db):
        models.change(db, sql, list(values.values()))


def picture(db: Database, key: str, **values: Any) -> str:
    id_ = str(values.pop("id", uuid4()))
    given = {"category": "posts", "original_url": f"https://x/{key}"} | values
    put(db, "media_storage", id=id_, asset_key=key, **given)
    return id_


def post(db: Database, id_: str, **values: Any) -> None:
    put(db, "facebook_posts", id=id_, **({"page_id": "1", "created_time": EARLY} | values))


def ask(db: Database, sql: str) -> list[tuple[Any, ...]]:
    with models.session(db):
        return [tuple(map(_plain, row)) for row in rows(db, sql)]


def _plain(value: Any) -> Any:
    if hasattr(value, "astimezone"):
        return models.to_text(value)
    return value if value is None or isinstance(value, int | float) else str(value)


def everything(db: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables that are copied, numbers included."""
    return {
        shape.name: sorted(
            ask(db, f"SELECT {', '.join([*shape.columns, shape.number or '1'])} FROM {shape.name}"),
            key=str,
        )
        for shape in SHAPES
    }


def copy(source: Database, target: Database) -> Copied:
    """Copy, and hold the copy to what it says of itself."""
    copied = transfer.copy(source, target, lambda *_: None)
    assert copied.differing == []
    return copied


def written(copied: Copied) -> int:
    return sum(tally.written for tally in copied.tallies)


def fill(db: Database) -> None:
    """Write a little of everything."""
    parent = picture(db, "p", **SUCCESS)
    small = picture(db, "p/small", derived_from=parent, category="thumbnails", **SUCCESS)
    dead = picture(db, "d", download_status="failed", error_message="ลิงก์ตาย 💀")
    put(db, "facebook_pages", id="1", name="ร้าน ☕", fan_count=5_000_000_000)
    post(db, "1_1", message="one\n\ttwo ' \" \\ % ? 🎉", is_hidden=True, local_picture_id=parent)
    post(db, "1_2", message="", story=None, is_published=False, local_full_picture_id=dead)
    for number, key in ((7, "a"), (3, "b")):
        put(
            db,
            "facebook_post_attachments",
            id=number,
            post_id="1_1",
            attachment_key=key,
            local_media_id=parent,
            local_thumbnail_id=small,
        )
    put(db, "facebook_video_posts", video_id="v", page_id="1", length=12.345678901234567)
    put(db, "facebook_post_history", post_id="1_1", seen_from=EARLY, seen_until=LATE, message="x")
    put(db, "former_pictures", owner_id="1_1", media_id=dead)
    put(db, "source_months", page_id="1", month="2026-01", posts=2, listed_at=EARLY)
    put(db, "listed_posts", page_id="1", walk_started_at=EARLY, post_id="1_1", month="2026-01")
    put(db, "forgotten", kind="post", id="1_9", forgotten_at=EARLY, bytes=6_000_000_000)
    put(db, "sync_state", page_id="1", stream="posts", state="ok", high_water=LATE)


@pytest.mark.parametrize("other_url", ["other", "same"], indirect=True)
def test_a_copy_is_the_whole_archive(db: Database, other: Database) -> None:
    """Every row of every table is there as it was, from each engine to each."""
    fill(db)
    copied = copy(db, other)
    assert everything(other) == everything(db)
    assert written(copied) == sum(tally.here for tally in copied.tallies) == 15
    assert all(tally.here == tally.there and tally.kept == 0 for tally in copied.tallies)


def test_both_engines_give_one_digest(db: Database, other: Database, tmp_path: Path) -> None:
    """A digest that somebody noted down can be found again after any number of copies."""
    fill(db)
    third = models.connect(f"sqlite:///{tmp_path / 'third.db'}")
    first, second = copy(db, other), copy(other, third)
    models.close(third)
    digests = [{tally.digest_here for tally in one.tallies} for one in (first, second)]
    assert digests[0] == digests[1]
    assert len(digests[0]) == len(SHAPES)


def test_a_second_copy_writes_nothing(db: Database, other: Database) -> None:
    """What is there already is found, on either side."""
    fill(db)
    copy(db, other)
    assert written(copy(db, other)) == 0
    assert written(copy(other, db)) == 0


def test_what_changed_is_brought_up_to_date(db: Database, other: Database) -> None:
    """New rows are added and changed ones follow, stamps included; nothing else is written."""
    fill(db)
    copy(db, other)
    with models.transaction(db):
        models.change(db, "UPDATE facebook_posts SET type = 'edited' WHERE id = '1_1'")
        models.change(
            db, "UPDATE facebook_post_attachments SET title = 't' WHERE attachment_key = 'a'"
        )
    post(db, "1_3")
    assert written(copy(db, other)) == 3
    assert everything(other) == everything(db)


def test_the_newer_row_is_kept(db: Database, other: Database) -> None:
    """Which way ever the copy goes, the later change of a row is the one that stays."""
    for side, text, at in ((db, "old", EARLY), (other, "new", LATE)):
        post(side, "1_1", message=text, updated_at=at)
    copied = copy(db, other)
    assert [tally.kept for tally in copied.tallies if tally.name == "facebook_posts"] == [1]
    assert ask(other, "SELECT message FROM facebook_posts") == [("new",)]
    # The row, and the text that it takes the place of.
    assert written(copy(other, db)) == 2
    assert ask(db, "SELECT message, updated_at FROM facebook_posts") == [("new", LATE)]


def test_an_archived_picture_is_not_replaced_by_a_lost_one(db: Database, other: Database) -> None:
    """A file somebody has is worth more than the latest news that it cannot be had."""
    id_ = picture(db, "p", download_status="failed", error_message="dead", updated_at=LATE)
    picture(other, "p", id=id_, **SUCCESS)
    copy(db, other)
    assert ask(other, "SELECT download_status, error_message FROM media_storage") == [
        ("success", None)
    ]
    copy(other, db)
    assert ask(db, "SELECT download_status, local_filename FROM media_storage") == [
        ("success", "a.jpg")
    ]


def test_two_archives_become_their_union(db: Database, other: Database) -> None:
    """Rows of both are there once; an attachment keeps its key though its number was taken."""
    shared = picture(db, "shared")
    picture(other, "shared", id=shared)
    for side, name in ((db, "mine"), (other, "theirs")):
        own = picture(side, name)
        post(side, "1_1", local_picture_id=shared)
        post(side, f"1_{name}", local_picture_id=own)
        for number, key in ((1, name), (2, "both")):
            put(side, "facebook_post_attachments", id=number, post_id="1_1", attachment_key=key)
    copied = copy(db, other)
    assert not copied.is_same_archive
    copy(other, db)
    assert ask(db, "SELECT count(*) FROM media_storage") == [(3,)]
    keys = "SELECT attachment_key FROM facebook_post_attachments ORDER BY 1"
    for side in (db, other):
        assert ask(side, keys) == [("both",), ("mine",), ("theirs",)]
        assert len(ask(side, "SELECT id FROM facebook_posts")) == 3
    assert written(copy(db, other)) == written(copy(other, db)) == 0


def test_a_picture_that_goes_by_another_id_stays_one(db: Database, other: Database) -> None:
    """An older program named it otherwise there: what names it follows, and no row is doubled."""
    mine = picture(db, "p", **SUCCESS)
    picture(db, "p/small", derived_from=mine, category="thumbnails", **SUCCESS)
    post(db, "1_1", local_picture_id=mine)
    put(db, "former_pictures", owner_id="1_1", media_id=mine)
    theirs = picture(other, "p", key_id=mine)
    copy(db, other)
    pictures = "SELECT id, key_id, download_status FROM media_storage WHERE asset_key = 'p'"
    assert ask(other, pictures) == [(theirs, mine, "success")]
    for sql in (
        "SELECT local_picture_id FROM facebook_posts",
        "SELECT media_id FROM former_pictures",
        "SELECT derived_from FROM media_storage WHERE asset_key = 'p/small'",
    ):
        assert ask(other, sql) == [(theirs,)]
    assert written(copy(db, other)) == 0
    copy(other, db)
    assert ask(db, "SELECT count(*) FROM media_storage") == [(2,)]


def test_an_attachment_without_a_key_is_known_by_its_link(db: Database, other: Database) -> None:
    """Rows that an older script added are the same rows, each one once."""
    for side in (db, other):
        post(side, "1_1")
    link = {"post_id": "1_1", "type": "photo"}
    for number, url in ((1, "https://x/1"), (2, "https://x/2"), (3, None), (4, None)):
        put(db, "facebook_post_attachments", id=number, media_url=url, **link)
    put(
        other,
        "facebook_post_attachments",
        id=9,
        attachment_key="k",
        media_url="https://x/1",
        **link,
    )
    copy(db, other)
    found = "SELECT attachment_key, media_url FROM facebook_post_attachments ORDER BY id"
    assert sorted(ask(other, found), key=str) == [
        ("k", "https://x/1"),
        (None, "https://x/2"),
        (None, None),
        (None, None),
    ]
    assert written(copy(db, other)) == 0


def test_numbers_go_on_above_those_that_were_copied(db: Database, other: Database) -> None:
    """What is attached to a post in the copy later gets a number of its own."""
    fill(db)
    copy(db, other)
    for key in ("c", "d"):
        put(other, "facebook_post_attachments", post_id="1_2", attachment_key=key)
    numbers = [id_ for (id_,) in ask(other, "SELECT id FROM facebook_post_attachments")]
    assert sorted(numbers)[:2] == [3, 7]
    assert min(sorted(numbers)[2:]) > 7


def test_leases_stay_with_the_process_that_holds_them(db: Database, other: Database) -> None:
    """In the copy the picture may be fetched at once; beside it the target keeps its own lease."""
    id_ = picture(db, "p", lease_owner="here/1", lease_until=LATE)
    copy(db, other)
    assert ask(other, "SELECT lease_owner, lease_until FROM media_storage") == [(None, None)]
    with models.transaction(other):
        models.change(other, "UPDATE media_storage SET lease_owner = 'there/1'")
    with models.transaction(db):
        sql = "UPDATE media_storage SET error_message = 'x', updated_at = ? WHERE id = ?"
        models.change(db, sql, ["2100-01-01 00:00:00.000000+00:00", id_])
    copy(db, other)
    assert ask(other, "SELECT lease_owner, error_message FROM media_storage") == [("there/1", "x")]


def test_an_empty_target_becomes_the_same_archive(db: Database, other: Database) -> None:
    """Its id goes along, so that the same media folder fits; an archive with rows keeps its own."""
    fill(db)
    theirs = facts.get(other, "id")
    assert copy(db, other).is_same_archive
    assert facts.get(other, "id") == facts.get(db, "id") != theirs


def test_an_archive_with_rows_keeps_its_id(db: Database, other: Database) -> None:
    """The media folder that belongs to it goes on fitting."""
    fill(db)
    theirs = facts.get(other, "id")
    post(other, "2_1")
    assert not copy(db, other).is_same_archive
    assert facts.get(other, "id") == theirs


def test_the_source_may_be_written_to(db: Database, database_url: str, other: Database) -> None:
    """A copy is of one moment: what comes meanwhile waits for the next one."""
    fill(db)
    daemon = models.connect(database_url)
    came = 0

    def heard(what: str, done: int, total: int) -> None:
        nonlocal came
        came += 1
        post(daemon, f"9_{came}")
        with models.transaction(daemon):
            models.change(daemon, "UPDATE facebook_posts SET type = ?", [f"{what} {done}"])

    copied = transfer.copy(db, other, heard)
    models.close(daemon)
    assert copied.differing == []
    assert came > 10
    assert ask(other, "SELECT count(*) FROM facebook_posts") == [(2,)]
    copy(db, other)
    assert everything(other) == everything(db)


def test_the_target_may_be_written_to(db: Database, other: Database, other_url: str) -> None:
    """A daemon there goes on with what it is given; its newer rows are counted, not undone."""
    fill(db)
    daemon = models.connect(other_url)

    def heard(what: str, done: int, total: int) -> None:
        if (what, done) == ("comparing", 0):
            with models.transaction(daemon):
                models.change(daemon, "UPDATE facebook_posts SET message = 'seen anew'")
            post(daemon, "9_1")

    copied = transfer.copy(db, other, heard)
    models.close(daemon)
    assert copied.differing == []
    assert {tally.name: tally.kept for tally in copied.tallies}["facebook_posts"] == 2
    posts = ask(other, "SELECT id, message FROM facebook_posts ORDER BY id")
    assert posts == [("1_1", "seen anew"), ("1_2", "seen anew"), ("9_1", None)]


def test_a_copy_that_is_not_the_same_is_told(db: Database, other: Database, other_url: str) -> None:
    """Rows that vanish or change behind its back are found by the comparison."""
    fill(db)
    vandal = models.connect(other_url)

    def heard(what: str, done: int, total: int) -> None:
        if (what, done) == ("comparing", 0):
            with models.transaction(vandal):
                models.change(vandal, "DELETE FROM former_pictures")
                models.change(
                    vandal,
                    "UPDATE facebook_posts SET type = 'x', updated_at = ?",
                    ["1999-01-01 00:00:00.000000+00:00"],
                )

    assert transfer.copy(db, other, heard).differing == ["facebook_posts", "former_pictures"]
    models.close(vandal)
    copy(db, other)
    assert everything(other) == everything(db)


def test_a_database_is_not_copied_onto_itself(db: Database, database_url: str) -> None:
    """By whatever name it is reached."""
    name = database_url.replace("127.0.0.1", "localhost")
    if database_url.startswith("sqlite"):
        path = Path(database_url.removeprefix("sqlite:///"))
        link = path.with_name("link.db")
        link.symlink_to(path)
        name = f"sqlite:///{link}"
    with (
        transfer.target_at(name, Path()) as (target, _),
        pytest.raises(UsageError, match="own database"),
    ):
        transfer.copy(db, target, lambda *_: None)


def test_what_was_forgotten_does_not_come_back(db: Database, other: Database) -> None:
    """A copy that would bring it back is refused with the way out, and nothing is written."""
    fill(db)
    put(other, "forgotten", kind="post", id="1_2", forgotten_at=EARLY)
    with pytest.raises(UsageError, match=r"forgotten post 1_2 on purpose.*forget post 1_2` here"):
        transfer.copy(db, other, lambda *_: None)
    assert ask(other, "SELECT id FROM facebook_posts") == []
    post(other, "1_9")
    with models.transaction(other):
        models.change(other, "DELETE FROM forgotten")
    assert copy(db, other).lingering == [("post", "1_9")]


def test_every_table_is_copied_or_left_out_on_purpose(db: Database) -> None:
    """A table that somebody adds is not lost silently by the next copy."""
    there = {shape.name for shape in SHAPES}
    # About this place or this process: the schema, facts of the folder, files to be removed there,
    # what its watch has heard and told.
    here_only = {"archive", "schema_migrations", "condemned_files"}
    here_only |= {"alerts", "graph_budgets", "page_tokens"}
    # Made from the rows by triggers and by whoever asks next.
    made = re.compile(r"post_search.*|search_stale|changed_links|sqlite_.*")
    with models.session(db):
        named = set(db.get_tables())
    assert there <= named
    assert {name for name in named - there - here_only if not made.fullmatch(name)} == set()


def test_the_command_copies_and_goes_on_after_a_kill(
    tmp_path: Path, database_url: str, other_url: str
) -> None:
    """Killed at any point, the next copy brings the rest, and both sides agree."""
    with Simulator(posts=40, seed=4, pictures="plain") as facebook:
        (tmp_path / "config.toml").write_text(config_text(facebook, database_url))
        gallows = Gallows(tmp_path / "log")
        try:
            assert gallows.run(tmp_path, ["sync", "--no-media"], Death())[1] == 0
            points = [("commit", 1), ("executed", 30), ("commit", 3), ("statement", 60)]
            points += [("committed", 5), ("commit", 8)]
            ends = [
                gallows.run(tmp_path, ["copy", "--to", other_url], Death(point, nth))[1]
                for point, nth in points
            ]
            assert ends.count(-9) >= 4, f"{ends}\n{gallows.log}"
            assert set(ends) <= {0, -9}, gallows.log
            assert gallows.run(tmp_path, ["copy", "--to", other_url], Death())[1] == 0
            assert "DIFFERS" not in gallows.log
        finally:
            gallows.close()
    sides = [models.connect(database_url), models.connect(other_url)]
    assert everything(sides[0]) == everything(sides[1])
    assert len(ask(sides[1], "SELECT id FROM facebook_posts")) == 40
    for side in sides:
        models.close(side)


def fbsyncd(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fbsyncd", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_archive_moves_to_the_other_engine_and_goes_on(
    tmp_path: Path, database_url: str, other_url: str
) -> None:
    """One line of config.toml changes; the media folder fits, and no picture is fetched again."""
    config = tmp_path / "config.toml"
    with Simulator(posts=8, seed=4, pictures="plain") as facebook:
        config.write_text(config_text(facebook, database_url))
        assert fbsyncd(tmp_path, "sync").returncode == 0
        assert fbsyncd(tmp_path, "copy", "--to", other_url).returncode == 0
        config.write_text(config_text(facebook, other_url))
        checked = fbsyncd(tmp_path, "reconcile", "--scrub").stdout
        assert "\n0 missing\n" in checked
        assert "no row knows" not in checked
        before = facebook.calls["cdn"]
        facebook.add_post("photo")
        assert fbsyncd(tmp_path, "sync").returncode == 0
        assert facebook.calls["cdn"] in {before + 1, before + 2}
        assert fbsyncd(tmp_path, "verify").returncode == 0


def test_a_copy_is_made_beside_a_running_daemon(tmp_path: Path) -> None:
    """As a backup is: whole, whatever the daemon writes meanwhile."""
    with Simulator(posts=12, seed=3, pictures="plain") as facebook:
        facebook.faults.cdn_delay(0.2)
        (tmp_path / "config.toml").write_text(config_text(facebook))
        with running(tmp_path) as daemon:
            daemon.until(lambda stats: stats["posts"] > 0)
            for _ in range(3):
                done = fbsyncd(tmp_path, "copy", "--to", "sqlite:///backup.db")
                assert done.returncode == 0, done.stderr
                assert "DIFFERS" not in done.stdout
            facebook.faults.clear()
            daemon.until(all_safe)
            daemon.stop()
        assert "Traceback" not in "".join(daemon.log)


def test_the_command_says_what_it_did(tmp_path: Path) -> None:
    """Counts and digests of every table, and the folder that goes with them; no password."""
    with Simulator(posts=5, seed=4, pictures="plain") as facebook:
        (tmp_path / "config.toml").write_text(config_text(facebook))
        fbsyncd(tmp_path, "sync", "--no-media")
        done = fbsyncd(tmp_path, "copy", "--to", "sqlite:///elsewhere.db")
    assert done.returncode == 0, done.stderr
    assert re.search(r"facebook_posts +5 +5 +5 +0  ([0-9a-f]{12})  \1  same", done.stdout)
    assert f"goes with {tmp_path / 'media' / 'facebook'}" in done.stdout
    with closing(sqlite3.connect(tmp_path / "elsewhere.db")) as there:
        assert there.execute("SELECT count(*) FROM facebook_posts").fetchone() == (5,)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqlite:///fbsyncd.db", "own database"),
        ("sqlite:///missing/folder.db", "unable to open"),
        ("oracle://me:hunter2@host/name", "not a database this program knows"),
        ("postgresql://me:hunter2@127.0.0.1:1/name", "refused"),
    ],
)
def test_a_target_that_cannot_be_is_said_in_one_line(tmp_path: Path, url: str, says: str) -> None:
    """Exit 1, the reason, and no password in it."""
    (tmp_path / "config.toml").write_text("")
    fbsyncd(tmp_path, "setup")
    done = fbsyncd(tmp_path, "copy", "--to", url)
    assert done.returncode == 1
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "hunter2" not in done.stderr + done.stdout


@pytest.mark.postgresql
def test_a_row_that_postgresql_cannot_keep_stays_behind(
    postgres_server: postgres.PostgresServer, tmp_path: Path
) -> None:
    """SQLite takes a NUL from another program: that row is told, all others are copied."""
    (tmp_path / "config.toml").write_text("")
    source = models.connect(f"sqlite:///{tmp_path / 'fbsyncd.db'}")
    migrate.apply(source)
    for number in range(30):
        post(source, f"1_{number}", message="a\0b" if number == 7 else "ab")
    models.close(source)
    with postgres_server.fresh_database() as url:
        for _ in range(2):
            done = fbsyncd(tmp_path, "copy", "--to", url)
            assert done.returncode == 1
            assert "not copied: 1 row of facebook_posts (1_7): the target said: " in done.stdout
            assert "NUL" in done.stdout
            assert done.stderr == (
                "fbsyncd: 1 row could not be copied, as said above; all others are there and the"
                " same\n"
            )
        target = models.connect(url)
        assert ask(target, "SELECT count(*) FROM facebook_posts") == [(29,)]
        models.close(target)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_copy_that_is_stopped_says_how_far_it_was(tmp_path: Path, number: int) -> None:
    """One line with the table and the rows that are over; the same command goes on."""
    (tmp_path / "config.toml").write_text("")
    source = models.connect(f"sqlite:///{tmp_path / 'fbsyncd.db'}")
    migrate.apply(source)
    with models.transaction(source):
        models.change_many(
            source,
            "INSERT INTO facebook_posts (id, page_id, created_time) VALUES (?, '1', ?)",
            [(f"1_{post:06}", EARLY) for post in range(120_000)],
        )
    models.close(source)
    command = [sys.executable, "-m", "fbsyncd", "copy", "--to", "sqlite:///copied.db"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as copying:
        assert copying.stderr is not None
        # More than half are left.
        assert copying.stderr.readline() == "copying: 50,000 of 120,000 rows\n"
        copying.send_signal(number)
        said = copying.stderr.read()
    assert copying.returncode == 130
    assert re.match(
        r"the copy stopped in facebook_posts, [\d,]+ of 120,000 rows are copied; they stay, and the"
        r" same command goes on\n",
        said,
    ), said
    done = fbsyncd(tmp_path, "copy", "--to", "sqlite:///copied.db")
    assert done.returncode == 0
    (wrote,) = re.findall(r"wrote ([\d,]+) rows", done.stdout)
    assert int(wrote.replace(",", "")) <= 70_000


@pytest.mark.postgresql
@pytest.mark.parametrize("what", [transfer.COPYING, transfer.COMPARING])
@pytest.mark.parametrize("which", ["source", "target"])
def test_a_database_that_fails_says_where_the_copy_was(
    postgres_server: postgres.PostgresServer, tmp_path: Path, which: str, what: str
) -> None:
    """Which of both it was, the table and the rows that are copied; the same command goes on."""
    with postgres_server.fresh_database() as url, ExitStack() as closing_:
        ends = [models.connect(url), models.connect(f"sqlite:///{tmp_path / 'file.db'}")]
        for one in ends:
            closing_.callback(models.close, one)
        source, target = ends if which == "source" else reversed(ends)
        migrate.apply(source)
        for number in range(1200):
            post(source, f"1_{number:04}")

        def heard(doing: str, done: int, __: int) -> None:
            if (doing, done) == (what, 500):
                close(postgres_server, url)

        with pytest.raises(DatabaseTrouble) as caught:
            transfer.copy(source, target, heard)
        said = str(caught.value)
        where = {
            transfer.COPYING: "the copy stopped in facebook_posts, 500 of 1,200 rows are copied",
            transfer.COMPARING: (
                "the copy stopped in facebook_posts when 500 of 1,200 rows are compared,"
                " all rows are copied"
            ),
        }[what]
        name = "The source" if which == "source" else f"--to: {addresses.without_password(url)}"
        assert said.startswith(
            f"{where}; they stay, and the same command goes on. {name}: the database said:"
        ), said
        assert said.count("the database said") == 1
        if which == "target":
            assert "database.url" not in said
        close(postgres_server, url, is_open=True)
        assert written(copy(source, target)) == (700 if what == transfer.COPYING else 0)


def test_a_target_that_is_none_is_named_with_what_helps_there(tmp_path: Path) -> None:
    """By its file or its URL without the password; config.toml's database is not what is wrong."""
    (tmp_path / "config.toml").write_text("")
    migrated = models.connect(f"sqlite:///{tmp_path / 'fbsyncd.db'}")
    migrate.apply(migrated)
    models.close(migrated)
    (tmp_path / "none.db").write_text("no database at all, but long enough to be read" * 99)
    with closing(sqlite3.connect(tmp_path / "older.db")) as older:
        older.execute("CREATE TABLE facebook_posts (id TEXT PRIMARY KEY)")
    for to, named, helps in (
        ("sqlite:///none.db", tmp_path / "none.db", "name another file after --to"),
        ("sqlite:///older.db", tmp_path / "older.db", "set FBSYNCD_DATABASE_URL to the target"),
        ("postgresql://me:unheard-of@127.0.0.1:9/x", "postgresql://me:***@127.0.0.1:9/x", "--to"),
        ("mysql://me:unheard-of@x/y", "mysql://… is not a database", "expected sqlite:///FILE"),
        ("postgresql://[me:unheard-of", "postgresql://… is not an address", "password"),
        ("me:unheard-of@x/y", "it is not a database", "expected sqlite:///FILE"),
        ("backup.db", "backup.db is not a database", "expected sqlite:///FILE"),
        ("sqlite:///x/", "sqlite:///x/ names no file", "expected sqlite:///FILE"),
    ):
        done = fbsyncd(tmp_path, "copy", "--to", to)
        assert done.returncode == 1
        assert done.stderr.startswith(f"fbsyncd: --to: {named}"), done.stderr
        assert helps in done.stderr.removeprefix("fbsyncd: --to:"), done.stderr
        assert "unheard-of" not in done.stderr
        assert "database.url" not in done.stderr


def test_a_target_is_shown_as_the_file_it_is(tmp_path: Path) -> None:
    """Without the way up and down again."""
    (tmp_path / "x").mkdir()
    with transfer.target_at("sqlite:///../b.db", tmp_path / "x") as (_, shown):
        assert shown == f"sqlite:///{tmp_path.resolve() / 'b.db'}"


def close(server: postgres.PostgresServer, url: str, *, is_open: bool = False) -> None:
    """End all connections to the database at *url* and let nobody in, or everybody again."""
    name = url.rpartition("/")[2]
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {is_open}".encode())
        connection.execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = %s",
            [name],
        )
