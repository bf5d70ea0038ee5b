"""What adopting did, as it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from peewee import Database

from fbsyncd import models
from fbsyncd.adopt.rows import Tally
from fbsyncd.plural import counted

#: What is told of, and what a row must have to count; posts and videos without an id are not ours.
COUNTED: Final = {
    "facebook_posts": "id",
    "facebook_post_attachments": "*",
    "facebook_video_posts": "video_id",
}


@dataclass(frozen=True, slots=True)
class Report:
    """What adopting did.

    *archived* are files of an earlier program that were taken in, *queued* the pictures to fetch;
    the links of *dead* among them have died.
    """

    tally: Tally
    posts: int
    attachments: int
    videos: int
    queued: int
    dead: int
    archived: int
    notes: Sequence[str] = ()

    def __str__(self) -> str:
        again = self.tally.duplicates
        told = [
            counted(self.posts, "post"),
            counted(self.attachments, "attachment")
            + (f" ({again:,} of them the same picture again)" if again else ""),
            counted(self.videos, "video"),
            *([f"{counted(self.archived, 'file')} of earlier pictures"] if self.archived else []),
            f"{counted(self.queued, 'picture')} queued"
            + (f" ({self.dead:,} with a dead link, to be asked for anew)" if self.dead else ""),
            "0 rows changed",
        ]
        return "\n".join([f"adopted {', '.join(told)}", *(f"note: {note}" for note in self.notes)])


def report(db: Database, tally: Tally, archived: int, now: datetime) -> Report:
    """Return what adopting with this *tally* did, told with what the tables hold."""
    posts, attachments, videos = (
        int(models.rows(db, f"SELECT count({what}) FROM {name}")[0][0])
        for name, what in COUNTED.items()
    )
    ((queued, dead),) = models.rows(
        db,
        "SELECT count(*), coalesce(sum(CASE WHEN link_expires_at <= ? THEN 1 ELSE 0 END), 0)"
        " FROM media_storage WHERE download_status = 'pending'",
        [models.to_text(now)],
    )
    return Report(tally, posts, attachments, videos, int(queued), int(dead), archived)
