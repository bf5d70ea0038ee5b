"""What stands in the way of an adoption is told with what puts it right."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import dump
import psycopg
import pytest
from dump import Dump, read_page
from peewee import Database
from plant import config_text
from postgres import PostgresServer
from test_adoption_media import MEDIA, ROW
from test_cli import fbsyncd

from fbsyncd import models, tablelocks
from fbsyncd.errors import DatabaseBusy
from fbsyncd.simulator import Simulator

ATTACHMENTS = "facebook_post_attachments"


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=4, seed=3, pictures="plain") as simulator:
        yield simulator


def refused(folder: Path) -> str:
    """Return why ``setup`` refuses, and its rehearsal with the same words."""
    first, then = (fbsyncd(folder, "setup", *more) for more in (("--dry-run",), ()))
    assert (first.returncode, then.returncode) == (1, 1)
    assert first.stderr.splitlines()[-1] == then.stderr.splitlines()[-1]
    return then.stderr


def remedy(told: str) -> str:
    found = re.search(r": (ALTER TABLE [^;,\n]+)", told)
    assert found, told
    return found[1].replace("START WITH n", "START WITH 1000")


@pytest.mark.parametrize(
    "type_", ["UUID PRIMARY KEY", "VARCHAR(40) PRIMARY KEY", "BIGINT PRIMARY KEY"]
)
def test_attachments_without_a_way_to_get_an_id_are_refused(
    facebook: Simulator, database_url: str, tmp_path: Path, type_: str
) -> None:
    """Every sync would fail; with the statement that is told it does not, nor do the scripts."""
    scripts = Dump(database_url)
    own = type_ + (" NOT NULL" if scripts.is_file else "")
    table = dump.TABLES[ATTACHMENTS].replace("{serial}", own)
    scripts.make(tables=dump.TABLES | {ATTACHMENTS: table})
    (tmp_path / "config.toml").write_text(config_text(facebook, database_url))
    told = refused(tmp_path)
    assert f"{ATTACHMENTS}.id must not be empty and has no default" in told
    if scripts.is_file:
        assert "make the table anew, as INTEGER PRIMARY KEY" in told
        return
    scripts.run(remedy(told))
    for command in ("setup", "sync"):
        done = fbsyncd(tmp_path, command)
        assert done.returncode == 0, done.stderr
    assert scripts.one(f"SELECT count(*) FROM {ATTACHMENTS}") > 0
    read_page(scripts, facebook.url, facebook.page_id, facebook.token)
    assert fbsyncd(tmp_path, "sync").returncode == 0


@pytest.mark.parametrize(
    ("type_", "clause"), [("TEXT", "SET DEFAULT ''"), ("DATE", "DROP NOT NULL")]
)
def test_a_column_that_only_the_scripts_fill_comes_with_its_remedy(
    facebook: Simulator, database_url: str, tmp_path: Path, type_: str, clause: str
) -> None:
    """Such as a Page's token, without which no Page could be added."""
    scripts = Dump(database_url)
    scripts.make(
        f"CREATE TABLE facebook_pages (id VARCHAR(255) PRIMARY KEY, access_token {type_} NOT NULL)"
    )
    (tmp_path / "config.toml").write_text(config_text(facebook, database_url))
    told = refused(tmp_path)
    assert "facebook_pages.access_token must not be empty and has no default" in told
    if scripts.is_file:
        assert "make the table anew, with a default for it" in told
        return
    assert remedy(told) == f"ALTER TABLE facebook_pages ALTER COLUMN access_token {clause}"
    scripts.run(remedy(told))
    for command in ("setup", "sync"):
        done = fbsyncd(tmp_path, command)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("column", ["local_filename VARCHAR(255)", "local_path TEXT"])
def test_files_that_may_not_be_shared_are_refused(
    facebook: Simulator, database_url: str, tmp_path: Path, column: str
) -> None:
    """Two pictures may have the same bytes, and so the same file; what forbids that is named."""
    scripts = Dump(database_url)
    scripts.make(MEDIA.replace(column, f"{column} UNIQUE"))
    (tmp_path / "config.toml").write_text(config_text(facebook, database_url))
    told = refused(tmp_path)
    name = column.split()[0]
    assert f"media_storage takes no {name} twice" in told
    assert "pictures with the same bytes share a file" in told
    if not scripts.is_file:
        scripts.run(remedy(told))
        assert fbsyncd(tmp_path, "setup").returncode == 0


@pytest.mark.postgresql
def test_rules_that_may_be_broken_until_the_end_are_refused(
    facebook: Simulator, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """No ON CONFLICT works beside one; the statement that is told makes it an ordinary one."""
    with postgres_server.fresh_database() as url:
        scripts = Dump(url)
        scripts.make(MEDIA.replace("NOT NULL UNIQUE", "UNIQUE DEFERRABLE INITIALLY DEFERRED"))
        (tmp_path / "config.toml").write_text(config_text(facebook, url))
        told = refused(tmp_path)
        assert "media_storage_original_url_key of media_storage is DEFERRABLE" in told
        found = re.search(r"ALTER TABLE .*\)", told)
        assert found
        scripts.run(found[0])
        for command in ("setup", "sync"):
            done = fbsyncd(tmp_path, command)
            assert done.returncode == 0, done.stderr


@contextmanager
def another_role(scripts: Dump, *granted: str) -> Iterator[str]:
    """Yield the URL that a role of its own reaches the scripts' database by."""
    role, server = f"other_{uuid.uuid4().hex}", urlsplit(scripts.url)
    scripts.run(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
    scripts.run(*(statement.format(role) for statement in granted))
    try:
        yield f"postgresql://{role}:secret@{server.hostname}:{server.port}{server.path}"
    finally:
        scripts.run(f"DROP OWNED BY {role} CASCADE", f"DROP ROLE {role}")


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("granted", "why"),
    [
        (
            ("GRANT ALL ON SCHEMA public TO {0}", f"ALTER TABLE {ATTACHMENTS} OWNER TO {{0}}"),
            r"does not own facebook_posts, facebook_video_posts, .*: name .*, fbsyncd, in database",
        ),
        (
            tuple(f"ALTER TABLE {name} OWNER TO {{0}}" for name in dump.TABLES),
            r"may not make tables in the schema public: (GRANT CREATE, USAGE ON SCHEMA .*)",
        ),
        (
            ("GRANT fbsyncd TO {0}", "ALTER ROLE {0} SET default_transaction_read_only = on"),
            r"can only be read: name one that takes writes",
        ),
    ],
    ids=["not their owner", "no new tables", "only reads"],
)
def test_what_a_role_may_not_do_is_told_by_the_dry_run_too(
    facebook: Simulator,
    postgres_server: PostgresServer,
    tmp_path: Path,
    granted: tuple[str, ...],
    why: str,
) -> None:
    """Nothing is tried for that, and the right that is told to be given is enough."""
    with postgres_server.fresh_database() as url:
        scripts = Dump(url)
        scripts.make()
        more = (f"GRANT ALL ON {', '.join(dump.TABLES)} TO {{0}}", *granted)
        with another_role(scripts, *more) as theirs:
            (tmp_path / "config.toml").write_text(config_text(facebook, theirs))
            found = re.search(why, refused(tmp_path))
            assert found
            if found.groups():
                scripts.run(found[1])
                assert fbsyncd(tmp_path, "setup").returncode == 0


@pytest.mark.postgresql
def test_a_role_that_may_make_no_tables_is_told_so_of_a_new_archive(
    facebook: Simulator, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """The dry run of a database that holds nothing shows no SQL that would be refused."""
    with postgres_server.fresh_database() as url, another_role(Dump(url)) as theirs:
        (tmp_path / "config.toml").write_text(config_text(facebook, theirs))
        done = fbsyncd(tmp_path, "setup", "--dry-run")
        assert (done.returncode, done.stdout) == (1, "")
        assert "may not make tables in the schema public: GRANT CREATE" in done.stderr
        assert fbsyncd(tmp_path, "setup").returncode == 1


@pytest.mark.postgresql
@pytest.mark.parametrize("table", ["media_storage", *dump.TABLES])
def test_tables_that_a_crash_would_empty_are_refused(
    facebook: Simulator, postgres_server: PostgresServer, tmp_path: Path, table: str
) -> None:
    """UNLOGGED is told by the dry run too; the statement that is told puts it right."""
    with postgres_server.fresh_database() as url:
        scripts = Dump(url)
        scripts.make(MEDIA)
        scripts.run(f"ALTER TABLE {table} SET UNLOGGED")
        (tmp_path / "config.toml").write_text(config_text(facebook, url))
        told = refused(tmp_path)
        assert f"{table} is UNLOGGED" in told
        scripts.run(remedy(told))
        assert fbsyncd(tmp_path, "setup").returncode == 0


def test_links_that_are_unique_in_some_rows_are_coped_with(
    facebook: Simulator, database_url: str, tmp_path: Path
) -> None:
    """A picture that has a row for each of its links is adopted, and a sync goes on with it."""
    scripts = Dump(database_url)
    scripts.make(
        MEDIA.replace("original_url TEXT NOT NULL UNIQUE", "original_url TEXT"),
        "CREATE UNIQUE INDEX one_link ON media_storage (original_url)"
        " WHERE download_status <> 'success'",
    )
    link = "https://scontent-1.xx.fbcdn.net/v/t39.30808-6/1_2_3_n.jpg?stp=dst-jpg_s720x720"
    dead, alive = f"{link}&oh=a&oe=65000000", f"{link}&oh=b&oe=7E000000"
    ids = [str(uuid.UUID(int=number)) for number in (1, 2)]
    pairs = zip(ids, (dead, alive), strict=True)
    scripts.write(ROW, [(id_, url, None, None, "failed") for id_, url in pairs])
    scripts.write(
        "INSERT INTO facebook_posts (id, page_id, created_time, full_picture_url)"
        " VALUES (?, '1045', '2026-01-01 00:00:00', ?)",
        [("1045_1", alive)],
    )
    (tmp_path / "config.toml").write_text(config_text(facebook, database_url))
    for command in ("setup", "sync"):
        done = fbsyncd(tmp_path, command)
        assert done.returncode == 0, done.stderr
    told = dict(scripts.ask("SELECT CAST(id AS TEXT), original_url FROM media_storage"))
    assert (told[ids[0]], told[ids[1]]) == (f"{alive}#{ids[0]}", alive)


@pytest.mark.postgresql
def test_who_holds_a_table_is_named_while_setup_waits(
    facebook: Simulator, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """A script's transaction is left open: setup says so, and goes on when it ends."""
    with postgres_server.fresh_database() as url:
        scripts = Dump(url)
        scripts.make()
        (tmp_path / "config.toml").write_text(config_text(facebook, url))
        command = [sys.executable, "-m", "fbsyncd", "--config", str(tmp_path / "config.toml")]
        with psycopg.connect(url, application_name="nightly") as script:
            script.execute("SELECT count(*) FROM facebook_posts")
            pid = script.info.backend_pid
            with subprocess.Popen([*command, "setup"], stderr=subprocess.PIPE, text=True) as setup:
                assert setup.stderr is not None
                line = next(line for line in setup.stderr if "waiting since" in line)
                assert "5 seconds for facebook_posts, which" in line
                assert f"pid {pid} (nightly of fbsyncd, which left a transaction open)" in line
                # Others are not kept waiting with it.
                assert scripts.ask("SELECT id FROM facebook_posts") == []
                script.rollback()
                setup.stderr.read()
                assert setup.wait(60) == 0


@pytest.mark.postgresql
@pytest.mark.parametrize("how", [tablelocks.ALL, tablelocks.A_LOOK])
def test_a_table_that_stays_in_use_ends_the_wait(postgres_server: PostgresServer, how: str) -> None:
    """The last word names the table and who has it; nothing is kept of it."""
    with postgres_server.fresh_database() as url:
        Dump(url).make()
        db = models.connect(url)
        with psycopg.connect(url) as script, closing_all(db):
            script.execute("LOCK TABLE facebook_posts")
            busy = pytest.raises(
                DatabaseBusy, match=r"^nothing was changed: for 5 seconds facebook"
            )
            with busy as told, models.transaction(db):
                tablelocks.wait(db, ["facebook_posts", "facebook_video_posts"], how, times=1)
            assert f"which pid {script.info.backend_pid} (a program of fbsyncd" in str(told.value)


@contextmanager
def closing_all(db: Database) -> Iterator[None]:
    try:
        yield
    finally:
        models.close(db)


def test_a_reader_of_the_file_is_waited_for(facebook: Simulator, tmp_path: Path) -> None:
    """A script that looks at a SQLite file has half a minute to end, then all is adopted."""
    scripts = Dump(f"sqlite:///{tmp_path / 'scripts.db'}")
    scripts.make()
    (tmp_path / "config.toml").write_text(config_text(facebook, scripts.url))
    command = [sys.executable, "-m", "fbsyncd", "--config", str(tmp_path / "config.toml"), "setup"]
    reader = sqlite3.connect(tmp_path / "scripts.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM facebook_posts").fetchall()
    with subprocess.Popen(command) as setup, closing(reader):
        with pytest.raises(subprocess.TimeoutExpired):
            setup.wait(9)
        reader.execute("ROLLBACK")
        assert setup.wait(60) == 0


@pytest.mark.postgresql
def test_a_date_in_place_of_a_time_is_refused(
    facebook: Simulator, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """Every post from then on would lose its hour; after the statements told, it does not."""
    with postgres_server.fresh_database() as url:
        scripts = Dump(url)
        dated = {
            name: re.sub(r"(created|updated)_time TIMESTAMP", r"\1_time DATE", table)
            for name, table in dump.TABLES.items()
        }
        scripts.make(tables=dated)
        (tmp_path / "config.toml").write_text(config_text(facebook, url))
        told = refused(tmp_path)
        for column in ("posts.created_time", "posts.updated_time", "video_posts.created_time"):
            assert f"facebook_{column} is date, time is needed: ALTER TABLE " in told
        scripts.run(*re.findall(r"ALTER TABLE [^;\n]+", told))
        for command in ("setup", "sync"):
            done = fbsyncd(tmp_path, command)
            assert done.returncode == 0, done.stderr
        kept = "SELECT count(*) FROM facebook_posts WHERE created_time > CAST(created_time AS DATE)"
        assert scripts.one(kept) == 4
        scripts.run("ALTER TABLE facebook_posts ALTER COLUMN updated_time TYPE DATE")
        done = fbsyncd(tmp_path, "setup")
        assert done.returncode == 0, done.stderr
        assert "note: facebook_posts.updated_time is date, time is needed" in done.stdout
