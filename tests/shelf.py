"""An archive on disk and in rows, filled by hand: pictures drawn here, no Facebook needed."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from peewee import Database
from PIL import Image

from fbsyncd import media as names
from fbsyncd import models
from fbsyncd.assets import Archived, Asset, Retry
from fbsyncd.backlog import Backlog
from fbsyncd.brake import Brake
from fbsyncd.media import Media

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RETRY = Retry(timedelta(seconds=30), timedelta(hours=6), 3)


def picture(shade: int = 100, size: tuple[int, int] = (640, 480), form: str = "JPEG") -> bytes:
    """Return the bytes of a picture; another *shade*, other bytes."""
    out = io.BytesIO()
    mode = "RGBA" if form == "PNG" else "RGB"
    Image.linear_gradient("L").resize(size).convert(mode).point(lambda v: (v + shade) % 256).save(
        out, form
    )
    return out.getvalue()


def url(name: int, *, hours: int = 100) -> str:
    """Return a link to picture *name* that dies so many hours after NOW."""
    expiry = int((NOW + timedelta(hours=hours)).timestamp())
    path = f"v/t39.30808-6/{name}_2_3_n.jpg?stp=dst-jpg_s720x720"
    return f"https://scontent.xx.fbcdn.net/{path}&oh=a&oe={expiry:X}"


@dataclass
class Shelf:
    """Database, folder and queue of one archive."""

    db: Database
    media: Media
    backlog: Backlog
    brake: Brake

    @classmethod
    def make(cls, db: Database, folder: Path) -> Shelf:
        media = Media(folder / "media" / "facebook", folder)
        brake = Brake(db, media)
        brake.setup()
        return cls(db, media, Backlog(db, retry=RETRY, owner="test/1"), brake)

    def add(
        self, number: int, data: bytes, category: str = "posts", extension: str = "jpg"
    ) -> UUID:
        """Archive *data* as picture *number*."""
        asset = Asset(url(number), category)
        self.backlog.put([asset], NOW)
        sha256 = hashlib.sha256(data).hexdigest()
        name = names.filename(sha256, extension)
        self.media.publish([self.media.stage(data, category, name)])
        path = self.media.local_path(category, name)
        public = names.public_path(category, name)
        done = Archived(
            asset.id, name, path, public, len(data), sha256, f"image/{extension}", 640, 480
        )
        self.backlog.succeed([done], NOW)
        return asset.id

    def path(self, id_: UUID) -> Path:
        """Return where the file of a row is, or was."""
        found = self.row(id_)
        return self.media.root / str(found["category"]) / str(found["local_filename"])

    def row(self, id_: UUID) -> dict[str, Any]:
        """Return a row of media_storage."""
        with models.session(self.db):
            names_ = [column.name for column in self.db.get_columns("media_storage")]
            (found,) = models.rows(
                self.db,
                f"SELECT {', '.join(names_)} FROM media_storage WHERE id = ?",
                [str(id_)],
            )
        return dict(zip(names_, found, strict=True))
