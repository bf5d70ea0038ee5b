"""Where the files are that are not Python: SQL, the web page, unit files, the reference config.

In an installed package they lie beside the modules. In a checkout, and in an editable install of
one, ``schema/``, ``systemd/`` and ``config.toml`` lie one folder higher, and no import system finds
them there.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def schema_dir(engine: str) -> Path:
    """Return the folder of the numbered SQL files of *engine*, ``sqlite`` or ``postgresql``."""
    return _beside_or_above("schema") / engine


def web_dir() -> Path:
    """Return the folder of the dashboard page and what it loads."""
    return _PACKAGE / "web"


def unit(name: str) -> Path:
    """Return a unit file of systemd, ``fbsyncd.service`` or ``fbsyncd-user.service``."""
    return _beside_or_above("systemd") / name


def reference_config() -> Path:
    """Return the commented ``config.toml`` that names every key and its default."""
    return _beside_or_above("config.toml")


def _beside_or_above(name: str) -> Path:
    beside = _PACKAGE / name
    return beside if beside.exists() else _PACKAGE.parent / name
