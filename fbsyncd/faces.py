"""Two thin faces over the stations, for scripts and dashboards written in Python."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from uuid import UUID

from fbsyncd import backend, presence
from fbsyncd import config as configuration
from fbsyncd.archive import Archive
from fbsyncd.assets import Asset
from fbsyncd.config import Config
from fbsyncd.download import download_one
from fbsyncd.errors import UsageError
from fbsyncd.media import CATEGORIES, Media
from fbsyncd.models import rows, session


class _Face:
    """Opens an archive from *config*, found as the command line finds it when it is None."""

    _reads_only = False

    def __init__(self, config: Config | str | Path | None = None) -> None:
        if not isinstance(config, Config):
            path = None if config is None else Path(config)
            config = configuration.load(path, environ=os.environ, cwd=Path.cwd())
        if self._reads_only:
            presence.require(config.database.url)
        else:
            presence.require_not_lost(config.database.url, Media(config.media.root, config.base))
        self._archive = Archive(config)
        self._archive.setup(reads_only=self._reads_only)

    def close(self) -> None:
        """Close the connections; the face cannot be used after."""
        self._archive.close()


class DashboardDataProvider(_Face):
    """Posts as a dashboard shows them, read from the archive alone: no network is needed.

    Everything is told as the HTTP API tells it, and asked for with the same parameters.
    """

    _reads_only = True

    def __init__(self, config: Config | str | Path | None = None) -> None:
        super().__init__(config)
        # Without a daemon nobody else makes texts findable that other programs wrote.
        if backend.of(self._archive.db).is_writable():
            self._archive.index()

    def get_posts_with_media(self, limit: int = 20, **wanted: Any) -> list[dict[str, Any]]:
        """Return the newest posts, any number of them; *wanted* as ``/api/posts`` takes it."""
        return list(self._archive.feed.newest(limit, **wanted))

    def search(self, q: str, limit: int = 20, **wanted: Any) -> list[dict[str, Any]]:
        """Return the newest posts whose texts hold all words of *q*."""
        return self.get_posts_with_media(limit, q=q, **wanted)

    def get_post(self, post_id: str) -> dict[str, Any] | None:
        """Return one post, None when there is none."""
        return self._archive.feed.post(post_id)

    def get_history(self, post_id: str) -> list[dict[str, Any]] | None:
        """Return the earlier texts of a post, the oldest first, None when there is no post."""
        return self._archive.feed.history(post_id)

    def get_posts(self, **asked: Any) -> dict[str, Any]:
        """Return a page of posts and its ``next_cursor``, as ``/api/posts``."""
        return self._archive.feed.posts(**asked)

    def get_videos(self, **asked: Any) -> dict[str, Any]:
        """Return a page of videos and its ``next_cursor``, as ``/api/videos``."""
        return self._archive.feed.videos(**asked)

    def get_pages(self, **asked: Any) -> dict[str, Any]:
        """Return the Pages, as ``/api/pages``."""
        return self._archive.feed.pages(**asked)

    def get_media(self, **asked: Any) -> dict[str, Any]:
        """Return rows of media and their ``next_cursor``, as ``/api/media``."""
        return self._archive.feed.media(**asked)

    def get_timeline(self, page_id: str | None = None) -> dict[str, Any]:
        """Return counts by month and by day, as ``/api/timeline``."""
        return self._archive.feed.timeline(page_id=page_id)

    def get_stats(self) -> dict[str, Any]:
        """Return what is archived, as ``/api/stats``."""
        return self._archive.feed.stats()


class FacebookMediaManager(_Face):
    """Archives single links and counts what is stored."""

    def download_image(self, url: str, category: str = "posts") -> UUID | None:
        """Archive the picture behind *url*; return its row's id, or None when it cannot be had.

        The reason is recorded in the row. A picture that is archived is not fetched again. Raises
        AlreadyRunning when another folder is filled from the same database since the last one.
        """
        if category not in CATEGORIES:
            raise UsageError(f"{category!r} is no category; there are {', '.join(CATEGORIES)}")
        archive, asset = self._archive, Asset(url, category)
        archive.writers.keep()
        archive.backlog.put([asset], archive.now())
        job = archive.backlog.claim_one(asset.id, archive.now())
        if job is not None:
            download_one(archive.backlog, archive.fetcher, archive.media, job, archive.now)
        return asset.id if self._is_archived(asset.id) else None

    def get_storage_stats(self) -> dict[str, Any]:
        """Return what ``/api/stats`` tells."""
        return self._archive.feed.stats()

    def _is_archived(self, id_: UUID) -> bool:
        sql = "SELECT 1 FROM media_storage WHERE id = ? AND download_status = 'success'"
        with session(self._archive.db):
            return bool(rows(self._archive.db, sql, [str(id_)]))
