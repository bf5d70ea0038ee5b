"""Where the files are that are not Python: SQL, web page, unit files, manual, reference config.

In an installed package they lie beside the modules. In a checkout, and in an editable install of
one, ``schema/``, ``systemd/`` and ``config.toml`` lie one folder higher, and no import system finds
them there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_PACKAGE = Path(__file__).resolve().parent
_SHARED: Final = {
    "man/man1/fbsyncd.1": "docs/man/fbsyncd.1",
    "bash-completion/completions/fbsyncd.bash": "completions/fbsyncd.bash",
    "fish/vendor_completions.d/fbsyncd.fish": "completions/fbsyncd.fish",
    "zsh/site-functions/_fbsyncd": "completions/_fbsyncd",
}


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


def shared() -> dict[str, Path]:
    """Return the man page and the completions, by where they belong below ``share/``.

    An installed package finds them where pip has put them; a checkout has them in its own folders.
    Without any, some packagers leave them out, it is empty.
    """
    found = {}
    for place, source in _SHARED.items():
        candidates = (_PACKAGE.parent / source, *(up / "share" / place for up in _PACKAGE.parents))
        path = next((path for path in candidates if path.is_file()), None)
        if path:
            found[place] = path
    return found


def _beside_or_above(name: str) -> Path:
    beside = _PACKAGE / name
    return beside if beside.exists() else _PACKAGE.parent / name
