"""What is told once and not at each turn: failures, refusals, and what came back."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from plant import archive_of, query, read, sync

from fbsyncd.archive import Archive
from fbsyncd.refrain import EVERY, Refrain
from fbsyncd.simulator import Simulator

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_the_same_is_told_once_in_a_while_with_its_count() -> None:
    """At once the first time, then silence, then how often it was; numbers make no difference."""
    refrain = Refrain()
    for number in range(7):
        refrain.hear(f"HTTP 503 after {number} bytes")
    refrain.hear("refused")
    assert refrain.due(NOW) == ["HTTP 503 after 6 bytes (7 times)", "refused"]
    refrain.hear("HTTP 503 after 8 bytes")
    refrain.hear("HTTP 503 after 9 bytes")
    assert refrain.due(NOW + EVERY / 2) == []
    assert refrain.due(NOW + EVERY) == ["HTTP 503 after 9 bytes (2 times)"]
    assert refrain.due(NOW + 2 * EVERY) == []
    refrain.hear("refused")
    assert refrain.due(NOW + 2 * EVERY) == ["refused"]


def test_a_clock_that_was_set_back_hushes_nothing() -> None:
    """What was told in a time that is yet to come counts for nothing."""
    refrain = Refrain()
    refrain.hear("refused")
    assert refrain.due(NOW)
    refrain.hear("refused")
    assert refrain.due(NOW - timedelta(days=1)) == ["refused"]


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=12, seed=3, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def archive(facebook: Simulator, tmp_path: Path, database_url: str) -> Iterator[Archive]:
    with archive_of(facebook, tmp_path, database_url) as opened:
        yield opened


def lines(caplog: pytest.LogCaptureFixture, word: str) -> list[str]:
    return [text for record in caplog.records if word in (text := record.getMessage())]


def test_pictures_that_fail_alike_are_one_line(
    facebook: Simulator, archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    """However many there are and however often they are tried; later their number is told."""
    caplog.set_level(logging.INFO)
    facebook.faults.cdn_status(503)
    read(archive)
    for _ in range(3):
        facebook.clock.move(timedelta(minutes=2))
        archive.download()
    (told,) = lines(caplog, "could not be had")
    assert "503" in told
    facebook.clock.move(EVERY)
    archive.download()
    _, later = lines(caplog, "could not be had")
    assert later.endswith(" times)")


def test_a_refused_token_is_told_once(
    facebook: Simulator, archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    """Not at each look that meets it again; when it is well again, that is told too."""
    facebook.faults.token_dead()
    reports = []
    for _ in range(4):
        reports.append(read(archive))
        facebook.clock.move(timedelta(minutes=40))
    assert all(report.is_stopped for report in reports)
    assert len(lines(caplog, "refuses the access token")) == 1
    facebook.faults.revive()
    assert not read(archive).is_stopped
    assert len(lines(caplog, "can be read again")) == 1


def test_what_came_back_is_told(
    facebook: Simulator, archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    """Pictures that were lost and fetched again are one line; those that are new are none."""
    caplog.set_level(logging.INFO)
    sync(archive)
    assert lines(caplog, "came back") == []
    ((category, name),) = query(
        archive,
        "SELECT category, local_filename FROM media_storage WHERE derived_from IS NULL"
        " AND category = 'posts' ORDER BY id LIMIT 1",
    )
    archive.media.root.joinpath(category, name).unlink()
    archive.reconcile()
    sync(archive)
    (told,) = lines(caplog, "came back")
    assert told == "came back: 1 lost or damaged picture"
