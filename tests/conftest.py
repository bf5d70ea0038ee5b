"""What every test may ask for, and what every test is held to."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import postgres
import pytest
from hypothesis import settings
from required import pytest_make_collect_report, pytest_runtest_makereport

from fbsyncd import migrate, models

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from peewee import Database

__all__ = ["pytest_make_collect_report", "pytest_runtest_makereport"]  # hooks

# A busy machine is slow, not wrong.
settings.register_profile("fbsyncd", deadline=None)
settings.load_profile("fbsyncd")

_PATIENCE = 30.0  # seconds a thread that was told to stop may take to end


@pytest.fixture(autouse=True)
def no_leaked_threads() -> Iterator[None]:
    """Every test ends with the threads it began with."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + _PATIENCE
    left = [thread for thread in threading.enumerate() if thread not in before]
    for thread in left:
        thread.join(max(0.0, deadline - time.monotonic()))
    leaked = [thread.name for thread in left if thread.is_alive()]
    assert not leaked, f"threads still running after the test: {leaked}"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.PostgresServer]:
    """A PostgreSQL server of our own, one for each test session (and each xdist worker)."""
    binaries = postgres.find_binaries()
    if binaries is None:
        pytest.skip(postgres.missing_reason())
    with postgres.running_server(binaries) as server:
        yield server


ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database; a test that asks for it runs once on each engine."""
    yield from _fresh(request, tmp_path)


@pytest.fixture(params=ENGINES, scope="module")
def module_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL of a database that all tests of a module share, which run once on each engine."""
    yield from _fresh(request, tmp_path_factory.mktemp("database"))


def _fresh(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{folder / 'fbsyncd.db'}"
        return
    server: postgres.PostgresServer = request.getfixturevalue("postgres_server")
    with server.fresh_database() as url:
        yield url


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """An empty archive's database, on each engine."""
    database = models.connect(database_url)
    migrate.apply(database)
    yield database
    models.close(database)
