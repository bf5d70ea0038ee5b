"""Pages that are not configured: told of while anything of them is archived, and in no trouble."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from plant import archive_of, config_text, one, read

from fbsyncd import config, known, models
from fbsyncd.archive import Archive
from fbsyncd.config import Page
from fbsyncd.simulator import Simulator
from fbsyncd.stats import stats
from fbsyncd.terminal import storage
from fbsyncd.verify import verify

if TYPE_CHECKING:
    from peewee import Database

NOW: Final = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def moved(tmp_path: Path, database_url: str) -> Iterator[tuple[Simulator, Archive]]:
    """An archive whose first Page, with posts, and a mistyped one were taken out of config.toml."""
    with Simulator(posts=5, pages=2, pictures="plain") as facebook:
        with archive_of(facebook, tmp_path, database_url) as opened:
            for nth in (0, 1):
                read(opened, nth)
            first = facebook.pages[0]
            opened.sync(first_typed_wrong(opened))
            facebook.faults.token_dead(first.id)
            facebook.clock.move(timedelta(hours=1))
            read(opened)
        text = config_text(facebook, database_url)
        here, other = text.index("[[facebook.pages]]"), text.rindex("[[facebook.pages]]")
        parsed = config.parse(text[:here] + text[other:], base=tmp_path, environ={})
        left = Archive(parsed, now=facebook.clock.now)
        try:
            yield facebook, left
        finally:
            left.close()


def first_typed_wrong(opened: Archive) -> Page:
    return opened.config.facebook.pages[0].model_copy(update={"id": "999"})


def test_a_mistyped_page_is_told_of_nowhere(moved: tuple[Simulator, Archive]) -> None:
    """It left a note of its reading and nothing else; once it is not configured, that is all."""
    facebook, archive = moved
    both = sorted(page.id for page in facebook.pages)
    assert one(archive, "SELECT count(*) FROM sync_state WHERE page_id = '999'") > 0
    assert [page["id"] for page in archive.feed.stats()["pages"]] == both
    assert [page["id"] for page in archive.feed.pages()["pages"]] == both
    ours = known.configured(archive.config)
    assert sorted(verify(archive.db, archive.media, ours=ours).pages) == both
    assert sorted(verify(archive.db, archive.media).pages) == sorted([*both, "999"])


def test_a_page_that_is_not_configured_has_no_trouble(moved: tuple[Simulator, Archive]) -> None:
    """Its posts stay listed; a dead token of it is told of neither as a token nor as a message."""
    facebook, archive = moved
    first, second = (page.id for page in facebook.pages)
    stats = archive.feed.stats()
    assert [token["page_id"] for token in stats["tokens"]] == [second]
    assert "token" not in storage(stats)
    for told in (stats["pages"], archive.feed.pages()["pages"]):
        (left,) = [page for page in told if page["id"] == first]
        assert left["message"] is None
        assert [stream["message"] for stream in left["streams"].values()] == [None, None]
        assert left["last_sync"] is not None
    assert one(archive, "SELECT message FROM sync_state WHERE page_id = ? LIMIT 1", [first])
    assert archive.feed.pages()["pages"][0]["posts"] == 5


def test_a_mistyped_page_is_told_of_while_it_is_configured(db: Database) -> None:
    """Its message stands beside it, as long as somebody asks for it to be read."""
    with models.transaction(db):
        models.change(
            db,
            "INSERT INTO sync_state (page_id, stream, state, message, updated_at)"
            " VALUES ('999', 'posts', 'unavailable', 'not there', ?)",
            [models.to_text(NOW)],
        )
    (told,) = stats(db, NOW, ours=["999"])["pages"]
    assert told["message"] == "not there"
    assert stats(db, NOW, ours=["1"])["pages"] == []
    assert stats(db, NOW, ours=[])["pages"] == []
