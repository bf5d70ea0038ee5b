"""Files of an earlier ``media_storage``: whose they are, and which of them are not taken in."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from dump import Dump
from plant import query
from shelf import picture, url
from test_adoption import archive_on
from test_adoption_media import MEDIA

IDS = [str(uuid.UUID(int=number + 1)) for number in range(3)]
DATA = picture(1)


def scripts_with(database_url: str, *rows: tuple[Any, ...]) -> Dump:
    """Return scripts that have kept pictures: id, link, name, path and size of each."""
    scripts = Dump(database_url)
    scripts.make(MEDIA)
    scripts.write(
        "INSERT INTO media_storage (id, original_url, local_filename, local_path, file_size,"
        " download_status) VALUES (?, ?, ?, ?, ?, 'success')",
        rows,
    )
    return scripts


@pytest.mark.parametrize(
    ("path", "size", "is_found"),
    [
        ("media/facebook/attachments/7.jpg", len(DATA), False),
        ("media/facebook/attachments/7.jpg", None, False),
        ("/srv/gone/posts/7.jpg", 999, False),
        ("/srv/gone/posts/7.jpg", len(DATA), True),
        ("/srv/gone/posts/7.jpg", None, True),
        ("/srv/gone/7.jpg", 999, False),
        ("/srv/gone/7.jpg", None, False),
        ("/srv/gone/7.jpg", len(DATA), True),
        (None, 0, True),
    ],
)
def test_a_file_of_the_same_name_may_be_another_pictures(
    database_url: str, tmp_path: Path, path: str | None, size: int | None, is_found: bool
) -> None:
    """Only the folder that a row names is looked into, and a size that it tells must be right."""
    folder = tmp_path / "media" / "facebook" / "posts"
    folder.mkdir(parents=True)
    (folder / "7.jpg").write_bytes(DATA)
    own = "media/facebook/posts/7.jpg"
    scripts_with(
        database_url,
        (IDS[0], url(1), "7.jpg", own, len(DATA)),
        (IDS[1], url(2), "7.jpg", path, size),
    )
    with archive_on(database_url, tmp_path) as archive:
        assert archive.take_over()
        found = dict(query(archive, "SELECT id, download_status FROM media_storage"))
    told = {str(id_): status for id_, status in found.items()}
    assert told == {IDS[0]: "success", IDS[1]: "success" if is_found else "pending"}


def test_files_that_are_not_taken_in_are_told_and_found_on(
    database_url: str, tmp_path: Path
) -> None:
    """Those too large and those that are no pictures stay where their rows say they are."""
    (tmp_path / "big.jpg").write_bytes(DATA + bytes(11_000_000))
    (tmp_path / "clip.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(5000))
    scripts_with(
        database_url,
        (IDS[0], url(1), "big.jpg", "big.jpg", None),
        (IDS[1], url(2), "clip.mp4", str(tmp_path / "clip.mp4"), 5012),
        (IDS[2], url(3), "gone.jpg", "gone.jpg", None),
    )
    paths = "SELECT local_path FROM media_storage ORDER BY id"
    with archive_on(database_url, tmp_path) as archive:
        told = str(archive.take_over())
        archive.setup()
        assert query(archive, paths) == [("big.jpg",), (str(tmp_path / "clip.mp4"),), ("gone.jpg",)]
    assert (
        "\nnote: media_storage.local_path names a file that is not taken in in 2 rows"
        f" (id {IDS[0]}, {IDS[1]}): "
    ) in told
