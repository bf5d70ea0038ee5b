"""The forms of addresses that config.toml may hold: URLs, host patterns, origins, databases.

Each function takes what was written and returns it in one canonical form, or raises a ValueError
that says what was expected. None of them looks anything up or connects to anything.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
# One label after the star would be a whole top-level domain.
_WILDCARD = re.compile(rf"\*\.{_LABEL}(?:\.{_LABEL})+")
_SQLITE = "sqlite:///"


def is_loopback(host: str) -> bool:
    """Tell whether *host* can only be this machine. Names other than localhost never are."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def graph_url(text: str) -> str:
    """Check the Graph API's address: the access token goes there, so http only to ourselves."""
    parts = _web_url(text, "expected an address like https://graph.facebook.com")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("would send the access token unencrypted (expected https://)")
    return text.rstrip("/")


def public_url(text: str) -> str:
    """Check the prefix of the links handed out; empty means relative links."""
    if text:
        _web_url(text, "expected an address like https://media.example.org, or nothing")
    return text.rstrip("/")


def webhook(text: str) -> str:
    """Check an address that is posted to; empty means none. It is a secret: never repeated."""
    expected = "expected an address like https://hooks.example.org/T0123, or nothing"
    if text:
        parts = _split(text, expected)
        if parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"\s", text):
            raise ValueError(f"is not a web address ({expected})")
    return text


def argument(text: str) -> str:
    """Check one argument of a command; the first is the program."""
    if not text or "\0" in text:
        raise ValueError('is no argument (expected one like "/usr/local/bin/notify")')
    return text


def origin(text: str) -> str:
    """Check one origin that a browser may name in its Origin header, or ``*`` for all of them."""
    expected = "expected an origin like https://dashboard.example.org"
    if text == "*":
        return text
    parts = _web_url(text.rstrip("/").lower(), expected)
    if parts.path:
        raise ValueError(f"has a path ({expected})")
    if "*" in parts.netloc:
        # It would be taken by its letters, and no browser ever sends one.
        raise ValueError(f'has a star in a name ({expected}, or "*" alone for all)')
    # Browsers leave the usual port away.
    usual = {"http": ":80", "https": ":443"}[parts.scheme]
    return f"{parts.scheme}://{parts.netloc.removesuffix(usual)}"


def host_name(text: str) -> str:
    """Check one name that this server may be asked under: a host, no port and no star."""
    name = text.strip().lower()
    if _HOST.fullmatch(name) or _is_ip(name):
        return name
    raise ValueError("is not a host's name (expected one like nas.example.org, no http:// or port)")


def internal_path(text: str) -> str:
    """Check the path below which nginx finds the pictures itself; empty means that it does not."""
    if not text:
        return text
    if not re.fullmatch(r"(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)+/?", text):
        raise ValueError("is not a path (expected one like /archived/, or nothing)")
    if text.startswith(("/media/", "/api/")):
        # nginx would hand the request back to this server, and so on without end.
        raise ValueError("is a path of this server's own (expected another one, like /archived/)")
    return text.rstrip("/") + "/"


def _web_url(text: str, expected: str) -> SplitResult:
    parts = _split(text, expected)
    if parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"\s", text):
        raise ValueError(f"is not a web address ({expected})")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(f"has more than host and path ({expected})")
    return parts


def _split(text: str, expected: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"is not an address ({expected})") from error
    return parts


def host_pattern(text: str) -> str:
    """Check a host name, an IP address, or ``*.`` before a domain of two labels or more."""
    pattern = text.strip().lower()
    if _HOST.fullmatch(pattern) or _WILDCARD.fullmatch(pattern) or _is_ip(pattern):
        return pattern
    raise ValueError("is not a host (expected a name, *.domain.tld or an IP address, no http://)")


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def database_url(text: str, base: Path) -> str:
    """Return the URL, ``%``-encoded, with a relative SQLite file resolved against *base*.

    The messages never repeat the URL: it may hold a password.
    """
    if text.startswith(_SQLITE):
        return _sqlite_url(text.removeprefix(_SQLITE), base)
    if text.startswith(("postgresql://", "postgres://")):
        return _postgres_url(text)
    raise ValueError(
        "is not a database this program knows"
        " (expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/NAME)"
    )


def _sqlite_url(name: str, base: Path) -> str:
    if not name or name.endswith("/") or name == ":memory:" or re.search(r"[?#]", name):
        raise ValueError("names no file (expected sqlite:///FILE or sqlite:////FULL/PATH)")
    folder = re.sub(r"[%?#]", lambda match: quote(match[0]), str(base))
    return f"{_SQLITE}{Path(folder, name)}"


def _postgres_url(text: str) -> str:
    expected = "characters like @ : / # ? in a password are written %40 %3A %2F %23 %3F"
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise ValueError(f"is not an address ({expected})") from error
    # A cluster has several, and which of them takes writes changes.
    for host in parts.netloc.rpartition("@")[2].split(","):
        _split(f"postgresql://{host}", expected)
    if len(parts.path) < 2 or "/" in parts.path[1:]:
        raise ValueError("names no database (expected postgresql://USER:PASSWORD@HOST:PORT/NAME)")
    return "postgresql://" + text.partition("://")[2]


def without_password(url: str) -> str:
    """Return a database URL as it may be shown: a password in it becomes ``***``."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return url
    user, _, host = parts.netloc.rpartition("@")
    if ":" in user:
        user = f"{user.partition(':')[0]}:***"
    hidden = [(key, "***" if "password" in key else value) for key, value in parse_qsl(parts.query)]
    shown = parts._replace(netloc=f"{user}@{host}" if user else host)
    return shown._replace(query=urlencode(hidden, safe="*/")).geturl()
