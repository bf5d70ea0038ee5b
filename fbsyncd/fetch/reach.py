"""Where pictures may be fetched from: which links, which hosts, which addresses.

Pure decisions; nothing here resolves a name or opens a connection. A host is *listed* when
``allowed_hosts`` holds it word for word: then, and only then, it may be reached by plain http and
at an address of this machine or its network. That is how a simulator on the loopback and a
company's mirror are reached. A host that matches ``*.something`` needs https and a public address.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, urljoin

from fbsyncd.errors import PictureRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

# Narrow on purpose: no user info, no backslash, nothing that two parsers of URLs could read in two
# ways, so that the host checked is the host connected to.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>[/?][!-~]*)?",
    re.IGNORECASE,
)
_PORTS = {"http": 80, "https": 443}
_LONGEST_URL = 8192
# All that may stand in a URL as it is, with the "%" of what is encoded already.
_SAFE = "!$%&'()*+,/:;=?@[]~"


@dataclass(frozen=True, slots=True)
class Place:
    """A link that may be asked for. ``str()`` names it in messages: host and file, no query."""

    url: str
    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        path = self.url.partition("://")[2].partition("?")[0].partition("/")[2]
        name = "".join(c for c in unquote(path.rpartition("/")[2])[-60:] if c.isprintable())
        return f"{name} at {self.host}" if name else self.host


#: Trying again helps only once the configuration names the host.
NOT_ALLOWED: Final = (
    "is not among the allowed hosts; if you trust it, name it in media.allowed_hosts and retry"
)


def allowed(host: str, patterns: Sequence[str]) -> bool:
    """Tell whether *host* is one of *patterns*: a host, or ``*.`` and the end of its name.

    ``*.fbcdn.net`` is ``a.fbcdn.net`` and ``b.a.fbcdn.net``, but not ``fbcdn.net`` itself.
    Upper and lower case are the same, and so are names with and without a dot at their end.
    """
    name = _canonical(host)
    if not name or "*" in name or any(not label for label in name.split(".")):
        return False
    return listed(name, patterns) or any(
        len(pattern) > 2 and pattern.startswith("*.") and name.endswith(_canonical(pattern[1:]))
        for pattern in patterns
    )


def listed(host: str, patterns: Sequence[str]) -> bool:
    """Tell whether *patterns* holds *host* itself, word for word and not by a ``*``."""
    return _canonical(host) in {_canonical(pattern) for pattern in patterns if "*" not in pattern}


def _canonical(host: str) -> str:
    name = host.strip("[]").lower().removesuffix(".")
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name


def first_place(url: str, patterns: Sequence[str]) -> Place:
    """Check a link as it stands in a post. Raises PictureRefused with the reason."""
    return _place(url, patterns, "the link")


def next_place(place: Place, location: str, patterns: Sequence[str]) -> Place:
    """Check where an answer from *place* sends us. Raises PictureRefused with the reason."""
    # http.client reads headers as Latin-1; senders mean UTF-8.
    text = location.encode("latin-1", "replace").decode("utf-8", "replace").strip()
    try:
        url = urljoin(place.url, text)
    except ValueError as e:
        raise PictureRefused("a redirect leads to no web address") from e
    target = _place(url, patterns, "a redirect")
    # Else a redirect could try out every service of a machine that is listed for one of them.
    if target.port not in {place.port, _PORTS[target.scheme]}:
        raise PictureRefused(f"a redirect leads to another port ({target.host}:{target.port})")
    return target


def _place(text: str, patterns: Sequence[str], what: str) -> Place:
    url = quote(text.strip().partition("#")[0], safe=_SAFE)
    found = _URL.fullmatch(url) if len(url) <= _LONGEST_URL else None
    if found is None:
        raise PictureRefused(f"{what} {_fault(url)}")
    scheme, host = found["scheme"].lower(), found["host"].lower()
    port = int(found["port"] or _PORTS[scheme])
    if not allowed(host, patterns):
        raise PictureRefused(f"{what} leads to {host[:100]}, which {NOT_ALLOWED}")
    if scheme == "http" and not listed(host, patterns):
        raise PictureRefused(f"{what} leads to {host[:100]} without encryption (https is needed)")
    if not 0 < port < 65536:
        raise PictureRefused(f"{what} leads to port {port}, which does not exist")
    return Place(url, scheme, host.strip("[]"), port)


def _fault(url: str) -> str:
    """Say what is wrong with a link that cannot even be read."""
    if len(url) > _LONGEST_URL:
        return f"is {len(url):,} characters long, the limit is {_LONGEST_URL:,}"
    scheme, colon, rest = url.partition(":")
    if not colon or scheme.lower() not in _PORTS:
        return f"leads to no web address ({scheme[:20]}:)" if colon else "leads to no web address"
    if "@" in rest.removeprefix("//").partition("/")[0]:
        return "holds a user name"
    return "is not written as a web address is"


# --- addresses ----------------------------------------------------------------------------------

_KINDS = tuple(
    (ipaddress.ip_network(network), kind)
    for kind, networks in {
        "a loopback address": ("127.0.0.0/8", "::1/128"),
        "a private address": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
        "a link-local address": ("169.254.0.0/16", "fe80::/10", "fec0::/10"),
        "an address of the provider's own network": ("100.64.0.0/10",),
        "a multicast address": ("224.0.0.0/4", "ff00::/8"),
        "a reserved address": (
            *("0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15"),
            *("198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4"),
            *("2001::/23", "2001:db8::/32", "3fff::/20"),
        ),
    }.items()
    for network in networks
)
_PUBLIC = ipaddress.ip_network("2000::/3")  # all of IPv6 that is given out
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052


def objection(address: str) -> str | None:
    """Say why *address* is not a public one ("a loopback address"), or None if it is.

    An IPv6 address that carries an IPv4 address (mapped, compatible, 6to4, NAT64) is as public as
    that one. The registry: iana.org/assignments/iana-ipv4-special-registry and its IPv6 twin.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "not an address"
    if isinstance(ip, IPv6Address) and ip != IPv6Address("::1"):
        carried = _carried(ip)
        if carried is not None:
            kind = objection(str(carried))
            return kind and f"{kind} ({carried}) in an IPv6 one"
        if ip not in _PUBLIC and not any(ip in network for network, _ in _KINDS):
            return "a reserved address"
    return next((kind for network, kind in _KINDS if ip in network), None)


def _carried(ip: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that packets to *ip* end up at."""
    if ip in _NAT64 or int(ip) >> 32 == 0:
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip.ipv4_mapped or ip.sixtofour
