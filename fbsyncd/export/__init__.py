"""The archive as plain files that need no program of ours.

::

    DIR/
        README.txt              what this is; by its first line an export is known as ours
        index.html              opens without a server; leads to
        months/2026-03.html     the posts of a month, newest first
        style.css
        posts/2026-03.json      the same posts in full, with their earlier texts
        videos.json  pages.json
        pictures/<category>/    every archived picture, under the name the archive gives it
        SHA256SUMS              of everything above: sha256sum -c SHA256SUMS

An export is written in place, each file whole or not at all, and SHA256SUMS at the very end: a
folder without it is unfinished. Exporting into it again goes on and brings it up to date; what
others have put there stays. Pictures are hard links where the file system allows it, and only
such whose bytes still have their SHA-256.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from peewee import Database

from fbsyncd.errors import UsageError
from fbsyncd.export import html, source
from fbsyncd.export.folder import Folder
from fbsyncd.media import CATEGORIES, Media
from fbsyncd.view import moment

#: The first line of README.txt.
MARK: Final = "An archive of Facebook Pages, written by fbsyncd export."
_README: Final = """{mark}

Written {when}: {posts} of {pages}.

Open index.html in a browser; it needs no network and no program.

posts/       one JSON file a month (UTC): the posts, newest first, with their earlier texts;
             "file" leads to a picture, "state" says why there is none
videos.json  the Pages' videos (their posters, not the films)
pages.json   how the Pages describe themselves
pictures/    every archived picture; a file is named after the SHA-256 of its content
months/      the posts as pages to look at

To see that nothing has changed since:  sha256sum -c SHA256SUMS
Without SHA256SUMS the export was cut short; the same command goes on with it.

On the disk of the archive the pictures are hard links to its own files: change copies, not these.
"""


@dataclass(slots=True)
class Exported:
    """What an export holds; *damaged* are pictures left out: missing, or not what they were."""

    posts: int = 0
    videos: int = 0
    pictures: int = 0
    damaged: set[str] = field(default_factory=set)


def export(db: Database, media: Media, target: Path, now: datetime) -> Exported:
    """Write the archive to *target*, a folder that is new, empty or an earlier export.

    Raises UsageError for any other folder, and MediaTrouble when a file cannot be read or written.
    """
    if target.resolve().is_relative_to(media.root.resolve()):
        raise UsageError(f"{target} lies in the archive's own media folder: choose another")
    done = Exported()
    with Folder.opened(target, MARK) as folder:
        pictures = _Pictures(media, folder, done)
        for category in CATEGORIES:
            for name in source.pictures(db, category):
                pictures.place(category, name)
        pages = source.pages(db)
        names = {page["id"]: page["name"] for page in pages} if len(pages) > 1 else {}
        months = list(_posts(source.posts(db, pictures.has), names, folder, done))
        with folder.writing("videos.json") as write:
            for text in _listed(source.videos(db, pictures.has), done):
                write(text)
        folder.put("pages.json", f"{_json(pages)}\n")
        folder.put("style.css", html.STYLE)
        folder.put("index.html", html.index(pages, months, moment(now) or ""))
        folder.put("README.txt", _readme(pages, done, now))
        folder.sweep(lambda category, names: source.known(db, category, names))
    return done


@dataclass(frozen=True, slots=True)
class _Pictures:
    """Archived files on their way into the folder of an export."""

    media: Media
    folder: Folder
    done: Exported

    def place(self, category: str, name: str) -> bool:
        """Bring a picture in; its name says what its bytes must be."""
        path = self.media.file(category, name)
        sha256 = name.partition(".")[0]
        if path is None or not self.folder.place(path, category, sha256):
            self.done.damaged.add(f"{category}/{name}")
            return False
        self.done.pictures += 1
        return True

    def has(self, category: str, name: str) -> bool:
        """Tell whether a picture is in the export; one archived since it began is brought in."""
        if f"{category}/{name}" in self.done.damaged:
            return False
        return self.folder.has(category, name) or self.place(category, name)


def _posts(
    posts: Iterator[dict[str, Any]], names: dict[str, str], folder: Folder, done: Exported
) -> Iterator[html.Month]:
    """Write the posts month by month, both forms side by side; yield the months.

    *names* are those of the Pages that a post is told to be of.
    """
    for name, some in itertools.groupby(posts, key=source.month):
        month = html.Month(name)
        with (
            folder.writing(f"posts/{name}.json") as write,
            folder.writing(f"months/{name}.html") as show,
        ):
            show(html.head(month.title, depth=1))
            write("[\n")
            for post in some:
                write(f"{',' if month.posts else ''}{_json(post)}\n")
                show(html.article(post, names.get(post["page_id"])))
                month.count(post)
            write("]\n")
            show(html.foot())
        done.posts += month.posts
        yield month


def _listed(videos: Iterator[dict[str, Any]], done: Exported) -> Iterator[str]:
    """Yield the text of a JSON array, a video a line."""
    yield "[\n"
    for video in videos:
        yield f"{',' if done.videos else ''}{_json(video)}\n"
        done.videos += 1
    yield "]\n"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _readme(pages: list[dict[str, Any]], done: Exported, now: datetime) -> str:
    names = ", ".join(" ".join(str(page["name"] or page["id"]).split()) for page in pages)
    return _README.format(
        mark=MARK, when=moment(now), posts=f"{done.posts:,} posts", pages=names or "no Page"
    )
