"""Which Pages an archive tells of: those that are configured, and those it has anything of.

An id that was mistyped once leaves a note of how its reading went, and nothing else; that must not
be told of for ever.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from fbsyncd.config import Config
from fbsyncd.models import marks

_HOLDERS: Final = ("facebook_posts.page_id", "facebook_video_posts.page_id", "facebook_pages.id")


def configured(config: Config) -> tuple[str, ...]:
    """Return the ids of the Pages that are configured."""
    return tuple(page.id for page in config.facebook.pages)


def listed(column: str, ours: Collection[str] | None) -> tuple[str, list[str]]:
    """Return a condition that the Page in *column* is told of, and its parameters.

    *ours* are the Pages that are configured; None, where that is not known, leaves none out.
    """
    if ours is None:
        return "1 = 1", []
    archived = (
        f"EXISTS (SELECT 1 FROM {name.partition('.')[0]} WHERE {name} = {column})"
        for name in _HOLDERS
    )
    configured = [f"{column} IN ({marks(len(ours))})"] if ours else []
    return f"({' OR '.join([*configured, *archived])})", list(ours)
