"""``fbsyncd doctor`` on real installations, sound and spoiled in every way it knows."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from peewee import Database
from plant import config_text
from scripted import HTML, reply, scripted
from shelf import NOW, Shelf, picture
from test_cli import fbsyncd
from test_daemon import all_safe, running
from test_disk import Disk

from fbsyncd import doctor, models
from fbsyncd.doctor import database, folder, machine, names, setting, space, tokens
from fbsyncd.doctor.findings import Finding
from fbsyncd.doctor.machine import Door, Inotify
from fbsyncd.doctor.setting import File
from fbsyncd.doctor.space import Room
from fbsyncd.media import MARKER, Media
from fbsyncd.simulator import Simulator
from fbsyncd.watch import watching

SECRET = "an-app-secret-of-ours"


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=6, seed=3, pictures="plain", app_secret=SECRET) as simulator:
        yield simulator


@pytest.fixture
def place(facebook: Simulator, tmp_path: Path) -> Path:
    write(tmp_path, config_text(facebook))
    return tmp_path


def write(place: Path, text: str) -> None:
    """Write a config.toml that only its owner may read, with the app's secret in it."""
    config = place / "config.toml"
    config.write_text(text.replace("[facebook]\n", f'[facebook]\napp_secret = "{SECRET}"\n', 1))
    config.chmod(0o600)


def examined(place: Path) -> dict[str, Finding]:
    """Return the findings by check; of several, the last."""
    environ = {"HOME": str(place)}
    found = doctor.examine(place / "config.toml", environ, place, lambda: datetime.now(UTC))
    return {finding.check: finding for finding in found}


def state(place: Path, check: str) -> tuple[str, str, str]:
    finding = examined(place)[check]
    return finding.state, finding.says, finding.remedy


@pytest.fixture
def on_each_engine(facebook: Simulator, tmp_path: Path, database_url: str) -> Path:
    write(tmp_path, config_text(facebook, database_url))
    return tmp_path


def test_a_sound_archive_gets_a_clean_bill(facebook: Simulator, on_each_engine: Path) -> None:
    """Everything is ok or has nothing to tell, and no secret is told."""
    assert fbsyncd(on_each_engine, "sync").returncode == 0
    done = fbsyncd(on_each_engine, "doctor", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["state"] == "ok"
    states = {check["check"]: check["state"] for check in told["checks"]}
    assert {name for name, state in states.items() if state != "ok"} == {"sandbox", "dns"}
    token = next(check["says"] for check in told["checks"] if check["check"] == "token")
    assert token == f"Page {facebook.page_id}: a page token; it does not end"
    for secret in (facebook.token, SECRET):
        assert secret not in done.stdout


def test_nothing_is_made_by_looking(on_each_engine: Path) -> None:
    """Before the first sync there is nothing to fail, and after the doctor there still is not."""
    before = sorted(path.name for path in on_each_engine.iterdir())
    done = fbsyncd(on_each_engine, "doctor")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert sorted(path.name for path in on_each_engine.iterdir()) == before
    assert examined(on_each_engine)["folder"].state == "skipped"
    schema = examined(on_each_engine).get("schema")
    assert schema is None or schema.state == "skipped"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_beside_a_running_daemon_the_port_is_its_own(on_each_engine: Path) -> None:
    """The daemon goes on, and its port counts as taken by the right one."""
    config = on_each_engine / "config.toml"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config.write_text(config.read_text().replace("port = 0", f"port = {port}"))
    with running(on_each_engine) as daemon:
        daemon.until(all_safe)
        told = examined(on_each_engine)
        assert told["port"].state == "ok"
        assert f"pid {daemon.process.pid}" in told["port"].says
        assert {finding.state for finding in told.values()} == {"ok", "skipped"}
        media = on_each_engine / "media"
        media.rename(on_each_engine / "away")
        assert examined(on_each_engine)["port"].state == "skipped"
        (on_each_engine / "away").rename(media)
        daemon.stop()
        assert daemon.process.returncode == 0


def test_a_secret_of_another_app_is_told(place: Path) -> None:
    """Every call carries a proof made with it, so the secret is named and no right."""
    config = place / "config.toml"
    config.write_text(config.read_text().replace(SECRET, "of-another-app"))
    found = examined(place)["token"]
    assert found.state == "failed"
    assert found.remedy.startswith("set facebook.app_secret to the secret of the app")


def test_a_port_of_another_program_is_told(place: Path) -> None:
    """Somebody else listens there: failed, with what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = place / "config.toml"
        port = taken.getsockname()[1]
        config.write_text(config.read_text().replace("port = 0", f"port = {port}"))
        done = fbsyncd(place, "doctor")
    assert done.returncode == 1
    assert f"failed    port      127.0.0.1:{port} is taken by another program -> " in done.stdout


def test_a_damaged_sqlite_file_is_found(place: Path) -> None:
    """A few pages of noise in the middle: the quick check sees them, and nobody trips over them."""
    fbsyncd(place, "sync")
    path = place / "fbsyncd.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2 & ~4095)
        file.write(os.urandom(8 * 4096))
    done = fbsyncd(place, "doctor")
    assert done.returncode == 1
    assert "failed    database" in done.stdout
    assert "put the last backup in its place" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "content", [b"no database, only a text\n" * 200, b"SQLite format 3\0" + bytes(4080)]
)
def test_a_file_that_is_no_database_is_told(place: Path, content: bytes) -> None:
    """Some other file under the name: failed, and left as it is."""
    (place / "fbsyncd.db").write_bytes(content)
    found, says, _ = state(place, "database")
    assert found == "failed"
    assert "fbsyncd.db" in says
    assert (place / "fbsyncd.db").read_bytes() == content


def test_a_database_folder_that_is_not_there_is_told(place: Path, facebook: Simulator) -> None:
    """The database can never be made there."""
    write(place, config_text(facebook, f"sqlite:///{place}/missing/fbsyncd.db"))
    assert state(place, "database")[0] == "failed"


def test_a_postgresql_that_is_away_is_told_without_its_password(
    place: Path, facebook: Simulator
) -> None:
    """Nobody listens: failed, in bounded time."""
    write(place, config_text(facebook, "postgresql://someone:hunter2@127.0.0.1:9/archive"))
    done = fbsyncd(place, "doctor")
    assert done.returncode == 1
    assert "failed    database" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr


def test_schemas_older_newer_and_foreign(on_each_engine: Path, database_url: str) -> None:
    """An older one is brought up to date, a newer one is refused, another program's is named."""
    fbsyncd(on_each_engine, "setup")
    older = "DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM x)"
    execute(database_url, older.replace("x)", "schema_migrations)"))
    found, says, remedy = state(on_each_engine, "schema")
    assert (found, "fbsyncd setup" in remedy) == ("warning", True)
    assert "older" in says
    newer = "INSERT INTO schema_migrations (version, name, sha256) VALUES (9999, 'x', 'x')"
    execute(database_url, newer)
    found, says, remedy = state(on_each_engine, "schema")
    assert (found, "9999" in says, "newer fbsyncd" in remedy) == ("failed", True, True)
    execute(database_url, "DROP TABLE schema_migrations")
    assert state(on_each_engine, "schema")[0] == "warning"


def execute(url: str, sql: str) -> None:
    db = models.connect(url)
    with models.transaction(db):
        models.change(db, sql)
    models.close(db)


def test_a_dead_token_fails_with_its_remedy(facebook: Simulator, place: Path) -> None:
    """Facebook's reason and what to do, for that Page alone, without the token."""
    facebook.faults.token_dead()
    done = fbsyncd(place, "doctor")
    assert done.returncode == 1
    assert f"failed    token     Page {facebook.page_id}: " in done.stdout
    assert "Make a new Page access token" in done.stdout
    assert facebook.token not in done.stdout


def test_a_token_that_cannot_be_read_is_a_failure(facebook: Simulator, place: Path) -> None:
    """The file is named, and the remedy."""
    text = config_text(facebook).replace(
        f'access_token = "{facebook.token}"', 'access_token_file = "lost"'
    )
    write(place, text)
    found, says, _ = state(place, "token")
    assert found == "failed"
    assert "lost" in says


def test_the_end_of_a_token_is_told_two_weeks_ahead(facebook: Simulator, place: Path) -> None:
    """Both clocks of a token count: its own and that of the access to data."""
    soon = int((datetime.now(UTC) + timedelta(days=9, hours=1)).timestamp())
    far = soon + 60 * 86400
    facebook.faults.token_terms(expires_at=far, data_access_expires_at=soon)
    found, says, remedy = state(place, "token")
    assert found == "warning"
    assert "access to data ends in 9 days" in says
    assert remedy
    facebook.faults.clear()
    facebook.faults.token_terms(expires_at=soon)
    assert "the token ends in 9 days" in state(place, "token")[1]
    facebook.faults.clear()
    facebook.faults.token_terms(data_access_expires_at=1_700_000_000)
    assert "its access to data has ended (2023-11-14)" in state(place, "token")[1]
    facebook.faults.clear()
    facebook.faults.token_terms(expires_at=far)
    assert state(place, "token")[0] == "ok"


def test_a_token_without_the_rights_is_told(facebook: Simulator, place: Path) -> None:
    """The right that is lacking is named."""
    facebook.faults.token_terms(scopes=["pages_show_list", "pages_read_engagement"])
    found, says, _ = state(place, "token")
    assert (found, "without pages_read_user_content" in says) == ("warning", True)


def test_a_persons_token_is_told_from_the_pages(facebook: Simulator, place: Path) -> None:
    """It cannot read the Page's posts, but the Page's own token can be had with it."""
    write(place, config_text(facebook).replace(facebook.token, facebook.access.user_token))
    found, says, remedy = state(place, "token")
    assert found == "failed"
    assert "a person's token" in says
    assert "fbsyncd token" in remedy
    assert facebook.access.user_token not in says + remedy


def test_a_page_on_hold_is_not_asked(facebook: Simulator, place: Path) -> None:
    """What Facebook throttles is left alone until it is over."""
    facebook.faults.throttle(times=None, minutes=60)
    fbsyncd(place, "sync")
    calls = facebook.calls["graph"]
    found, says, _ = state(place, "token")
    assert (found, "wants no calls before" in says) == ("warning", True)
    assert facebook.calls["graph"] == calls


def test_another_version_than_asked_is_told(facebook: Simulator, place: Path) -> None:
    """What is served in its place is named, as it is to be written."""
    facebook.faults.serve_version("v25.0")
    found, _, remedy = state(place, "graph")
    assert (found, remedy) == ("warning", 'set api_version = "v25.0" in [facebook]')


@pytest.mark.parametrize(
    ("ahead", "expected"),
    [(timedelta(seconds=20), "ok"), (timedelta(minutes=-9), "warning"), (timedelta(4), "failed")],
)
def test_a_clock_that_is_wrong_is_told(place: Path, ahead: timedelta, expected: str) -> None:
    """Facebook's Date header is the other clock."""
    found = doctor.examine(
        place / "config.toml", {"HOME": str(place)}, place, lambda: datetime.now(UTC) + ahead
    )
    assert {finding.check: finding.state for finding in found}["clock"] == expected


def test_offline_is_said_once_and_is_no_failure(place: Path, facebook: Simulator) -> None:
    """Nobody answers: one warning, the rest is skipped, and it does not take long."""
    facebook.stop()
    began = time.monotonic()
    done = fbsyncd(place, "doctor")
    assert time.monotonic() - began < 30
    assert done.returncode == 0
    assert done.stdout.count("warning") == 2  # its line and the count of the last one
    assert "warning   graph     offline: " in done.stdout


def test_a_graph_api_that_hangs_is_not_waited_for(place: Path, facebook: Simulator) -> None:
    """A call that gets no answer ends the asking."""
    facebook.faults.hang(600, times=None)
    began = time.monotonic()
    assert state(place, "graph")[0] == "warning"
    assert time.monotonic() - began < 20
    facebook.faults.clear()


def test_the_limit_of_the_app_ends_the_asking(tmp_path: Path) -> None:
    """Other Pages would meet it as well, and each call makes it longer."""
    with Simulator(posts=2, pages=3, seed=3, pictures="plain") as facebook:
        (tmp_path / "config.toml").write_text(config_text(facebook))
        facebook.faults.throttle(code=4, times=None)
        done = fbsyncd(tmp_path, "doctor")
        assert facebook.calls["graph"] == 1
    assert "not tried for the other Pages: Facebook wants no more calls" in done.stdout
    assert "warning   token" in done.stdout


def test_a_captive_portal_is_not_taken_for_facebook(facebook: Simulator, tmp_path: Path) -> None:
    """HTML with status 200 is somebody in between."""
    with scripted([reply(HTML, Content_Type="text/html")]) as portal:
        write(tmp_path, config_text(facebook).replace(facebook.url, portal.url))
        told = examined(tmp_path)
    assert (told["graph"].state, "is not Facebook" in told["graph"].says) == ("warning", True)
    assert "log in" in told["graph"].remedy
    assert told["token"].state == told["clock"].state == "skipped"


def test_the_brake_is_told_with_its_ways_out(place: Path) -> None:
    """A folder without its marker: failed, and both ways to go on."""
    fbsyncd(place, "sync")
    (place / "media/facebook" / MARKER).unlink()
    done = fbsyncd(place, "doctor")
    assert done.returncode == 1
    line = next(line for line in done.stdout.splitlines() if line.startswith("failed    brake"))
    assert "mount its disk again" in line
    assert "fbsyncd reconcile --accept-loss" in line
    assert not (place / "media/facebook" / MARKER).exists()


def test_a_folder_that_cannot_be_written_is_told(place: Path) -> None:
    """A disk that is mounted read-only: failed, with the remedy."""
    disk = Disk(place / "media" / "facebook")
    try:
        assert fbsyncd(place, "setup").returncode == 0
        disk.remount("ro")
        found, says, remedy = state(place, "folder")
        assert (found, "cannot write" in says, "read-only" in remedy) == ("failed", True, True)
    finally:
        disk.unmount()


def test_a_disk_below_the_floor_is_told(place: Path, facebook: Simulator) -> None:
    """Downloads have stopped there, so it is a failure."""
    write(place, config_text(facebook, media='free_space_floor = "900000GB"'))
    found, says, _ = state(place, "space")
    assert (found, "downloads stop at" in says) == ("failed", True)


def test_a_wrong_configuration_ends_with_78(place: Path) -> None:
    """Every mistake has a line; a file without a Page counts too, but the rest is looked at."""
    config = place / "config.toml"
    config.write_text(config.read_text().replace("workers = 4", "workrs = 4\nmax_pixels = -1"))
    done = fbsyncd(place, "doctor")
    assert done.returncode == 78
    assert done.stdout.count("failed    config") == 2
    config.write_text('[server]\nport = 0\n[media]\nallowed_hosts = ["127.0.0.1"]\n')
    done = fbsyncd(place, "doctor")
    assert done.returncode == 78
    assert "no Page is named" in done.stdout
    assert "port" in done.stdout
    missing = fbsyncd(place, "doctor", "--json", "--config", "nowhere.toml")
    assert missing.returncode == 78
    assert json.loads(missing.stdout)["state"] == "failed"


def test_secrets_that_everybody_may_read_are_told(place: Path) -> None:
    """The command that mends it is the remedy; without a secret inside nobody is bothered."""
    (place / "config.toml").chmod(0o644)
    found, _, remedy = state(place, "config")
    assert (found, remedy) == ("warning", f"chmod o-rwx {place / 'config.toml'}")
    harmless = File(Path("config.toml"), 0o644, holds_secret=False)
    assert setting.judge([harmless], 1).state == "ok"
    token_file = File(Path("token"), 0o644, holds_secret=True)
    assert setting.judge([harmless, token_file], 1).remedy == "chmod o-rwx token"


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        (Room(10_000, 1_000), "ok"),
        (Room(10_000, 1_000, 5, 1_000.0), "ok"),
        (Room(10_000, 1_000, 10, 1_000.0), "warning"),
        (Room(10_000, 1_000, 5, 1_000.0, 1_000.0), "ok"),
        (Room(10_000, 1_000, 5, 1_000.0, 2_000.0), "warning"),
        (Room(999, 1_000), "failed"),
    ],
)
def test_room_is_held_against_what_waits(room: Room, expected: str) -> None:
    """What waits counts at the size of what is there, and three months ahead must fit too."""
    assert space.judge(room).state == expected


def test_growth_is_that_of_new_posts(db: Database, tmp_path: Path) -> None:
    """Half of the posts are younger than 90 days, so a sixth of the bytes comes in a month."""
    shelf = Shelf.make(db, tmp_path)
    shelf.add(1, picture())
    with models.transaction(db):
        models.change(db, "UPDATE media_storage SET file_size = 120000000")
        for age in (1, 89, 91, 400):
            at = models.to_text(NOW - timedelta(days=age))
            row = [f"1_{age}", "1", at]
            models.change(
                db, "INSERT INTO facebook_posts (id, page_id, created_time) VALUES (?, ?, ?)", row
            )
    says = space.check(shelf.media.root, 1, db, NOW).says
    assert says.endswith("; new posts bring about 20.0 MB a month")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Inotify(1000, 128, 996, 124), "ok"),
        (Inotify(1000, 128, 997, 0), "max_user_watches=2000"),
        (Inotify(1000, 128, 0, 125), "max_user_instances=512"),
    ],
)
def test_watches_are_counted(found: Inotify, expected: str) -> None:
    """The limit that is too near is the one whose command is told."""
    told = machine.judge_watches(found)
    assert expected in (told.state, told.remedy.rpartition(".")[2])


def test_real_watches_are_seen(tmp_path: Path) -> None:
    """The kernel counts a watch of this process; a process that is not there has no count."""
    before = machine.instances_of(str(os.getpid()))
    with watching([tmp_path], Event()):
        during = machine.instances_of(str(os.getpid()))
    assert before is not None
    assert during == before + 1
    assert machine.instances_of("unknown") is None
    assert machine.watches(tmp_path, wanted=True).check == "watches"
    assert machine.watches(tmp_path, wanted=False).state == "skipped"


def test_a_daemon_without_watches_is_told() -> None:
    """Refused watches are seen from outside; where nobody may look, nothing is claimed."""
    assert machine.judge_daemon(0).state == "warning"
    assert machine.judge_daemon(4).state == machine.judge_daemon(None).state == "ok"


@pytest.mark.parametrize(
    ("door", "expected"),
    [
        (Door("127.0.0.1", 80, 13, None, False), "choose a server.port above 1023"),
        (Door("192.0.2.1", 80, 99, None, False), "set server.host to an address of this machine"),
        (Door("::", 80, None, "7", False), "config.toml was changed since its start: start it"),
    ],
)
def test_a_port_that_cannot_be_had_has_its_remedy(door: Door, expected: str) -> None:
    """Not allowed, not this machine's, or not what the daemon was started with."""
    assert machine.judge_port(door).remedy.startswith(expected)


def test_a_daemon_whose_folder_is_away_keeps_its_port() -> None:
    """It is known by its lock in that folder, so nobody else is blamed for what cannot be seen."""
    away = Door("127.0.0.1", 80, errno.EADDRINUSE, None, is_ours=True, is_away=True)
    told = machine.judge_port(away)
    assert (told.state, "another" in told.says) == ("skipped", False)
    there = machine.judge_port(replace(away, is_away=False))
    assert (there.state, "the fbsyncd of another archive" in there.says) == ("failed", True)
    foreign = machine.judge_port(replace(away, is_ours=False))
    assert (foreign.state, "another program" in foreign.says) == ("failed", True)


def test_hidden_names_are_told() -> None:
    """A name that is not found, and one that a filter answers for."""
    patterns = ("*.fbcdn.net", "mirror.example.org")
    lost = names.judge({"scontent.xx.fbcdn.net": []}, patterns)
    assert (lost.state, "scontent.xx.fbcdn.net" in lost.says) == ("warning", True)
    hidden = names.judge({"scontent.xx.fbcdn.net": ["0.0.0.0"]}, patterns)
    assert (hidden.state, "a reserved address" in hidden.says) == ("warning", True)
    ours = names.judge({"mirror.example.org": ["10.0.0.7"]}, patterns)
    assert ours.state == "ok"
    assert names.check(["localhost"]).state == "ok"


def test_the_sandbox_is_looked_at_only_from_within(tmp_path: Path) -> None:
    """Folders that a unit may not write to are named as systemd takes them."""
    disk = Disk(tmp_path / "kept")
    try:
        disk.remount("ro")
        within = {"SYSTEMD_EXEC_PID": str(os.getpid())}
        assert machine.sandbox([disk.place], {}, os.getpid()).state == "skipped"
        found = machine.sandbox([disk.place], within, os.getpid())
        assert (found.state, f"ReadWritePaths={disk.place}" in found.remedy) == ("failed", True)
        assert machine.sandbox([tmp_path], within, os.getpid()).state == "ok"
    finally:
        disk.unmount()


def test_root_is_told_that_it_may_more(tmp_path: Path) -> None:
    """What root may write says nothing of the user whose archive it is."""
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    uid = tmp_path.stat().st_uid
    assert folder.user([tmp_path], uid).state == "ok"
    os.chown(tmp_path, 65534, 65534)
    found = folder.user([tmp_path], 0)
    assert (found.state, found.remedy.startswith("sudo -u ")) == ("warning", True)
    os.chown(tmp_path, 62194, 62194)
    assert folder.user([tmp_path], 0).state == "ok"


def test_times_that_nobody_can_read_are_told(db: Database) -> None:
    """Their posts are named, with what may be done; other spellings are as good as our own."""
    assert list(database.times(db)) == []
    with models.transaction(db):
        for nth, text in enumerate(("2026-11-20T10:00:00+0000", "2026-11-20 10:00:00")):
            add_post(db, f"good_{nth}", text)
    assert list(database.times(db)) == []
    if models.file(db) is None:
        return
    with models.transaction(db):
        for nth, text in enumerate(("20/11/2026 10:00", "1763632800", "", " ", "tomorrow", "x")):
            add_post(db, f"odd_{nth}", text)
    (found,) = database.times(db)
    assert (found.check, found.state) == ("times", "warning")
    assert "in 4 posts (odd_0, odd_1, odd_4, ...): shown without it" in found.says
    assert found.remedy.startswith("put it right, as 20")


def add_post(db: Database, id_: str, at: str) -> None:
    sql = "INSERT INTO facebook_posts (id, page_id, created_time) VALUES (?, '1', ?)"
    models.change(db, sql, [id_, at])


def test_a_link_in_the_place_of_a_folder_is_told(tmp_path: Path) -> None:
    """No picture behind it is served, so it is a failure; a link to the whole folder is none."""
    (tmp_path / "whole").symlink_to(tmp_path / "there")
    media = Media(tmp_path / "whole", tmp_path)
    (tmp_path / "there").mkdir()
    media.prepare()
    assert folder.check(media).state == "ok"
    (tmp_path / "there" / "posts").rename(tmp_path / "outside")
    (tmp_path / "there" / "posts").symlink_to(tmp_path / "outside")
    found = folder.check(media)
    assert (found.state, "posts is a link" in found.says) == ("failed", True)


def test_parts_on_two_disks_are_told() -> None:
    """Pictures are moved from one into the other, which only works on one disk."""
    assert folder.judge_disks(Path("/m"), {"posts": 1, ".incoming": 2}).state == "failed"


def test_judgements_of_databases() -> None:
    """An old server and a journal that is never folded back are warnings."""
    assert database.judge_postgresql(130_014).state == "warning"
    assert database.judge_postgresql(140_001).state == "ok"
    grown = database.SqliteFile(Path("x"), 1, 300_000_000, True, ())
    assert database.judge(grown).state == "warning"
    large = database.SqliteFile(Path("x"), 1, 0, True, (), is_read=False)
    assert "as far as" in database.judge(large).says
    shut = database.SqliteFile(Path("x"), 1, 0, False, ())
    assert database.judge(shut).state == "failed"


def test_spans_of_the_clock() -> None:
    """A person reads minutes and days, not seconds."""
    assert tokens.clock(-125.0).says == "2 minutes behind Facebook's"
    assert tokens.clock(3 * 86400.0).says == "3 days ahead of Facebook's"


def test_a_terminal_gets_colours_and_the_same_words(place: Path) -> None:
    """On a terminal the states are coloured; a pipe gets none."""
    script = shutil.which("script")
    if script is None:
        pytest.skip("no script(1) to make a terminal with")
    command = f"{sys.executable} -m fbsyncd doctor"
    done = subprocess.run(
        [script, "-qec", command, "/dev/null"],
        cwd=place,
        env={**os.environ, "HOME": str(place), "TERM": "xterm-256color"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "\x1b[32m" in done.stdout
    assert "free, downloads stop at" in done.stdout
