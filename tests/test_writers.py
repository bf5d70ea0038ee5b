"""One archive, one media folder: who would fill another one from the same rows is refused."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from peewee import Database
from plant import archive_of, config_text, sync
from postgres import PostgresServer
from test_daemon import Running, all_safe, running
from test_database_trouble import own_server
from test_upgrade import NEWEST, made_by

from fbsyncd import backend, facts, migrate, models, oneshot, process
from fbsyncd.archive import Archive
from fbsyncd.errors import AlreadyRunning
from fbsyncd.faces import FacebookMediaManager
from fbsyncd.hold import KEY
from fbsyncd.oneshot import Progress, Wish
from fbsyncd.reconcile import Request
from fbsyncd.simulator import Simulator
from fbsyncd.transfer import copy
from fbsyncd.writers import Writers

__all__ = ["own_server"]

HOLDER = """
import sys
from pathlib import Path
from fbsyncd import models
from fbsyncd.writers import Writers
db = models.connect(sys.argv[1])
writers = Writers(db, Path(sys.argv[2]))
writers.join()
print("joined", flush=True)
sys.stdin.read()
"""


@contextmanager
def another(url: str, root: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that writes to the database at *url* and to the folder *root*."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, url, str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "joined\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def mine(db: Database, tmp_path: Path) -> Iterator[Writers]:
    writers = Writers(db, tmp_path / "mine")
    yield writers
    writers.leave()


def test_another_folder_is_refused_with_who_fills_this_one(
    mine: Writers, database_url: str, tmp_path: Path
) -> None:
    """One line: its pid, its folder and what to do; free again as soon as that one is dead."""
    with another(database_url, tmp_path / "theirs") as process:
        assert mine.are_elsewhere()
        with pytest.raises(AlreadyRunning) as refused:
            mine.join()
        told = str(refused.value)
        assert f"pid {process.pid} on " in told
        assert f"{tmp_path / 'theirs'}" in told
        assert f"{tmp_path / 'mine'}" in told
        assert "\n" not in told
        process.kill()
        process.wait()
        until_free(mine)
        mine.join()


def until_free(writers: Writers) -> None:
    """Wait until the other one is gone; a server sees the end of a connection a moment later."""
    for _ in range(600):
        if not writers.are_elsewhere():
            return
        Event().wait(0.05)
    raise AssertionError("the other one is gone, and still in the way")


def test_the_same_folder_may_be_filled_by_several(
    mine: Writers, database_url: str, tmp_path: Path
) -> None:
    """By whatever name it is reached; the first one may go before the others."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    third = models.connect(database_url)
    stranger = Writers(third, tmp_path / "theirs")
    try:
        with another(database_url, tmp_path / "link"):
            assert not mine.are_elsewhere()
            mine.join()
        with pytest.raises(AlreadyRunning, match=f"pid {os.getpid()} on "):
            stranger.join()
        assert stranger.are_elsewhere()
        mine.leave()
        # A server lets go of what a process held a moment after its end.
        deadline = time.monotonic() + 30
        while stranger.are_elsewhere():
            assert time.monotonic() < deadline
        stranger.join()
    finally:
        stranger.leave()
        models.close(third)


@pytest.mark.postgresql
def test_the_same_path_on_another_machine_is_another_folder(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """One configuration on two machines, one server: each would fill a disk of its own."""
    with postgres_server.fresh_database() as url:
        db = models.connect(url)
        migrate.apply(db)
        with another(url, tmp_path / "mine"):
            alter(db, host="elsewhere", machine="another")
            with pytest.raises(AlreadyRunning, match="on elsewhere"):
                Writers(db, tmp_path / "mine").join()
        models.close(db)


def test_a_machine_may_get_another_name(
    mine: Writers, db: Database, database_url: str, tmp_path: Path
) -> None:
    """A laptop is called otherwise in each network, and its disk is the same."""
    with another(database_url, tmp_path / "mine"):
        alter(db, host="laptop.elsewhere")
        assert not mine.are_elsewhere()
        mine.join()


def test_a_backup_that_is_put_back_stops_nobody(
    mine: Writers, db: Database, database_url: str, tmp_path: Path
) -> None:
    """Who was one of them all the time knows better than what the backup tells of its own day."""
    mine.join()
    with another(database_url, tmp_path / "mine"):
        alter(db, host="old", machine="old", root="/srv/old", names=["77-0badcafe"])
        mine.keep()
        told = json.loads(str(facts.get(db, "writers")))
        assert told["root"] == str(tmp_path / "mine")
        assert told["names"] == [process.name()]


def alter(db: Database, **told: Any) -> None:
    """Let the database tell something else of those that write."""
    facts.put(db, "writers", json.dumps(json.loads(str(facts.get(db, "writers"))) | told))


def test_who_only_looks_holds_nothing(mine: Writers, database_url: str, tmp_path: Path) -> None:
    """It keeps nobody from anything, and says nothing in the database."""
    assert not mine.are_elsewhere()
    with another(database_url, tmp_path / "theirs"):
        assert mine.are_elsewhere()


def test_what_is_let_go_of_is_free_at_once(db: Database) -> None:
    """A command that only looked does not stand in the way of the next one."""
    one, other = backend.of(db).hold(), backend.of(db).hold()
    for _ in range(10):
        assert one.take()
        one.release()
        assert other.take()
        other.release()


def test_many_that_start_at_once_agree_on_one_folder(database_url: str, tmp_path: Path) -> None:
    """Of two folders one is taken; whoever names the other is refused."""
    models_ready = models.connect(database_url)
    migrate.apply(models_ready)
    models.close(models_ready)
    started = [
        subprocess.Popen(
            [sys.executable, "-c", HOLDER, database_url, str(tmp_path / f"{number % 2}")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(6)
    ]
    try:
        joined = set()
        for number, process in enumerate(started):
            assert process.stdout is not None
            if process.stdout.readline() == "joined\n":
                joined.add(number % 2)
        assert len(joined) == 1
    finally:
        for process in started:
            process.kill()
            process.communicate()


def test_the_lock_beside_a_file_is_for_the_same_eyes(tmp_path: Path) -> None:
    """Nobody else can lock it for ever."""
    path = tmp_path / "fbsyncd.db"
    db = models.connect(f"sqlite:///{path}")
    migrate.apply(db)
    path.chmod(0o640)
    writers = Writers(db, tmp_path / "media")
    writers.join()
    assert stat.S_IMODE((tmp_path / "fbsyncd.db-lock").stat().st_mode) == 0o640
    writers.leave()
    models.close(db)


def test_a_lock_that_was_removed_is_taken_again(tmp_path: Path) -> None:
    """And one that somebody else has made there meanwhile and holds is told."""
    path = tmp_path / "fbsyncd.db"
    url = f"sqlite:///{path}"
    db = models.connect(url)
    migrate.apply(db)
    writers = Writers(db, tmp_path / "media")
    writers.join()
    (tmp_path / "fbsyncd.db-lock").unlink()
    writers.keep()
    other = backend.of(db).hold()
    assert not other.take()
    other.release()
    (tmp_path / "fbsyncd.db-lock").unlink()
    with another(url, tmp_path / "theirs"), pytest.raises(AlreadyRunning, match="theirs"):
        writers.keep()
    writers.leave()
    models.close(db)


@pytest.mark.postgresql
def test_the_lock_of_a_server_is_taken_again_after_a_restart(
    own_server: PostgresServer, tmp_path: Path
) -> None:
    """Whoever was first after the restart has it; the other one is told."""
    with own_server.fresh_database() as url:
        db = models.connect(url)
        migrate.apply(db)
        writers = Writers(db, tmp_path / "media")
        writers.join()
        own_server.stop("immediate")
        writers.keep()
        own_server.start()
        writers.keep()
        stranger = Writers(db, tmp_path / "theirs")
        assert stranger.are_elsewhere()
        own_server.stop()
        own_server.start()
        with another(url, tmp_path / "theirs"), pytest.raises(AlreadyRunning, match="theirs"):
            writers.keep()
        writers.leave()
        models.close(db)


def fbsyncd(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fbsyncd", *command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def elsewhere(folder: Path, facebook: Simulator, url: str) -> Path:
    """Return another folder with the same database and a media folder of its own."""
    other = folder / "other"
    other.mkdir()
    (other / "config.toml").write_text(config_text(facebook, url))
    return other


def test_writers_beside_a_daemon_need_its_folder_and_readers_do_not(
    tmp_path: Path, database_url: str
) -> None:
    """Each is refused in one line that names the daemon, also before the first picture is there."""
    with Simulator(posts=6, seed=3, pictures="plain") as facebook:
        (tmp_path / "config.toml").write_text(config_text(facebook, database_url))
        other = elsewhere(tmp_path, facebook, database_url)
        with running(tmp_path) as daemon:
            for command in (["run"], ["sync"], ["reconcile"], ["retry", "--all"], ["setup"]):
                refused(daemon, fbsyncd(other, *command))
            assert not (other / "media" / "facebook" / ".fbsyncd-archive").exists()
            daemon.until(all_safe)
            for command in (["stats"], ["posts"]):
                done = fbsyncd(other, *command)
                assert done.returncode == 0, done.stderr
            assert not (other / "media" / "facebook" / ".fbsyncd-archive").exists()
            for command in (["stats"], ["posts"], ["verify"], ["export", "out"], ["sync"]):
                done = fbsyncd(tmp_path, *command)
                assert done.returncode == 0, done.stderr
            daemon.until(all_safe)
            daemon.stop()
        assert "Traceback" not in "".join(daemon.log)


def refused(daemon: Running, done: subprocess.CompletedProcess[str]) -> None:
    said = done.stderr.splitlines()
    assert done.returncode == 1, done.stderr
    assert f"pid {daemon.process.pid} on " in said[-1], done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_elsewhere_leaves_the_paths_of_the_rows(tmp_path: Path, database_url: str) -> None:
    """A whole copy of the media folder is no reason to point every row at it."""
    with Simulator(posts=6, seed=3, pictures="plain") as facebook:
        (tmp_path / "config.toml").write_text(config_text(facebook, database_url))
        with running(tmp_path) as daemon:
            daemon.until(all_safe)
            place = fact(database_url, "media_folder")
            subprocess.run(["cp", "-a", tmp_path / "media", tmp_path / "copy"], check=True)
            media = f'root = "{tmp_path / "copy" / "facebook"}"\nfree_space_floor = "1MB"'
            reader = tmp_path / "reader"
            reader.mkdir()
            (reader / "config.toml").write_text(config_text(facebook, database_url, media))
            done = fbsyncd(reader, "stats")
            assert done.returncode == 0, done.stderr
            assert fact(database_url, "media_folder") == place
            refused(daemon, fbsyncd(reader, "sync"))
            daemon.stop()


def test_doctor_elsewhere_names_the_folder_that_is_filled(
    tmp_path: Path, database_url: str
) -> None:
    """A folder without the pictures is no loss to be accepted while another one holds them."""
    with Simulator(posts=6, seed=3, pictures="plain") as facebook:
        (tmp_path / "config.toml").write_text(config_text(facebook, database_url))
        other = elsewhere(tmp_path, facebook, database_url)
        with running(tmp_path) as daemon:
            daemon.until(all_safe)
            done = fbsyncd(other, "doctor", "--json")
            checks = {one["check"]: one for one in json.loads(done.stdout)["checks"]}
            daemon.stop()
    told = checks["brake"]
    assert told["state"] == "failed"
    assert f"(pid {daemon.process.pid} on " in told["says"]
    assert str(tmp_path / "media" / "facebook") in told["says"]
    assert "accept-loss" not in str(told)
    assert "folder" in told["remedy"]


def fact(url: str, name: str) -> str | None:
    db = models.connect(url)
    try:
        return facts.get(db, name)
    finally:
        models.close(db)


def test_a_daemon_gives_way_when_another_folder_is_filled(tmp_path: Path) -> None:
    """It was away from its database so long that somebody else has come."""
    with Simulator(posts=2, seed=3, pictures="plain") as facebook:
        (tmp_path / "config.toml").write_text(config_text(facebook))
        with running(tmp_path) as daemon:
            db = models.connect(f"sqlite:///{tmp_path / 'fbsyncd.db'}")
            writers = Writers(db, tmp_path / "theirs")
            usurp(writers, tmp_path / "fbsyncd.db-lock")
            log = daemon.process.communicate(timeout=60)[1]
            writers.leave()
            models.close(db)
            assert f"(pid {os.getpid()} on " in log
            assert "stopping, it was there first" in log
            assert "Traceback" not in log
            assert daemon.process.returncode == 0


def usurp(writers: Writers, lock: Path) -> None:
    """Be faster than the daemon, which takes a lock again that is gone."""
    while True:
        lock.unlink(missing_ok=True)
        with suppress(AlreadyRunning):
            return writers.join()


def test_who_is_refused_leaves_the_schema_as_it_is(tmp_path: Path, database_url: str) -> None:
    """A newer program upgrades nothing under those that fill another folder; alone it does."""
    db = made_by(database_url, NEWEST - 1)
    missing = migrate.pending(db)
    with Simulator(posts=2, seed=3, pictures="plain") as facebook:
        with another(database_url, tmp_path / "theirs"):
            with (
                pytest.raises(AlreadyRunning),
                archive_of(facebook, tmp_path, database_url),
            ):
                pass
            assert migrate.pending(db) == missing != []
            assert not list(tmp_path.glob("*.before-*"))
        until_free(Writers(db, tmp_path / "mine"))
        with archive_of(facebook, tmp_path, database_url) as archive:
            assert migrate.pending(db) == []
            assert "names" in str(facts.get(archive.db, "writers"))
    models.close(db)


@pytest.mark.parametrize("command", ["stats", "posts", "verify", "export out", "sync", "setup"])
def test_no_schema_is_upgraded_under_those_that_work_with_it(
    tmp_path: Path, database_url: str, command: str
) -> None:
    """A newer program says both schemas and what to do, in one line; alone it goes on."""
    db = made_by(database_url, NEWEST - 1)
    missing = migrate.pending(db)
    with Simulator(posts=2, seed=3, pictures="plain") as facebook:
        (tmp_path / "config.toml").write_text(config_text(facebook, database_url))
        root = tmp_path / "media" / "facebook"
        with another(database_url, root) as older:
            done = fbsyncd(tmp_path, *command.split())
            assert done.returncode == 1, done.stdout
            (said,) = done.stderr.splitlines()
            assert f"pid {older.pid} on " in said
            assert f"schema {NEWEST - 1}, this program knows {NEWEST}" in said
            assert "stop that one first" in said
            assert migrate.pending(db) == missing != []
            assert not list(tmp_path.glob("*.before-*"))
        until_free(Writers(db, root))
        fbsyncd(tmp_path, *command.split())
        assert migrate.pending(db) == []
    models.close(db)


def test_no_copy_upgrades_a_target_that_is_worked_with(tmp_path: Path, database_url: str) -> None:
    """Whoever fills the target from another program is named, and its schema stays."""
    target = made_by(database_url, NEWEST - 1)
    missing = migrate.pending(target)
    source = models.connect(f"sqlite:///{tmp_path / 'source.db'}")
    migrate.apply(source)
    with another(database_url, tmp_path / "theirs") as older:
        with pytest.raises(AlreadyRunning, match=rf"--to: .*pid {older.pid} on "):
            copy(source, target, lambda *_: None)
        assert migrate.pending(target) == missing != []
    until_free(Writers(target, tmp_path / "theirs2"))
    copy(source, target, lambda *_: None)
    assert migrate.pending(target) == []
    models.close(source)
    models.close(target)


def break_in(db: Database) -> None:
    """Let the database forget who holds it, as a restart of the server or a clean-up does."""
    path = models.file(db)
    if path is not None:
        path.with_name(f"{path.name}-lock").unlink()
        return
    with models.session(db):
        cut = models.rows(
            db,
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'"
            f" AND (classid::bigint << 32 | objid::bigint) = {KEY}"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
    assert [is_gone for (is_gone,) in cut] == [True]


def is_held(archive: Archive, tmp_path: Path) -> bool:
    """Tell whether somebody with another folder finds the database taken."""
    return Writers(archive.db, tmp_path / "theirs").are_elsewhere()


def test_a_long_sync_takes_again_what_it_lost(tmp_path: Path, database_url: str) -> None:
    """Nobody fills another folder while it fetches."""
    with (
        Simulator(posts=4, seed=3, pictures="plain") as facebook,
        archive_of(facebook, tmp_path, database_url) as archive,
    ):
        facebook.faults.cdn_delay(3, times=1)
        turns = []

        def heard(_: Progress) -> None:
            turns.append(is_held(archive, tmp_path))
            if len(turns) == 1:
                break_in(archive.db)

        oneshot.sync(archive, Wish(archive.config.facebook.pages, None), heard)
        assert turns[0]
        assert turns[-1]
        assert len(turns) > 2


def test_a_long_sync_ends_where_another_folder_is_filled(tmp_path: Path, database_url: str) -> None:
    """It stops, and says who is there."""
    with (
        Simulator(posts=4, seed=3, pictures="plain") as facebook,
        archive_of(facebook, tmp_path, database_url) as archive,
        ExitStack() as stack,
    ):
        facebook.faults.cdn_delay(3, times=1)
        came: list[subprocess.Popen[str]] = []

        def heard(_: Progress) -> None:
            if not came:
                break_in(archive.db)
                came.append(stack.enter_context(another(database_url, tmp_path / "theirs")))

        with pytest.raises(AlreadyRunning) as refused:
            oneshot.sync(archive, Wish(archive.config.facebook.pages, None), heard)
        assert f"pid {came[0].pid} on " in str(refused.value)


def test_a_long_scrub_takes_again_what_it_lost(tmp_path: Path, database_url: str) -> None:
    """Hashing a large archive takes hours."""
    with (
        Simulator(posts=2, seed=3, pictures="plain") as facebook,
        archive_of(facebook, tmp_path, database_url) as archive,
    ):
        sync(archive)
        break_in(archive.db)
        oneshot.reconcile(archive, Request(), scrub=True, show=lambda _: None)
        assert is_held(archive, tmp_path)


def test_a_program_that_archives_links_takes_again_what_it_lost(
    tmp_path: Path, database_url: str
) -> None:
    """It may run for months; where another folder is filled meanwhile it archives nothing."""
    with Simulator(posts=2, seed=3, pictures="plain") as facebook:
        (tmp_path / "config.toml").write_text(config_text(facebook, database_url))
        with closing(FacebookMediaManager(tmp_path / "config.toml")) as face:
            link = f"{facebook.url}/nothing.jpg"
            archive = face._archive
            break_in(archive.db)
            face.download_image(link)
            assert is_held(archive, tmp_path)
            break_in(archive.db)
            with another(database_url, tmp_path / "theirs"), pytest.raises(AlreadyRunning):
                face.download_image(link)


def test_one_archive_is_opened_twice_in_one_program(tmp_path: Path, database_url: str) -> None:
    """A script may use both faces of an archive at once."""
    with (
        Simulator(posts=2, seed=3, pictures="plain") as facebook,
        archive_of(facebook, tmp_path, database_url) as one,
        archive_of(facebook, tmp_path, database_url) as two,
    ):
        assert one.feed.stats()["posts"] == two.feed.stats()["posts"] == 0
