"""Health in a real Chromium: charts by the reader's days, a tidy grid, a page that stays calm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from browsing import browser, opened, playwright, shelf, site, watched
from served import NOW, Shelf, Site, created, serving

from fbsyncd.models import change, to_text, transaction
from fbsyncd.server import make_app
from fbsyncd.server.listen import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["browser", "shelf", "site"]  # fixtures

pytestmark = pytest.mark.browser

_CALM, _AGAIN = 20_000, 5_000  # milliseconds between two looks of the page, see app.js
_PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
}


def came(shelf: Shelf, number: int, at: str) -> None:
    """Archive a picture that was downloaded *at* a time of UTC, as ``2026-11-20 18:30``."""
    asset = shelf.attach(shelf.post(number))
    shelf.arrive(asset)
    told(shelf, "UPDATE media_storage SET downloaded_at = ? WHERE id = ?", f"{at}:00", asset)


def told(shelf: Shelf, sql: str, at: str, asset: str) -> None:
    with transaction(shelf.db):
        change(shelf.db, sql, [f"{at}.000000+00:00", asset])


def rects(page: Page, selector: str) -> list[dict[str, float]]:
    """Return where everything that fits *selector* is on the page."""
    found: list[dict[str, float]] = page.locator(selector).evaluate_all(
        "all => all.filter(one => one.checkVisibility()).map(one => {"
        " const { left, right, top, bottom, width, height } = one.getBoundingClientRect();"
        " return { left, right, top, bottom, width, height } })"
    )
    assert found
    return found


def test_health_is_filled_at_once(browser: Browser, shelf: Shelf, site: Site) -> None:
    """Who goes there does not wait for the next look."""
    shelf.post(1, "one")
    with opened(browser, site) as page:
        page.wait_for_selector("text=Up to date")
        page.clock.pause_at(page.evaluate("Date.now()") + 1000)
        page.get_by_role("link", name="Health").click()
        page.wait_for_selector("#health-pages tbody tr")


def test_the_keyboards_place_in_health_is_kept(browser: Browser, shelf: Shelf, site: Site) -> None:
    """Panels whose numbers changed are made anew, the others and the focus in them are not."""
    for number in (1, 2, 3):
        shelf.give_up(shelf.attach(shelf.post(number)), f"reason {number}")
    with opened(browser, site, "?view=health") as page:
        button = page.get_by_role("button", name="Retry").nth(1)
        button.focus()
        button.evaluate("one => { one.isTheSame = true }")
        asset = shelf.attach(shelf.post(4))
        page.clock.run_for(_CALM)
        page.wait_for_selector("#health-pictures .pending dd >> text=1")
        shelf.arrive(asset)
        page.clock.run_for(_CALM)
        page.wait_for_selector("#health-pictures .safe dd >> text=1")
        assert page.evaluate("document.activeElement.isTheSame") is True
        assert page.evaluate("document.activeElement.textContent") == "Retry"


@pytest.mark.parametrize(
    ("zone", "span"),
    [
        ("Asia/Bangkok", "20 Nov 2026 \u2013 22 Nov 2026"),
        ("UTC", "20 Nov 2026 \u2013 21 Nov 2026"),
        ("America/Los_Angeles", "20 Nov 2026 \u2013 21 Nov 2026"),
    ],
)
def test_growth_is_told_by_the_readers_days(
    browser: Browser, shelf: Shelf, site: Site, zone: str, span: str
) -> None:
    """What came at one in the night of Bangkok came on that day there, and the day before here."""
    came(shelf, 1, "2026-11-20 10:00")
    came(shelf, 2, "2026-11-21 10:00")
    came(shelf, 3, "2026-11-21 18:00")
    options = {"timezone_id": zone, "locale": "en-GB"}
    with opened(browser, site, "?view=health", **options) as page:
        page.locator("figcaption").first.wait_for()
        assert page.locator("figcaption span").first.inner_text() == span
        assert page.locator("#health-growth svg").count() == 2
        assert "Pictures: 3" in page.locator("#health-growth").inner_text()


def test_one_day_is_no_line(browser: Browser, shelf: Shelf, site: Site) -> None:
    """What came in one day is told in numbers, and when a curve is to be expected."""
    came(shelf, 1, "2026-11-20 10:00")
    came(shelf, 2, "2026-11-20 12:00")
    with opened(browser, site, "?view=health", locale="en-GB") as page:
        page.wait_for_selector("text=All of it on 20 Nov 2026.")
        assert page.locator("#health-growth svg").count() == 0
        assert page.locator("#health-growth dd").first.inner_text() == "2"


@pytest.mark.parametrize(("zone", "bar"), [("Asia/Bangkok", 3), ("UTC", 2)])
def test_links_die_on_the_readers_days(
    browser: Browser, shelf: Shelf, site: Site, zone: str, bar: int
) -> None:
    """The bars begin with today, and a link that dies in the night dies on the day it is there."""
    asset = shelf.attach(shelf.post(1))
    sql = "UPDATE media_storage SET link_expires_at = ? WHERE id = ?"
    told(shelf, sql, "2026-11-24 18:30:00", asset)
    with watched(browser, site.url, timezone_id=zone, locale="en-GB") as page:
        page.clock.install(time=NOW)
        page.goto(f"{site.url}?view=health")
        bars = page.locator("#health-dying li")
        playwright.expect(bars).to_have_count(14)
        titles = bars.evaluate_all("all => all.map(one => one.title)")
    assert titles[0] == "22 Nov 2026: 0 links"
    assert [title.endswith(": 1 link") for title in titles].index(True) == bar
    assert titles[bar].startswith(f"{22 + bar} Nov 2026")


_ELSEWHERE = """Intl.DateTimeFormat.prototype.resolvedOptions = function () {
  return { locale: "en", timeZone: "Moon/Tranquility" };
}"""


def test_a_zone_the_archive_does_not_know_is_no_trouble(
    browser: Browser, shelf: Shelf, site: Site
) -> None:
    """The page asks once, is refused, and counts by UTC from then on."""
    shelf.post(1, "hello")
    asked: list[str] = []
    with watched(browser, site.url, may_fail=("zone=Moon",)) as page:
        page.add_init_script(_ELSEWHERE)
        page.on("request", lambda request: asked.append(request.url.partition("/api/")[2]))
        page.goto(f"{site.url}?view=health")
        page.wait_for_selector("text=Up to date")
    counts = [one for one in asked if one.startswith("timeline")]
    assert counts[0] == "timeline?zone=Moon%2FTranquility"
    assert set(counts[1:]) == {"timeline?zone="}


@pytest.mark.parametrize("zone", ["Asia/Bangkok", "UTC", "America/Los_Angeles"])
def test_a_month_shows_as_many_posts_as_its_bar_counts(
    browser: Browser, shelf: Shelf, site: Site, zone: str
) -> None:
    """Bars and filters count by the same days, wherever the reader is."""
    for number, at in enumerate(("10-31 12:00", "10-31 18:00", "11-01 03:00", "11-01 12:00")):
        shelf.post(number, at, created_time=f"2026-{at}:00.000000+00:00")
    with opened(browser, site, timezone_id=zone, locale="en-GB") as page:
        bars = page.locator("#bars button")
        playwright.expect(bars).to_have_count(2)
        for nth in (0, 1):
            label = bars.nth(nth).get_attribute("aria-label") or ""
            bars.nth(nth).press("Enter")
            count = int(label.split(": ")[1].split()[0])
            playwright.expect(page.locator("article")).to_have_count(count)
            playwright.expect(page.locator("#posts h2")).to_have_text([label.split(":")[0]])


@pytest.mark.parametrize("width", [390, 1440, 2560])
@pytest.mark.parametrize("months", [2, 12, 40])
def test_what_is_under_the_bars_names_them(
    browser: Browser, shelf: Shelf, site: Site, width: int, months: int
) -> None:
    """The names begin and end where the first and the last bar do; the title is between them."""
    for number in range(months):
        year, month = divmod(2023 * 12 + number, 12)
        shelf.post(number, "x", created_time=f"{year}-{month + 1:02}-10 12:00:00.000000+00:00")
    view = _PHONE if width == 390 else {"viewport": {"width": width, "height": 900}}
    with opened(browser, site, **view) as page:
        page.wait_for_selector("#bars button")
        bars, names = rects(page, "#bars button"), rects(page, ".ends span")
        assert abs(names[0]["left"] - bars[0]["left"]) < 3
        assert abs(names[-1]["right"] - bars[-1]["right"]) < 3
        assert names[0]["right"] < names[1]["left"] < names[1]["right"] < names[2]["left"]
        assert names[0]["top"] >= bars[0]["bottom"] - 1
        assert min(bar["width"] for bar in bars) >= (24 if width == 390 else 8)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def troubled(shelf: Shelf) -> None:
    """Fill the archive with something for each panel of Health."""
    for number in range(4):
        came(shelf, number, f"2026-11-{18 + number} 10:00")
    shelf.give_up(shelf.attach(shelf.post(5)), "12 MB are more than max_file_size")
    asset = shelf.attach(shelf.post(6, permalink_url="https://www.facebook.com/104/posts/6"))
    sql = "UPDATE media_storage SET link_expires_at = ? WHERE id = ?"
    told(shelf, sql, "2026-11-24 18:30:00", asset)
    shelf.post(7, "words " * 300, permalink_url="https://www.facebook.com/104/posts/7")


@pytest.mark.parametrize("width", [390, 768, 1024, 1440, 1920, 2560])
def test_the_grid_of_health_is_tidy(browser: Browser, shelf: Shelf, site: Site, width: int) -> None:
    """Every row of panels is full from edge to edge and of one height; nothing scrolls sideways."""
    troubled(shelf)
    view = {"width": width, "height": 900}
    with opened(browser, site, "?view=health", viewport=view) as page:
        page.wait_for_selector("#health-pages tbody tr")
        panels = rects(page, "#health > section")
        (whole,) = rects(page, "#health-failed")
        edges = min(one["left"] for one in panels), max(one["right"] for one in panels)
        for top in {round(one["top"]) for one in panels}:
            row = [one for one in panels if round(one["top"]) == top]
            assert (row[0]["left"], row[-1]["right"]) == pytest.approx(edges, abs=1)
            assert len({round(one["bottom"]) for one in row}) == 1
        assert whole["right"] < width
        wider = "all => all.filter((one) => one.scrollWidth > one.clientWidth + 1).length"
        assert page.locator("#health *:not(.heard, thead, thead *)").evaluate_all(wider) == 0


def test_the_pages_on_a_phone_are_lines(browser: Browser, shelf: Shelf, site: Site) -> None:
    """Each value stands beside its name, within the screen, and is read out as a table still."""
    with opened(browser, site, "?view=health", **_PHONE) as page:
        page.wait_for_selector("#health-pages tbody tr")
        cells = rects(page, "#health-pages td")
        assert all(one["left"] >= 0 and one["right"] <= 390 for one in cells)
        assert len({one["top"] for one in cells}) == 5
        names = page.locator("#health-pages td").evaluate_all(
            "all => all.map((one) => getComputedStyle(one, '::before').content)"
        )
        assert names[0] == '"State"'
        row = page.get_by_role("table", name="Pages").get_by_role("row").last
        assert row.get_by_role("rowheader").inner_text() == "Slow Mornings"
        assert row.get_by_role("cell").count() == 5


# What can be pressed, but for what lies in the flow of a sentence and is a choice of a list.
_PRESSED = "a[href]:not(.skip), button:not(.bar-of), select, input, summary"


@pytest.mark.parametrize("where", ["", "?view=health", "?post=104_6"])
@pytest.mark.parametrize("phone", [True, False])
def test_what_is_pressed_is_large_enough(
    browser: Browser, shelf: Shelf, site: Site, where: str, phone: bool
) -> None:
    """24 pixels at least with a mouse, 44 with a finger."""
    troubled(shelf)
    with opened(browser, site, where, **(_PHONE if phone else {})) as page:
        ready = {"": "article .out", "?view=health": ".failed button"}.get(where, "#about a")
        page.wait_for_selector(ready)
        page.wait_for_selector("#live[data-state]")
        root = "#lightbox" if "post" in where else "body"
        small = page.locator(root).evaluate(
            "(root, [what, least]) => [...root.querySelectorAll(what)]"
            ".filter((one) => one.checkVisibility()).map((one) =>"
            " [one.outerHTML.slice(0, 80), one.getBoundingClientRect()])"
            ".filter(([, { width, height }]) => Math.min(width, height) < least)"
            ".map(([what, { width, height }]) => `${width} x ${height} ${what}`)",
            [_PRESSED, 43.9 if phone else 24],
        )
        assert small == []


def test_the_disk_is_shown_whole(browser: Browser, shelf: Shelf, site: Site) -> None:
    """These pictures, everything else, and what is free are the disk."""
    came(shelf, 1, "2026-11-20 10:00")
    with opened(browser, site, "?view=health") as page:
        page.wait_for_selector("#health-disk .stacked")
        parts = rects(page, "#health-disk .stacked span")
        (whole,) = rects(page, "#health-disk .stacked")
        stats = page.evaluate("fetch('/api/stats').then((answer) => answer.json())")
        assert sum(one["width"] for one in parts) == pytest.approx(whole["width"], abs=8)
        share = stats["free_bytes"] / stats["disk_bytes"]
        assert parts[-1]["width"] / whole["width"] == pytest.approx(share, abs=0.03)
        legend = page.locator("#health-disk .legend dt").all_inner_texts()
        assert legend == ["This archive", "Everything else", "Free"]


def test_a_post_of_nothing_says_what_it_is(browser: Browser, shelf: Shelf, site: Site) -> None:
    """Without words and pictures a card tells its kind, and the link leads to Facebook."""
    link = "https://www.facebook.com/104/posts/1"
    shelf.post(1, type="link", permalink_url=link)
    shelf.post(2, type="native_templates")
    with opened(browser, site) as page:
        page.wait_for_selector("article")
        cards = page.locator("article").all_inner_texts()
        assert "Post · no text and no picture" in cards[0]
        assert "Link · no text and no picture" in cards[1]
        assert page.locator("article a.out").get_attribute("href") == link


@pytest.mark.parametrize("where", ["", "?view=health"])
def test_an_archive_that_never_answered_is_said(browser: Browser, shelf: Shelf, where: str) -> None:
    """A page that comes from the browser's memory tells what is wrong, and mends itself."""
    shelf.post(1, "there again", created_time=to_text(created(399)))
    app = make_app(shelf.feed, shelf.media)
    context = browser.new_context()
    page = context.new_page()
    page.clock.install()
    with serving(app) as first:
        page.goto(f"{first.url}{where}")
        page.wait_for_selector("text=Up to date")
        page.goto("about:blank")
    page.go_back()
    page.wait_for_selector("text=The archive does not answer. Trying again")
    page.wait_for_selector("#unanswered >> text=What it has archived is safe")
    assert not page.locator("#summary, #filters, #end:not(:empty)").first.is_visible()
    server = Server(app, host="127.0.0.1", port=first.port)
    server.start()
    page.clock.run_for(_AGAIN)
    page.wait_for_selector("#health-pages tbody tr" if where else "article >> text=there again")
    page.wait_for_selector("text=Up to date")
    assert not page.locator("#unanswered").is_visible()
    assert page.locator("#summary").is_visible()
    context.close()
    server.stop()


def test_who_comes_by_a_link_to_an_old_post_reads_its_page_and_one_date(
    browser: Browser, shelf: Shelf, site: Site
) -> None:
    """The post is there before the names of the Pages are, and no date is told twice."""
    shelf.post(1, "x", created_time="2023-05-10 12:00:00.000000+00:00")
    with opened(browser, site, "?post=104_1", locale="en-GB", timezone_id="UTC") as page:
        box = page.get_by_role("dialog")
        playwright.expect(box.locator("h2")).to_have_text("Slow Mornings")
        assert box.inner_text().count("2023") == 1
