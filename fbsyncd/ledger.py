"""How far each stream of each Page has been read, as rows of ``sync_state``."""

from __future__ import annotations

from peewee import Database

from fbsyncd.tables import SyncState
from fbsyncd.walks import Progress, Walk

_KEPT = (
    "state",
    "message",
    "hold_until",
    "high_water",
    "covered_since",
    "synced_at",
    "recent_at",
    "full_at",
)


def load(db: Database, page_id: str, stream: str) -> Progress:
    """Return the progress of a stream; one never read has none."""
    found = list(
        SyncState.select()
        .where(SyncState.page_id == page_id, SyncState.stream == stream)
        .dicts()
        .execute(db)
    )
    if not found:
        return Progress()
    row = found[0]
    walk = None
    if row["walk_kind"] is not None:
        walk = Walk(
            kind=row["walk_kind"],
            since=row["walk_since"],
            started_at=row["walk_started_at"],
            newest=row["walk_newest"],
            reached=row["walk_reached"],
        )
    kept = {name: row[name] for name in _KEPT}
    return Progress(**kept, walk=walk)


def save(db: Database, page_id: str, stream: str, progress: Progress) -> None:
    """Write the progress of a stream."""
    walk = progress.walk
    values = {
        "page_id": page_id,
        "stream": stream,
        "walk_kind": walk.kind if walk else None,
        "walk_since": walk.since if walk else None,
        "walk_started_at": walk.started_at if walk else None,
        "walk_newest": walk.newest if walk else None,
        "walk_reached": walk.reached if walk else None,
        **{name: getattr(progress, name) for name in _KEPT},
    }
    SyncState.insert(values).on_conflict(
        conflict_target=[SyncState.page_id, SyncState.stream],
        preserve=[getattr(SyncState, name) for name in values],
    ).execute(db)
