"""What happens to a Page over the months; anything that is being fetched again is left alone."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection

from witness import Witness

from fbsyncd.simulator.values import Post

# What may happen, by weight.
CHANGES = {
    "add": 6,
    "edit": 1,
    "grow": 1,
    "replace": 1,
    "remove_photo": 1,
    "remove": 1,
    "restore": 1,
    "purge": 1,
    "change_permalink": 1,
    "nothing": 3,
}
KINDS = ("photo", "album", "reel", "live", "share", "text", "cover", "webp", "alpha", "gif", "old")


class PageLife:
    """The life of the first Page of a simulated Facebook."""

    def __init__(self, witness: Witness, chance: random.Random, happened: Counter[str]) -> None:
        self._witness = witness
        self._facebook = witness.facebook
        self._chance = chance
        self._happened = happened
        self._removed: list[str] = []

    def change(self, spared: Collection[str]) -> None:
        """Let something happen, but to no post that shows a picture of a *spared* hash."""
        facebook, again = self._facebook, set(spared)
        (what,) = self._chance.choices([*CHANGES], [*CHANGES.values()])
        posts = facebook.world.posts(facebook.page_id)
        post = self._chance.choice([one for one in posts if not self._witness.had(one) & again])
        if what == "add":
            facebook.add_post(self._chance.choice(KINDS))
        elif what == "edit":
            facebook.edit(post.id, f"text {self._chance.random()}")
        elif what == "change_permalink":
            facebook.change_permalink(post.id)
        elif not (self._come_or_go(what, post) or self._change_pictures(what, post)):
            return
        self._happened[what] += 1

    def still_had(self) -> set[str]:
        """Return the hashes of pictures the Page names now and that can be fetched now."""
        posts = self._facebook.world.posts(self._facebook.page_id)
        return {
            sha256 for post in posts if self._is_whole(post) for sha256 in self._witness.had(post)
        }

    def _come_or_go(self, what: str, post: Post) -> bool:
        if what == "remove":
            self._facebook.remove(post.id)
            self._removed.append(post.id)
        elif what == "restore" and self._removed:
            self._facebook.restore(self._removed.pop(self._chance.randrange(len(self._removed))))
        else:
            return False
        return True

    def _change_pictures(self, what: str, post: Post) -> bool:
        nth = self._chance.randrange(len(post.photos)) if post.photos else 0
        if what == "purge" and (post.photos or post.video):
            self._facebook.purge(post.id, nth)
        elif what == "grow" and post.kind == "album":
            self._facebook.grow_album(post.id, self._chance.randint(1, 3))
        elif what == "replace" and post.photos:
            self._facebook.replace_photo(post.id, nth)
        elif what == "remove_photo" and len(post.photos) > 1:
            self._facebook.remove_photo(post.id, nth)
        else:
            return False
        return True

    def _is_whole(self, post: Post) -> bool:
        """Tell whether every picture of *post* is still there at the source."""
        pictures = [photo.picture for photo in post.photos]
        pictures += post.video.thumbnails if post.video else ()
        return all(self._facebook.gallery.find(one.path, "") for one in pictures)
