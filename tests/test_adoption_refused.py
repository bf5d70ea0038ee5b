"""Rules that people gave their tables, from `setup` to the daemon: what they keep out is told."""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dump
import pytest
from dump import Dump, read_page
from forbidding import SAID, forbid
from plant import config_text, one, query, sync
from postgres import PostgresServer
from test_adoption_gone import SHOWN
from test_adoption_later import ID, KEEP, row
from test_adoption_life import taken_over
from test_adoption_media import MEDIA, ROW, stored
from test_adoption_rules import left_alone, left_out, synced
from test_cli import fbsyncd
from test_daemon import running
from test_heirs import AGAIN
from test_heirs import SHOWN as SHOWN_ONES

from fbsyncd.simulator import Simulator

POSTS, ATTACHMENTS = "facebook_posts", "facebook_post_attachments"
LATE = "DEFERRABLE INITIALLY DEFERRED"
#: The columns that hold the ids of posts.
IDS = {POSTS: "id VARCHAR(255) PRIMARY KEY", ATTACHMENTS: "post_id VARCHAR(255)"}
#: How every line begins that is ours, at a terminal.
OURS = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w+ (\w+): ")


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=8, seed=3, pictures="plain") as simulator:
        yield simulator


def set_up(facebook: Simulator, folder: Path, scripts: Dump, *more: str, **tables: str) -> None:
    """Make the scripts' tables, with *more* before them, and adopt them."""
    scripts.run(*more)
    scripts.make(tables=dump.TABLES | tables)
    (folder / "config.toml").write_text(config_text(facebook, scripts.url))
    done = fbsyncd(folder, "setup")
    assert done.returncode == 0, done.stderr


def allow_all_but(
    bad: str, table: str, facebook: Simulator, folder: Path, scripts: Dump
) -> list[str]:
    """Let *table* take, at the end, the ids of all posts but *bad*; return these."""
    plain, column = dump.TABLES[table], IDS[table]
    assert column in plain
    told = plain.replace(column, f"{column} REFERENCES allowed (post_id) {LATE}")
    made = "CREATE TABLE allowed (post_id VARCHAR(255) PRIMARY KEY)"
    set_up(facebook, folder, scripts, made, **{table: told})
    ids = [str(post.id) for post in facebook.world.posts(facebook.page_id) if post.id != bad]
    scripts.write("INSERT INTO allowed VALUES (?)", [(id_,) for id_ in ids])
    return ids


def ours(told: str) -> bool:
    """Tell whether every line is one of ours, and none of a library's."""
    found = [OURS.match(line) for line in told.splitlines()]
    return all(one is not None and one[1] != "psycopg" for one in found)


def test_a_key_that_is_looked_at_last_costs_its_post_alone(
    facebook: Simulator, database_url: str, tmp_path: Path
) -> None:
    """The page of results is not lost with it, and is no other time either."""
    scripts, bad = Dump(database_url), str(facebook.add_post("photo"))
    ids = allow_all_but(bad, POSTS, facebook, tmp_path, scripts)
    for _ in range(2):
        told = synced(tmp_path)
        (line,) = left_out(told)
        assert f"one of the posts, {bad}, " in line
        assert "foreign key" in line.lower()
        assert ours(told)
    assert scripts.one(f"SELECT count(*) FROM {POSTS}") == len(ids)
    scripts.write("INSERT INTO allowed VALUES (?)", [(bad,)])
    assert left_out(synced(tmp_path)) == []
    assert scripts.one(f"SELECT count(*) FROM {POSTS}") == len(ids) + 1


def test_a_key_that_is_looked_at_last_costs_its_attachment_alone(
    facebook: Simulator, database_url: str, tmp_path: Path
) -> None:
    """Its post is stored, with the attachments that keep the rule."""
    scripts, bad = Dump(database_url), str(facebook.add_post("photo"))
    allow_all_but(bad, ATTACHMENTS, facebook, tmp_path, scripts)
    (line,) = left_out(synced(tmp_path))
    assert "one of the attachments, " in line
    assert f" of {bad}, " in line
    assert scripts.one(f"SELECT count(*) FROM {POSTS} WHERE id = '{bad}'") == 1
    assert scripts.one(f"SELECT count(*) FROM {ATTACHMENTS}") > 0


def test_what_is_put_right_by_the_end_is_taken_in(
    facebook: Simulator, database_url: str, tmp_path: Path
) -> None:
    """A post that must have an attachment comes before it, and has the end of all to get it."""
    scripts, bare = Dump(database_url), str(facebook.add_post("text"))
    table = dump.TABLES[POSTS].replace(
        "id VARCHAR(255) PRIMARY KEY",
        f"id VARCHAR(255) PRIMARY KEY REFERENCES shown (post_id) {LATE}",
    )
    note = "INSERT INTO shown VALUES (NEW.post_id) ON CONFLICT DO NOTHING"
    trigger = f"AFTER INSERT ON {ATTACHMENTS}"
    set_up(
        facebook,
        tmp_path,
        scripts,
        "CREATE TABLE shown (post_id VARCHAR(255) PRIMARY KEY)",
        **{POSTS: table},
    )
    if scripts.is_file:
        scripts.run(f"CREATE TRIGGER note {trigger} BEGIN {note}; END")
    else:
        scripts.run(
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN {note}; RETURN NEW; END $$",
            f"CREATE TRIGGER note {trigger} FOR EACH ROW EXECUTE FUNCTION note()",
        )
    told = left_out(synced(tmp_path))
    assert any(f"one of the posts, {bare}, " in line for line in told)
    assert not [line for line in told if "one of the posts" not in line]
    kept = scripts.one(f"SELECT count(*) FROM {POSTS}")
    assert kept == scripts.one(f"SELECT count(DISTINCT post_id) FROM {ATTACHMENTS}")
    assert kept + len(told) == len(facebook.world.posts(facebook.page_id))
    assert kept > 3


def test_a_row_that_setup_cannot_take_in_is_named(
    facebook: Simulator, database_url: str, tmp_path: Path
) -> None:
    """With its table and the database's words; nothing is changed, and nothing is left beside."""
    scripts = Dump(database_url)
    scripts.make()
    read_page(scripts, facebook.url, facebook.page_id, facebook.token)
    bad = scripts.one(f"SELECT id FROM {POSTS} WHERE full_picture_url <> '' ORDER BY id LIMIT 1")
    link = "https://scontent.xx.fbcdn.net/v/t39.30808-6/5_5_5_n.jpg?oh=1&oe=7E000000"
    scripts.write(f"UPDATE {POSTS} SET full_picture_url = ? WHERE id = ?", [(link, bad)])
    table = MEDIA.replace("NOT NULL UNIQUE", "CHECK (original_url NOT LIKE '%5_5_5_n%')")
    why = left_alone(facebook, scripts, tmp_path, table)
    assert f"nothing was changed: row {bad} of {POSTS} cannot be taken in" in why
    assert "then run 'fbsyncd setup' again" in why
    assert "5_5_5_n.jpg" not in why
    assert "as it was is" not in why
    assert not list(tmp_path.glob("*.before-*"))
    scripts.write(f"UPDATE {POSTS} SET full_picture_url = ? WHERE id = ?", [(None, bad)])
    done = fbsyncd(tmp_path, "setup")
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("*.before-0001"))) == scripts.is_file
    assert ("as it was is" in done.stderr) == scripts.is_file


@pytest.mark.parametrize("status", ["failed", "success"])
def test_a_picture_that_setup_cannot_take_in_is_named(
    facebook: Simulator, database_url: str, tmp_path: Path, status: str
) -> None:
    """By its id, for an earlier media_storage has thousands of rows."""
    scripts, bad = Dump(database_url), str(uuid.UUID(int=7))
    rule = "CHECK (download_status <> 'pending' OR original_url NOT LIKE '%7_7_7_n%')"
    scripts.make(MEDIA.replace("NOT NULL UNIQUE", f"NOT NULL UNIQUE {rule}"))
    links = (
        (number, f"https://scontent.xx.fbcdn.net/v/t39.30808-6/{number}_{number}_{number}_n.jpg")
        for number in range(1, 12)
    )
    many = [(str(uuid.UUID(int=number)), link, None, None, status) for number, link in links]
    scripts.write(ROW, many)
    why = left_alone(facebook, scripts, tmp_path)
    assert f"nothing was changed: row {bad} of media_storage cannot be taken in" in why
    assert "check" in why.lower()
    assert len(why.splitlines()) == 1
    scripts.write("DELETE FROM media_storage WHERE id = ?", [(bad,)])
    assert fbsyncd(tmp_path, "setup").returncode == 0


@pytest.mark.postgresql
def test_a_link_that_no_index_takes_is_named_by_setup(
    facebook: Simulator, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """The scripts' own table took it, and that of the pictures does not."""
    long = f"https://scontent.xx.fbcdn.net/v/{random.Random(3).randbytes(4500).hex()}_n.jpg"
    with postgres_server.fresh_database() as url:
        scripts = Dump(url)
        scripts.make()
        scripts.write(
            f"INSERT INTO {POSTS} (id, page_id, picture_url) VALUES (?, '1045', ?)",
            [("1045_1", long), ("1045_2", None)],
        )
        why = left_alone(facebook, scripts, tmp_path, MEDIA)
        assert f"nothing was changed: row 1045_1 of {POSTS} cannot be taken in" in why
        assert "index row" in why
        assert "psycopg" not in why
        assert len(why.splitlines()) == 1


def test_a_video_that_is_refused_leaves_one_line(
    facebook: Simulator, database_url: str, tmp_path: Path
) -> None:
    """It is ours: the driver's own words on what follows from the error are kept out."""
    scripts = Dump(database_url)
    for _ in range(3):
        facebook.add_post("reel")
    set_up(facebook, tmp_path, scripts)
    forbid(database_url, "facebook_video_posts", "INSERT", "NEW.page_id IS NOT NULL")
    done = fbsyncd(tmp_path, "sync")
    assert done.returncode == 0, done.stderr
    assert left_out(done.stderr)
    assert ours(done.stderr), done.stderr
    assert scripts.one(f"SELECT count(*) FROM {POSTS}") == len(
        facebook.world.posts(facebook.page_id)
    )


def test_a_command_that_cannot_do_without_a_row_ends_in_one_line(
    facebook: Simulator, database_url: str, tmp_path: Path
) -> None:
    """It names the table and what the database said."""
    scripts = Dump(database_url)
    set_up(facebook, tmp_path, scripts)
    synced(tmp_path)
    id_ = scripts.one("SELECT min(CAST(id AS TEXT)) FROM media_storage WHERE derived_from IS NULL")
    scripts.run(
        "UPDATE media_storage SET download_status = 'failed', attempts = 3, sha256 = NULL,"
        f" next_attempt_at = NULL WHERE id = '{id_}'"
    )
    forbid(database_url, "media_storage", "UPDATE", "NEW.download_status = 'pending'")
    done = fbsyncd(tmp_path, "retry", "--all")
    told = f"fbsyncd: the database refuses a row of media_storage: {SAID}\n"
    assert (done.returncode, done.stderr) == (1, told)


def test_a_picture_of_a_script_that_is_refused_keeps_no_other_waiting(
    facebook: Simulator, database_url: str, tmp_path: Path
) -> None:
    """It stays as the script wrote it, and the others are taken in."""
    scripts = Dump(database_url)
    scripts.make(MEDIA)
    read_page(scripts, facebook.url, facebook.page_id, facebook.token)
    with taken_over(facebook, tmp_path, scripts) as archive:
        other = ID.replace("63", "64")
        scripts.write(
            KEEP, [row(id_, f"https://x.fbcdn.net/{id_}.jpg", None) for id_ in (ID, other)]
        )
        forbid(database_url, "media_storage", "UPDATE", f"NEW.id = '{ID}'")
        archive.take_in()
        assert stored(archive, ID)["asset_key"] is None
        assert stored(archive, other)["asset_key"] is not None


def test_an_heir_that_may_not_be_shown_keeps_no_other_from_it(
    facebook: Simulator, database_url: str, tmp_path: Path
) -> None:
    """Every command goes on, and another picture is shown again."""
    scripts = Dump(database_url)
    scripts.make()
    for _ in range(2):
        read_page(scripts, facebook.url, facebook.page_id, facebook.token)
        facebook.clock.move(timedelta(days=7))
    with taken_over(facebook, tmp_path, scripts) as archive:
        sync(archive)
        again = one(archive, AGAIN)
        (id_, *_), *others = [it for it in query(archive, SHOWN) if it[3] is not None]
        assert others
        scripts.run(SHOWN_ONES)
        forbid(database_url, ATTACHMENTS, "UPDATE", f"OLD.id = {id_}")
        archive.setup()
        assert 0 < one(archive, AGAIN) < again
        assert (id_,) in query(archive, f"{AGAIN.replace('count(*)', 'id')}")


def test_a_daemon_goes_on_where_the_tables_take_no_post(
    facebook: Simulator, database_url: str, tmp_path: Path
) -> None:
    """A trigger that does not work itself is told in one line, and everything is still served."""
    scripts = Dump(database_url)
    set_up(facebook, tmp_path, scripts)
    trigger = f"BEFORE INSERT ON {POSTS}"
    if scripts.is_file:
        scripts.run(f"CREATE TRIGGER lost {trigger} BEGIN INSERT INTO nowhere VALUES (1); END")
    else:
        scripts.run(
            "CREATE FUNCTION lost() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN INSERT INTO nowhere VALUES (1); RETURN NEW; END $$",
            f"CREATE TRIGGER lost {trigger} FOR EACH ROW EXECUTE FUNCTION lost()",
        )
    with running(tmp_path) as daemon:
        assert daemon.process.stderr is not None
        for line in daemon.process.stderr:
            daemon.log.append(line)
            if "nowhere" in line:
                break
        assert daemon.get("/api/stats")["posts"] == 0
        daemon.stop()
    told = "".join(daemon.log)
    assert "Traceback" not in told
    assert told.count("nowhere") == 1


def test_a_daemon_tells_at_its_start_what_the_tables_do_not_take_any_more(
    facebook: Simulator, database_url: str, tmp_path: Path
) -> None:
    """A rule that was added after the adoption is named once in the log, as setup names it."""
    scripts = Dump(database_url)
    set_up(facebook, tmp_path, scripts, media_storage=MEDIA)
    scripts.run("CREATE UNIQUE INDEX one_file ON media_storage (local_path)")
    with running(tmp_path) as daemon:
        daemon.stop()
    (told,) = [line for line in daemon.log if "takes no local_path twice" in line]
    assert "one_file" in told
    assert OURS.match(told)
