"""The addresses that config.toml may hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from fbsyncd.config import addresses

BASE = Path("/srv/archive")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_loopback(host: str) -> None:
    """These names and addresses can only be this machine."""
    assert addresses.is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "localhost.example.org", ""])
def test_not_loopback(host: str) -> None:
    """Everything else may be reached by others."""
    assert not addresses.is_loopback(host)


def test_graph_url_may_be_plain_http_only_at_home() -> None:
    """The access token never leaves the machine unencrypted."""
    assert addresses.graph_url("http://127.0.0.1:8001/") == "http://127.0.0.1:8001"
    assert addresses.graph_url("https://graph.facebook.com") == "https://graph.facebook.com"
    with pytest.raises(ValueError, match="unencrypted"):
        addresses.graph_url("http://graph.facebook.com")


@pytest.mark.parametrize(
    "text",
    ["", "graph.facebook.com", "ftp://x.org", "https://", "https://u:p@x.org", "https://x:y"],
)
def test_graph_url_must_be_a_web_address(text: str) -> None:
    """Anything but scheme, host, port and path is refused."""
    with pytest.raises(ValueError, match="expected an address like"):
        addresses.graph_url(text)


def test_public_url() -> None:
    """A prefix of links has no slash at its end; empty means relative links."""
    assert addresses.public_url("https://media.example.org/fb/") == "https://media.example.org/fb"
    assert addresses.public_url("") == ""
    with pytest.raises(ValueError, match="or nothing"):
        addresses.public_url("media.example.org")


@pytest.mark.parametrize(
    "text", ["*.fbcdn.net", "127.0.0.1", "::1", "localhost", "scontent-bkk1-1.xx.fbcdn.net"]
)
def test_host_pattern(text: str) -> None:
    """A host is a name, an address, or everything below a domain."""
    assert addresses.host_pattern(text.upper()) == text


@pytest.mark.parametrize("text", ["", "*", "*.net", "a.*.net", "https://fbcdn.net", "a b", "x:80"])
def test_no_host_pattern(text: str) -> None:
    """URLs, ports, and stars that would let in a whole top-level domain are refused."""
    with pytest.raises(ValueError, match="is not a host"):
        addresses.host_pattern(text)


def test_origin() -> None:
    """An origin is scheme, host and port, as browsers send it."""
    assert addresses.origin("https://Dash.example.org/") == "https://dash.example.org"
    assert addresses.origin("http://localhost:3000") == "http://localhost:3000"
    assert addresses.origin("https://dash.example.org:443") == "https://dash.example.org"
    assert addresses.origin("*") == "*"


@pytest.mark.parametrize("text", ["null", "dash.example.org", "https://dash.example.org/app"])
def test_no_origin(text: str) -> None:
    """Anything that no browser sends is refused."""
    with pytest.raises(ValueError, match="expected an origin like"):
        addresses.origin(text)


def test_host_name() -> None:
    """A name of this server is a plain host."""
    assert addresses.host_name("NAS.local") == "nas.local"
    for text in ("*.example.org", "nas:8080", "http://nas", ""):
        with pytest.raises(ValueError, match="is not a host's name"):
            addresses.host_name(text)


def test_internal_path() -> None:
    """The path nginx serves from begins and ends with a slash, and is not one of our own."""
    assert addresses.internal_path("") == ""
    assert addresses.internal_path("/archived") == "/archived/"
    assert addresses.internal_path("/a/b-c/") == "/a/b-c/"
    for text in (
        "archived",
        "/",
        "/a/../b/",
        "/a//b",
        "/a b/",
        "/a%2f/",
        "/media/facebook/",
        "/api/x",
    ):
        with pytest.raises(ValueError, match="expected"):
            addresses.internal_path(text)


@pytest.mark.parametrize(
    ("written", "resolved"),
    [
        ("sqlite:///fbsyncd.db", "sqlite:////srv/archive/fbsyncd.db"),
        ("sqlite:///data/a.db", "sqlite:////srv/archive/data/a.db"),
        ("sqlite:////var/lib/a.db", "sqlite:////var/lib/a.db"),
        ("postgresql://u:p@h:5432/n", "postgresql://u:p@h:5432/n"),
        ("postgres://u@h/n", "postgresql://u@h/n"),
        ("postgresql:///n?host=/run/postgresql", "postgresql:///n?host=/run/postgresql"),
        ("postgresql://u:p@a:5432,b:5433/n", "postgresql://u:p@a:5432,b:5433/n"),
        ("postgresql://u:p@[::1]:5432/n", "postgresql://u:p@[::1]:5432/n"),
    ],
)
def test_database_url(written: str, resolved: str) -> None:
    """A relative file counts from the config's folder; both names of PostgreSQL mean the same."""
    assert addresses.database_url(written, BASE) == resolved


def test_database_url_encodes_the_folder() -> None:
    """A folder's name with characters that URLs reserve still leads to that folder."""
    url = addresses.database_url("sqlite:///a.db", Path("/srv/100% mine?"))
    assert url == "sqlite:////srv/100%25 mine%3F/a.db"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fbsyncd.db",
        "sqlite:fbsyncd.db",
        "sqlite:///",
        "sqlite:///data/",
        "sqlite:///:memory:",
        "mysql://root:hunter2@h/n",
        "postgresql://u:hunter2@h",
        "postgresql://u:hunter2/x@h/n",
        "postgresql://u:hunter2#x@h/n",
        "postgresql://u:hunter2@a:5432,b:x/n",
    ],
)
def test_no_database_url(text: str) -> None:
    """A URL that names no lasting database is refused, and its password is not repeated."""
    with pytest.raises(ValueError, match=r"expected|password") as refusal:
        addresses.database_url(text, BASE)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:hunter2@h:5432/n", "postgresql://u:***@h:5432/n"),
        ("postgresql://u@h/n?password=hunter2&x=1", "postgresql://u@h/n?password=***&x=1"),
        ("postgresql://h/n", "postgresql://h/n"),
        ("postgresql://u:hunter2@a:1,b:2/n", "postgresql://u:***@a:1,b:2/n"),
        ("sqlite:////srv/a.db", "sqlite:////srv/a.db"),
    ],
)
def test_password_is_hidden(url: str, shown: str) -> None:
    """A database URL is shown without its password, wherever that stands."""
    assert addresses.without_password(url) == shown
