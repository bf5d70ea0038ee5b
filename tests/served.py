"""A small archive made by hand, with real files and rows, and ways to ask a server for it."""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import socket
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from PIL import Image

from fbsyncd import migrate, models
from fbsyncd.brake import Brake
from fbsyncd.changes import Changes
from fbsyncd.feed import Feed
from fbsyncd.media import Media, filename, public_path
from fbsyncd.models import change, connect, to_text, transaction
from fbsyncd.server.kept import Kept, looking, marking
from fbsyncd.server.listen import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from wsgiref.types import WSGIApplication

    from fbsyncd.server.channel import Limits

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PAGE = "104"


class Shelf:
    """An archive in *folder*; posts are numbered, and a higher number is a newer post."""

    def __init__(self, folder: Path, url: str = "") -> None:
        self.db = connect(url or f"sqlite:///{folder / 'fbsyncd.db'}")
        migrate.apply(self.db)
        self.media = Media(folder / "media" / "facebook", folder)
        Brake(self.db, self.media).setup()
        self.feed = Feed(self.db, self.media, now=lambda: NOW)
        self._insert("facebook_pages", id=PAGE, name="Slow Mornings")
        self._insert("sync_state", page_id=PAGE, stream="posts", state="ok", synced_at=to_text(NOW))

    def kept(self) -> Kept:
        """Return a place for answers that are still true, as the daemon has one."""
        mark = marking(Changes(self.db), self.media)
        return Kept(mark, lambda: NOW, look=looking(self.media))

    def close(self) -> None:
        """Give back every connection."""
        models.close(self.db)

    def post(self, number: int, message: str | None = None, **columns: object) -> str:
        """Add a post without pictures."""
        post_id = f"{PAGE}_{number}"
        columns = {"type": "photo", "created_time": to_text(created(number))} | columns
        self._insert("facebook_posts", id=post_id, page_id=PAGE, message=message, **columns)
        return post_id

    def attach(self, post_id: str, nth: int = 0, size: tuple[int, int] = (900, 600)) -> str:
        """Add a picture to a post, still to be downloaded; return the id of its asset."""
        asset = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{post_id}/{nth}"))
        link = f"https://scontent.xx.fbcdn.net/v/{post_id}_{nth}_n.jpg"
        row = {"id": asset, "asset_key": asset, "category": "attachments", "original_url": link}
        self._insert("media_storage", **row)
        self._insert(
            "facebook_post_attachments",
            **{"post_id": post_id, "attachment_key": asset, "position": nth, "type": "photo"},
            **{"media_url": link, "local_media_id": asset, "width": size[0], "height": size[1]},
        )
        return asset

    def arrive(self, asset: str, size: tuple[int, int] = (900, 600)) -> str:
        """Archive the picture of *asset*, as the downloader does; return its address."""
        data = picture(asset, size)
        sha256, name = hashlib.sha256(data).hexdigest(), file_name(data)
        self.put(data)
        address = public_path("attachments", name)
        with transaction(self.db):
            change(
                self.db,
                "UPDATE media_storage SET download_status = 'success', local_filename = ?,"
                " public_url = ?, file_size = ?, sha256 = ?, width = ?, height = ? WHERE id = ?",
                [name, address, len(data), sha256, *size, asset],
            )
        return address

    def give_up(self, asset: str, why: str) -> None:
        """Mark the picture of *asset* as lost."""
        with transaction(self.db):
            change(
                self.db,
                "UPDATE media_storage SET download_status = 'failed', error_message = ?,"
                " next_attempt_at = NULL WHERE id = ?",
                [why, asset],
            )

    def put(self, data: bytes, category: str = "attachments") -> Path:
        """Archive *data* as a file without any row; return where it lies."""
        name = file_name(data)
        self.media.publish([self.media.stage(data, category, name)])
        return self.media.root / category / name

    def _insert(self, table: str, **columns: object) -> None:
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        with transaction(self.db):
            sql = f"INSERT INTO {table} ({names}) VALUES ({marks})"
            change(self.db, sql, list(columns.values()))


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered."""

    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of an error in its one shape; anything beside the shape fails the test."""
        told = self.json
        assert list(told) == ["error"]
        assert sorted(told["error"]) == ["code", "message"]
        return str(told["error"]["code"])


class Site:
    """A running server to be asked, each time over a connection of its own."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.port = server.port
        self.url = f"http://127.0.0.1:{server.port}/"

    def ask(self, path: str, method: str = "GET", **headers: str) -> Reply:
        """Send a request; header names are written with underscores."""
        line = f"{method} {path} HTTP/1.1\r\nConnection: close\r\n"
        given = {"Host": f"localhost:{self.port}", **headers}
        told = "".join(f"{name.replace('_', '-')}: {text}\r\n" for name, text in given.items())
        return self.send(f"{line}{told}\r\n".encode(), method)

    def send(self, request: bytes, method: str = "GET") -> Reply:
        """Send the bytes of a request just as they are."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(request)
            return received(connection, method)


def received(connection: socket.socket, method: str = "GET") -> Reply:
    """Read one whole reply from *connection*; a header that is sent twice fails the test."""
    with http.client.HTTPResponse(connection, method=method) as response:
        response.begin()
        told = [(name.lower(), text) for name, text in response.getheaders()]
        names = [name for name, _ in told if name != "set-cookie"]
        twice = [name for name in names if names.count(name) > 1]
        assert not twice, f"sent twice: {twice}"
        headers = dict(told)
        return Reply(response.status, headers, response.read())


@contextmanager
def serving(app: WSGIApplication, limits: Limits | None = None) -> Iterator[Site]:
    """Serve *app* on a free port of the loopback address."""
    server = Server(app, host="127.0.0.1", port=0, limits=limits)
    server.start()
    try:
        yield Site(server)
    finally:
        server.stop()


def created(number: int) -> datetime:
    """Return when post *number* appeared: one each hour, number 0 four hundred hours ago."""
    return NOW - timedelta(hours=400 - number)


def picture(seed: str, size: tuple[int, int]) -> bytes:
    """Draw a JPEG that differs with *seed*."""
    colour = hashlib.sha256(seed.encode()).digest()
    corners = Image.frombytes("RGB", (2, 2), colour[:12])
    out = io.BytesIO()
    corners.resize(size, Image.Resampling.BICUBIC).save(out, "JPEG", quality=85)
    return out.getvalue()


def file_name(data: bytes, extension: str = "jpg") -> str:
    """Return the name under which *data* is archived."""
    return filename(hashlib.sha256(data).hexdigest(), extension)
