"""The simulated Facebook's state: its pages, their posts, and everything that can happen to them.

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

    from fbsyncd.simulator.clock import Clock
    from fbsyncd.simulator.pictures import Gallery
    from fbsyncd.simulator.replay import Recording
    from fbsyncd.simulator.values import Page, Photo, Post, Video

_ROLES = {"photo": "photo", "video": "reel"}


class World:
    """Holds what exists and lets it change; knows nothing of links, HTTP or faults."""

    def __init__(self, clock: Clock, gallery: Gallery, seed: int) -> None:
        self.pages: dict[str, Page] = {}
        self.open_to_all = False
        self._clock = clock
        self._gallery = gallery
        self._seed = seed
        self._castings: dict[str, Casting] = {}
        self._posts: dict[str, Post] = {}
        self._listed: dict[str, list[Post]] = {}
        self._removed: dict[str, Post] = {}
        self._owners: dict[str, str] = {}
        self._young = 0
        self._lock = threading.RLock()

    def populate(self, pages: int, posts: int, newest: datetime) -> None:
        """Make *pages* pages up, each with *posts* posts, the newest of the time *newest*."""
        for page in make_pages(pages, self._seed):
            self.pages[page.id] = page
            self._gallery.add(avatar(page))
            casting = self._castings[page.id] = Casting(page, self._seed)
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

    def add_post(
        self,
        kind: str = "photo",
        *,
        message: str | None = None,
        created_time: datetime | None = None,
        photos: int | None = None,
        page_id: str | None = None,
    ) -> str:
        """Publish a post now (or at *created_time*) and return its id.

        *kind* is any of the casting's roles: photo, album, reel, live, share, text, cover...
        *photos* is the number of pictures of an album. A made-up message is used for None.
        """
        return self._publish(kind, message, created_time, photos, page_id).id

    def schedule(self, publish_at: datetime, *, kind: str = "reel", **wishes: str) -> str:
        """Prepare a post that is not published yet; returns its (passing) id."""
        post = self._publish(kind, wishes.get("message"), None, None, wishes.get("page_id"))
        hidden = replace(
            post,
            published=False,
            publish_at=publish_at,
            permalink=f"https://www.facebook.com/{post.id}",
        )
        self.keep([hidden])
        return hidden.id

    def publish(self, post_id: str) -> str:
        """Publish a scheduled post: it comes back under another id, with new files.

        Measured on a real feed: nine of ten scheduled reels did, and the old id vanished.
        """
        old = self._wanted(post_id)
        new_id = self.add_post(
            "reel" if old.video else "photo", message=old.message, page_id=old.page_id
        )
        self._posts.pop(post_id)
        self._listed.clear()
        return new_id

    def edit(self, post_id: str, message: str | None) -> None:
        """Change a post's text."""
        old = self._wanted(post_id)
        self.keep([replace(old, message=message, updated=self._clock.now())])

    def replace_photo(self, post_id: str, index: int = 0) -> None:
        """Put another picture in the place of photo *index*; the photo's own id stays."""
        old = self._wanted(post_id)
        fresh = self._fresh_photos(old, 1)[0]
        photos = list(old.photos)
        photos[index] = replace(photos[index], picture=fresh.picture)
        self.keep([replace(old, photos=tuple(photos))])

    def grow_album(self, post_id: str, photos: int = 1) -> None:
        """Add *photos* pictures to a post with pictures; one photo becomes an album so."""
        old = self._wanted(post_id)
        grown = (*old.photos, *self._fresh_photos(old, photos))
        self.keep([replace(old, kind="album", photos=grown)])

    def remove(self, post_id: str) -> None:
        """Take a post away: it is in no list and its node is missing. Its files stay."""
        with self._lock:
            self._removed[post_id] = self._wanted(post_id)
            del self._posts[post_id]
            self._listed.clear()

    def restore(self, post_id: str) -> None:
        """Bring a removed post back as it was."""
        with self._lock:
            self.keep([self._removed.pop(post_id)])

    def change_permalink(self, post_id: str, permalink: str | None = None) -> None:
        """Let a post be reached by another address: /videos/ and /reel/ change places."""
        old = self._wanted(post_id)
        self.keep([replace(old, permalink=permalink or _other_address(old))])

    def purge(self, post_id: str, index: int = 0) -> None:
        """Delete a picture's file from the CDN: links to it answer 404, signed or not."""
        post = self._wanted(post_id)
        pictures = [photo.picture for photo in post.photos]
        pictures += post.video.thumbnails if post.video else ()
        self._gallery.purge(pictures[index].key)

    def _publish(
        self,
        kind: str,
        message: str | None,
        created: datetime | None,
        photos: int | None,
        page_id: str | None,
    ) -> Post:
        casting = self._castings[page_id or next(iter(self.pages))]
        role = "album" if photos and photos > 1 else _ROLES.get(kind, kind)
        with self._lock:
            self._young -= 1
            index = self._young
        post = casting.made(role, index, (created or self._clock.now()).replace(microsecond=0))
        if photos:
            post = replace(post, photos=tuple(casting.photo(index, n) for n in range(photos)))
        if message is not None:
            post = replace(post, message=message or None)
        self.keep([post])
        return post

    def _fresh_photos(self, post: Post, count: int) -> list[Photo]:
        casting = self._castings[post.page_id]
        with self._lock:
            self._young -= 1
            return [casting.photo(self._young, nth) for nth in range(count)]

    def _wanted(self, post_id: str) -> Post:
        post = self._posts.get(post_id)
        if post is None:
            raise KeyError(f"no post {post_id}")
        return post

    def _index(self, post: Post) -> None:
        for photo in post.photos:
            self._owners[photo.id] = post.id
            self._gallery.add(photo.picture)
        if post.video:
            self._owners[post.video.id] = post.id
            for frame in post.video.thumbnails:
                self._gallery.add(frame)


def _other_address(post: Post) -> str:
    if post.video and "/reel/" in post.permalink:
        return f"https://www.facebook.com/{post.page_id}/videos/{post.video.id}/"
    if post.video:
        return f"https://www.facebook.com/reel/{post.video.id}/"
    return post.permalink.replace("/posts/", "/permalink/")
