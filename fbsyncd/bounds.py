"""What a configuration bounds, in the terms of the stations that keep to it."""

from __future__ import annotations

from fbsyncd.assets import Retry
from fbsyncd.config import Config
from fbsyncd.fetch import Limits


def retry(config: Config) -> Retry:
    """Return how often and after how long a picture is tried again."""
    return Retry(config.media.retry_base, config.media.retry_max, config.media.max_attempts)


def limits(config: Config) -> Limits:
    """Return where a picture may come from, and how large it may be."""
    return Limits(
        allowed_hosts=config.media.allowed_hosts,
        max_bytes=config.media.max_file_size,
        max_pixels=config.media.max_pixels,
    )
