"""Archives that can only be read: a file without permissions, a server that takes no writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from plant import config_text
from test_database_trouble import refusal
from test_postgres_settings import told

from fbsyncd import DashboardDataProvider, models
from fbsyncd.simulator import Simulator

READING = [["stats"], ["posts"], ["verify"], ["verify", "--quick"], ["export", "out"]]


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=6, seed=5, pictures="plain") as simulator:
        yield simulator


def file_of(url: str) -> Path:
    return Path("/") / urlsplit(url).path.lstrip("/")


def seal(url: str, *, is_sealed: bool = True) -> None:
    """Let nobody write to the database from now on, or everybody again."""
    if url.startswith("sqlite"):
        file_of(url).chmod(0o444 if is_sealed else 0o644)
    else:
        with psycopg.connect(url, autocommit=True) as connection:
            name, setting = url.rpartition("/")[2], "default_transaction_read_only"
            connection.execute(f"SET {setting} = off")
            connection.execute(f"ALTER DATABASE {name} SET {setting} = {is_sealed}")


@pytest.fixture
def sealed(facebook: Simulator, database_url: str, tmp_path: Path) -> str:
    """The URL of a synced archive in *tmp_path* whose database can only be read."""
    (tmp_path / "config.toml").write_text(config_text(facebook, database_url))
    told(tmp_path, "sync")
    seal(database_url)
    return database_url


def test_what_reads_reads(sealed: str, tmp_path: Path) -> None:
    """Statistics, posts, a verification, an export: none of them needs to write anything."""
    path = file_of(sealed)
    before = path.read_bytes() if path.exists() else None
    for arguments in READING:
        assert told(tmp_path, *arguments)
    provider = DashboardDataProvider(tmp_path / "config.toml")
    assert len(provider.get_posts_with_media()) == 6
    provider.close()
    if before is not None:
        assert path.read_bytes() == before
        assert not list(path.parent.glob(f"{path.name}-[sw]*"))


def test_it_can_be_copied_out_of(sealed: str, tmp_path: Path) -> None:
    """The copy has everything, and is written as any other."""
    told(tmp_path, "copy", "--to", f"sqlite:///{tmp_path / 'copy.db'}")
    told(tmp_path, "copy", "--to", f"sqlite:///{tmp_path / 'copy.db'}")
    db = models.connect(f"sqlite:///{tmp_path / 'copy.db'}")
    with models.session(db):
        assert models.rows(db, "SELECT count(*) FROM facebook_posts") == [(6,)]
    models.close(db)


@pytest.mark.parametrize("command", ["sync", "setup", "reconcile"])
def test_what_writes_says_so_in_one_line(sealed: str, tmp_path: Path, command: str) -> None:
    """It ends before anything is fetched, with the reason and no traceback."""
    said = refusal(tmp_path, command)
    assert "readonly" in said or "read-only" in said
    assert "immutable" not in said


def test_a_schema_that_is_too_old_there_is_told(sealed: str, tmp_path: Path) -> None:
    """It cannot be upgraded where it lies."""
    seal(sealed, is_sealed=False)
    db = models.connect(sealed)
    with models.transaction(db):
        models.change(db, "DELETE FROM schema_migrations WHERE version = 12")
    models.close(db)
    seal(sealed)
    said = refusal(tmp_path, "posts")
    assert "can only be read" in said
    assert "0012" in said or "taken_in" in said
