"""The demo's folder: what no demo made is left as it is, what a demo made goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

OWN = '[[facebook.pages]]\nid = "1"\naccess_token = "EAAB"\n'


def command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "fbsyncd", "demo", "--dir", str(folder)]


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
    }


def show(folder: Path) -> None:
    """Run a demo in *folder* until it says where the dashboard is."""
    with subprocess.Popen(command(folder), stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout
        try:
            assert any("The dashboard is at" in line for line in demo.stdout)
        finally:
            demo.terminate()
            demo.stdout.read()
    assert demo.returncode in {0, 130}


def refused(folder: Path) -> str:
    """Ask for a demo in *folder*, which is refused in one line; return that."""
    done = subprocess.run(command(folder), capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize("name", ["config.toml", "fbsyncd.db", "media/facebook/posts/a.jpg"])
def test_a_folder_that_no_demo_made_is_left_as_it_is(name: str, tmp_path: Path) -> None:
    """Pages, tokens, rows and pictures of somebody are worth more than a demo."""
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(OWN)
    before = tree(tmp_path)
    line = refused(tmp_path)
    assert line.startswith(f"fbsyncd: {tmp_path / name.split('/')[0]} was not made by a demo")
    assert "--dir" in line
    assert tree(tmp_path) == before


def test_a_link_to_a_configuration_is_left_as_it_is(tmp_path: Path) -> None:
    """Where it leads to nothing for now, too: a disk may be away."""
    (tmp_path / "config.toml").symlink_to(tmp_path / "away.toml")
    assert "was not made by a demo" in refused(tmp_path)
    assert not (tmp_path / "away.toml").exists()


def test_a_folder_of_an_earlier_demo_goes_on(tmp_path: Path) -> None:
    """Its config.toml is written anew for its owner only; one put in its place is not."""
    config = tmp_path / "config.toml"
    show(tmp_path)
    assert config.stat().st_mode & 0o777 == 0o600
    config.chmod(0o644)
    began = (tmp_path / ".demo-began").read_text()
    show(tmp_path)
    assert config.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / ".demo-began").read_text() == began
    config.unlink()
    config.write_text(OWN)
    assert "was not made by a demo" in refused(tmp_path)
    assert config.read_text() == OWN
