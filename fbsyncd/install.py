"""Put fbsyncd in place as a service of systemd: its unit, what the unit names, and its manual.

Starts and enables nothing: what it says in the end are the commands for that. A unit of ours is
replaced by the newer one, for changes of one's own belong into ``systemctl edit``; a config.toml
is never touched.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fbsyncd import config as configuration
from fbsyncd import datafiles
from fbsyncd.errors import UsageError

NAME: Final = "fbsyncd.service"
_PROGRAM: Final = "/usr/local/bin/fbsyncd"
_CONFIG: Final = "/etc/fbsyncd/config.toml"
_STATE: Final = "/var/lib/fbsyncd"
#: What the unit keeps from the service, so that a program there could not even be started.
_HIDDEN: Final = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")
_NEXT: Final = """\
1. Put the Page's id into {config}:
     [[facebook.pages]]
     id = "1234567890"
     access_token_file = "/run/credentials/fbsyncd.service/token_1234567890"
2. Put the Page's token into {tokens}/1234567890 (mode 0600; it stays root's,
   and a new one takes a restart).
3. systemctl daemon-reload && systemctl enable --now fbsyncd && systemctl status fbsyncd"""
_NEXT_USER: Final = """\
To start it, now and at each login:
systemctl --user daemon-reload && systemctl --user enable --now fbsyncd
To let it run while you are logged out: loginctl enable-linger"""


@dataclass(frozen=True, slots=True)
class Installed:
    """The files and folders that were written, and what is to be done next."""

    written: list[Path] = field(default_factory=list)
    next: str = ""


def system(program: Sequence[str], root: Path) -> Installed:
    """Install the service of the system below *root*, which is ``/`` but for packagers.

    Raises UsageError when that may not be written, or *program* is where no service can see it.
    """
    hidden = next((place for place in _HIDDEN if program[0].startswith(f"{place}/")), None)
    if hidden:
        raise UsageError(
            f"the service cannot see {program[0]}, for {hidden} is hidden from it: install fbsyncd"
            " into /opt/fbsyncd, or use `fbsyncd install --user`"
        )
    folder = root / "etc" / "fbsyncd"
    unit = _unit(NAME).replace(_PROGRAM, _command(program))
    files = {root / "etc" / "systemd" / "system" / NAME: unit}
    if not os.path.lexists(folder / "config.toml"):
        files[folder / "config.toml"] = _system_config()
    written = [_write(path, text) for path, text in files.items()]
    written += _share(root / "usr" / "local" / "share")
    written += _called_by_name(root / "usr" / "local" / "bin" / "fbsyncd", program)
    tokens = _private(folder / "tokens")
    text = _NEXT.format(config=folder / "config.toml", tokens=tokens)
    return Installed([*written, tokens], text)


def user(program: Sequence[str], config: Path, environ: Mapping[str, str]) -> Installed:
    """Install the service of one person, for the archive of *config*. Raises UsageError."""
    home = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    unit = _unit("fbsyncd-user.service").replace(_PROGRAM, _command(program))
    unit = unit.replace("%E/fbsyncd/config.toml", _command([str(config)]))
    written = [_write(home / "systemd" / "user" / NAME, unit)]
    share = Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return Installed(written + _share(share), _NEXT_USER)


def this_program() -> list[str]:
    """Return how this very program is started again, from anywhere."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return [sys.executable, "-m", "fbsyncd"]
    return [str(called.absolute())]


def _unit(name: str) -> str:
    return datafiles.unit(name).read_text(encoding="utf-8")


def _system_config() -> str:
    """Return the reference configuration with the places of a service."""
    text = configuration.example()
    for was, becomes in {
        '"sqlite:///fbsyncd.db"': f'"sqlite:///{_STATE}/fbsyncd.db"',
        '"media/facebook"': f'"{_STATE}/media/facebook"',
    }.items():
        text = text.replace(was, becomes, 1)
    return text


def _share(share: Path) -> list[Path]:
    """Put the man page and the completions below *share*, but for those that are there already."""
    sources = {share / place: source for place, source in datafiles.shared().items()}
    return [
        _write(path, source.read_text(encoding="utf-8"))
        for path, source in sources.items()
        if not (path.exists() and path.samefile(source))
    ]


def _called_by_name(link: Path, program: Sequence[str]) -> list[Path]:
    """Let a person call *program* by its name alone, where no other program has that name."""
    is_named = program[0] in {_PROGRAM, "/usr/bin/fbsyncd"}
    is_taken = os.path.lexists(link) and not (link.is_symlink() and _is_ours(link))
    if is_named or len(program) > 1 or is_taken:
        return []
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(program[0])
    except OSError as error:
        raise UsageError(f"cannot make {link}: {error.strerror}; try it with sudo") from error
    return [link]


def _command(words: Sequence[str]) -> str:
    """Return *words* as systemd reads them: quoted where need be, ``%`` and ``$`` as themselves."""
    told = []
    for word in words:
        plain = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
        told.append(plain if re.fullmatch(r"[\w/.,:@+-]+", word) else f'"{plain}"')
    return " ".join(told)


def _write(path: Path, text: str) -> Path:
    if path.is_symlink():
        # A unit that is masked leads to /dev/null, which root would write to and close to others.
        raise UsageError(
            f"{path} is a link to {path.readlink()}: remove it first"
            " (where the unit is masked: systemctl unmask fbsyncd)"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; try it with sudo") from error
    return path


def _private(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make {folder}: {error.strerror}; try it with sudo") from error
    return folder


def _is_ours(link: Path) -> bool:
    """Tell whether a link leads to an fbsyncd, or to nothing any more."""
    return not link.exists() or link.resolve().name == "fbsyncd"
