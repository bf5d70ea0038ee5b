"""A database that is not there is named as that, and none is made in its place."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from dump import Dump
from test_cli import fbsyncd

import fbsyncd as package
from fbsyncd import models
from fbsyncd.config import load
from fbsyncd.errors import ArchiveError

READING = [
    ("stats",),
    ("posts",),
    ("verify",),
    ("export", "out"),
    ("reconcile", "--dry-run"),
    ("retry", "--all"),
    ("forget", "post", "1_1", "--yes"),
    ("copy", "--to", "sqlite:///copied.db"),
]
MAKING = [("setup",), ("sync",), ("run",), ("reconcile",)]
PAGE = '[[facebook.pages]]\nid = "1"\naccess_token = "abcdefgh"\n'


def name(command: tuple[str, ...]) -> str:
    """Return what a command is called."""
    return command[0]


@pytest.fixture
def folder(tmp_path: Path, database_url: str) -> Path:
    """A configuration, and a database that nobody has set up."""
    told = f'[server]\nport = 0\n[facebook]\ngraph_url = "http://127.0.0.1:9"\n{PAGE}'
    (tmp_path / "config.toml").write_text(f'{told}[database]\nurl = "{database_url}"\n')
    return tmp_path


@pytest.fixture
def lost(folder: Path, database_url: str) -> Path:
    """An archive that was set up, and whose database is gone."""
    assert fbsyncd(folder, "setup").returncode == 0
    if path := file(database_url):
        path.unlink()
        return folder
    db = models.connect(database_url)
    try:
        with models.transaction(db):
            models.literally(db, "DROP SCHEMA public CASCADE")
            models.literally(db, "CREATE SCHEMA public")
    finally:
        models.close(db)
    return folder


def file(url: str) -> Path | None:
    """Return the file behind a link, None for a server."""
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite") else None


def tables(url: str) -> list[str]:
    """Return the names of the tables there are, making nothing."""
    with models.looking_at(url) as db, models.session(db):
        return db.get_tables()


def refused(folder: Path, *command: str) -> str:
    """Run a command that must fail with one line; return that."""
    done = fbsyncd(folder, *command)
    assert (done.returncode, done.stdout) == (1, ""), done
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize("command", READING, ids=name)
def test_what_only_reads_makes_no_database(
    folder: Path, database_url: str, command: tuple[str, ...]
) -> None:
    """One line names the database that is not there, and what makes one or brings it back."""
    told = refused(folder, *command)
    path = file(database_url)
    assert (f"there is no database at {path}: " if path else "there is no archive in the") in told
    assert "'fbsyncd setup' makes one" in told
    assert "put the backup back" in told
    assert tables(database_url) == []
    assert [one.name for one in folder.iterdir() if one.suffix != ".py"] == ["config.toml"]


@pytest.mark.parametrize("command", MAKING, ids=name)
def test_a_lost_database_is_called_lost(
    lost: Path, database_url: str, command: tuple[str, ...]
) -> None:
    """Beside the media folder of an archive none is made, and what to put back comes first."""
    told = refused(lost, *command)
    path = file(database_url)
    assert (f"there is no database at {path}, " if path else "there is no archive in the") in told
    assert "its database is missing; put it back, or a backup of it" in told
    assert told.index("put it back") < told.index("--accept-loss")
    assert tables(database_url) == []
    assert path is None or not path.exists()


def test_a_folder_whose_database_is_lost_for_good_begins_anew(lost: Path) -> None:
    """What the message names last works: the folder becomes a new archive's."""
    assert fbsyncd(lost, "reconcile", "--accept-loss").returncode == 0
    assert fbsyncd(lost, "verify").returncode == 0


def test_python_meets_a_lost_database_likewise(lost: Path, database_url: str) -> None:
    """Neither face of the package makes a database in the place of the lost one."""
    config = load(lost / "config.toml", environ={}, cwd=lost)
    for face in (package.DashboardDataProvider, package.FacebookMediaManager):
        with pytest.raises(ArchiveError, match="there is no"):
            face(config)
    assert tables(database_url) == []


@pytest.mark.parametrize("command", READING, ids=name)
def test_another_programs_file_is_not_altered(tmp_path: Path, command: tuple[str, ...]) -> None:
    """What only reads refuses a file that holds no table of ours, and changes no byte of it."""
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path)) as theirs, theirs:
        theirs.execute("CREATE TABLE bookmarks (id INTEGER PRIMARY KEY, title TEXT)")
        theirs.execute("INSERT INTO bookmarks (title) VALUES ('one')")
    before = path.read_bytes()
    (tmp_path / "config.toml").write_text('[database]\nurl = "sqlite:///theirs.db"\n')
    told = refused(tmp_path, *command)
    assert f"there is no archive in the database {path}: 'fbsyncd setup' makes one" in told
    assert "'--dry-run' shows what it adds" in told
    assert path.read_bytes() == before
    assert {one.name for one in tmp_path.iterdir()} == {"config.toml", "theirs.db"}


def test_setup_goes_on_in_another_programs_file(tmp_path: Path) -> None:
    """Whoever says so gets an archive beside the tables of another program."""
    with closing(sqlite3.connect(tmp_path / "theirs.db")) as theirs, theirs:
        theirs.execute("CREATE TABLE bookmarks (id INTEGER PRIMARY KEY, title TEXT)")
    (tmp_path / "config.toml").write_text('[database]\nurl = "sqlite:///theirs.db"\n')
    assert fbsyncd(tmp_path, "setup").returncode == 0
    assert fbsyncd(tmp_path, "stats").returncode == 0


@pytest.mark.parametrize("command", [*READING, *MAKING[1:], ("doctor",)], ids=name)
def test_a_database_that_is_not_adopted_yet_is_left_as_it_is(
    command: tuple[str, ...], folder: Path, database_url: str
) -> None:
    """Before setup nothing of it is changed, not even how its file is kept, and nothing is made."""
    scripts = Dump(database_url)
    scripts.make()

    def everything() -> dict[Path, bytes]:
        return {path: path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}

    before = everything()
    done = fbsyncd(folder, *command)
    assert done.returncode == (0 if command == ("doctor",) else 1)
    assert "fbsyncd setup" in done.stdout + done.stderr
    assert everything() == before
