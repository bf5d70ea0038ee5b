"""A real Chromium for the tests of the page, and what each of its pages is held to."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from served import Shelf, Site, serving

from fbsyncd.server import make_app

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Request

# Longer than the page waits between two looks: a look that was under way when a test let the time
# go by sets its timer only afterwards, and the next comes by itself.
_PATIENCE = 60_000  # milliseconds
playwright.expect.set_options(timeout=_PATIENCE)

_QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium: the one $CHROMIUM names, the system's, or playwright's own."""
    with playwright.sync_playwright() as player:
        chromium = _launched(player)
        yield chromium
        chromium.close()


def _launched(player: Playwright) -> Browser:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    try:
        return player.chromium.launch(executable_path=path, args=_QUIET.split())
    except playwright.Error as error:
        return pytest.skip(f"no Chromium can be started: {str(error).splitlines()[0]}")


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """An empty archive."""
    shelf = Shelf(tmp_path)
    yield shelf
    shelf.close()


@pytest.fixture
def site(shelf: Shelf) -> Iterator[Site]:
    """Its server."""
    with serving(make_app(shelf.feed, shelf.media)) as site:
        yield site


@contextmanager
def opened(browser: Browser, site: Site, where: str = "", **options: Any) -> Iterator[Page]:
    """Open the page at *where*; its clock can be moved on."""
    with watched(browser, site.url, **options) as page:
        page.clock.install()
        page.goto(site.url + where)
        yield page


@contextmanager
def watched(
    browser: Browser, home: str, *, may_fail: tuple[str, ...] = (), **options: Any
) -> Iterator[Page]:
    """A new page; afterwards it is held to no complaint and no request but to *home*.

    A complaint that contains one of *may_fail* is expected.
    """
    context = browser.new_context(**({"viewport": {"width": 1440, "height": 900}} | options))
    context.set_default_timeout(_PATIENCE)
    heard: list[str] = []

    def said(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            heard.append(f"{message.text} {message.location.get('url', '')}")

    def asked(request: Request) -> None:
        if not request.url.startswith(home):
            heard.append(request.url)

    page = context.new_page()
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("console", said)
    page.on("request", asked)
    try:
        yield page
    finally:
        context.close()
    assert [text for text in heard if not any(part in text for part in may_fail)] == []
