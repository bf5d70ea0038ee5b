"""Everything that can happen to the posts of the simulated Facebook."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from fbsyncd.simulator.casting import ROLL, Casting

if TYPE_CHECKING:
    from datetime import datetime

    from fbsyncd.simulator.clock import Clock
    from fbsyncd.simulator.pictures import Gallery
    from fbsyncd.simulator.values import Photo, Post
    from fbsyncd.simulator.world import World

_ROLES = {"video": "reel"}


class Changes:
    """Changes the world: adds, edits, removes. A post that is not there is a KeyError."""

    def __init__(self, world: World, gallery: Gallery, clock: Clock, seed: int) -> None:
        self._world = world
        self._gallery = gallery
        self._clock = clock
        self._seed = seed
        self._removed: dict[str, Post] = {}
        # Younger posts than the first ones have negative numbers.
        self._numbers = itertools.count(-1, -1)

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
        self._world.keep([hidden])
        return hidden.id

    def publish(self, post_id: str) -> str:
        """Publish a scheduled post: it comes back under another id, with new files.

        Measured on a real feed: nine of ten scheduled reels did, and the old id vanished.
        """
        old = self._wanted(post_id)
        new_id = self.add_post(
            "reel" if old.video else "photo", message=old.message, page_id=old.page_id
        )
        self._world.discard(post_id)
        return new_id

    def edit(self, post_id: str, message: str | None) -> None:
        """Change a post's text."""
        old = self._wanted(post_id)
        self._world.keep([replace(old, message=message, updated=self._clock.now())])

    def replace_photo(self, post_id: str, index: int = 0) -> None:
        """Put another picture in the place of photo *index*; the photo's own id stays."""
        old = self._wanted(post_id)
        fresh = self._fresh_photos(old, 1)[0]
        photos = list(old.photos)
        photos[index] = replace(photos[index], picture=fresh.picture)
        self._world.keep([replace(old, photos=tuple(photos))])

    def grow_album(self, post_id: str, photos: int = 1) -> None:
        """Add *photos* pictures to a post with pictures; one photo becomes an album so."""
        old = self._wanted(post_id)
        grown = (*old.photos, *self._fresh_photos(old, photos))
        self._world.keep([replace(old, kind="album", photos=grown)])

    def remove_photo(self, post_id: str, index: int = 0) -> None:
        """Take one photo out of an album."""
        old = self._wanted(post_id)
        photos = [photo for nth, photo in enumerate(old.photos) if nth != index]
        self._world.keep([replace(old, photos=tuple(photos))])

    def remove(self, post_id: str) -> None:
        """Take a post away: it is in no list and its node is missing. Its files stay."""
        self._removed[post_id] = self._world.discard(post_id)

    def restore(self, post_id: str) -> None:
        """Bring a removed post back as it was."""
        self._world.keep([self._removed.pop(post_id)])

    def change_permalink(self, post_id: str, permalink: str | None = None) -> None:
        """Let a post be reached by another address: /videos/ and /reel/ change places."""
        old = self._wanted(post_id)
        self._world.keep([replace(old, permalink=permalink or _other_address(old))])

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
        role = "album" if photos and photos > 1 else _ROLES.get(kind, kind)
        if role not in ROLL:
            raise ValueError(f"no kind of post is called {kind}")
        casting, index = self._casting(page_id), next(self._numbers)
        post = casting.made(role, index, (created or self._clock.now()).replace(microsecond=0))
        if photos:
            post = replace(post, photos=tuple(casting.photo(index, nth) for nth in range(photos)))
        if message is not None:
            post = replace(post, message=message or None)
        self._world.keep([post])
        return post

    def _fresh_photos(self, post: Post, count: int) -> list[Photo]:
        casting, index = self._casting(post.page_id), next(self._numbers)
        return [casting.photo(index, nth) for nth in range(count)]

    def _casting(self, page_id: str | None) -> Casting:
        page = self._world.pages[page_id or next(iter(self._world.pages))]
        return Casting(page, self._seed)

    def _wanted(self, post_id: str) -> Post:
        post = self._world.post(post_id)
        if post is None:
            raise KeyError(f"no post {post_id}")
        return post


def _other_address(post: Post) -> str:
    if post.video and "/reel/" in post.permalink:
        return f"https://www.facebook.com/{post.page_id}/videos/{post.video.id}/"
    if post.video:
        return f"https://www.facebook.com/reel/{post.video.id}/"
    return post.permalink.replace("/posts/", "/permalink/")
