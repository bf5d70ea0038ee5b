"""Records of an export as pages: no script, nothing from elsewhere, every text escaped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from itertools import groupby
from typing import Any, Final
from unicodedata import category

from fbsyncd.export.style import STYLE

__all__ = ["STYLE", "Month", "article", "foot", "head", "index"]

_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_UP: Final = "../"


@dataclass(slots=True)
class Month:
    """A month on the index: *name* as 2026-03, and the first picture there is."""

    name: str
    posts: int = 0
    pictures: int = 0
    cover: str | None = None

    @property
    def title(self) -> str:
        year, _, number = self.name.partition("-")
        if not number:
            return year.capitalize()
        return f"{_MONTHS[int(number) - 1]} {year}"

    def count(self, post: dict[str, Any]) -> None:
        """Count a post of this month."""
        found = _files(post)
        self.posts += 1
        self.pictures += len(found)
        self.cover = self.cover or (found[0]["file"] if found else None)


def head(title: str, *, depth: int = 0) -> str:
    """Return how a page begins; *depth* 1: it lies in a folder."""
    up = _UP * depth
    body = '<body class="month">' if depth else "<body>"
    back = f'<nav><a href="{up}index.html">All months</a></nav>' if depth else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f'<title>{_text(title)}</title>\n<link rel="stylesheet" href="{up}style.css">\n'
        f"</head>\n{body}\n"
        f'<header class="top">{back}<h1 dir="auto">{_text(title)}</h1></header>\n'
        "<main>\n"
    )


def foot() -> str:
    """Return how a page ends."""
    return "</main>\n</body>\n</html>\n"


def article(post: dict[str, Any], page: str | None = None) -> str:
    """Return a post of a page in months/; *page* is told where there is more than one."""
    parts = [
        _paragraph(page, "page"),
        _line(post),
        _paragraph(post["message"]),
        _paragraph(post["story"] if not post["message"] else None, "story"),
        _gallery(post),
        _lost(post),
        _earlier(post["history"]),
        _removed(post["attachments"]),
    ]
    anchor = escape(str(post["id"]), quote=True)
    return f'<article id="{anchor}">\n{"".join(filter(None, parts))}</article>\n'


def index(pages: Sequence[dict[str, Any]], months: Sequence[Month], when: str) -> str:
    """Return the first page: the months by year, the newest first."""
    names = ", ".join(str(page["name"] or page["id"]) for page in pages)
    posts, pictures = (sum(getattr(one, name) for one in months) for name in ("posts", "pictures"))
    told = f"{_many(posts, 'post')}, {_many(pictures, 'picture')}. Written {_day(when)}."
    years = (
        f'<h2>{year.capitalize()}</h2>\n<ul class="months">\n{"".join(map(_card, some))}</ul>\n'
        for year, some in groupby(months, key=lambda one: one.name.partition("-")[0])
    )
    return f'{head(names or "Archive")}<p class="told">{told}</p>\n{"".join(years)}{foot()}'


def _card(month: Month) -> str:
    cover = f'<img src="{month.cover}" alt="" loading="lazy">' if month.cover else "<span></span>"
    counts = f"{_many(month.posts, 'post')}, {_many(month.pictures, 'picture')}"
    return (
        f'<li><a href="months/{month.name}.html">{cover}<b>{month.title}</b>'
        f"<small>{counts}</small></a></li>\n"
    )


def _line(post: dict[str, Any]) -> str:
    """Return when a post appeared, where, and whether it is still there."""
    link = post["permalink_url"] or ""
    source = f' <a href="{escape(link)}" rel="noreferrer">on Facebook</a>'
    gone = _day(post["deleted_at"]) if post["deleted_at"] else ""
    return (
        f'<p class="when">{_time(post["created_time"])}'
        f"{source if link.startswith('https://') else ''}"
        f"{f' <mark>no longer on Facebook since {gone}</mark>' if gone else ''}</p>\n"
    )


def _time(at: str | None) -> str:
    return f'<time datetime="{at}">{_day(at)}, {at[11:16]} UTC</time>' if at else "No known time"


def _gallery(post: dict[str, Any]) -> str:
    found = _files(post)
    return (
        f'<div class="pictures n{min(len(found), 4)}">\n{"".join(map(_image, found))}</div>\n'
        if found
        else ""
    )


def _image(picture: dict[str, Any]) -> str:
    file = f"{_UP}{picture['file']}"
    size = f' width="{picture["width"]}" height="{picture["height"]}"' if picture["width"] else ""
    return f'<a href="{file}"><img src="{file}"{size} alt="" loading="lazy"></a>\n'


def _lost(post: dict[str, Any]) -> str:
    """Return what is missing of a post's pictures, each reason once."""
    states = {picture["state"] for picture in _pictures(post) if not picture["file"]}
    return "".join(f'<p class="lost">Picture {_text(state)}</p>\n' for state in sorted(states))


def _earlier(history: Sequence[dict[str, Any]]) -> str:
    if not history:
        return ""
    texts = "".join(
        f'<p class="when">until {_day(one["until"])}</p>\n'
        f"{_paragraph(one['message'] or one['story'] or '(no text)')}"
        for one in reversed(history)
    )
    return f"<details><summary>Earlier texts: {len(history)}</summary>\n{texts}</details>\n"


def _removed(attachments: Sequence[dict[str, Any]]) -> str:
    """Return the pictures that the post had once."""
    found = _shown(one["picture"] for one in attachments if one["removed_at"])
    if not found:
        return ""
    images = "".join(map(_image, found))
    return (
        f"<details><summary>Removed since: {_many(len(found), 'picture')}</summary>\n"
        f'<div class="pictures n{min(len(found), 4)}">\n{images}</div></details>\n'
    )


def _files(post: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the pictures to show, each file once: those attached, or the post's own."""
    attached = _shown(one["picture"] for one in post["attachments"] if not one["removed_at"])
    return attached or _shown((post["full_picture"], post["picture"]))[:1]


def _shown(pictures: Iterable[dict[str, Any] | None]) -> list[dict[str, Any]]:
    return list({one["file"]: one for one in pictures if one and one["file"]}.values())


def _pictures(post: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for one in (post["full_picture"], *(each["picture"] for each in post["attachments"])):
        if one:
            yield one


def _paragraph(text: str | None, kind: str = "text") -> str:
    return f'<p class="{kind}" dir="auto">{_text(text)}</p>\n' if text else ""


def _text(text: str) -> str:
    """Return text that shows as it was written and can be nothing but text.

    Control characters go, joiners and direction marks stay: whole scripts and emoji need them.
    """
    # SQLite makes numbers of texts in a column that somebody called STRING.
    return escape("".join(char for char in str(text) if char in "\n\t" or category(char) != "Cc"))


def _day(at: str) -> str:
    moment = datetime.fromisoformat(at)
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what if count == 1 else f'{what}s'}"
