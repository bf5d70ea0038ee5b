"""The made-up Pages."""

from __future__ import annotations

from hashlib import sha256
from random import Random

from fbsyncd.simulator.pictures import Picture
from fbsyncd.simulator.values import Page

_PAGES = (
    (
        "Baan Rim Nam บ้านริมน้ำ",
        "baanrimnam.community",
        "Community Centre",
        "A house by the river for everyone in the neighbourhood. บ้านของทุกคนริมแม่น้ำ",
        "https://baanrimnam.example.org",
        "community",
    ),
    (
        "Doi Morning Coffee",
        "doimorningcoffee",
        "Café",
        "Slow coffee, grown on the hill behind us. กาแฟดอย คั่วเอง ชงเอง",
        "https://doimorning.example.org",
        "cafe",
    ),
    (
        "Sông Xanh FC",
        "songxanhfc",
        "Football Club",
        "Câu lạc bộ bóng đá Sông Xanh. One river, one team.",
        "https://songxanhfc.example.org",
        "football",
    ),
    (
        "Slow Roads Asia",
        "slowroads.asia",
        "Travel Page",
        "Two people, one old van, no hurry. เที่ยวช้าๆ ไปด้วยกัน",
        "https://slowroads.example.org",
        "travel",
    ),
)


def make_pages(count: int, seed: int) -> list[Page]:
    """Make *count* Pages up; after the fourth the names come round again with a number."""
    return [_page(nth, seed) for nth in range(count)]


def _page(nth: int, seed: int) -> Page:
    round_, place = divmod(nth, len(_PAGES))
    name, username, category, about, website, theme = _PAGES[place]
    dice = Random(f"page/{seed}/{nth}")
    suffix = f" {round_ + 1}" if round_ else ""
    return Page(
        id=str(104_000_000_000_000 + nth * 10**12 + dice.randrange(9 * 10**11)),
        name=name + suffix,
        username=username + suffix.replace(" ", "."),
        token=token("page", seed, nth),
        owner=str(615_000_000_000_000 + dice.randrange(10**12)),
        category=category,
        about=about,
        website=website,
        fan_count=dice.randrange(900, 42_000),
        theme=theme,
    )


def avatar(page: Page) -> Picture:
    """The page's profile picture."""
    number = int(page.id) % 10**9 + 4 * 10**8
    name = f"{number}_{page.owner}_{int(page.owner) * 311}_n.jpg"
    return Picture(name, f"/v/t39.30808-1/{name}", 960, 960)


def token(kind: str, seed: int, nth: int = 0) -> str:
    """An access token that looks like one."""
    return "EAA" + sha256(f"{kind}/{seed}/{nth}".encode()).hexdigest()
