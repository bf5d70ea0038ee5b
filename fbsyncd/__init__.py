"""Archives a Facebook Page's posts and pictures on your own disk before their signed links die.

Where a picture goes, and what to read on its way:

- ``graph`` asks Facebook, and ``records`` makes typed values of its answers;
- ``sync`` walks a Page (``walks`` decides how far, ``thrift`` how much), ``rows`` writes it down;
- ``intake`` and ``assets`` put each picture into the queue that ``backlog`` keeps;
- ``download`` takes from it, ``fetch`` brings the bytes, ``proof`` says whether they are a picture,
  ``media`` puts the file in its place;
- ``develop`` decodes it in a process of its own and makes the small version;
- ``heal`` asks for fresh links, ``gone`` decides what Facebook no longer has;
- ``reconcile`` holds rows against files, behind the ``brake``;
- ``feed`` and ``stats`` read it all back, ``server`` and ``web`` show it.

``archive`` ties them together, ``daemon`` answers first and then lets ``works`` begin what
``schedule`` keeps going, ``commands`` is the command line. ``models`` and ``backend`` alone ask
which of the two databases it is. What may import what, floor by floor, stands in
``tests/test_floors.py``.
"""

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
