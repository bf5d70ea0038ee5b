"""A page of another origin in a real Chromium, which asks this server as it is allowed to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from browsing import browser, shelf, watched
from served import Shelf, Site, serving

from fbsyncd.server import make_app

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment

    from playwright.sync_api import Browser

__all__ = ["browser", "shelf"]  # fixtures

pytestmark = pytest.mark.browser

TOKEN = "s3cret" * 6
LOOPBACK = "http://127.0.0.1:"


def _other_page(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer every path with a page that holds nothing and forbids nothing."""
    start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", "15")])
    return (b"<!doctype html>",)


@pytest.fixture
def other() -> Iterator[Site]:
    """Another site, of another origin."""
    with serving(_other_page) as site:
        yield site


_ASK = """async ([url, method, headers]) => {
  try {
    const reply = await fetch(url, { method, headers });
    return [reply.status, reply.headers.get("ETag") !== null, await reply.text()];
  } catch (error) {
    return [0, false, String(error)];
  }
}"""


def _asked(browser: Browser, other: Site, site: Site, method: str, path: str) -> list[Any]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with watched(browser, LOOPBACK, may_fail=(site.url,)) as page:
        page.goto(other.url)
        found: list[Any] = page.evaluate(_ASK, [f"{site.url}{path}", method, headers])
    return found


def test_a_configured_origin_reads_and_acts_with_the_token(
    browser: Browser, shelf: Shelf, other: Site
) -> None:
    """fetch with an Authorization header, which a browser asks leave for first, is let through."""
    shelf.post(1, "hello from afar")
    origin = other.url.rstrip("/")
    app = make_app(shelf.feed, shelf.media, auth_token=TOKEN, cors_origins=[origin])
    with serving(app) as site:
        status, has_etag, text = _asked(browser, other, site, "GET", "api/posts")
        # Nobody works here: that much is told to who may act.
        acted, _, why = _asked(browser, other, site, "POST", "api/sync")
    assert (status, has_etag) == (200, True), text
    assert "hello from afar" in text
    assert acted == 503, why


def test_another_origin_reads_nothing(browser: Browser, shelf: Shelf, other: Site) -> None:
    """The same page of an origin that is not configured gets no answer, token or not."""
    app = make_app(shelf.feed, shelf.media, auth_token=TOKEN, cors_origins=["https://example.org"])
    with serving(app) as site:
        assert _asked(browser, other, site, "GET", "api/posts")[0] == 0
        assert _asked(browser, other, site, "POST", "api/sync")[0] == 0
