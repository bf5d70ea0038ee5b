"""The dashboard from end to end: a real Chromium, the real daemon, a simulated Facebook."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from browsing import browser, playwright, watched
from plant import config_text
from test_daemon import Running, all_safe, running

from fbsyncd.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

__all__ = ["browser"]  # a fixture

pytestmark = pytest.mark.browser

THAI = "ตลาดน้ำเช้าวันเสาร์มีขนมครกร้อนๆ"
NOT_THERE = "Failed to load resource"  # Chromium's own words for a picture that is gone


@pytest.fixture(scope="module")
def facebook() -> Iterator[Simulator]:
    """A Page of sixty posts, some of them edited, gone or an album."""
    with Simulator(posts=60, seed=11, pictures="plain") as simulator:
        simulator.add_post("album", message="Album of the harvest", photos=6)
        simulator.add_post("photo", message=THAI)
        yield simulator


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the archive is."""
    return tmp_path_factory.mktemp("dashboard")


@pytest.fixture(scope="module")
def daemon(facebook: Simulator, folder: Path) -> Iterator[Running]:
    """The daemon, with everything archived."""
    (folder / "config.toml").write_text(config_text(facebook))
    with running(folder) as daemon:
        daemon.until(all_safe)
        yield daemon


@contextmanager
def opened(browser: Browser, daemon: Running, where: str = "", **options: Any) -> Iterator[Page]:
    """The page at *where*, loaded."""
    with watched(browser, daemon.url, **options) as page:
        page.goto(f"{daemon.url}/{where}")
        page.wait_for_selector("#live[data-state]")
        yield page


def texts(page: Page) -> list[str]:
    return page.locator("article .message").all_inner_texts()


def wait_for_cards(page: Page, count: int) -> None:
    playwright.expect(page.locator("article")).to_have_count(count)


def test_searching_finds_and_back_goes_back(browser: Browser, daemon: Running) -> None:
    """Words typed narrow the posts and stand in the address; Back shows what was before."""
    with opened(browser, daemon) as page:
        page.wait_for_selector("article")
        page.get_by_role("searchbox").fill("harvest")
        wait_for_cards(page, 1)
        assert texts(page) == ["Album of the harvest"]
        assert page.url.endswith("?q=harvest")
        page.get_by_role("searchbox").fill("ขนมครก")
        playwright.expect(page.locator("article .message")).to_have_text([THAI])
        page.get_by_role("searchbox").fill("no such words at all")
        page.wait_for_selector("text=No post fits.")
        page.get_by_role("searchbox").blur()
        page.go_back()
        page.locator("article").nth(10).wait_for()
        assert page.get_by_role("searchbox").input_value() == ""


def test_filters_combine_and_can_be_shared(browser: Browser, daemon: Running) -> None:
    """Kind, pictures and a span of days narrow together; the address alone shows the same."""
    shown = daemon.get("/api/posts?type=album&has_local_image=true&limit=100")["posts"]
    assert shown
    with opened(browser, daemon) as page:
        page.wait_for_selector("article")
        page.get_by_label("Kind").select_option(label="Albums")
        page.locator("#local").select_option(label="With a picture")
        wait_for_cards(page, len(shown))
        address = page.url
    with opened(browser, daemon, address.removeprefix(f"{daemon.url}/")) as page:
        wait_for_cards(page, len(shown))
        assert page.get_by_label("Kind").input_value() == "album"
        page.get_by_role("button", name="Show all posts").click()
        page.locator("article").nth(len(shown)).wait_for()
        assert page.url.rstrip("/") == daemon.url


def test_a_month_is_chosen_by_its_bar(browser: Browser, daemon: Running) -> None:
    """A bar tells its month and number, shows those posts, and arrows lead from bar to bar."""
    months = daemon.get("/api/timeline")["posts"]
    first = months[0]
    with opened(browser, daemon) as page:
        bars = page.locator("#bars button")
        bars.last.focus()
        page.keyboard.press("Home")
        page.keyboard.press("Enter")
        wait_for_cards(page, first["posts"])
        assert f"since={first['month']}-01" in page.url
        assert bars.first.get_attribute("aria-pressed") == "true"
        assert str(first["posts"]) in (bars.first.get_attribute("aria-label") or "")
        page.keyboard.press("End")
        page.keyboard.press("Shift+Enter")
        page.wait_for_url("**until=**")
        everything = sum(month["posts"] for month in months)
        while page.locator("article").count() < everything:
            page.mouse.wheel(0, 4000)
            page.wait_for_timeout(20)
        page.wait_for_selector(f"text=That is all: {everything} posts.")


def test_the_lightbox_by_keyboard(browser: Browser, daemon: Running) -> None:
    """Enter opens a post, arrows turn its pictures, Escape closes and gives the focus back."""
    with opened(browser, daemon, "?q=harvest") as page:
        wait_for_cards(page, 1)
        page.locator("article a.picture").focus()
        page.keyboard.press("Enter")
        box = page.get_by_role("dialog")
        box.get_by_text("Picture 1 of 6").wait_for()
        assert "Album of the harvest" in box.inner_text()
        for nth in (2, 3):
            page.keyboard.press("ArrowRight")
            box.get_by_text(f"Picture {nth} of 6").wait_for()
        page.keyboard.press("End")
        box.get_by_text("Picture 6 of 6").wait_for()
        page.wait_for_selector("#stage img.there")
        page.keyboard.press("+")
        assert "scale(1.5)" in (page.locator("#stage img").get_attribute("style") or "")
        page.keyboard.press("0")
        address = page.url
        page.keyboard.press("Escape")
        playwright.expect(box).to_be_hidden()
        assert page.url.endswith("?q=harvest")
        assert page.evaluate("document.activeElement.closest('article') !== null")
        page.goto(address)
        box.get_by_text("Picture 6 of 6").wait_for()


def test_the_lightbox_by_finger(browser: Browser, daemon: Running) -> None:
    """A swipe turns to the next picture, and the page under it stays where it is."""
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
    with opened(browser, daemon, "?q=harvest", **phone) as page:
        wait_for_cards(page, 1)
        page.locator("article a.picture").click()
        page.wait_for_selector("#stage img.there")
        place = page.locator("#stage").bounding_box()
        assert place
        middle = place["y"] + place["height"] / 2
        page.mouse.move(300, middle)
        page.mouse.down()
        page.mouse.move(120, middle, steps=5)
        page.mouse.up()
        page.get_by_role("dialog").get_by_text("Picture 2 of 6").wait_for()


def test_an_edited_post_shows_its_earlier_text(
    browser: Browser, daemon: Running, facebook: Simulator
) -> None:
    """An edit made at the source is marked, and the text it had before is kept."""
    post = facebook.add_post("photo", message="The first words")
    with opened(browser, daemon) as page:
        page.get_by_role("button", name="Sync now").click()
        page.wait_for_selector("article >> text=The first words")
        facebook.edit(post, "The second words")
        page.get_by_role("button", name="Sync now").click()
        card = page.locator("article", has_text="The second words")
        card.get_by_text("Edited").click()
        box = page.get_by_role("dialog")
        box.get_by_text("Earlier texts").wait_for()
        assert "The first words" in box.inner_text()


def test_a_deleted_file_is_healed_while_the_page_is_open(
    browser: Browser, daemon: Running, folder: Path
) -> None:
    """The picture is fetched again; reloaded at any time the page shows none that is broken."""
    post = next(p for p in daemon.get("/api/posts?limit=100")["posts"] if p["attachments"])
    local = post["attachments"][0]["local_media_url"]
    with opened(browser, daemon, may_fail=(NOT_THERE,)) as page:
        page.wait_for_selector("article img.there")
        file = folder / local.lstrip("/")
        file.unlink()
        page.reload()
        daemon.until(lambda stats: file.exists() and all_safe(stats))
        page.reload()
        page.wait_for_selector(f"article a[data-opens^='{post['id']}'] img.there")
        broken = "[...document.images].filter((one) => one.complete && !one.naturalWidth).length"
        assert page.evaluate(broken) == 0


def test_what_failed_is_told_and_tried_again(browser: Browser, tmp_path: Path) -> None:
    """A picture that was given up stands in Health with its reason; Retry archives it."""
    with Simulator(posts=3, seed=5, pictures="plain") as facebook:
        text = config_text(facebook, media='free_space_floor = "1MB"\nmax_file_size = "1KB"')
        config = tmp_path / "config.toml"
        config.write_text(text)
        with running(tmp_path) as daemon:
            tried = daemon.until(
                lambda stats: (
                    stats["pages"][0]["state"] == "ok"
                    and stats["posts"] == 3
                    and not stats["media"]["pending"]
                )
            )
            lost = tried["media"]["given_up"]
            daemon.stop()
        config.write_text(text.replace('max_file_size = "1KB"', ""))
        with running(tmp_path) as daemon, opened(browser, daemon, "?view=health") as page:
            rows = page.locator(".failed li")
            playwright.expect(rows).to_have_count(min(lost, 20))
            assert "the limit is 1,000" in rows.first.inner_text()
            rows.first.get_by_role("button", name="Retry").click()
            daemon.until(lambda stats: stats["media"]["given_up"] < lost)


def test_an_unplugged_disk_is_told_and_forgotten_when_it_is_back(
    browser: Browser, tmp_path: Path
) -> None:
    """Without its disk the page shows no broken picture and says why; with it all is well again."""
    with Simulator(posts=6, seed=5, pictures="plain") as facebook:
        (tmp_path / "config.toml").write_text(config_text(facebook))
        with running(tmp_path) as daemon:
            daemon.until(all_safe)
            media, away = tmp_path / "media", tmp_path / "away"
            media.rename(away)
            daemon.until(lambda stats: stats["unavailable"] is not None)
            with opened(browser, daemon) as page:
                page.wait_for_selector(".notices >> text=The pictures are not there")
                page.wait_for_selector("article >> text=The disk of the pictures is not there")
                assert page.locator("article img").count() == 0
                if media.exists():  # the daemon may have made the empty folder anew
                    pytest.fail("a folder was made where the disk is mounted")
                away.rename(media)
                daemon.until(lambda stats: stats["unavailable"] is None)
                page.reload()
                page.wait_for_selector("article img.there")
                assert page.locator(".notices li").count() == 0


def test_an_archive_that_cannot_begin_says_what_to_do(browser: Browser, tmp_path: Path) -> None:
    """With a token Facebook refuses, an empty page tells the remedy instead of an empty grid."""
    with Simulator(posts=3, seed=5, pictures="plain") as facebook:
        text = config_text(facebook).replace(facebook.token, "EAAnotatoken")
        (tmp_path / "config.toml").write_text(text)
        with running(tmp_path) as daemon:
            daemon.until(lambda stats: any(page["message"] for page in stats["pages"]))
            with opened(browser, daemon) as page:
                page.wait_for_selector(".notices >> text=token")
                assert page.locator("article").count() == 0


def test_a_facebook_out_of_reach_is_said(browser: Browser, tmp_path: Path) -> None:
    """Its Pages are there, since when is told, and all goes on by itself once it answers."""
    with Simulator(posts=3, pages=2, seed=5, pictures="plain") as facebook:
        facebook.faults.html(times=None)
        facebook.faults.cdn_html(times=None)
        text = config_text(facebook).replace("backfill_days", 'interval = "1s"\nbackfill_days')
        (tmp_path / "config.toml").write_text(text)
        with running(tmp_path) as daemon:
            daemon.until(lambda stats: stats["unreached"]["facebook"] is not None)
            with opened(browser, daemon) as page:
                page.wait_for_selector(".notices >> text=Facebook is out of reach (since")
                assert page.locator("#live").inner_text() == "Facebook is out of reach"
                first = page.locator("#first-run")
                assert "as soon as Facebook can be reached" in first.inner_text()
                assert not page.locator("#first-steps").is_visible()
                page.get_by_role("link", name="Health").click()
                rows = page.locator("#health-pages tbody tr")
                playwright.expect(rows).to_have_count(2)
                assert "Out of reach" in rows.first.inner_text()
                page.get_by_role("link", name="Posts", exact=True).click()
                facebook.faults.clear()
                page.locator("article img.there").first.wait_for(timeout=60_000)
                page.locator(".notices li").first.wait_for(state="detached")
                assert not first.is_visible()


def test_what_was_said_of_a_sync_goes_again(browser: Browser, daemon: Running) -> None:
    """ "A sync was started" stands for as long as its effect is looked for, and no longer."""
    with watched(browser, daemon.url) as page:
        page.clock.install()
        page.goto(daemon.url)
        page.wait_for_selector("#live[data-state='calm']")
        page.get_by_role("button", name="Sync now").click()
        page.wait_for_selector("#said >> text=A sync was started")
        page.wait_for_selector("#sync:not([disabled])")
        page.clock.fast_forward(31_000)
        playwright.expect(page.locator("#said")).to_have_text("")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("where", ["", "?view=health", "?q=harvest&post={album}"])
@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_hinders_anyone(
    browser: Browser, daemon: Running, scheme: str, where: str, width: int
) -> None:
    """axe-core finds nothing serious, in either scheme, on a phone and on a screen."""
    (album,) = daemon.get("/api/posts?q=harvest")["posts"]
    where = where.format(album=album["id"])
    view = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    with opened(browser, daemon, where, reduced_motion="reduce", **view) as page:
        page.wait_for_selector("#health-pages table" if "health" in where else "article img.there")
        page.evaluate(AXE_SCRIPT)
        found = page.evaluate("axe.run().then((result) => result.violations)")
        serious = [one for one in found if one["impact"] in {"serious", "critical"}]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in serious] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_thai_readers_get_thai(browser: Browser, daemon: Running) -> None:
    """A browser that prefers Thai gets every word of the page in Thai; another gets English."""
    with opened(browser, daemon, locale="th-TH") as page:
        page.wait_for_selector("text=เป็นปัจจุบัน")
        assert page.evaluate("document.documentElement.lang") == "th"
        seen = page.locator("header, .summary, .filters").all_inner_texts()
        assert not re.search(r"\b(Posts|Health|Search|Sync|Pictures|From|To)\b", " ".join(seen))
        same = page.evaluate(
            "Promise.all([import('/en.js'), import('/th.js')]).then(([one, other]) =>"
            " [one, other].map((words) => Object.keys(words.default).sort().join()))"
        )
        assert same[0] == same[1]
    with opened(browser, daemon, locale="fi-FI") as page:
        page.wait_for_selector("text=Up to date")


def test_the_health_of_the_archive(browser: Browser, daemon: Running) -> None:
    """Health tells what is safe, when each Page was read, how it grew, and what the disk holds."""
    stats = daemon.until(all_safe)
    with opened(browser, daemon, "?view=health") as page:
        page.wait_for_selector("#health-pages tbody tr")
        text = page.locator("#health").inner_text()
        assert f"Safe\n{stats['pictures']['safe']}" in text
        assert "Nothing failed." in text
        # All of it came today: a day is no line.
        assert page.locator("#health-growth svg").count() == 0
        assert page.locator("#health-growth dd").first.inner_text() == str(stats["pictures"]["all"])
        page.get_by_role("link", name="Posts", exact=True).click()
        page.wait_for_selector("article img.there")
        page.go_back()
        page.wait_for_selector("#health:not([hidden])")


def test_a_page_out_of_reach_stays_readable(browser: Browser, daemon: Running) -> None:
    """Without a network what is shown stays; when it is back the page goes on by itself."""
    with opened(browser, daemon, may_fail=("ERR_INTERNET_DISCONNECTED",)) as page:
        page.wait_for_selector("article img.there")
        page.context.set_offline(True)
        page.get_by_role("button", name="Sync now").click()
        page.wait_for_selector("text=No sync could be started")
        assert page.locator("article img.there").count() > 0
        page.context.set_offline(False)
        page.get_by_role("button", name="Sync now").click()
        page.wait_for_selector("text=A sync was started")
