"""The two classes for scripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from plant import config_text, one, read

from fbsyncd import DashboardDataProvider, FacebookMediaManager
from fbsyncd.errors import UsageError
from fbsyncd.models import change, transaction
from fbsyncd.simulator import Simulator


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=5, seed=3, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def manager(
    facebook: Simulator, tmp_path: Path, database_url: str
) -> Iterator[FacebookMediaManager]:
    (tmp_path / "config.toml").write_text(config_text(facebook, database_url))
    face = FacebookMediaManager(tmp_path / "config.toml")
    yield face
    face.close()


def signed_link(facebook: Simulator) -> str:
    """Ask the simulated Facebook for a freshly signed link to a post's picture."""
    answer = requests.get(
        f"{facebook.url}/v26.0/{facebook.page_id}/posts",
        params={"fields": "full_picture", "access_token": facebook.token},
        timeout=10,
    )
    return next(str(p["full_picture"]) for p in answer.json()["data"] if "full_picture" in p)


def test_one_link_is_archived_once(facebook: Simulator, manager: FacebookMediaManager) -> None:
    """The same picture under a link signed anew is the same row and no second download."""
    first = manager.download_image(signed_link(facebook))
    assert first is not None
    assert manager.download_image(signed_link(facebook)) == first
    assert facebook.calls["cdn"] == 1
    stats = manager.get_storage_stats()
    assert (stats["media"]["success"], stats["media"]["by_category"]["posts"]["files"]) == (1, 1)


def test_a_link_that_cannot_be_had_is_none_with_the_reason_recorded(
    facebook: Simulator, manager: FacebookMediaManager
) -> None:
    """The reason is in the row."""
    facebook.faults.cdn_status(404, times=1)
    assert manager.download_image(signed_link(facebook), category="attachments") is None
    archive = manager._archive
    assert "404" in one(archive, "SELECT error_message FROM media_storage")


def test_a_folder_that_is_none_is_refused(manager: FacebookMediaManager) -> None:
    """Only the three categories exist."""
    with pytest.raises(UsageError, match="posts, attachments, thumbnails"):
        manager.download_image("https://scontent.xx.fbcdn.net/a.jpg", category="../etc")


def test_posts_are_had_without_a_network(
    facebook: Simulator, manager: FacebookMediaManager, tmp_path: Path
) -> None:
    """The provider reads what is archived, as the command line finds it."""
    manager._archive.sync(manager._archive.config.facebook.pages[0])
    facebook.faults.cdn_offline()
    provider = DashboardDataProvider(config=tmp_path / "config.toml")
    try:
        posts = provider.get_posts_with_media(limit=3)
    finally:
        provider.close()
    assert len(posts) == 3
    for post in posts:
        assert {"display_image_url", "has_local_image"} <= set(post)


def test_everything_the_api_tells_is_told_in_python_too(
    facebook: Simulator, tmp_path: Path, manager: FacebookMediaManager
) -> None:
    """Posts are found by their text, whoever wrote them; one post, Pages, videos and rows too."""
    archive = manager._archive
    read(archive)
    with transaction(archive.db):
        change(archive.db, "UPDATE facebook_posts SET message = 'A lighthouse' || id")
    provider = DashboardDataProvider(tmp_path / "config.toml")
    try:
        found = provider.search("LIGHTHOUSE")
        assert found == provider.get_posts_with_media() == provider.get_posts()["posts"]
        assert len(found) == 5
        assert provider.search("lighthouse", limit=2, page_id=facebook.page_id) == found[:2]
        assert provider.get_post(found[0]["id"]) == found[0]
        assert provider.get_history(found[0]["id"]) == []
        assert [page["id"] for page in provider.get_pages()["pages"]] == [facebook.page_id]
        assert sorted(provider.get_videos()) == ["next_cursor", "videos"]
        assert provider.get_media(status="success")["media"] == []
        assert sum(month["posts"] for month in provider.get_timeline()["posts"]) == 5
        assert provider.get_stats()["media"] == manager.get_storage_stats()["media"]
    finally:
        provider.close()
