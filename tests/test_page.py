"""The dashboard page in a real Chromium, served by the real server from a real archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from browsing import browser, opened, playwright, shelf, site, watched
from served import Shelf, Site, created, serving

from fbsyncd.brake import Brake
from fbsyncd.errors import Unavailable
from fbsyncd.models import change, to_text, transaction
from fbsyncd.server import make_app
from fbsyncd.server.listen import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

__all__ = ["browser", "shelf", "site"]  # fixtures

pytestmark = pytest.mark.browser

_BUSY, _CALM, _AGAIN = 3_000, 20_000, 5_000  # milliseconds between two looks, see app.js
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
THAI = "เช้าวันนี้อากาศดีมากเราเดินขึ้นไปบนดอยสุเทพตั้งแต่ก่อนพระอาทิตย์ขึ้นหมอกหนาจนมองไม่เห็นทาง"


def test_cards_show_pictures_and_words(browser: Browser, shelf: Shelf, site: Site) -> None:
    """Each post is a card, newest first, with its picture really shown and its text as it is."""
    for number in range(6):
        shelf.arrive(shelf.attach(shelf.post(number, f"Post {number}\n{THAI}")))
    with opened(browser, site) as page:
        page.wait_for_selector("article >> nth=0 >> img.there")
        texts = page.locator("article .message").all_inner_texts()
        assert [text.splitlines()[0] for text in texts] == [f"Post {n}" for n in range(5, -1, -1)]
        image = page.locator("article img").first
        assert image.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [900, 600]
        assert image.get_attribute("alt") == f"Post 5\n{THAI}"[:160]
        page.wait_for_selector("text=Up to date")
        summary = page.locator(".summary").inner_text().split("\n")
        assert summary[:4] == ["Slow Mornings", "", "6", "of 6 pictures are safe on this disk"]
        assert page.title() == "Slow Mornings · fbsyncd"


def test_nothing_jumps_when_pictures_come(browser: Browser, shelf: Shelf, site: Site) -> None:
    """The place of a picture has its shape before the picture is there: no layout shift."""
    for number in range(12):
        size = (900, 600) if number % 2 else (600, 750)
        shelf.arrive(shelf.attach(shelf.post(number, THAI), size=size), size)
    with opened(browser, site) as page:
        page.wait_for_selector("article img.there")
        shift = page.evaluate(_SHIFT)
        ratios = page.locator("a.picture").evaluate_all(
            "all => all.map(one => Math.round(100 * one.offsetWidth / one.offsetHeight))"
        )
    assert shift < 0.01
    assert set(ratios) == {150, 80}


_SHIFT = """() => new Promise((done) => {
  const seen = (list) => done(list.getEntries().reduce((sum, entry) => sum + entry.value, 0));
  new PerformanceObserver(seen).observe({ type: "layout-shift", buffered: true });
  requestAnimationFrame(() => requestAnimationFrame(() => done(0))); // there was none
})"""


def test_texts_of_posts_stay_texts(browser: Browser, shelf: Shelf, site: Site) -> None:
    """Markup in a message is shown, not run; a link that is not Facebook's is not made one."""
    script = "javascript://www.facebook.com/%0adocument.title='owned'"
    shelf.post(1, HOSTILE, permalink_url=script)
    shelf.post(2, "fine", permalink_url="https://www.facebook.com/104/posts/2")
    shelf.post(3, "other", permalink_url="https://facebook.com.example.org/104/posts/2")
    with opened(browser, site) as page:
        page.wait_for_selector("article")
        assert HOSTILE in page.locator("article .message").all_inner_texts()
        links = page.locator("article footer a").evaluate_all("all => all.map(one => one.href)")
        assert links == ["https://www.facebook.com/104/posts/2"]
        assert page.locator("main img").count() == 0
        assert "owned" not in page.title()


def test_older_posts_come_with_scrolling(browser: Browser, shelf: Shelf, site: Site) -> None:
    """Scrolling down loads page after page, each post once, month by month, to the end."""
    for number in range(70):
        shelf.post(number * 20, f"Post {number}", created_time=to_text(created(number * 20 - 1300)))
    with opened(browser, site, viewport={"width": 390, "height": 800}) as page:
        page.wait_for_selector("article")
        assert page.locator("article").count() < 70
        while page.locator("article").count() < 70:
            page.mouse.wheel(0, 4000)
            page.wait_for_timeout(20)
        page.wait_for_selector("text=That is all: 70 posts.")
        texts = page.locator("article .message").all_inner_texts()
        assert texts == [f"Post {number}" for number in range(69, -1, -1)]
        assert page.locator("#posts h2").all_inner_texts()[:2] == ["November 2026", "October 2026"]


def test_a_picture_appears_when_it_arrives(browser: Browser, shelf: Shelf, site: Site) -> None:
    """A card that waits for its picture says so, and fills itself; the numbers follow."""
    asset = shelf.attach(shelf.post(1, "soon"))
    with opened(browser, site) as page:
        page.wait_for_selector("text=The picture is on its way")
        page.wait_for_selector("text=/pictures? (is|are) arriving/")
        assert "of 1 picture is safe" in page.locator(".summary").inner_text()
        assert page.locator("#safe").inner_text() == "0"
        shelf.arrive(asset)
        page.clock.run_for(_BUSY)
        page.wait_for_selector("article img.there")
        page.wait_for_selector("text=Up to date")
        assert page.locator("#safe").inner_text() == "1"


@pytest.mark.parametrize(
    ("locale", "words"),
    [("en", "1 picture waits for a fresh link"), ("th-TH", "1 รูปรอลิงก์ใหม่")],
)
def test_nothing_is_on_its_way_that_has_no_link(
    browser: Browser, shelf: Shelf, site: Site, locale: str, words: str
) -> None:
    """A picture whose link is dead is said to wait for one, here and among the numbers."""
    asset = shelf.attach(shelf.post(1, "old"))
    with transaction(shelf.db):
        change(shelf.db, "UPDATE media_storage SET needs_link = TRUE WHERE id = ?", [asset])
    with opened(browser, site, "?view=health", locale=locale) as page:
        page.wait_for_selector(f"#live >> text={words}")
        page.wait_for_selector("#health-pictures .unlinked dd >> text=1")
        page.wait_for_selector("#health-pictures .pending dd >> text=0")


def test_a_picture_that_was_lost_comes_back(browser: Browser, shelf: Shelf, site: Site) -> None:
    """A file that is gone from the disk leaves a calm place, and is shown again once healed."""
    address = shelf.arrive(shelf.attach(shelf.post(1, "gone for a while")))
    path = shelf.media.root / address.removeprefix("/media/facebook/")
    data = path.read_bytes()
    path.unlink()
    page = browser.new_page()
    page.clock.install()
    page.goto(site.url)
    page.wait_for_selector("text=Up to date")
    page.wait_for_selector("article >> text=Asking Facebook for a fresh link")
    assert page.locator("article img").count() == 0
    path.write_bytes(data)
    page.clock.run_for(20_000)
    page.wait_for_selector("article img.there")
    page.close()


def test_new_posts_appear_by_themselves(browser: Browser, shelf: Shelf, site: Site) -> None:
    """An archive that is empty says so; posts that come in are shown without a reload."""
    with opened(browser, site) as page:
        page.wait_for_selector("text=The Page was read and shows no posts.")
        page.wait_for_selector("text=Up to date")
        assert not page.locator("#filters").is_visible()
        for number in range(60):
            shelf.post(number, f"Post {number}")
        page.clock.run_for(20_000)
        page.wait_for_selector("article >> text='Post 59'")
        assert not page.locator("#first-run").is_visible()
        page.mouse.wheel(0, 20_000)
        playwright.expect(page.locator("article")).to_have_count(60)


def test_a_lost_picture_says_why(browser: Browser, shelf: Shelf, site: Site) -> None:
    """What could not be saved says why; what Facebook no longer shows is marked as kept here."""
    shelf.give_up(shelf.attach(shelf.post(1, "big")), "12 MB are more than max_file_size")
    shelf.post(2, "old", deleted_at=to_text(created(3)))
    with opened(browser, site) as page:
        card = page.locator("article", has_text="big")
        card.get_by_text("12 MB are more than max_file_size").wait_for()
        page.wait_for_selector("#live[data-state]")
        assert "could not be saved" in card.inner_text()
        assert "Kept here only" in page.locator("article", has_text="old").inner_text()
        assert "Not saved\n1" in page.locator(".facts").inner_text()


def test_an_album_keeps_its_shape(browser: Browser, shelf: Shelf, site: Site) -> None:
    """An album says how many pictures it has, and keeps its places while they arrive."""
    post = shelf.post(1, "album")
    assets = [shelf.attach(post, nth) for nth in range(7)]
    shelf.arrive(assets[2])
    with opened(browser, site) as page:
        page.wait_for_selector(".strip img.there")
        page.wait_for_selector("text=/pictures? (is|are) arriving/")
        assert page.locator(".badge").all_inner_texts() == ["7 pictures"]
        before = page.locator("article").bounding_box()
        for asset in assets:
            shelf.arrive(asset)
        page.clock.run_for(_BUSY)
        page.wait_for_selector("text=Up to date")
        assert page.locator("article").bounding_box() == before
        assert page.locator("a.picture, .strip a").count() == 5
        assert page.locator(".strip a").last.get_attribute("data-unseen") == "+2"


def test_long_texts_fold(browser: Browser, shelf: Shelf, site: Site) -> None:
    """A long text is cut with a button that opens it, from the keyboard too; a short one is not."""
    shelf.post(1, "short")
    shelf.post(2, (THAI + "\n") * 20)
    with opened(browser, site) as page:
        button = page.get_by_role("button", name="Read on")
        button.wait_for()
        assert button.count() == 1
        folded = page.locator("article").first.bounding_box()
        button.focus()
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Fold up").wait_for()
        unfolded = page.locator("article").first.bounding_box()
    assert folded
    assert unfolded
    assert unfolded["height"] > folded["height"] + 100


def test_what_stops_a_page_is_said(browser: Browser, shelf: Shelf, site: Site) -> None:
    """When a Page cannot be read its remedy stands at the top."""
    with transaction(shelf.db):
        remedy = "the access token is dead: make a new one"
        change(shelf.db, "UPDATE sync_state SET state = 'token', message = ?", [remedy])
    with opened(browser, site) as page:
        page.wait_for_selector(f".notices >> text={remedy}")
        page.wait_for_selector("#live[data-state='away'] >> text=1 Page cannot be read just now")


def test_the_token_is_asked_for_once(browser: Browser, shelf: Shelf) -> None:
    """With a token set the page asks for it, says when it is wrong, and keeps it in this tab."""
    shelf.post(1, "behind the token")
    with serving(make_app(shelf.feed, shelf.media, auth_token="open sesame")) as site:
        context = browser.new_context()
        page = context.new_page()
        page.goto(site.url)
        for token in ("wrong", "open sesame"):
            page.get_by_label("Token", exact=True).fill(token)
            page.keyboard.press("Enter")
            if token == "wrong":
                page.wait_for_selector("text=That was not the right token.")
        page.wait_for_selector("article >> text=behind the token")
        page.reload()
        page.wait_for_selector("article >> text=behind the token")
        assert not page.get_by_role("dialog").is_visible()
        assert page.evaluate("localStorage.length + document.cookie.length") == 0
        context.close()


def test_a_server_that_is_away_is_said_and_comes_back(browser: Browser, shelf: Shelf) -> None:
    """When the daemon is down the page says so, keeps what it shows, and recovers by itself."""
    shelf.post(1, "before")
    app = make_app(shelf.feed, shelf.media)
    context = browser.new_context()
    with serving(app) as site:
        page = context.new_page()
        page.clock.install()
        page.goto(site.url)
        page.wait_for_selector("text=Up to date")
    page.clock.run_for(20_000)
    page.wait_for_selector("text=The archive does not answer. Trying again")
    assert page.locator("article").count() == 1
    server = Server(app, host="127.0.0.1", port=site.port)
    server.start()
    shelf.post(2, "after")
    page.clock.run_for(_AGAIN)
    page.wait_for_selector("article >> text=after")
    page.wait_for_selector("text=Up to date")
    context.close()
    server.stop()


def test_a_tab_that_is_not_seen_asks_nothing(browser: Browser, shelf: Shelf, site: Site) -> None:
    """However many are open: only what is looked at looks, and at once when it is seen again."""
    with opened(browser, site) as page:
        page.wait_for_selector("text=Up to date")
        page.evaluate(_HIDDEN, True)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        shelf.post(1, "meanwhile")
        page.clock.run_for(300_000)
        assert asked == []
        page.evaluate(_HIDDEN, False)
        page.wait_for_selector("article >> text=meanwhile")


_HIDDEN = """(hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_the_page_fits_the_screen(browser: Browser, shelf: Shelf, site: Site) -> None:
    """From a small phone to a large screen cards fill the width and nothing sticks out."""
    for number in range(12):
        shelf.arrive(shelf.attach(shelf.post(number, f"https://example.org/{'a' * 90} {THAI}")))
    with opened(browser, site) as page:
        page.wait_for_selector("article img.there")
        for width, columns in {320: 1, 390: 1, 768: 2, 1440: 4, 2560: 7}.items():
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            grid = page.evaluate("getComputedStyle(document.querySelector('.grid'))")
            assert len(grid["gridTemplateColumns"].split()) == columns
            sides = page.locator("article").evaluate_all(
                "all => all.map(one => one.getBoundingClientRect())"
                ".flatMap(place => [place.left, place.right])"
            )
            assert 0 < min(sides) < max(sides) < width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_are_readable(
    browser: Browser, shelf: Shelf, site: Site, scheme: str
) -> None:
    """The page follows the system's scheme, and every text has the contrast of 4.5 to 1."""
    shelf.attach(shelf.post(1, "waits"))
    shelf.give_up(shelf.attach(shelf.post(2, "lost")), "too big")
    shelf.post(3, THAI, deleted_at=to_text(created(3)))
    with opened(browser, site, color_scheme=scheme) as page:
        page.wait_for_selector("article")
        page.wait_for_selector("#live[data-state]")
        poor = page.evaluate(_CONTRASTS)
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert poor == []
    lightness = sum(int(part) for part in paper.strip("rgb()").split(","))
    assert (lightness < 150) == (scheme == "dark")


_CONTRASTS = """() => {
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, nth) => sum + v * [.2126, .7152, .0722][nth], 0);
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const below = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const style = getComputedStyle(at), shade = parts(style.backgroundColor);
      const stops = style.backgroundImage.match(/rgba?\\([^)]*\\)/g);
      if (stops) return stops.map(parts);
      if (shade.length === 3) return [shade];
    }
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const poor = [];
  while (texts.nextNode()) {
    const owner = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !owner.checkVisibility()) continue;
    if (owner.closest(".badge")) continue; // lies on a picture of any colour
    const style = getComputedStyle(owner), ink = light(parts(style.color));
    for (const paper of below(owner).map(light)) {
      const ratio = (Math.max(ink, paper) + .05) / (Math.min(ink, paper) + .05);
      if (ratio * style.opacity < 4.5) poor.push(`${owner.className || owner.tagName} ${ratio}`);
    }
  }
  return poor;
}"""


@pytest.mark.parametrize("locale", ["en-GB", "th-TH"])
def test_the_page_is_small(browser: Browser, shelf: Shelf, site: Site, locale: str) -> None:
    """A wall of Thai posts, all it needs, over the wire, but its pictures: less than 100 KB."""
    for number in range(30):
        shelf.attach(shelf.post(number, f"{number} {THAI}"))
    context = browser.new_context(locale=locale)
    page = context.new_page()
    wire = context.new_cdp_session(page)
    wire.send("Network.enable")
    sizes: list[int] = []
    wire.on("Network.loadingFinished", lambda told: sizes.append(told["encodedDataLength"]))
    page.goto(site.url)
    page.wait_for_selector("article >> nth=23")
    page.wait_for_selector("#live[data-state]")
    context.close()
    assert len(sizes) >= 20
    assert sum(sizes) < 100_000


def test_the_keyboard_reaches_everything(browser: Browser, shelf: Shelf, site: Site) -> None:
    """The first stop skips to the posts; from there picture and link of the first card follow."""
    link = "https://www.facebook.com/104/posts/1"
    shelf.arrive(shelf.attach(shelf.post(1, "one", permalink_url=link)))
    with opened(browser, site) as page:
        page.wait_for_selector("article img.there")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        stops = []
        for _ in range(2):
            page.keyboard.press("Tab")
            stops.append(
                page.evaluate(
                    "document.activeElement.className || document.activeElement.textContent"
                )
            )
    assert stops == ["picture", "out"]


def test_an_unplugged_disk_is_said(browser: Browser, shelf: Shelf, site: Site) -> None:
    """The page says that the pictures are not there, and the two ways out."""
    shelf.arrive(shelf.attach(shelf.post(1, "on the other disk")))
    away = shelf.media.root.with_name("away")
    shelf.media.root.rename(away)
    page = browser.new_page()
    page.goto(site.url)
    page.wait_for_selector(".notices >> text=The pictures are not there")
    page.wait_for_selector(".notices >> text=--accept-loss")
    page.wait_for_selector(".count >> text=of 1 picture lies on a disk that is not there")
    page.wait_for_selector("#live[data-state='away'] >> text=The pictures are not there")
    page.close()
    away.rename(shelf.media.root)


def test_the_numbers_and_the_cards_agree(browser: Browser, shelf: Shelf, site: Site) -> None:
    """No card waits under numbers by which everything is safe, if one comes between the two."""
    shelf.arrive(shelf.attach(shelf.post(1, "there")))
    with opened(browser, site) as page:
        page.wait_for_selector("text=Up to date")
        page.wait_for_selector("article img.there")

        def comes_between(route: Route) -> None:
            shelf.attach(shelf.post(2, "new"))
            route.continue_()

        page.route("**/api/posts*", comes_between, times=1)
        page.clock.run_for(_CALM)
        page.wait_for_selector("article >> text=The picture is on its way")
        page.wait_for_selector(".count >> text=of 2 pictures are safe")
        page.wait_for_selector("text=1 picture is arriving")


@pytest.mark.parametrize(
    ("locale", "words"),
    [("en", "The disk of the pictures is not there"), ("th-TH", "ไม่พบดิสก์ของรูป")],
)
def test_nothing_is_on_its_way_to_a_disk_that_is_away(
    browser: Browser, shelf: Shelf, site: Site, locale: str, words: str
) -> None:
    """A card that waits says for what, as soon as it is known, and again once the disk is back."""
    shelf.attach(shelf.post(1, "on the other disk"))
    shelf.arrive(shelf.attach(shelf.post(2, "there")))
    with opened(browser, site, locale=locale) as page:
        waiting = page.locator("article .empty [data-state='pending']")
        waiting.wait_for()
        before = waiting.inner_text()
        away = shelf.media.root.with_name("away")
        shelf.media.root.rename(away)
        page.clock.run_for(_CALM)
        page.wait_for_selector(f".empty [data-state='pending'] >> text={words}")
        away.rename(shelf.media.root)
        page.clock.run_for(_CALM)
        page.wait_for_selector(f".empty [data-state='pending'] >> text={before}")


def test_what_stops_a_page_is_said_in_the_readers_words(
    browser: Browser, shelf: Shelf, site: Site
) -> None:
    """In Thai it is told what kind of trouble it is; the archive's own words stand behind."""
    shelf.post(1, "here")
    with transaction(shelf.db):
        said = "UPDATE sync_state SET state = 'token', message = ?"
        change(shelf.db, said, ["the token ended"])
    with opened(browser, site, locale="th-TH") as page:
        page.wait_for_selector(".notices >> text=Facebook ไม่รับโทเค็นของเพจนี้")
        page.wait_for_selector(".notices >> text=(the token ended)")
        assert page.locator(".notices strong").inner_text().endswith(":")


def test_the_chart_of_posts_has_a_title(browser: Browser, shelf: Shelf, site: Site) -> None:
    """Who sees the bars reads what they count."""
    for number in (1, 2):
        shelf.post(number, created_time=f"2026-1{number - 1}-10 12:00:00.000000+00:00")
    with opened(browser, site) as page:
        page.wait_for_selector("#bars-about >> text=Posts by month")


@pytest.mark.parametrize(
    ("locale", "why"),
    [("en", "no row was changed"), ("th", "ต่อดิสก์กลับ หรือวางไฟล์คืนที่เดิม แล้วจะทำงานต่อเอง (")],
)
def test_what_to_do_about_a_disk_is_said_in_the_readers_words(
    browser: Browser, shelf: Shelf, site: Site, locale: str, why: str
) -> None:
    """The notice and the health page tell it alike, and the archive's own words stand behind."""
    shelf.arrive(shelf.attach(shelf.post(1, "on the other disk")))
    shelf.media.root.rename(shelf.media.root.with_name("away"))
    with opened(browser, site, locale=locale) as page:
        notice = page.locator(".notices", has_text=why)
        notice.wait_for()
        assert "mount its disk again" in notice.inner_text()
        page.goto(f"{site.url}?view=health")
        page.wait_for_selector(f"#health-folder >> text={why}")


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en", ("The pictures cannot be read", "of 1 picture lies on a disk that cannot be read")),
        ("th", ("อ่านรูปจากดิสก์ไม่ได้", "จาก 1 รูปอยู่ในดิสก์ที่อ่านไม่ได้ตอนนี้")),
    ],
)
def test_a_damaged_disk_has_words_of_its_own(
    browser: Browser, shelf: Shelf, site: Site, locale: str, words: tuple[str, str]
) -> None:
    """A disk that is there and does not read is not called one that is not there."""
    shelf.arrive(shelf.attach(shelf.post(1, "on a bad disk")))
    with pytest.raises(Unavailable):
        Brake(shelf.db, shelf.media).pull_for_damage(["attachments/a.jpg"], 30, 100)
    page = browser.new_page(locale=locale)
    page.goto(site.url)
    page.wait_for_selector(f".notices >> text={words[0]}")
    page.wait_for_selector(".notices >> text=check its disk, its cable")
    page.wait_for_selector(f".count >> text={words[1]}")
    page.wait_for_selector(f"#live[data-state='away'] >> text={words[0]}")
    page.close()


def test_a_folder_that_is_a_link_is_said(browser: Browser, shelf: Shelf, site: Site) -> None:
    """No picture is shown through it, and the page says which folder it is."""
    shelf.arrive(shelf.attach(shelf.post(1, "behind a link")))
    folder = shelf.media.root / "attachments"
    outside = folder.rename(shelf.media.root.parent / "outside")
    folder.symlink_to(outside)
    page = browser.new_page()
    page.goto(site.url)
    page.wait_for_selector(".notices >> text=The pictures are not shown")
    page.wait_for_selector(".notices >> text=attachments is a link")
    page.close()


def test_a_filter_that_is_none_is_told(browser: Browser, shelf: Shelf, site: Site) -> None:
    """What the archive refuses is said where the posts would be, and not called well."""
    shelf.post(1, "here")
    with watched(browser, site.url, may_fail=("status of 400", "required format")) as page:
        page.goto(f"{site.url}?since=garbage")
        page.wait_for_selector("#end >> text=since must be")
        page.wait_for_selector("#live[data-state='away']")
        page.get_by_role("button", name="Show all posts").click()
        page.wait_for_selector("article >> text=here")


def test_posts_refused_in_the_middle_of_a_look_are_not_called_well(
    browser: Browser, shelf: Shelf, site: Site
) -> None:
    """The numbers come and the posts are refused after them: the refusal stays."""
    shelf.post(1, "here")
    with watched(browser, site.url, may_fail=("status of 400", "required format")) as page:
        asked: list[Route] = []
        page.route("**/api/posts*", lambda route: asked.append(route))
        page.goto(f"{site.url}?since=garbage")
        # The summary is filled in the middle of the look, which then waits for the posts.
        page.wait_for_selector(".summary >> text=Slow Mornings")
        (refused,) = asked
        refused.continue_()
        page.wait_for_selector("#end >> text=since must be")
        assert page.locator("#live").get_attribute("data-state") == "away"


def test_days_are_the_readers(browser: Browser, shelf: Shelf, site: Site) -> None:
    """A post of two at night in Bangkok belongs to that day, though it is the day before in UTC."""
    shelf.post(1, "late", created_time="2026-11-20 19:35:07.000000+00:00")
    where = f"{site.url}?since=2026-11-21&until=2026-11-21"
    with watched(browser, site.url, timezone_id="Asia/Bangkok") as page:
        page.goto(where)
        page.wait_for_selector("article >> text=late")
    with watched(browser, site.url, timezone_id="UTC") as page:
        page.goto(where)
        page.wait_for_selector("text=No post fits.")


def test_a_second_refusal_takes_no_letter_of_the_token(browser: Browser, shelf: Shelf) -> None:
    """The posts are refused after the numbers: what was typed meanwhile stays."""
    app = make_app(shelf.feed, shelf.media, auth_token="sesame")
    with serving(app) as site, watched(browser, site.url, may_fail=("status of 401",)) as page:
        asked: list[Route] = []
        page.route("**/api/posts*", lambda route: asked.append(route))
        page.goto(site.url)
        token = page.get_by_label("Token", exact=True)
        token.fill("ses")
        (refused,) = asked
        refused.continue_()
        page.wait_for_selector("#end:not(:empty)", state="attached")
        assert token.input_value() == "ses"


def test_a_token_in_other_letters_is_asked_for_again(browser: Browser, shelf: Shelf) -> None:
    """No header can carry it: it is wrong, and the tab is not stuck with it."""
    shelf.post(1, "behind the token")
    app = make_app(shelf.feed, shelf.media, auth_token="sesame")
    with serving(app) as site, watched(browser, site.url, may_fail=("status of 401",)) as page:
        page.goto(site.url)
        page.get_by_label("Token", exact=True).fill("ภาษาไทย")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=That was not the right token.")
        page.get_by_label("Token", exact=True).fill("sesame")
        page.keyboard.press("Enter")
        page.wait_for_selector("article >> text=behind the token")
