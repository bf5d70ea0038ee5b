"""The archive as plain files: complete, checkable, harmless, and repeatable."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from plant import archive_of, config_text, files, one, query, sync
from test_cli import fbsyncd

from fbsyncd import forget, models
from fbsyncd.archive import Archive
from fbsyncd.errors import UsageError
from fbsyncd.export import MARK, Exported, export
from fbsyncd.export.folder import Folder
from fbsyncd.simulator import Simulator

HOSTILE = '<script>alert(1)</script> </p><img src=x onerror="alert(2)"> & \x07 \u202e สวัสดี 👩‍👧'


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    newest = datetime(2026, 3, 4, tzinfo=UTC)
    with Simulator(posts=24, seed=3, pictures="plain", newest=newest) as simulator:
        yield simulator


@pytest.fixture
def archive(facebook: Simulator, tmp_path: Path, database_url: str) -> Iterator[Archive]:
    with archive_of(facebook, tmp_path, database_url) as opened:
        yield opened


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "out" / "export"


def write(archive: Archive, target: Path) -> Exported:
    return export(archive.db, archive.media, target, archive.now())


def posts(target: Path) -> list[dict[str, Any]]:
    """Return all posts of an export, newest first."""
    months = sorted((target / "posts").iterdir(), reverse=True)
    return [post for path in months for post in json.loads(path.read_text(encoding="utf-8"))]


def tree(target: Path) -> dict[str, bytes]:
    """Return every file of an export, without those that tell when it was written."""
    dated = {"README.txt", "index.html", "SHA256SUMS"}
    return {
        str(path.relative_to(target)): path.read_bytes()
        for path in target.rglob("*")
        if path.is_file() and path.name not in dated
    }


def check(target: Path) -> int:
    """Return the status of the real ``sha256sum -c``, which must name every file."""
    named = {line[66:] for line in (target / "SHA256SUMS").read_text().splitlines()}
    there = {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}
    assert there == named | {"SHA256SUMS"}
    command = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    return subprocess.run(command, cwd=target, capture_output=True, check=False).returncode


class Page(HTMLParser):
    """What a browser would make of a page: its elements, what they lead to, its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_everything_is_there_and_checks(
    facebook: Simulator, archive: Archive, target: Path
) -> None:
    """Every post, every picture under its own name, and sums that sha256sum accepts."""
    sync(archive)
    done = write(archive, target)
    assert check(target) == 0
    assert [post["id"] for post in posts(target)] == [
        row[0]
        for row in query(
            archive, "SELECT id FROM facebook_posts ORDER BY created_time DESC, id DESC"
        )
    ]
    assert done.posts == 24
    assert len(list((target / "posts").iterdir())) > 1
    pictures = {str(path.relative_to(target / "pictures")) for path in target.rglob("*.jpg")}
    assert pictures == set(files(archive))
    assert done.pictures == len(pictures)
    named = {post["full_picture"]["file"] for post in posts(target) if post["full_picture"]}
    assert named
    assert all((target / name).is_file() for name in named)
    videos = json.loads((target / "videos.json").read_text())
    assert len(videos) == one(archive, "SELECT count(*) FROM facebook_video_posts") == done.videos


def test_the_pages_lead_only_to_what_is_there(
    facebook: Simulator, archive: Archive, target: Path
) -> None:
    """Links are relative and lead to files of the export, or openly to Facebook."""
    sync(archive)
    write(archive, target)
    for path in (target / "index.html", *(target / "months").iterdir()):
        page = Page(path)
        assert page.links
        for link in page.links:
            if link.startswith("https://www.facebook.com/"):
                continue
            assert not re.match(r"[a-z]+:|/", link), link
            assert (path.parent / unquote(link)).is_file(), link
    assert len(Page(target / "index.html").links) > len(list((target / "months").iterdir()))


def test_hostile_texts_are_shown_and_do_nothing(
    facebook: Simulator, archive: Archive, target: Path
) -> None:
    """No text becomes an element or an attribute, and all of it can be read."""
    clean = facebook.add_post("photo", message="plain")
    sync(archive)
    write(archive, target)
    month = target / "months" / f"{archive.now():%Y-%m}.html"
    before = Page(month)
    facebook.edit(clean, HOSTILE)
    sync(archive)
    with models.transaction(archive.db):
        models.change(
            archive.db,
            "UPDATE facebook_posts SET permalink_url = ? WHERE id = ?",
            ["javascript:alert(1)", clean],
        )
        models.change(archive.db, "UPDATE facebook_pages SET name = ?", [HOSTILE])
    write(archive, target)
    page = Page(month)
    assert page.tags - before.tags <= {"details", "summary"}
    assert page.attributes == before.attributes
    assert not any(link.startswith("javascript") for link in page.links)
    assert HOSTILE.replace("\x07", "") in page.text
    assert "script" not in Page(target / "index.html").tags
    assert check(target) == 0


def test_what_was_edited_or_removed_is_told(
    facebook: Simulator, archive: Archive, target: Path
) -> None:
    """Earlier texts and former pictures are part of the export."""
    post_id = facebook.add_post("album", photos=2, message="before")
    sync(archive)
    facebook.edit(post_id, "after")
    facebook.replace_photo(post_id)
    sync(archive)
    write(archive, target)
    (post,) = (post for post in posts(target) if post["id"] == post_id)
    assert [text["message"] for text in post["history"]] == ["before"]
    assert [one_["picture"]["state"] for one_ in post["attachments"]] == ["archived"] * 3
    text = Page(target / "months" / f"{archive.now():%Y-%m}.html").text
    assert "Earlier texts: 1" in text
    assert "before" in text
    assert "Removed since: 1 picture" in text


def test_an_export_is_brought_up_to_date(
    facebook: Simulator, archive: Archive, target: Path
) -> None:
    """Again without news writes the same; what is new comes, what was forgotten goes."""
    sync(archive)
    write(archive, target)
    before = tree(target)
    write(archive, target)
    assert tree(target) == before
    post_id = facebook.add_post("photo")
    sync(archive)
    write(archive, target)
    assert len(tree(target)) > len(before)
    subject = forget.Subject("post", post_id)
    forget.forget(archive.db, archive.media, subject, archive.now())
    (target / "my notes.txt").write_text("mine")
    write(archive, target)
    (target / "my notes.txt").unlink()
    assert tree(target) == before
    assert check(target) == 0


def test_an_export_cut_short_says_so_and_goes_on(
    facebook: Simulator, archive: Archive, target: Path
) -> None:
    """Without SHA256SUMS it is unfinished; half-written and altered files are mended."""
    sync(archive)
    write(archive, target)
    whole = tree(target)
    (target / "SHA256SUMS").unlink()
    picture = next((target / "pictures" / "posts").iterdir())
    data = picture.read_bytes()
    picture.unlink()
    picture.write_bytes(data[:-1] + b"\x00")
    picture.with_name(f"{picture.name}.part").write_bytes(data[:10])
    next((target / "posts").iterdir()).unlink()
    write(archive, target)
    assert tree(target) == whole
    assert check(target) == 0


def test_damaged_pictures_stay_out(facebook: Simulator, archive: Archive, target: Path) -> None:
    """Bytes that are not what was archived are named, and the posts say why there is none."""
    sync(archive)
    name = one(
        archive,
        "SELECT m.local_filename FROM media_storage m JOIN facebook_posts p"
        " ON p.local_full_picture_id = m.id ORDER BY p.id LIMIT 1",
    )
    (archive.media.root / "posts" / name).write_bytes(b"rotten")
    done = write(archive, target)
    assert done.damaged == {f"posts/{name}"}
    assert not (target / "pictures" / "posts" / name).exists()
    states = {post["full_picture"]["state"] for post in posts(target) if post["full_picture"]}
    assert states == {"archived", "lost: the file is missing or damaged"}
    assert check(target) == 0


def test_what_waits_is_said_to_wait(facebook: Simulator, archive: Archive, target: Path) -> None:
    """Before any download the export holds the texts alone."""
    archive.sync(archive.config.facebook.pages[0])
    assert write(archive, target).pictures == 0
    states = {post["full_picture"]["state"] for post in posts(target) if post["full_picture"]}
    assert states == {"waiting"}
    assert check(target) == 0


def test_a_folder_of_somebody_else_is_left_alone(
    facebook: Simulator, archive: Archive, target: Path
) -> None:
    """Other people's files, a plain file, and the archive's own folder are refused."""
    target.mkdir(parents=True)
    (target / "README.txt").write_text("Mine.\n")
    with pytest.raises(UsageError, match="holds other things"):
        write(archive, target)
    assert [path.name for path in target.iterdir()] == ["README.txt"]
    with pytest.raises(UsageError, match="is a file"):
        write(archive, target / "README.txt")
    with pytest.raises(UsageError, match="media folder"):
        write(archive, archive.media.root / "posts" / "export")


def test_two_exports_do_not_share_a_folder(
    facebook: Simulator, archive: Archive, target: Path
) -> None:
    """The second one is refused while the first one writes, and that one is not disturbed."""
    sync(archive)
    with Folder.opened(target, MARK) as folder:
        with pytest.raises(UsageError, match="another export"):
            write(archive, target)
        folder.put("style.css", "")
    write(archive, target)
    assert check(target) == 0


def test_posts_of_several_pages_say_whose_they_are(tmp_path: Path, target: Path) -> None:
    """Where there is one Page only, its name at the top is enough."""
    with (
        Simulator(posts=2, pages=2, pictures="plain") as facebook,
        archive_of(facebook, tmp_path) as archive,
    ):
        sync(archive)
        write(archive, target)
        text = "".join(Page(path).text for path in (target / "months").iterdir())
        assert [text.count(page.name) for page in facebook.pages] == [2, 2]


def test_an_empty_archive_can_be_exported(archive: Archive, target: Path) -> None:
    """There is nothing in it, and it says so."""
    write(archive, target)
    assert check(target) == 0
    assert "0 posts" in Page(target / "index.html").text


def test_pictures_are_links_on_the_same_disk(
    facebook: Simulator, archive: Archive, target: Path
) -> None:
    """They take no space twice."""
    sync(archive)
    write(archive, target)
    name = next(iter(files(archive)))
    assert (target / "pictures" / name).samefile(archive.media.root / name)


def test_the_command_exports(tmp_path: Path) -> None:
    """Status 0 and a sentence; with a damaged picture status 1 after everything else is there."""
    with Simulator(posts=4, seed=3, pictures="plain") as facebook:
        (tmp_path / "config.toml").write_text(config_text(facebook))
        fbsyncd(tmp_path, "sync")
        done = fbsyncd(tmp_path, "export", "out")
        assert (done.returncode, done.stderr) == (0, "")
        assert "4 posts" in done.stdout
        assert check(tmp_path / "out") == 0
        next((tmp_path / "media/facebook/posts").iterdir()).unlink()
        damaged = fbsyncd(tmp_path, "export", "other")
        assert (damaged.returncode, len(damaged.stderr.splitlines())) == (1, 1)
        assert check(tmp_path / "other") == 0
        assert fbsyncd(tmp_path, "export", "media").returncode == 1
