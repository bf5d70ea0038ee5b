"""What the tests of the configuration share: readers, and the promised defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from fbsyncd import config
from fbsyncd.config import Config
from fbsyncd.errors import ConfigError

TOKEN = "EAAfictitiousTokenForTestsOnly0123456789"

# What the reference in the repository promises, section by section.
DEFAULTS: dict[str, dict[str, object]] = {
    "facebook": {
        "graph_url": "https://graph.facebook.com",
        "api_version": "v26.0",
        "app_secret": "",
    },
    "database": {"url": "sqlite:///fbsyncd.db"},
    "media": {
        "root": "media/facebook",
        "max_file_size": "10MB",
        "max_pixels": 50000000,
        "workers": 8,
        "allowed_hosts": ["*.fbcdn.net", "*.fbsbx.com", "*.cdninstagram.com"],
        "free_space_floor": "1GB",
        "retry_base": "30s",
        "retry_max": "6h",
        "max_attempts": 12,
    },
    "sync": {"interval": "15m", "backfill_days": 365, "full_interval": "7d"},
    "reconcile": {"watch": True, "scan_interval": "6h", "scrub_interval": "30d"},
    "server": {
        "host": "127.0.0.1",
        "port": 8080,
        "public_url": "",
        "auth_token": "",
        "cors_origins": [],
        "allowed_hosts": [],
        "accel_prefix": "",
    },
    "alerts": {"webhook": "", "command": [], "not_synced_intervals": 12},
    "log": {"level": "info", "format": "text"},
}


BASE = Path("/srv")


def read(text: str, **environ: str) -> Config:
    """Return the configuration that *text* and *environ* make in BASE."""
    return config.parse(text, base=BASE, environ=environ)


def mistakes(text: str, **environ: str) -> list[str]:
    """Return the problems that are found in *text* and *environ*."""
    with pytest.raises(ConfigError) as refusal:
        read(text, **environ)
    return refusal.value.problems
