"""The names of the hosts that pictures come from: found, and not by somebody who hides them."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from fbsyncd.doctor.findings import Finding, ok, skipped, warning
from fbsyncd.doctor.patience import OutOfTime, within
from fbsyncd.fetch.reach import objection

NAME: Final = "dns"
SECONDS: Final = 8.0
#: One host of each of Facebook's domains; a pattern is no name that can be looked up.
KNOWN: Final = {
    "*.fbcdn.net": "scontent.xx.fbcdn.net",
    "*.fbsbx.com": "lookaside.fbsbx.com",
    "*.cdninstagram.com": "scontent.cdninstagram.com",
}


def check(patterns: Sequence[str]) -> Finding:
    """Look the hosts up, all at once."""
    names = [name for name in map(_name, patterns) if name]
    if not names:
        return skipped(NAME, "media.allowed_hosts names no host that could be looked up")
    try:
        return judge(within(SECONDS, lambda: _addresses(names)), patterns)
    except OutOfTime:
        says = f"names were not found within {SECONDS:g} s"
        return warning(NAME, says, "look at the resolver (/etc/resolv.conf)")


def judge(found: Mapping[str, Sequence[str]], patterns: Sequence[str]) -> Finding:
    """Return the finding about the addresses *found* for each name."""
    lost = [name for name, addresses in found.items() if not addresses]
    if lost:
        remedy = "pictures there wait; look whether a filter (Pi-hole, a company's) hides the name"
        return warning(NAME, f"not found: {', '.join(lost)}", remedy)
    for name, addresses in found.items():
        for address in addresses:
            why = None if name in patterns else objection(address)
            if why:
                remedy = "a filter or a proxy answers in its place: let the name through"
                return warning(NAME, f"{name} is {address}, {why}", remedy)
    return ok(NAME, f"{', '.join(found)} found")


def _name(pattern: str) -> str | None:
    """Return what to look up for *pattern*: nothing for an address or an unknown domain."""
    if pattern.startswith("*"):
        return KNOWN.get(pattern)
    try:
        ipaddress.ip_address(pattern)
    except ValueError:
        return pattern
    return None


def _addresses(names: Sequence[str]) -> dict[str, list[str]]:
    with ThreadPoolExecutor(len(names)) as pool:
        return dict(zip(names, pool.map(_look_up, names), strict=True))


def _look_up(name: str) -> list[str]:
    try:
        found = socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(address[0]) for *_, address in found]
