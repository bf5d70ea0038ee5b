"""Copies of a database are for the same eyes as the database, and the oldest is kept for ever."""

from __future__ import annotations

import os
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from postgres import PostgresServer

from fbsyncd import backup, migrate, models, transfer


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def a_file(path: Path, permissions: int) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mine (id INTEGER)")
    path.chmod(permissions)
    return path


def test_the_database_before_its_adoption_is_never_thinned_away(tmp_path: Path) -> None:
    """It is the user's own, as other programs left it; the copies of upgrades come and go."""
    path = a_file(tmp_path / "fbsyncd.db", 0o644)
    for version in range(1, 8):
        backup.before(path, version)
    assert [copy.name[-4:] for copy in backup.copies(path)] == ["0001", "0005", "0006", "0007"]


@pytest.mark.parametrize("permissions", [0o600, 0o640, 0o664])
def test_a_copy_before_an_upgrade_is_for_the_same_eyes(tmp_path: Path, permissions: int) -> None:
    """Whatever the umask of whoever upgrades."""
    path = a_file(tmp_path / "fbsyncd.db", permissions)
    before = os.umask(0o022)
    try:
        copy = backup.before(path, 5)
    finally:
        os.umask(before)
    assert mode(copy) == permissions


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_copy_belongs_to_whom_the_database_belongs(tmp_path: Path) -> None:
    """When root upgrades, the daemon's user can still read and remove the copy."""
    path = a_file(tmp_path / "fbsyncd.db", 0o600)
    os.chown(path, 65534, 65533)
    found = backup.before(path, 5).stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (65534, 65533, 0o600)


@contextmanager
def acting_as(number: int) -> Iterator[None]:
    """Be a user of this number, and a member of the group of this number alone."""
    groups, group = os.getgroups(), os.getegid()
    os.setgroups([])
    os.setegid(number)
    os.seteuid(number)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root acts as somebody else")
def test_a_group_that_is_not_ours_to_give_gets_nothing_by_another_name() -> None:
    """Who is not in the file's group does not open its copy to a group of his own instead."""
    # Not under tmp_path, which is closed to all but the user that runs the tests.
    with tempfile.TemporaryDirectory() as name:
        path = a_file(Path(name) / "fbsyncd.db", 0o666)
        os.chown(path, 65533, 65532)
        os.chown(name, 65534, 65534)
        with acting_as(65534):
            copy = backup.before(path, 5)
        assert (copy.stat().st_uid, mode(copy)) == (65534, 0o606)


def test_a_copy_elsewhere_is_for_the_same_eyes(tmp_path: Path) -> None:
    """Its write-ahead log too; one that is there keeps what it was given."""
    source = models.connect(f"sqlite:///{tmp_path / 'fbsyncd.db'}")
    migrate.apply(source)
    (tmp_path / "fbsyncd.db").chmod(0o600)
    target = models.connect(f"sqlite:///{tmp_path / 'copy.db'}")
    try:
        transfer.copy(source, target, lambda *_: None)
        found = {path.name: mode(path) for path in tmp_path.glob("copy.db*")}
        assert set(found.values()) == {0o600}, found
        (tmp_path / "copy.db").chmod(0o640)
        transfer.copy(source, target, lambda *_: None)
        assert mode(tmp_path / "copy.db") == 0o640
    finally:
        models.close(target)
        models.close(source)


@pytest.mark.postgresql
def test_a_copy_of_a_server_is_for_its_maker_alone(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """What a password kept from others is not laid open as a file."""
    with postgres_server.fresh_database() as url:
        source = models.connect(url)
        migrate.apply(source)
        target = models.connect(f"sqlite:///{tmp_path / 'copy.db'}")
        try:
            transfer.copy(source, target, lambda *_: None)
            assert mode(tmp_path / "copy.db") == 0o600
        finally:
            models.close(target)
            models.close(source)
