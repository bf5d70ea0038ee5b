"""A database that older scripts filled over years is taken over as it is."""

from __future__ import annotations

import random
import re
import sqlite3
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dump
import pytest
from dump import NOW, PAGE, STRANGERS, Dump, Years
from plant import query
from postgres import PostgresServer
from test_cli import fbsyncd
from torture import Death, Gallows

from fbsyncd import adopt, config, links, migrate, models, verify
from fbsyncd.archive import Archive
from fbsyncd.errors import DatabaseBusy, SchemaError
from fbsyncd.records import Post
from fbsyncd.rows import Rows

SCRIPTS = tuple(dump.TABLES)


@contextmanager
def archive_on(url: str, folder: Path) -> Iterator[Archive]:
    """Open the archive of a database in *folder*, without setting it up."""
    text = f'[database]\nurl = "{url}"\n[[facebook.pages]]\nid = "{PAGE}"\naccess_token = "x"\n'
    archive = Archive(config.parse(text, base=folder, environ={}), now=lambda: NOW)
    try:
        yield archive
    finally:
        archive.close()


@contextmanager
def adopted(url: str, folder: Path) -> Iterator[Archive]:
    """Open the archive of a database that is adopted first."""
    with archive_on(url, folder) as archive:
        assert archive.take_over() is not None
        archive.setup()
        yield archive


def theirs(scripts: Dump, *tables: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of the scripts' tables as the scripts see them, in their own columns."""
    told = {}
    for table in tables or SCRIPTS:
        columns = [line.split()[0] for line in dump.TABLES[table].splitlines()[2:-1]]
        listed = ", ".join(name for name in columns if name.isidentifier() and name != "UNIQUE")
        told[table] = sorted(scripts.ask(f"SELECT {listed} FROM {table}"), key=repr)
    return told


def whole(scripts: Dump) -> list[tuple[Any, ...]]:
    """Return everything there is in a database: its tables, columns and how many rows."""
    columns = (
        "SELECT m.name, c.name FROM sqlite_master m LEFT JOIN pragma_table_info(m.name) c"
        if scripts.is_file
        else "SELECT table_name::text, column_name::text FROM information_schema.columns"
        " WHERE table_schema = 'public' UNION ALL SELECT indexname::text, indexdef FROM pg_indexes"
        " WHERE schemaname = 'public' UNION ALL SELECT proname::text, 'f' FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace"
    )
    return sorted(scripts.ask(columns), key=repr)


def check_links(archive: Archive) -> None:
    """Every link has its asset, by its key and by no other."""
    for table, link, local in (
        ("facebook_posts", "picture_url", "local_picture_id"),
        ("facebook_posts", "full_picture_url", "local_full_picture_id"),
        ("facebook_post_attachments", "media_url", "local_media_id"),
        ("facebook_video_posts", "picture", "local_picture_id"),
    ):
        for url, id_ in query(archive, f"SELECT {link}, {local} FROM {table}"):
            own = url and str(links.asset_id(links.asset_key(url)))
            assert own == (id_ and str(id_))


def keys(archive: Archive) -> set[str]:
    return {key for (key,) in query(archive, "SELECT asset_key FROM media_storage")}


def test_years_of_rows_are_adopted_and_none_is_changed(database_url: str, tmp_path: Path) -> None:
    """3,111 posts and 5,600 attachments get their assets; every value of theirs stays."""
    scripts, years = Dump(database_url), Years()
    scripts.make(*STRANGERS)
    years.fill(scripts)
    before, view = theirs(scripts), scripts.ask("SELECT * FROM newest_posts ORDER BY id")
    with archive_on(database_url, tmp_path) as archive:
        report = str(archive.take_over())
        assert archive.setup() == []
        assert report.startswith(
            "adopted 3,111 posts, 5,600 attachments (2,100 of them the same picture again),"
            f" 240 videos, {len(years.named):,} pictures queued ("
        )
        assert report.endswith("0 rows changed")
        assert keys(archive) == years.named
        check_links(archive)
        # Again and again nothing more happens.
        rows = query(archive, "SELECT * FROM media_storage ORDER BY id")
        assert archive.take_over() is None
        assert archive.setup() == []
        assert query(archive, "SELECT * FROM media_storage ORDER BY id") == rows
    assert theirs(scripts) == before
    assert scripts.ask("SELECT * FROM newest_posts ORDER BY id") == view


def test_what_is_adopted_is_shown_once_and_waits_in_the_queue(
    database_url: str, tmp_path: Path
) -> None:
    """The API tells each post and attachment once; dead links are for healing, others for now."""
    scripts, years = Dump(database_url), Years(posts=300, attachments=700, again=300, videos=20)
    scripts.make()
    years.fill(scripts)
    with adopted(database_url, tmp_path) as archive:
        posts = list(archive.feed.newest(1000))
        assert [post["id"] for post in posts] == [f"{PAGE}_{number}" for number in range(300)]
        assert Counter(len(post["attachments"]) for post in posts) == {1: 200, 2: 100}
        assert {post["image_state"] for post in posts} == {"healing", "pending", None}
        stats = archive.feed.stats()
        assert (stats["posts"], stats["attachments"], stats["videos"]) == (300, 400, 20)
        assert stats["pictures"] == {"safe": 0, "all": len(years.named)}
        told = query(
            archive,
            "SELECT count(*) FROM media_storage WHERE link_expires_at > ?",
            [models.to_text(NOW)],
        )
        alive = told[0][0]
        assert alive > 5
        assert stats["deadlines"]["dead"] == len(years.named) - alive
        claimed = archive.backlog.claim(1000, NOW)
        assert len(claimed) == alive
        archive.backlog.leases.give_back([job.id for job in claimed])
        assert archive.healer.is_due(NOW)
        assert archive.brake.reason() is None


def test_a_dry_run_shows_the_sql_and_changes_nothing(database_url: str, tmp_path: Path) -> None:
    """Not a byte of a file differs afterwards; the SQL, run by hand, makes the same schema."""
    scripts = Dump(database_url)
    scripts.make(*STRANGERS)
    Years(posts=60, attachments=120, again=50, videos=9).fill(scripts)
    path = tmp_path / "fbsyncd.db"
    before = (whole(scripts), theirs(scripts), path.read_bytes() if path.exists() else None)
    told = adopt.rehearse(database_url)
    assert before == (
        whole(scripts),
        theirs(scripts),
        path.read_bytes() if path.exists() else None,
    )
    assert "ALTER TABLE facebook_posts ADD COLUMN local_picture_id" in told
    assert "60 rows of facebook_posts\n" in told
    ours = r"DROP (?:INDEX media_storage|TRIGGER facebook_\w+_touch)_\w+;"
    assert "DROP" not in re.sub(ours, "", told)
    with adopted(database_url, tmp_path) as archive:
        made = whole(scripts)
    models.close(archive.db)
    if scripts.is_file:
        by_hand = Dump(f"sqlite:///{tmp_path / 'by_hand.db'}")
        by_hand.make(*STRANGERS)
        with closing(sqlite3.connect(tmp_path / "by_hand.db")) as connection:
            connection.executescript(told)
        assert [row for row in made if "schema_migrations" not in row[0]] == whole(by_hand)


def test_a_dry_run_on_nothing_makes_no_file(tmp_path: Path) -> None:
    """The SQL of a new archive is shown, and no database appears."""
    told = adopt.rehearse(f"sqlite:///{tmp_path / 'new.db'}")
    assert "CREATE TABLE media_storage" in told
    assert list(tmp_path.iterdir()) == []


def test_only_a_word_adopts(database_url: str, tmp_path: Path) -> None:
    """Whatever else opens the archive first, says what to do and changes nothing."""
    scripts = Dump(database_url)
    scripts.make()
    before = whole(scripts)
    refused = pytest.raises(SchemaError, match=r"made by another program.*setup --dry-run")
    with archive_on(database_url, tmp_path) as archive, refused:
        archive.setup()
    assert [row for row in whole(scripts) if "schema_migrations" not in row[0]] == before


def test_the_scripts_go_on_and_what_they_add_is_adopted(database_url: str, tmp_path: Path) -> None:
    """Their statements work as before, also on an attachment before its post; nothing doubles."""
    scripts, years = Dump(database_url), Years(posts=60, attachments=120, again=50, videos=9)
    scripts.make(*STRANGERS)
    years.fill(scripts)
    with adopted(database_url, tmp_path) as archive:
        more = Years(posts=70, attachments=140, again=60, videos=12, seed=5)
        more.fill(scripts)
        late = ("9_late", "photo", more.link("8_8_8", random.Random(1)), None, "", "")
        scripts.write(dump.ATTACHMENT, [late])
        archive.take_in()
        archive.take_in()
        with models.session(archive.db):
            assert not adopt.rows.is_any(archive.db)
        stats = archive.feed.stats()
        assert (stats["posts"], stats["videos"]) == (70, 12)
        # Both wrote the first attachments of each post; 80 of them differ, and the late one.
        assert stats["attachments"] == 81
        assert keys(archive) == years.named | more.named
        # Run once more they update the very same rows.
        count = scripts.one("SELECT count(*) FROM facebook_post_attachments")
        more.fill(scripts)
        archive.take_in()
        assert scripts.one("SELECT count(*) FROM facebook_post_attachments") == count
        assert archive.feed.stats()["attachments"] == 81


def test_a_script_may_write_an_attachment_of_no_post(database_url: str, tmp_path: Path) -> None:
    """Their table lets it be empty; the triggers that were added do not refuse what it let in."""
    scripts, years = Dump(database_url), Years(posts=3, attachments=3, again=1, videos=1)
    scripts.make(*STRANGERS)
    years.fill(scripts)
    with adopted(database_url, tmp_path) as archive:
        lost = (None, "photo", years.link("7_7_7", random.Random(1)), None, "a title", "words")
        scripts.write(dump.ATTACHMENT, [lost])
        scripts.run("UPDATE facebook_post_attachments SET title = 'another' WHERE post_id IS NULL")
        archive.take_in()
        assert scripts.one("SELECT title FROM facebook_post_attachments WHERE post_id IS NULL") == (
            "another"
        )
        scripts.run("DELETE FROM facebook_post_attachments WHERE post_id IS NULL")
        assert archive.feed.stats()["posts"] == 3


DEATHS = [
    *(Death("executed", number) for number in (5, 30, 90, 150)),
    # The first one ends the look that comes before.
    Death("commit", 2),
    Death("committed", 2),
]


def test_killed_at_any_point_it_is_adopted_or_as_it_was(database_url: str, tmp_path: Path) -> None:
    """Nothing is half done; what was killed once all was committed is finished by the next one."""
    scripts, years = Dump(database_url), Years(posts=40, attachments=70, again=20, videos=5)
    scripts.make(*STRANGERS)
    years.fill(scripts)
    (tmp_path / "config.toml").write_text(f'[database]\nurl = "{database_url}"\n')
    before, rows = whole(scripts), theirs(scripts)
    gallows = Gallows(tmp_path / "log")
    try:
        for death in DEATHS:
            _, status = gallows.run(tmp_path, ["setup"], death)
            assert status == -9, death
            assert theirs(scripts) == rows
            if death.point != "committed":
                assert whole(scripts) == before
                assert not scripts.is_file or scripts.one("PRAGMA journal_mode") == "delete"
        assert gallows.run(tmp_path, ["stats"], Death())[1] == 0, gallows.log
    finally:
        gallows.close()
    with archive_on(database_url, tmp_path) as archive:
        assert archive.take_over() is None
        assert archive.brake.reason() is None
        assert keys(archive) == years.named
        check_links(archive)
    assert theirs(scripts) == rows


def test_a_file_that_somebody_reads_all_the_time_is_left_alone(tmp_path: Path) -> None:
    """That is told before anything is copied or written."""
    scripts = Dump(f"sqlite:///{tmp_path / 'fbsyncd.db'}")
    scripts.make()
    Years(posts=4, attachments=6, again=2, videos=1).fill(scripts)
    before = (tmp_path / "fbsyncd.db").read_bytes()
    with closing(sqlite3.connect(tmp_path / "fbsyncd.db")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM facebook_posts").fetchone()
        with archive_on(scripts.url, tmp_path) as archive, models.session(archive.db):
            models.literally(archive.db, "PRAGMA busy_timeout = 0")
            with pytest.raises(DatabaseBusy, match="another program is using it"):
                archive.take_over()
    assert [path.name for path in tmp_path.iterdir()] == ["fbsyncd.db"]
    assert (tmp_path / "fbsyncd.db").read_bytes() == before
    with adopted(scripts.url, tmp_path) as archive:
        assert archive.feed.stats()["posts"] == 4


def test_two_at_once_adopt_once(database_url: str, tmp_path: Path) -> None:
    """One does the work, the other finds it done, and neither fails."""
    scripts, years = Dump(database_url), Years(posts=40, attachments=70, again=20, videos=5)
    scripts.make()
    years.fill(scripts)
    before = theirs(scripts)

    def setup(_: int) -> str:
        with archive_on(database_url, tmp_path) as archive:
            told = archive.take_over()
            archive.setup()
            assert archive.brake.reason() is None
            return "adopted" if told else "found adopted"

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(setup, range(3))) == ["adopted", "found adopted", "found adopted"]
    assert theirs(scripts) == before


def test_the_command_says_what_it_did(tmp_path: Path) -> None:
    """One line for the adoption, and another one when there is nothing left to do."""
    scripts = Dump(f"sqlite:///{tmp_path / 'archive' / 'fbsyncd.db'}")
    (tmp_path / "archive").mkdir()
    scripts.make()
    Years(posts=4, attachments=6, again=2, videos=1).fill(scripts)
    (tmp_path / "archive" / "config.toml").write_text('[database]\nurl = "sqlite:///fbsyncd.db"\n')
    shown = fbsyncd(tmp_path / "archive", "setup", "--dry-run").stdout
    assert "ALTER TABLE facebook_posts ADD COLUMN" in shown
    assert scripts.one("PRAGMA journal_mode") == "delete"
    told = fbsyncd(tmp_path / "archive", "setup")
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith(
        "adopted 4 posts, 6 attachments (2 of them the same picture again), 1 video, "
    )
    assert "the database as it was is" in told.stderr
    assert scripts.one("PRAGMA journal_mode") == "wal"
    assert fbsyncd(tmp_path / "archive", "setup").stdout == "the schema is up to date\n"


@pytest.mark.parametrize("place", ["file", "link", "below a file"])
def test_nothing_is_adopted_where_the_media_folder_cannot_be(tmp_path: Path, place: str) -> None:
    """The rehearsal says the same, and neither changes anything; afterwards all is adopted."""
    scripts = Dump(f"sqlite:///{tmp_path / 'fbsyncd.db'}")
    scripts.make()
    Years(posts=4, attachments=6, again=2, videos=1).fill(scripts)
    root = tmp_path / "pictures"
    root.symlink_to(tmp_path / "nowhere") if place == "link" else root.touch()
    told = root / "facebook" if place == "below a file" else root
    (tmp_path / "config.toml").write_text(
        f'[database]\nurl = "sqlite:///fbsyncd.db"\n[media]\nroot = "{told}"\n'
    )
    before = (tmp_path / "fbsyncd.db").read_bytes()
    names = sorted(path.name for path in tmp_path.iterdir())
    for more in (["--dry-run"], []):
        done = fbsyncd(tmp_path, "setup", *more)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"cannot make the media folder {told}" in done.stderr
    assert (tmp_path / "fbsyncd.db").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    root.unlink()
    assert fbsyncd(tmp_path, "setup").stdout.startswith("adopted 4 posts")


def answer(post_id: str, link: str) -> Post:
    """Return a post with one photo as the Graph API tells it."""
    photo = {"type": "photo", "media": {"image": {"src": link, "width": 7, "height": 7}}}
    node = {"id": post_id, "created_time": "2026-11-22T11:00:00+0000", "full_picture": link}
    return Post.from_json({**node, "attachments": {"data": [photo]}}, PAGE)


def test_an_answer_with_a_link_that_a_duplicate_has_is_borne(
    database_url: str, tmp_path: Path
) -> None:
    """Their tables take a link once a post: the first row stays the one, whichever link it has."""
    scripts, years, chance = Dump(database_url), Years(), random.Random(3)
    scripts.make()
    first, second, fresh = (years.link("1_2_3", chance) for _ in range(3))
    at = NOW.replace(tzinfo=None)
    post = ("7_1", PAGE, None, None, "photo", None, None, first, None, None, None, at, None, True)
    scripts.write(dump.POST, [(*post, False)])
    for link in (first, second):
        scripts.write(dump.ATTACHMENT, [("7_1", "photo", link, None, None, None)])
    shown = "SELECT id, media_url, width FROM facebook_post_attachments WHERE duplicate_of IS NULL"
    with adopted(database_url, tmp_path) as archive:
        ((id_, *_),) = scripts.ask(shown)
        rows = Rows(archive.db, archive.backlog)
        for link, told in ((second, first), (second, first), (fresh, fresh)):
            with models.transaction(archive.db):
                rows.put([answer("7_1", link)], NOW)
            assert scripts.ask(shown) == [(id_, told, 7)]
        # And one a script has only just added is the one that was meant.
        scripts.write(dump.ATTACHMENT, [("7_2", "photo", fresh, None, None, None)])
        for _ in range(2):
            with models.transaction(archive.db):
                rows.put([answer("7_2", fresh)], NOW)
            archive.take_in()
        assert [len(one["attachments"]) for one in archive.feed.newest(9)] == [1, 1]
        assert scripts.one("SELECT count(*) FROM facebook_post_attachments") == 3


def test_posts_without_a_time_stop_nothing(database_url: str, tmp_path: Path) -> None:
    """They are counted, and listed once Facebook has said when they appeared."""
    scripts, years = Dump(database_url), Years(posts=12, attachments=20, again=5, videos=3)
    scripts.make()
    years.fill(scripts)
    scripts.run("UPDATE facebook_posts SET created_time = NULL WHERE id IN ('1045_2', '1045_7')")
    with adopted(database_url, tmp_path) as archive:
        assert len(list(archive.feed.newest(100))) == 10
        assert archive.feed.posts(limit=5)["next_cursor"]
        assert sum(month["posts"] for month in archive.feed.timeline()["posts"]) == 10
        assert verify.verify(archive.db, archive.media).total.posts == 12
        assert archive.feed.stats()["posts"] == 12
        with models.transaction(archive.db):
            Rows(archive.db, archive.backlog).put(
                [answer("1045_2", years.link("a", random.Random(1)))], NOW
            )
        assert len(list(archive.feed.newest(100))) == 11


def test_looking_for_what_is_new_looks_at_nothing_else(tmp_path: Path) -> None:
    """Each turn asks an index that holds only what has not been adopted."""
    with archive_on(f"sqlite:///{tmp_path / 'fbsyncd.db'}", tmp_path) as archive:
        archive.setup()
        with models.session(archive.db):
            queries = adopt.rows.queries(archive.db)
        for sql in queries:
            (first, *_) = query(archive, f"EXPLAIN QUERY PLAN {sql} LIMIT 1")
            assert re.fullmatch(r"(SCAN|SEARCH) \w .*_unadopted( \(\w+>\?\))?", first[3])


def test_another_program_s_table_of_migrations_is_left_alone(
    database_url: str, tmp_path: Path
) -> None:
    """Ours are written down elsewhere then, and found there again."""
    scripts = Dump(database_url)
    scripts.make("CREATE TABLE schema_migrations (version VARCHAR(20) PRIMARY KEY)")
    scripts.run("INSERT INTO schema_migrations (version) VALUES ('20240101')")
    with adopted(database_url, tmp_path) as archive:
        assert archive.take_over() is None
        assert archive.setup() == []
        assert migrate.pending(archive.db) == []
    assert scripts.ask("SELECT * FROM schema_migrations") == [("20240101",)]


@pytest.mark.postgresql
def test_a_role_that_does_not_own_the_tables_is_told_so(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """Columns are added by a table's owner only; nothing is changed."""
    with postgres_server.fresh_database() as url:
        scripts = Dump(url)
        scripts.make()
        role = f"reader_{uuid.uuid4().hex}"
        scripts.run(
            f"CREATE ROLE {role} LOGIN PASSWORD 'secret'",
            f"GRANT ALL ON SCHEMA public TO {role}",
            f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}",
        )
        before, server = whole(scripts), urlsplit(url)
        place = f"{server.hostname}:{server.port}{server.path}"
        told = r"does not own facebook_post_attachments, .*: name the tables' owner, fbsyncd, in"
        refused = pytest.raises(SchemaError, match=told)
        with archive_on(f"postgresql://{role}:secret@{place}", tmp_path) as archive, refused:
            archive.take_over()
        assert whole(scripts) == before
        scripts.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


@pytest.mark.postgresql
def test_scripts_with_a_role_of_their_own_go_on(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """A role that may only write to the scripts' tables may do so afterwards, triggers and all."""
    with postgres_server.fresh_database() as url:
        scripts, years = Dump(url), Years(posts=20, attachments=30, again=10, videos=4)
        scripts.make()
        years.fill(scripts)
        role = f"writer_{uuid.uuid4().hex}"
        scripts.run(
            f"CREATE ROLE {role} LOGIN PASSWORD 'secret'",
            f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {role}",
            f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
        )
        server = urlsplit(url)
        place = f"{server.hostname}:{server.port}{server.path}"
        with adopted(url, tmp_path) as archive:
            writer = Dump(f"postgresql://{role}:secret@{place}")
            Years(posts=25, attachments=40, again=10, videos=6, seed=9).fill(writer)
            archive.take_in()
            assert archive.feed.stats()["posts"] == 25
        scripts.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")
