"""Earlier texts in a database whose times an older program wrote in its own way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from dump import Dump, read_page
from plant import query, sync
from test_adoption_media import opened
from test_copy import copy, other_url

from fbsyncd import models
from fbsyncd.archive import Archive
from fbsyncd.simulator import Simulator

__all__ = ["other_url"]

HISTORY = "SELECT post_id, seen_from, seen_until, message FROM facebook_post_history"


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=6, seed=3, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def archive(facebook: Simulator, tmp_path: Path, database_url: str) -> Iterator[Archive]:
    """An adopted archive with one post that was edited."""
    scripts = Dump(database_url)
    scripts.make()
    read_page(scripts, facebook.url, facebook.page_id, facebook.token)
    with opened(facebook, tmp_path, scripts) as opened_:
        assert opened_.take_over()
        opened_.setup()
        sync(opened_)
        post = query(opened_, "SELECT min(id) FROM facebook_posts WHERE message <> ''")[0][0]
        facebook.edit(post, "edited")
        facebook.clock.move(timedelta(days=8))
        sync(opened_)
        yield opened_


def test_an_earlier_text_comes_back_from_a_copy_once(archive: Archive, other_url: str) -> None:
    """Since when it was there is written in one way, however the script tells its times."""
    before = query(archive, HISTORY)
    assert len(before) == 1
    target = models.connect(other_url)
    copy(archive.db, target)
    copy(target, archive.db)
    models.close(target)
    assert query(archive, HISTORY) == before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("is_doubled", [False, True])
def test_what_an_earlier_version_wrote_is_put_right(archive: Archive, is_doubled: bool) -> None:
    """Also where a copy has come back since, and left the text there twice."""
    before = query(archive, HISTORY)
    with models.transaction(archive.db):
        models.change(
            archive.db,
            "INSERT INTO facebook_post_history (post_id, seen_from, seen_until, message, story)"
            " SELECT post_id, substr(seen_from, 1, 19), seen_until, message, story"
            " FROM facebook_post_history",
        )
        if not is_doubled:
            sql = "DELETE FROM facebook_post_history WHERE length(seen_from) = 32"
            models.change(archive.db, sql)
    archive.setup()
    assert query(archive, HISTORY) == before
