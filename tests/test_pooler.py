"""A pooler before the server: whole sessions are as good as the server's own, lent ones are not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import postgres
import psycopg
import pytest
from bouncer import MISSING, PROGRAM, pooling
from plant import config_text
from test_daemon import all_safe, running
from test_database_trouble import fbsyncd
from test_postgres_settings import alter, run, told, url
from test_writers import another, until_free
from torture import NOT_SAFE, Ordeal

from fbsyncd import migrate, models
from fbsyncd.errors import AlreadyRunning, ConfigError
from fbsyncd.pooler import settle
from fbsyncd.simulator import Simulator
from fbsyncd.writers import Writers

__all__ = ["url"]

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.skipif(PROGRAM is None, reason=MISSING),
]
#: As it comes it refuses what a connection is to be set to; many set it so that it forgets that.
FORGETS = "ignore_startup_parameters = options"
HANDINGS = {"refused": [], "left out": [FORGETS]}
#: Those that lend sessions: how many there are, and which of them is lent first.
LENDERS = {
    "one": (1, "default_pool_size = 1"),
    "two in turn": (2, "server_round_robin = 1"),
    "three in turn": (3, "server_round_robin = 1"),
    "what came back last": (5, "server_round_robin = 0"),
}
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname IN ('public', 'social')"


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=6, seed=5, pictures="plain") as simulator:
        yield simulator


@pytest.mark.parametrize("more", HANDINGS.values(), ids=HANDINGS)
def test_whole_sessions_are_used_as_the_servers_own(
    facebook: Simulator,
    postgres_server: postgres.PostgresServer,
    url: str,
    tmp_path: Path,
    more: list[str],
) -> None:
    """A sync, a daemon and what reads; times are read whatever the database is set to."""
    alter(url, "timezone = 'Asia/Bangkok'")
    alter(url, "datestyle = 'German, DMY'")
    with pooling(postgres_server, "session", "default_pool_size = 30", *more) as bouncer:
        (tmp_path / "config.toml").write_text(config_text(facebook, bouncer.url(url)))
        told(tmp_path, "sync")
        archive = Ordeal(facebook, tmp_path, url)
        archive.check()
        with running(tmp_path) as daemon:
            daemon.until(all_safe)
            facebook.add_post("photo")
            told(tmp_path, "sync")
            daemon.until(lambda stats: stats["posts"] == 7 and archive.rows(NOT_SAFE) == [])
            daemon.stop()
        assert len(told(tmp_path, "posts").splitlines()) >= 7
        assert told(tmp_path, "verify")
    assert "Traceback" not in "".join(daemon.log)
    archive.check()


@pytest.mark.parametrize("more", HANDINGS.values(), ids=HANDINGS)
def test_a_session_is_set_as_one_without_a_pooler(
    postgres_server: postgres.PostgresServer, url: str, more: list[str]
) -> None:
    """What the pooler does not hand on is set afterwards, the URL's own options too."""
    alter(url, "default_transaction_isolation = 'serializable'")
    alter(url, "intervalstyle = 'iso_8601'")
    run(url, "CREATE SCHEMA social")
    options = f"?options={quote('-csearch_path=social --work-mem=4321kB')}"
    names = ["default_transaction_isolation", "IntervalStyle", "TimeZone", "search_path"]
    names += ["DateStyle", "work_mem"]

    def shown(url: str) -> list[object]:
        with models.looking_at(url + options) as db, models.session(db):
            return [models.rows(db, f"SHOW {name}")[0][0] for name in names]

    with pooling(postgres_server, "session", *more) as bouncer:
        found = shown(bouncer.url(url))
    assert found == shown(url)
    assert found[:4] == ["read committed", "postgres", "UTC", "social"]


def test_options_are_read_as_a_server_reads_them() -> None:
    """A backslash keeps a space, and quotes are letters."""

    class Heard:
        def __init__(self) -> None:
            self.settings: list[list[str]] = []

        def execute(self, sql: str, params: list[str], *, prepare: bool) -> None:
            assert "set_config" in sql
            assert not prepare
            self.settings.append(params)

    heard = Heard()
    settle(heard, r'-c search_path="$user",\ public -cx.y=a=b\\ --work-mem=1MB -e')
    assert heard.settings == [
        ["search_path", '"$user", public'],
        ["x.y", "a=b\\"],
        ["work_mem", "1MB"],
    ]


def test_a_lock_holds_through_whole_sessions(
    postgres_server: postgres.PostgresServer, url: str, tmp_path: Path
) -> None:
    """Another media folder is refused until the process that fills the first one is dead."""
    with (
        pooling(postgres_server, "session") as bouncer,
        models.looking_at(bouncer.url(url)) as db,
    ):
        migrate.apply(db)
        mine = Writers(db, tmp_path / "mine")
        with another(bouncer.url(url), tmp_path / "theirs") as process:
            with pytest.raises(AlreadyRunning, match=f"pid {process.pid} on "):
                mine.join()
            process.kill()
            process.wait()
            until_free(mine)
            mine.join()
        mine.leave()


def open_sessions(url: str, count: int) -> None:
    """Let the pooler have so many sessions to lend."""
    with ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(psycopg.connect(url))
            connection.execute("SELECT 1")


@pytest.mark.parametrize("handing", HANDINGS.values(), ids=HANDINGS)
@pytest.mark.parametrize(("sessions", "more"), LENDERS.values(), ids=LENDERS)
def test_lent_sessions_are_noticed(
    postgres_server: postgres.PostgresServer,
    url: str,
    sessions: int,
    more: str,
    handing: list[str],
) -> None:
    """However many there are and in whichever order they are lent, and before anything is set."""
    with (
        pooling(postgres_server, "transaction", more, *handing) as bouncer,
        models.looking_at(bouncer.url(url)) as db,
    ):
        open_sessions(bouncer.url(url), sessions)
        for _ in range(3):
            with pytest.raises(ConfigError, match="pool_mode = session"), models.session(db):
                models.rows(db, "SELECT 1")
    assert run(url, TABLES) == []


@pytest.mark.parametrize("command", ["setup", "sync", "run", "stats"])
def test_a_pooler_that_lends_sessions_is_refused_in_one_line(
    facebook: Simulator,
    postgres_server: postgres.PostgresServer,
    url: str,
    tmp_path: Path,
    command: str,
) -> None:
    """It names the key and what to do; no table is made."""
    with pooling(postgres_server, "transaction") as bouncer:
        (tmp_path / "config.toml").write_text(config_text(facebook, bouncer.url(url)))
        with fbsyncd(tmp_path, command) as process:
            _, log = process.communicate(timeout=60)
    assert process.returncode == 78, log
    (said,) = log.splitlines()
    assert said.startswith("fbsyncd: database.url: a pooler lends fbsyncd another session")
    assert run(url, TABLES) == []


def test_a_pooler_that_lends_single_statements_is_refused(
    facebook: Simulator, postgres_server: postgres.PostgresServer, url: str, tmp_path: Path
) -> None:
    """In its own words: there is no transaction in such a mode."""
    with pooling(postgres_server, "statement", "default_pool_size = 1") as bouncer:
        (tmp_path / "config.toml").write_text(config_text(facebook, bouncer.url(url)))
        with fbsyncd(tmp_path, "sync") as process:
            _, log = process.communicate(timeout=60)
    assert process.returncode != 0
    assert len(log.splitlines()) == 1, log
    assert "statement pooling" in log or "pool_mode = session" in log
    assert run(url, TABLES) == []


def test_a_pooler_that_is_restarted_otherwise_is_noticed(
    postgres_server: postgres.PostgresServer, url: str, tmp_path: Path
) -> None:
    """The lock is not taken again through one that lends sessions now."""
    with (
        pooling(postgres_server, "session") as bouncer,
        models.looking_at(bouncer.url(url)) as db,
        models.looking_at(url) as direct,
    ):
        migrate.apply(db)
        writers = Writers(db, tmp_path / "media")
        writers.join()
        bouncer.stop()
        bouncer.start("transaction")
        with pytest.raises(ConfigError, match="pool_mode = session"):
            writers.keep()
        bouncer.stop()
        bouncer.start("session")
        writers.keep()
        assert Writers(direct, tmp_path / "theirs").are_elsewhere()
        writers.leave()
