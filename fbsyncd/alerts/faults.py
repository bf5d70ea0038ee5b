"""What is wrong with an archive that a person has to know of, as they would be told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from fbsyncd import away, deadlines, tokens
from fbsyncd.alerts.decide import Key
from fbsyncd.archive import Archive
from fbsyncd.errors import MediaTrouble
from fbsyncd.models import from_text, rows, session
from fbsyncd.plural import counted


def faults(archive: Archive, now: datetime) -> dict[Key, str]:
    """Return every fault there is now, by name and subject; raises ArchiveError."""
    found: dict[Key, str] = {}
    for faulty in (_tokens, _unavailable, _lost, _disk, _not_synced):
        found |= dict(faulty(archive, now))
    return found


def _tokens(archive: Archive, now: datetime) -> Iterator[tuple[Key, str]]:
    ours = {page.id for page in archive.config.facebook.pages}
    for one in tokens.load(archive.db, now):
        key = "token", one.page_id
        if one.page_id not in ours:
            continue
        if one.state == "dead":
            yield key, f"the access token of Page {one.page_id} is dead: {one.message}"
        elif one.state == "ending" and one.worth and one.worth.end:
            # The day, not the hours left: the message is that of one alert.
            yield key, f"the access token of Page {one.page_id} ends on {one.worth.end:%Y-%m-%d}"


def _unavailable(archive: Archive, now: datetime) -> Iterator[tuple[Key, str]]:
    # Of a folder that became a link too: work goes on behind it, but nobody is shown a picture.
    reason = archive.feed.unavailable()
    if reason:
        yield ("unavailable", ""), reason


def _lost(archive: Archive, now: datetime) -> Iterator[tuple[Key, str]]:
    with session(archive.db):
        dying = deadlines.measure(archive.db, now).will_die
    if dying:
        yield (
            ("lost", ""),
            (
                f"{counted(dying, 'picture')} may be lost: their links die before the queue has"
                " come to them"
            ),
        )


def _disk(archive: Archive, now: datetime) -> Iterator[tuple[Key, str]]:
    floor = archive.config.media.free_space_floor
    try:
        free = archive.media.free_bytes()
    except MediaTrouble:
        return  # the brake tells of a disk that is not there
    if free < floor:
        yield (
            ("disk", ""),
            (
                f"downloads have stopped: less than {floor / 1e9:.1f} GB free on the disk of"
                f" {archive.media.root}"
            ),
        )


def _not_synced(archive: Archive, now: datetime) -> Iterator[tuple[Key, str]]:
    config = archive.config
    longest = config.sync.interval * config.alerts.not_synced_intervals
    with session(archive.db):
        found = rows(
            archive.db,
            "SELECT page_id, state, synced_at, updated_at FROM sync_state WHERE stream = 'posts'",
        )
    ours = {page.id for page in config.facebook.pages}
    for page_id, state, synced_at, updated_at in found:
        # A long first reading moves with every page of it; a dead token has an alert of its own.
        last = from_text(updated_at if state == "reading" else synced_at or updated_at)
        if page_id in ours and state != "token" and last and now - last > longest:
            yield (
                ("not_synced", str(page_id)),
                (
                    f"Page {page_id} has not been read since {last:%Y-%m-%d %H:%M} UTC"
                    f" ({away.span(longest)} are allowed)"
                ),
            )
