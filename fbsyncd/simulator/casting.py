"""Makes pages and posts up, always the same ones for the same seed.

Post number *i* of a page (0 is the newest) depends on seed, page and *i* alone, so forty posts
are the first forty of three thousand. Forty in a row hold every shape that was measured on real
feeds, in about the real shares: photos 56 %, albums and videos 16 % each, the odd ones the rest.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from urllib.parse import urlsplit

from fbsyncd.simulator import texts
from fbsyncd.simulator.pictures import Picture
from fbsyncd.simulator.values import Kind, Page, Photo, Post, Video

_ORDER = (
    "photo album reel photo photo share photo tall album photo "
    "reel photo text photo album photo event reel photo again "
    "photo cover album photo unavailable reel photo png photo album "
    "profile photo webp alpha live gif album photo reel old"
)
ROLL = _ORDER.split()
_KINDS: dict[str, Kind] = {
    "album": "album",
    "reel": "reel",
    "live": "live",
    "share": "share",
    "text": "text",
    "unavailable": "unavailable",
    "cover": "cover",
    "profile": "profile",
}
_SHAPES = ((1440, 1080), (1080, 1080), (1080, 1350), (1620, 1080), (1600, 900), (1280, 960))
_TALL = (1080, 1920)


class Casting:
    """Makes the posts of one page."""

    def __init__(self, page: Page, seed: int) -> None:
        self.page = page
        self._seed = seed

    def post(self, index: int, newest: datetime) -> Post:
        """Post number *index*, counted from the newest, which appeared at *newest*."""
        return self.made(self.role(index), index, newest - self._age(index))

    def role(self, index: int) -> str:
        """Which of the forty shapes post *index* has; later forties come in another order."""
        if 0 <= index < len(ROLL):
            return ROLL[index]
        block, place = divmod(index, len(ROLL))
        roll = list(ROLL)
        self._dice("roll", block).shuffle(roll)
        return roll[place]

    def made(self, role: str, index: int, created: datetime) -> Post:
        """A post of *role* under number *index* (negative: younger than the seed's own)."""
        dice = self._dice("post", index)
        text = texts.compose(self.page.theme, index, dice, silent=0.1 if index > 5 else 0)
        number = self._number(index)
        post = Post(
            id=f"{self.page.id}_{number}",
            page_id=self.page.id,
            kind=_KINDS.get(role, "photo"),
            created=created,
            updated=created,
            message=text.message if role not in ("cover", "profile", "unavailable") else None,
            permalink=f"https://www.facebook.com/{self.page.owner}/posts/{number}",
            shares=dice.choice((0, 0, 0, 1, 2, 5, 14)),
            headline=text.headline,
        )
        return self._dressed(post, role, index, text.topic)

    def photo(self, index: int, nth: int, topic: str = "", ending: str = "jpg") -> Photo:
        """Photo *nth* of post *index*."""
        dice = self._dice("photo", index, nth)
        width, height = dice.choice(_SHAPES)
        number = self._number(index) - 53300 + 370 * nth
        return Photo(str(number - 11), self._picture(dice, (width, height), topic, ending))

    def _dressed(self, post: Post, role: str, index: int, topic: str) -> Post:
        if role in ("reel", "live"):
            return self._filmed(post, role, index, topic)
        if role == "share":
            return self._shared(post, index, topic)
        if role in ("text", "unavailable"):
            return post
        if role == "album":
            count = self._dice("album", index).choice((2, 3, 3, 4, 4, 5, 6, 8, 10))
            photos = tuple(self.photo(index, nth, topic) for nth in range(count))
            return replace(post, photos=photos)
        return self._pictured(post, role, index, topic)

    def _pictured(self, post: Post, role: str, index: int, topic: str) -> Post:
        if role == "again":
            # Measured: 22 of 521 files belong to two posts or more.
            twin = self.post(index + 1, post.created)
            return replace(post, photos=twin.photos[:1] or (self.photo(index, 0, topic),))
        ending = {"png": "png", "alpha": "png", "gif": "gif"}.get(role, "jpg")
        photo = self.photo(index, 0, topic, ending)
        stp = {"webp": "dst-webp_s720x720", "alpha": "", "gif": "", "tall": _p720()}.get(role)
        if role == "old":
            photo = replace(photo, picture=_moved(photo.picture, "t1.6435-9"))
        if role == "tall":
            photo = replace(photo, picture=_shaped(photo.picture, *_TALL))
        if role == "alpha":
            photo = replace(photo, picture=_see_through(photo.picture))
        size = self._usual_size(index) if stp is None else stp
        return replace(post, photos=(photo,), size=size, footer=role == "event")

    def _usual_size(self, index: int) -> str:
        return _p720() if self._dice("size", index).random() < 0.2 else "dst-jpg_s720x720_tt6"

    def _filmed(self, post: Post, role: str, index: int, topic: str) -> Post:
        dice = self._dice("video", index)
        shape = (720, 1280) if role == "reel" else (1280, 720)
        frames = tuple(
            _moved(self._picture(dice, shape, topic, "jpg"), "t15.5256-10") for _ in range(3)
        )
        number = str(self._number(index) + 226_312_707_000_000)
        ending = "mp4" if role == "reel" else "mpd"
        video = Video(
            id=number,
            length=round(dice.uniform(7, 94), 3),
            thumbnails=frames,
            source=f"/o1/v/t2/f2/m366/AQ{dice.getrandbits(200):050X}.{ending}",
            title=post.headline if dice.random() < 0.3 else "",
        )
        link = (
            f"https://www.facebook.com/reel/{number}/"
            if role == "reel"
            else f"https://www.facebook.com/{self.page.owner}/videos/{number}/"
        )
        return replace(post, video=video, permalink=link)

    def _shared(self, post: Post, index: int, topic: str) -> Post:
        dice = self._dice("share", index)
        address, headline = texts.article(dice)
        site = urlsplit(address).hostname or ""
        original = f"https://{site}/media/{dice.randrange(10**6)}/cover-{dice.randrange(99)}.jpg"
        preview = Picture(
            key=original,
            path=f"/emg1/v/t13/{dice.randrange(10**18, 10**19)}",
            width=1600,
            height=840,
            topic=topic,
            params=(("url", original), ("fb_obo", "1"), ("utld", site)),
        )
        return replace(
            post,
            photos=(Photo("", preview),),
            address=address,
            headline=headline,
            size="c0.5000x0.5000f_dst-emg0_p720x720_q75_tt6",
        )

    def _picture(self, dice: Random, shape: tuple[int, int], topic: str, ending: str) -> Picture:
        numbers = (
            dice.randrange(4 * 10**8, 8 * 10**8),
            dice.randrange(10**15, 2 * 10**15),
            dice.randrange(10**17, 9 * 10**18),
        )
        name = "_".join(map(str, numbers)) + f"_n.{ending}"
        return Picture(name, f"/v/t39.30808-6/{name}", *shape, topic=topic)

    def _number(self, index: int) -> int:
        start = 1_085_817_367_431_406 + int(self.page.id) % 10**12
        return start - index * 128_000_000 + self._dice("id", index).randrange(99_000_000)

    def _age(self, index: int) -> timedelta:
        jitter = self._dice("age", index).uniform(0, 8)
        return timedelta(hours=index * 9.6 + jitter) if index else timedelta()

    def _dice(self, *of: object) -> Random:
        return Random("/".join(map(str, (self._seed, self.page.id, *of))))


def _p720() -> str:
    return "dst-jpg_p720x720_tt6"


def _moved(picture: Picture, folder: str) -> Picture:
    return replace(picture, path=f"/v/{folder}/{picture.key}")


def _shaped(picture: Picture, width: int, height: int) -> Picture:
    return replace(picture, width=width, height=height)


def _see_through(picture: Picture) -> Picture:
    return replace(_shaped(picture, 720, 720), alpha=True)
