"""Files that systemd hands to a service: they come with its start and do not change after it.

Source: https://systemd.io/CREDENTIALS/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

#: The unit that ``fbsyncd install`` puts in place, and the folder its tokens are taken from.
UNIT: Final = "fbsyncd.service"
TOKENS: Final = Path("/etc/fbsyncd/tokens")
#: Where that unit's tokens are while it runs. Files of a folder get the credential's name before
#: their own.
GIVEN: Final = Path("/run/credentials", UNIT)
_PREFIX: Final = "token_"
_PLACE: Final = re.compile(r"(/run|/run/user/[0-9]+)/credentials/([^/]+)/[^/]+")


def to_service(name: str) -> Path:
    """Return where the service finds the file *name* of :data:`TOKENS`."""
    return GIVEN / f"{_PREFIX}{name}"


def unit_of(path: Path, environ: Mapping[str, str]) -> str | None:
    """Return the unit that *path* is handed to, None for a file like any other.

    Its place tells it also to those outside of the service, where *environ* names no folder.
    """
    folder = environ.get("CREDENTIALS_DIRECTORY", "")
    if folder and path.is_relative_to(folder):
        return Path(folder).name
    found = _PLACE.fullmatch(str(path))
    return found[2] if found else None


def renewal(path: Path | None, environ: Mapping[str, str]) -> str:
    """Return how another token gets into *path*; nothing where writing the file is enough."""
    unit = unit_of(path, environ) if path else None
    if path is None or unit is None:
        return ""
    place = f"where the unit's LoadCredential= takes {path.name} from"
    user = " --user" if str(path).startswith("/run/user/") else ""
    if unit == UNIT and not user and path.name.startswith(_PREFIX):
        place = f"into {TOKENS / path.name.removeprefix(_PREFIX)}"
    service = unit.removesuffix(".service")
    return (
        f"systemd hands {path} over when the service starts and not later: put the new token"
        f" {place}, then `systemctl{user} restart {service}`."
    )
