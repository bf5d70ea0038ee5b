"""The simulated Facebook's state: its pages and their posts.

Every change is made under one lock and replaces whole values, so that an answer in the making
sees a post either before or after it.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from fbsyncd.simulator.cast import avatar, make_pages
from fbsyncd.simulator.casting import Casting
from fbsyncd.simulator.replay import PAGE as RECORDED

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from fbsyncd.simulator.pictures import Gallery
    from fbsyncd.simulator.replay import Recording
    from fbsyncd.simulator.values import Page, Photo, Post, Video


class World:
    """Holds what exists; knows nothing of links, HTTP or faults."""

    def __init__(self, gallery: Gallery, seed: int) -> None:
        self.pages: dict[str, Page] = {}
        self.open_to_all = False
        self._gallery = gallery
        self._seed = seed
        self._posts: dict[str, Post] = {}
        self._listed: dict[str, list[Post]] = {}
        self._owners: dict[str, str] = {}
        self._lock = threading.RLock()

    def populate(self, pages: int, posts: int, newest: datetime) -> None:
        """Make *pages* pages up, each with *posts* posts, the newest of the time *newest*."""
        for page in make_pages(pages, self._seed):
            self.pages[page.id] = page
            self._gallery.add(avatar(page))
            casting = Casting(page, self._seed)
            self.keep([casting.post(index, newest) for index in range(posts)])

    def keep(self, posts: Iterable[Post]) -> None:
        """Store *posts* with their pictures; a post already there is replaced."""
        with self._lock:
            for post in posts:
                self._posts[post.id] = post
                self._index(post)
            self._listed.clear()

    def play(self, recording: Recording) -> None:
        """Show *recording* on every page, instead of the recording shown before."""
        with self._lock:
            self.open_to_all = True
            for post_id in [post.id for post in self._posts.values() if post.page_id == RECORDED]:
                del self._posts[post_id]
            for picture in recording.pictures.values():
                self._gallery.add(picture)
            self.keep(recording.posts.values())

    def posts(self, page_id: str) -> list[Post]:
        """The posts of a page, published or not, newest first."""
        with self._lock:
            found = self._listed.get(page_id)
            if found is None:
                wanted = (page_id, RECORDED) if self.open_to_all else (page_id,)
                mine = [post for post in self._posts.values() if post.page_id in wanted]
                mine.sort(key=lambda post: (post.created, post.id), reverse=True)
                found = self._listed[page_id] = mine
            return found

    def page(self, page_id: str) -> Page | None:
        """The page of that id; when the world is open to all, every number is one."""
        page = self.pages.get(page_id)
        if page is None and self.open_to_all and page_id.isdecimal():
            return replace(next(iter(self.pages.values())), id=page_id)
        return page

    def home(self, post: Post) -> Page:
        """The page a post is on."""
        return self.pages.get(post.page_id) or next(iter(self.pages.values()))

    def post(self, post_id: str) -> Post | None:
        """One post, or None when it does not exist (any more)."""
        return self._posts.get(post_id)

    def video(self, video_id: str) -> tuple[Post, Video] | None:
        """The video of that number and the post it is in."""
        post = self._posts.get(self._owners.get(video_id, ""))
        if post and post.video and post.video.id == video_id:
            return post, post.video
        return None

    def photo(self, photo_id: str) -> tuple[Post, Photo] | None:
        """The photo of that number and the post it is in."""
        post = self._posts.get(self._owners.get(photo_id, ""))
        photos = post.photos if post else ()
        return next(((post, photo) for photo in photos if post and photo.id == photo_id), None)

    def discard(self, post_id: str) -> Post:
        """Take a post out and return it; KeyError when it is not there."""
        with self._lock:
            post = self._posts.pop(post_id)
            self._listed.clear()
        return post

    def _index(self, post: Post) -> None:
        for photo in post.photos:
            self._owners[photo.id] = post.id
            self._gallery.add(photo.picture)
        if post.video:
            self._owners[post.video.id] = post.id
            for frame in post.video.thumbnails:
                self._gallery.add(frame)
