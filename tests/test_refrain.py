"""What is told once and not at each turn: failures, refusals, and what came back."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from plant import archive_of, config_text, query, read, sync
from test_daemon import all_safe, running

from fbsyncd import config
from fbsyncd.archive import Archive
from fbsyncd.refrain import EVERY, Refrain
from fbsyncd.simulator import Simulator
from fbsyncd.vigil import Vigil

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


def test_a_rewritten_file_gives_the_old_token_another_chance(
    facebook: Simulator, tmp_path: Path, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its owner has logged in again, say; if it was in vain, that is told, and if not, that too."""
    text = config_text(facebook, database_url)
    file = tmp_path / "page.token"
    file.write_text(facebook.token)
    text = text.replace(f'access_token = "{facebook.token}"', f'access_token_file = "{file}"')
    told = config.parse(text, base=tmp_path, environ={})
    archive = Archive(told, now=facebook.clock.now)
    try:
        archive.setup()
        vigil = Vigil(archive)
        facebook.faults.token_dead()
        assert read(archive).is_stopped
        file.write_text(f"{facebook.token}\n")
        vigil.to_read()
        assert read(archive).is_stopped
        assert len(lines(caplog, "refuses the access token")) == 2
        facebook.faults.revive()
        assert read(archive).is_stopped
        file.write_text(f"{facebook.token}\n\n")
        assert [page.id for page in vigil.to_read()] == [facebook.page_id]
        assert read(archive).posts == 12
        assert len(lines(caplog, "can be read again")) == 1
    finally:
        archive.close()


def test_a_look_that_finds_nothing_is_no_event(
    tmp_path: Path, facebook: Simulator, database_url: str
) -> None:
    """A line is for what came, not for every quarter of an hour without news."""
    text = config_text(facebook, database_url)
    text = text.replace("backfill_days = 0", 'backfill_days = 0\ninterval = "1s"')
    (tmp_path / "config.toml").write_text(text)
    with running(tmp_path) as daemon:
        daemon.until(all_safe)
        calls = facebook.calls["graph"]
        daemon.until(lambda _: facebook.calls["graph"] > calls + 6)
        facebook.add_post("photo")
        daemon.until(lambda stats: stats["posts"] == 13)
        daemon.stop()
    told = [line for line in daemon.log if ": read " in line]
    assert len(told) == 2, told


def test_what_came_back_is_told(
    facebook: Simulator, archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    """Pictures that were lost and fetched again are one line; those that are new are none."""
    caplog.set_level(logging.INFO)
    sync(archive)
    assert lines(caplog, "fetched again") == []
    ((category, name),) = query(
        archive,
        "SELECT category, local_filename FROM media_storage WHERE derived_from IS NULL"
        " AND category = 'posts' ORDER BY id LIMIT 1",
    )
    archive.media.root.joinpath(category, name).unlink()
    archive.reconcile()
    sync(archive)
    (told,) = lines(caplog, "fetched again")
    assert told == "fetched again: 1 lost or damaged picture"
