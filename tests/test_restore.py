"""The commands that docs/INSTALL.md shows for backing up and restoring, run as they stand there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from plant import config_text
from postgres import PostgresServer
from test_daemon import all_safe, running

from fbsyncd.simulator import Simulator

GUIDE = Path(__file__).resolve().parent.parent / "docs" / "INSTALL.md"


def blocks(engine: str) -> tuple[str, str]:
    """Return what is to be typed to back up, and to restore."""
    found = re.findall(rf"<!-- tried: {engine} -->\n```console\n(.*?)```", GUIDE.read_text(), re.S)
    save, restore = ("\n".join(re.findall(r"(?m)^\$ (.*)", block)) for block in found)
    return save, restore


def typed(script: str, folder: Path, binaries: Path | None = None) -> str:
    """Run *script* in a shell, with the places it names below *folder*; return what it said."""
    shim = folder / "bin" / "fbsyncd"
    shim.parent.mkdir(exist_ok=True)
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m fbsyncd "$@"\n')
    shim.chmod(0o755)
    for place in ("/srv/archive", "/srv/restored", "/mnt/backup"):
        script = script.replace(place, str(folder / Path(place).name))
    path = ":".join(map(str, filter(None, [shim.parent, binaries, os.environ["PATH"]])))
    root = str(GUIDE.parent.parent)
    done = subprocess.run(
        ["bash", "-euc", script],
        env={**os.environ, "PATH": path, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("media/facebook/*/*") if path.suffix == ".jpg"}


def test_a_sqlite_archive_is_backed_up_and_restored(tmp_path: Path) -> None:
    """Beside a running daemon; a second time too; and nothing is lost in the other folder."""
    save, restore = blocks("sqlite")
    archive = tmp_path / "archive"
    archive.mkdir()
    with Simulator(posts=8, seed=3, pictures="plain") as facebook:
        (archive / "config.toml").write_text(config_text(facebook))
        with running(archive) as daemon:
            daemon.until(all_safe)
            typed(save, tmp_path)
            typed(save, tmp_path)
            daemon.stop()
    shutil.rmtree(archive / "media")
    typed(restore, tmp_path)
    assert len(files(tmp_path / "restored")) == len(files(tmp_path / "backup")) > 8


@pytest.mark.postgresql
def test_a_postgresql_archive_is_backed_up_and_restored(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """With the programs of that very server: pg_dump and pg_restore."""
    if not (postgres_server.binaries / "pg_restore").exists():
        pytest.skip("pg_dump and pg_restore are not beside the server")
    archive = tmp_path / "archive"
    archive.mkdir()
    with postgres_server.fresh_database() as url, postgres_server.fresh_database() as empty:
        save, restore = (
            script.replace("postgresql://user@host/name", url).replace(
                "postgresql://user@host/restored", empty
            )
            for script in blocks("postgresql")
        )
        with Simulator(posts=8, seed=3, pictures="plain") as facebook:
            (archive / "config.toml").write_text(config_text(facebook, url))
            with running(archive) as daemon:
                daemon.until(all_safe)
                typed(save, tmp_path, postgres_server.binaries)
                daemon.stop()
        typed(restore, tmp_path, postgres_server.binaries)
    assert len(files(tmp_path / "restored")) == len(files(tmp_path / "backup")) > 8
