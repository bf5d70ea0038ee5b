"""Archives a Facebook Page's posts and pictures on your own disk before their signed links die."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fbsyncd.faces import DashboardDataProvider, FacebookMediaManager

__version__ = "0.1.0"
__all__ = ["DashboardDataProvider", "FacebookMediaManager", "__version__"]


def __getattr__(name: str) -> Any:
    # Late, because a developing worker imports this package and needs none of it.
    if name in {"DashboardDataProvider", "FacebookMediaManager"}:
        from fbsyncd import faces

        return getattr(faces, name)
    raise AttributeError(f"module 'fbsyncd' has no attribute {name!r}")
