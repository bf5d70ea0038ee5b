"""A whole archive against a simulated Facebook, going by the simulator's clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fbsyncd import config, models, oneshot
from fbsyncd.archive import Archive
from fbsyncd.oneshot import Progress, Wish
from fbsyncd.simulator import Simulator
from fbsyncd.sync import Report

_FLOOR = 'free_space_floor = "1MB"'


def config_text(
    facebook: Simulator, database_url: str = "", media: str = "", facebook_keys: str = ""
) -> str:
    """Return a config.toml for all Pages of *facebook*; more keys go into their sections."""
    pages = "".join(
        f'[[facebook.pages]]\nid = "{page.id}"\naccess_token = "{page.token}"\n'
        for page in facebook.pages
    )
    database = f'[database]\nurl = "{database_url}"\n' if database_url else ""
    return (
        f'[facebook]\ngraph_url = "{facebook.url}"\n{facebook_keys}{pages}{database}'
        '[media]\nallowed_hosts = ["127.0.0.1"]\nworkers = 4\n'
        f"{media or _FLOOR}\n[sync]\nbackfill_days = 0\n[server]\nport = 0\n"
    )


@contextmanager
def archive_of(
    facebook: Simulator,
    folder: Path,
    database_url: str = "",
    media: str = "",
    facebook_keys: str = "",
) -> Iterator[Archive]:
    """Open an archive of *facebook* in *folder*."""
    text = config_text(facebook, database_url, media, facebook_keys)
    archive = Archive(config.parse(text, base=folder, environ={}), now=facebook.clock.now)
    try:
        archive.setup()
        archive.tidy()
        yield archive
    finally:
        archive.close()


def read(archive: Archive, nth: int = 0) -> Report:
    """Read one Page's posts and videos into rows, without fetching a picture."""
    archive.stop.clear()
    return archive.sync(archive.config.facebook.pages[nth])


def sync(archive: Archive) -> Progress:
    """Do what ``fbsyncd sync`` does."""
    archive.stop.clear()
    wish = Wish(archive.config.facebook.pages, None)
    return oneshot.sync(archive, wish, lambda _: None)


def query(archive: Archive, sql: str, params: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """Return rows of the archive's database."""
    with models.session(archive.db):
        return models.rows(archive.db, sql, params)


def one(archive: Archive, sql: str, params: Sequence[object] = ()) -> Any:
    """Return the only value of the only row."""
    ((value,),) = query(archive, sql, params)
    return value


def everything(archive: Archive) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables, stamps included."""
    tables = {
        "media_storage": "id",
        "facebook_pages": "id",
        "facebook_posts": "id",
        "facebook_post_attachments": "id",
        "facebook_video_posts": "video_id",
    }
    return {
        table: query(archive, f"SELECT * FROM {table} ORDER BY {key}")
        for table, key in tables.items()
    }


def files(archive: Archive) -> dict[str, int]:
    """Return every file of the archive with the time it was last written (ns)."""
    root = archive.config.media.root
    return {
        str(path.relative_to(root)): path.stat().st_mtime_ns
        for folder in ("posts", "attachments", "thumbnails")
        for path in (root / folder).iterdir()
    }
