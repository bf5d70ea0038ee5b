"""Archives a Facebook Page's posts and pictures on your own disk before their signed links die."""

from __future__ import annotations

__version__ = "0.1.0"
