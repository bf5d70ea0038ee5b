"""The unit files as systemd judges them, and how `fbsyncd install` puts them in place."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from test_cli import fbsyncd

from fbsyncd import config, datafiles, install
from fbsyncd.errors import UsageError

UNITS = ["fbsyncd.service", "fbsyncd-user.service"]
PROGRAM = ["/opt/fbsyncd/bin/fbsyncd"]

analyze = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(analyze is None, reason="systemd-analyze is not here")


def startable(name: str, folder: Path) -> Path:
    """Write a unit whose program is there; systemd looks for that too."""
    text = datafiles.unit(name).read_text()
    path = folder / name
    path.write_text(re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", text))
    return path


def judged(folder: Path, *arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Ask systemd-analyze; a person's units are judged with *folder* for its run time."""
    assert analyze is not None
    environ = {"XDG_RUNTIME_DIR": str(folder), "HOME": str(folder), "PATH": os.environ["PATH"]}
    return subprocess.run(
        [analyze, *arguments], env=environ | more, capture_output=True, text=True, check=False
    )


@needs_systemd
@pytest.mark.parametrize("name", UNITS)
def test_systemd_finds_nothing_wrong_with_a_unit(name: str, tmp_path: Path) -> None:
    """Of unknown keys and wrong values it only speaks, so not a word may be said."""
    scope = "--user" if "user" in name else "--system"
    done = judged(tmp_path, "verify", "--man=no", scope, startable(name, tmp_path))
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
def test_a_wrong_key_would_be_noticed(tmp_path: Path) -> None:
    """The check above sees what it is for."""
    unit = startable("fbsyncd.service", tmp_path)
    unit.write_text(unit.read_text().replace("ProtectHome=", "ProtectHomee="))
    assert "ProtectHomee" in judged(tmp_path, "verify", "--man=no", unit).stderr


@needs_systemd
def test_the_sandbox_is_strict(tmp_path: Path) -> None:
    """systemd's own count of what a service may do: 1.5 at the most, of 10."""
    unit = startable("fbsyncd.service", tmp_path)
    done = judged(tmp_path, "security", "--offline=true", "--threshold=15", "--no-pager", unit)
    assert done.returncode == 0, done.stdout


def test_every_line_of_the_sandbox_has_its_reason() -> None:
    """No group of settings stands in the unit without a comment above it."""
    service = datafiles.unit("fbsyncd.service").read_text().partition("# The sandbox.")[2]
    for block in re.split(r"(?m)^(?=#)", service.partition("[Install]")[0])[1:]:
        assert len([line for line in block.splitlines() if "=" in line and line[0] != "#"]) <= 6


def test_the_service_of_the_system_is_put_in_place(tmp_path: Path) -> None:
    """Unit, configuration and the folder of tokens; what is to be done next is said."""
    done = install.system(PROGRAM, tmp_path)
    unit = (tmp_path / "etc/systemd/system/fbsyncd.service").read_text()
    command = "ExecStart=/opt/fbsyncd/bin/fbsyncd run --config /etc/fbsyncd/config.toml"
    assert command in unit.splitlines()
    folder = tmp_path / "etc/fbsyncd"
    made = config.parse((folder / "config.toml").read_text(), base=folder, environ={})
    assert made.database.url == "sqlite:////var/lib/fbsyncd/fbsyncd.db"
    assert made.media.root == Path("/var/lib/fbsyncd/media/facebook")
    assert (folder / "tokens").stat().st_mode & 0o777 == 0o700
    assert "systemctl enable --now fbsyncd" in done.next
    names = {str(path.relative_to(tmp_path)) for path in done.written}
    assert names >= {"usr/local/share/man/man1/fbsyncd.1", "usr/local/bin/fbsyncd"}
    assert (tmp_path / "usr/local/bin/fbsyncd").readlink() == Path(*PROGRAM)
    assert all(os.path.lexists(path) for path in done.written)


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    """A unit that is masked leads to /dev/null, which has to stay as it is for all others."""
    null, unit = tmp_path / "null", tmp_path / "etc" / "systemd" / "system" / "fbsyncd.service"
    null.touch(0o666)
    mode = null.stat().st_mode
    unit.parent.mkdir(parents=True)
    unit.symlink_to(null)
    with pytest.raises(UsageError, match="systemctl unmask fbsyncd"):
        install.system(PROGRAM, tmp_path)
    assert (null.stat().st_mode, null.stat().st_size, unit.is_symlink()) == (mode, 0, True)


def test_installing_again_keeps_the_configuration(tmp_path: Path) -> None:
    """The unit is ours and is renewed; config.toml is the person's and stays."""
    install.system(PROGRAM, tmp_path)
    unit, own = (
        tmp_path / "etc/systemd/system/fbsyncd.service",
        tmp_path / "etc/fbsyncd/config.toml",
    )
    unit.write_text("old")
    own.write_text("mine")
    install.system(PROGRAM, tmp_path)
    assert "Type=notify" in unit.read_text()
    assert own.read_text() == "mine"


def test_a_program_of_that_name_is_left_alone(tmp_path: Path) -> None:
    """A link of ours is renewed; what somebody else has put there stays."""
    place = tmp_path / "usr/local/bin/fbsyncd"
    place.parent.mkdir(parents=True)
    place.symlink_to("/opt/older/bin/fbsyncd")
    install.system(PROGRAM, tmp_path)
    assert place.readlink() == Path(*PROGRAM)
    other = tmp_path / "tool"
    other.write_text("another's")
    place.unlink()
    place.symlink_to(other)
    assert place not in install.system(PROGRAM, tmp_path).written
    assert place.readlink() == other
    place.unlink()
    place.write_text("mine")
    assert place not in install.system(PROGRAM, tmp_path).written
    assert place.read_text() == "mine"
    place.unlink()
    install.system(["/usr/local/bin/fbsyncd"], tmp_path)
    assert not os.path.lexists(place)


@needs_systemd
@pytest.mark.skipif(shutil.which("man") is None, reason="man is not here")
@pytest.mark.parametrize("name", UNITS)
def test_the_page_that_a_unit_names_is_put_in_place(name: str, tmp_path: Path) -> None:
    """systemd finds the manual where the installation has written it, and misses it elsewhere."""
    install.system(PROGRAM, tmp_path)
    scope = "--user" if "user" in name else "--system"
    for place, found in (("usr/local/share/man", True), ("nowhere", False)):
        environ = {"MANPATH": str(tmp_path / place)}
        done = judged(tmp_path, "verify", "--man=yes", scope, startable(name, tmp_path), **environ)
        assert ("fbsyncd(1)" not in done.stderr) is found, done.stderr


@pytest.mark.parametrize("place", ["/home/me/venv/bin/fbsyncd", "/root/x/fbsyncd", "/tmp/fbsyncd"])
def test_a_program_that_the_service_cannot_see_is_refused(place: str, tmp_path: Path) -> None:
    """Homes are hidden from the service: nothing is written, and the way out is said."""
    with pytest.raises(UsageError, match="/opt/fbsyncd"):
        install.system([place], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_persons_service_names_the_persons_archive(tmp_path: Path) -> None:
    """Paths with blanks and signs that mean something to systemd mean themselves."""
    archive = tmp_path / "my 100% $archive"
    archive.mkdir()
    (archive / "config.toml").write_text("")
    home = {"XDG_CONFIG_HOME": str(tmp_path / "etc"), "XDG_DATA_HOME": str(tmp_path / "share")}
    done = install.user(PROGRAM, archive / "config.toml", home)
    path = done.written[0]
    assert (tmp_path / "share/man/man1/fbsyncd.1").read_text().startswith(".\\")
    assert path == tmp_path / "etc/systemd/user/fbsyncd.service"
    (line,) = [line for line in path.read_text().splitlines() if line.startswith("ExecStart=")]
    assert line.endswith(f' run --config "{tmp_path}/my 100%% $$archive/config.toml"')
    assert "enable --now fbsyncd" in done.next


def test_installing_from_the_command_line(tmp_path: Path) -> None:
    """The unit starts the very program that was called; without a configuration there is none."""
    nothing = fbsyncd(tmp_path, "install", "--user", XDG_CONFIG_HOME=str(tmp_path / "etc"))
    assert nothing.returncode == 78
    fbsyncd(tmp_path, "init")
    done = fbsyncd(tmp_path, "install", "--user", XDG_CONFIG_HOME=str(tmp_path / "etc"))
    assert (done.returncode, done.stderr) == (0, "")
    unit = (tmp_path / "etc/systemd/user/fbsyncd.service").read_text()
    assert f" -m fbsyncd run --config {tmp_path}/config.toml\n" in unit


def test_a_folder_for_packagers_is_not_one_for_a_person(tmp_path: Path) -> None:
    """What is asked for below a folder is not written into somebody's home instead."""
    home = {"XDG_CONFIG_HOME": str(tmp_path / "etc"), "XDG_DATA_HOME": str(tmp_path / "share")}
    fbsyncd(tmp_path, "init")
    done = fbsyncd(tmp_path, "install", "--user", "--root", str(tmp_path / "root"), **home)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert not any((tmp_path / name).exists() for name in ("etc", "share", "root"))


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """No traceback, and the usual remedy."""
    (tmp_path / "etc").write_text("a file")
    with pytest.raises(UsageError, match="sudo"):
        install.system(PROGRAM, tmp_path)
