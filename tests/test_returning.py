"""Back, and what comes in while somebody reads: nothing moves under the reader, nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from browsing import browser, opened, playwright, shelf, site, watched
from served import NOW, Shelf, Site, created

from fbsyncd import search
from fbsyncd.models import to_text

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

__all__ = ["browser", "shelf", "site"]  # fixtures

pytestmark = pytest.mark.browser

_CALM = 20_000  # milliseconds between two looks of the page, see app.js
# The card in the middle of the screen, and how high it is there.
_SEEN = """() => {
  const card = document.elementFromPoint(innerWidth / 2, innerHeight / 2).closest("article")
    ?? document.elementFromPoint(innerWidth / 2, innerHeight / 2 + 60).closest("article");
  return card && [card.querySelector(".message").textContent,
    Math.round(card.getBoundingClientRect().top)];
}"""
_PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 800}}


def filled(shelf: Shelf, count: int) -> None:
    """Add posts, half of them of three lines."""
    for number in range(count):
        shelf.post(number, f"Post {number}" + "\nmore\nand more" * (number % 2))
    search.refresh_all(shelf.db)


def far_down(page: Page, count: int = 60) -> Any:
    """Scroll until *count* cards are there and further, and tell what is seen."""
    page.wait_for_selector("article")
    while page.locator("article").count() < count:
        # Not by the wheel, which would still be rolling when the place is noted.
        page.evaluate("scrollBy(0, 3000)")
    page.evaluate("document.querySelectorAll('article')[50].scrollIntoView({ block: 'center' })")
    page.wait_for_function("() => document.getElementById('posts').ariaBusy === 'false'")
    return page.evaluate(_SEEN)


def back_at(page: Page, seen: Any) -> None:
    """Wait until the page shows what was *seen*, just there."""
    page.wait_for_function(
        f"(seen) => JSON.stringify(({_SEEN})()) === JSON.stringify(seen)", arg=seen
    )


def test_new_posts_move_nothing_under_the_reader(
    browser: Browser, shelf: Shelf, site: Site
) -> None:
    """Further down they are told of by a button, politely; pressed, it leads to them."""
    filled(shelf, 40)
    with opened(browser, site, **_PHONE) as page:
        page.wait_for_selector("text=Up to date")
        page.locator("article", has_text="Post 30").scroll_into_view_if_needed()
        seen = page.evaluate(_SEEN)
        for number in (41, 42):
            shelf.post(number, f"Post {number}")
        page.clock.run_for(_CALM)
        news = page.get_by_role("status").get_by_role("button", name="2 new posts")
        news.wait_for()
        shelf.post(43, "Post 43")
        page.clock.run_for(_CALM)
        page.get_by_role("button", name="3 new posts").wait_for()
        assert page.evaluate(_SEEN) == seen
        assert page.locator("article", has_text="Post 43").count() == 0
        page.get_by_role("button", name="3 new posts").click()
        first = page.locator("article .message").first
        playwright.expect(first).to_have_text("Post 43")
        playwright.expect(first).to_be_in_viewport()
        assert page.locator("#news button").count() == 0
        assert page.evaluate("document.activeElement.id") == "posts"
        shelf.post(44, "Post 44")
        page.clock.run_for(_CALM)
        page.get_by_role("button", name="1 new post").wait_for()


def test_very_many_new_posts_leave_no_gap(browser: Browser, shelf: Shelf, site: Site) -> None:
    """More than can be looked through at once: the wall begins anew, and every post is on it."""
    filled(shelf, 30)
    with opened(browser, site, **_PHONE) as page:
        page.wait_for_selector("text=Up to date")
        page.locator("article").nth(15).scroll_into_view_if_needed()
        for number in range(30, 290):
            shelf.post(number, f"Post {number}")
        page.clock.run_for(_CALM)
        page.get_by_role("button", name="new posts").click()
        page.wait_for_selector("article >> text='Post 289'")
        texts = page.locator("article .message").all_inner_texts()
        numbers = [int(text.split()[1]) for text in texts]
        assert numbers == list(range(289, 289 - len(numbers), -1))


def with_pictures(shelf: Shelf, count: int) -> None:
    """Add posts with a picture each."""
    for number in range(count):
        shelf.arrive(shelf.attach(shelf.post(number, f"Post {number}")))
    search.refresh_all(shelf.db)


def test_back_from_a_post_and_from_health(browser: Browser, shelf: Shelf, site: Site) -> None:
    """The reader is where they were, though newer posts have come."""
    with_pictures(shelf, 80)
    with opened(browser, site, **_PHONE) as page:
        seen = far_down(page)
        page.locator("article", has_text=seen[0]).locator("a.picture").dispatch_event("click")
        page.get_by_role("dialog").wait_for()
        page.go_back()
        page.get_by_role("dialog").wait_for(state="hidden")
        back_at(page, seen)
        page.get_by_role("link", name="Health").click()
        page.wait_for_selector("#health:not([hidden])")
        assert page.evaluate("scrollY") == 0
        shelf.post(200, "meanwhile")
        page.go_back()
        back_at(page, seen)


def test_back_from_a_search_and_from_elsewhere(browser: Browser, shelf: Shelf, site: Site) -> None:
    """Where the cards have to be loaded anew, all are down to the post the reader was at."""
    with_pictures(shelf, 120)
    with opened(browser, site, **_PHONE) as page:
        seen = far_down(page)
        page.get_by_role("searchbox").fill("Post 7")
        page.clock.run_for(500)
        playwright.expect(page.locator("article .message").first).to_have_text("Post 117")
        playwright.expect(page.locator("article").first).to_be_in_viewport()
        page.go_back()
        back_at(page, seen)
        page.reload()
        back_at(page, seen)
        page.goto(f"{site.url}healthz")
        shelf.post(200, "meanwhile")
        page.go_back()
        back_at(page, seen)


def test_health_is_come_back_to_as_well(browser: Browser, shelf: Shelf, site: Site) -> None:
    """How far down it was read is kept, through a reload too."""
    for number in range(30):
        shelf.give_up(shelf.attach(shelf.post(number)), f"reason {number}")
    with opened(browser, site, "?view=health", **_PHONE) as page:
        page.wait_for_selector(".failed li >> nth=19")
        page.evaluate("scrollTo(0, 900)")
        page.get_by_role("link", name="Posts", exact=True).click()
        page.wait_for_selector("article")
        page.go_back()
        page.wait_for_function("() => scrollY === 900")
        page.reload()
        page.wait_for_function("() => scrollY === 900")


def test_typing_is_one_step(browser: Browser, shelf: Shelf, site: Site) -> None:
    """However many letters: Back undoes them all, and words taken back were no step at all."""
    filled(shelf, 40)
    with opened(browser, site) as page:
        page.wait_for_selector("article")
        before = page.evaluate("history.length")
        box = page.get_by_role("searchbox")
        for words in ("P", "Po", "Post 1", "Post 1 ", "Post 12"):
            box.fill(words)
            page.clock.run_for(500)
            page.wait_for_function(f"() => location.search.includes('q={words[0]}')")
        assert page.evaluate("history.length") == before + 1
        playwright.expect(page.locator("article")).to_have_count(1)
        box.fill("")
        page.clock.run_for(500)
        page.wait_for_function("() => location.search === ''")
        playwright.expect(page.locator("article >> nth=20")).to_be_attached()
        box.fill("Post 7")
        page.clock.run_for(500)
        playwright.expect(page.locator("article")).to_have_count(4)
        assert page.evaluate("history.length") == before + 1
        page.go_back()
        playwright.expect(page.locator("article >> nth=20")).to_be_attached()
        assert box.input_value() == ""


@pytest.mark.parametrize(("written", "found"), [('"', 3), ("%22", 3), ("a%20b", 1), ("a+b", 1)])
def test_odd_words_in_an_address(
    browser: Browser, shelf: Shelf, site: Site, written: str, found: int
) -> None:
    """A lone quotation mark and the two ways to write a space are words like others."""
    for number, text in enumerate(('say "a b"', "c", "d")):
        shelf.post(number, text)
    search.refresh_all(shelf.db)
    with opened(browser, site, f"?q={written}") as page:
        playwright.expect(page.locator("article")).to_have_count(found)
        before = page.evaluate("history.length")
        box = page.get_by_role("searchbox")
        box.press("End")
        box.press_sequentially(" ")
        page.clock.run_for(500)
        page.wait_for_selector("text=Up to date")
        assert page.evaluate("history.length") == before


def test_a_search_given_up_for_health_stays_given_up(
    browser: Browser, shelf: Shelf, site: Site
) -> None:
    """Who types and goes to Health at once is not thrown back to the posts."""
    filled(shelf, 3)
    with opened(browser, site) as page:
        page.wait_for_selector("article")
        page.evaluate(
            "() => { const box = document.getElementById('search'); box.value = 'Post 1'; "
            "box.dispatchEvent(new Event('input')); document.getElementById('to-health').click() }"
        )
        page.clock.run_for(1000)
        page.wait_for_selector("#health-pages tbody tr")
        assert page.url.endswith("?view=health")
        assert page.get_by_role("searchbox").input_value() == ""


def test_times_go_on(browser: Browser, shelf: Shelf, site: Site) -> None:
    """What was 5 minutes ago is 7 minutes ago two minutes later, though no post has changed."""
    shelf.post(1, "one", created_time=to_text(created(400)))
    with watched(browser, site.url) as page:
        page.clock.install(time=NOW.timestamp() + 300)
        page.goto(site.url)
        page.wait_for_selector("article time >> text=5 minutes ago")
        page.wait_for_selector("text=Up to date")
        page.clock.fast_forward(120_000)
        page.wait_for_selector("article time >> text=7 minutes ago")
        page.wait_for_selector(".facts time >> text=7 minutes ago")


def test_a_broken_picture_in_the_lightbox(browser: Browser, shelf: Shelf, site: Site) -> None:
    """It says that it is asked for, and is shown as soon as it is there again."""
    address = shelf.arrive(shelf.attach(shelf.post(1, "soon again")))
    path = shelf.media.root / address.removeprefix("/media/facebook/")
    options = {"may_fail": ("Failed to load resource",)}
    with opened(browser, site, "?view=health", **options) as page:
        page.wait_for_selector("#health-pages tbody tr")
        data = path.read_bytes()

        def lose(route: Route) -> None:
            path.unlink(missing_ok=True)
            route.continue_()

        page.route("**/media/**", lose)
        page.goto(f"{site.url}?post=104_1")
        box = page.get_by_role("dialog")
        box.get_by_text("Asking Facebook for a fresh link").wait_for()
        page.unroute_all()
        path.write_bytes(data)
        page.clock.run_for(_CALM)
        box.locator("#stage img.there").wait_for()


def test_alternative_texts_are_cut_between_characters(
    browser: Browser, shelf: Shelf, site: Site
) -> None:
    """Not in the middle of one that takes two places, as emoji do."""
    shelf.arrive(shelf.attach(shelf.post(1, "🌾" * 200)))
    with opened(browser, site) as page:
        image = page.locator("article img")
        image.wait_for()
        assert image.get_attribute("alt") == "🌾" * 160
