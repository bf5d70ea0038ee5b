"""SIGKILL of the commands beside sync and run: what they began is whole or is gone on with."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from plant import archive_of, sync
from torture import ALIVE, NOT_SAFE, Death, Ordeal, ordeal

EVERYTHING = "SELECT * FROM media_storage ORDER BY id"
GIVEN_UP = (
    "SELECT count(*) FROM media_storage WHERE download_status = 'failed'"
    " AND next_attempt_at IS NULL"
)


@pytest.fixture
def one(tmp_path: Path, database_url: str) -> Iterator[Ordeal]:
    """An archive of twenty posts, with every picture in it."""
    with ordeal(tmp_path, database_url, posts=20, seed=7) as archive:
        archive.run("sync")
        yield archive


def deaths(*points: tuple[str, int], at_random: int = 2, longest: float = 0.5) -> list[Death]:
    """Deaths at these points, and some at any instant."""
    chance = random.Random(11)
    return [
        *(Death(*point) for point in points),
        *(Death(after=chance.uniform(0.05, longest)) for _ in range(at_random)),
    ]


def files(archive: Ordeal) -> set[str]:
    return {str(path.relative_to(archive.root)) for path in archive.files()}


def test_a_killed_forget_forgets_all_or_nothing(one: Ordeal, tmp_path: Path) -> None:
    """The post is there with all it had, or gone with all it had, and never comes back."""
    posts = [post for post in one.facebook.world.posts(one.facebook.page_id) if post.photos]
    doomed = iter(posts)
    points = [("statement", 20), ("commit", 1), ("committed", 1), ("unlink", 1), ("unlinked", 1)]
    points += [("unlinked", 2), ("commit", 2), ("committed", 2)]
    gone = []
    for death in deaths(*points):
        post = next(doomed)
        count = f"SELECT count(*) FROM facebook_post_attachments WHERE post_id = '{post.id}'"
        before, named = one.rows(EVERYTHING), one.rows(count)
        one.run("forget", "post", post.id, "--yes", death=death)
        if one.rows(f"SELECT 1 FROM facebook_posts WHERE id = '{post.id}'"):
            assert (one.rows(EVERYTHING), one.rows(count)) == (before, named)
            one.run("forget", "post", post.id, "--yes")
        assert one.rows(count) == [(0,)]
        gone.append(post.id)
    one.run("forget", "post", gone[0], "--yes", status=1)
    one.run("sync", "--full")
    assert one.kills.total() >= 7, one.kills
    for post_id in gone:
        one.facebook.remove(post_id)
    # Not one file of theirs is left, and not one of the others is missing.
    (tmp_path / "twin").mkdir()
    with archive_of(one.facebook, tmp_path / "twin", f"sqlite:///{tmp_path / 't.db'}") as twin:
        assert sync(twin).problems == []
        folders = ("posts", "attachments", "thumbnails")
        assert files(one) == {f"{f}/{name}" for f in folders for name in twin.media.names(f)}


def test_a_killed_export_is_unfinished_or_whole(one: Ordeal, tmp_path: Path) -> None:
    """A folder with SHA256SUMS is whole; one without is gone on with by the same command."""
    target = tmp_path / "exported"
    points = [("replace", 1), ("link", 1), ("linked", 5), ("replaced", 9), ("unlink", 1)]
    points += [("fsync", 1), ("fsynced", 1), ("unlinked", 1)]
    for death in deaths(*points):
        one.run("export", str(target), death=death)
        if (target / "SHA256SUMS").exists():
            check_sums(target)
        one.facebook.add_post("album", photos=2)
        one.run("sync")
    one.run("export", str(target))
    check_sums(target)
    assert one.kills.total() >= 7, one.kills
    one.run("export", str(tmp_path / "fresh"))
    assert shown(target) == shown(tmp_path / "fresh")
    assert not list(target.rglob("*.part"))


def check_sums(folder: Path) -> None:
    """Let ``sha256sum`` itself say so, of every file there is."""
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=folder, check=True)
    named = {line.split("  ", 1)[1] for line in (folder / "SHA256SUMS").read_text().splitlines()}
    assert named == set(shown(folder)) | {"README.txt", "index.html"}


def shown(folder: Path) -> dict[str, bytes]:
    """Return what an export holds, without what tells when it was written."""
    dated = {"README.txt", "SHA256SUMS", "index.html"}
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in dated and path.suffix != ".part"
    }


def test_a_killed_verify_has_changed_nothing(one: Ordeal) -> None:
    """Rows and files are as they were, and the next one comes to its end."""
    before = one.rows(EVERYTHING), files(one)
    points = [("statement", 3), ("executed", 6), ("statement", 9), ("executed", 11)]
    for death in deaths(*points, longest=0.3):
        one.run("verify", death=death)
        assert (one.rows(EVERYTHING), files(one)) == before
    assert one.kills.total() >= 4, one.kills
    one.run("verify")


def test_a_killed_acceptance_of_a_loss_is_gone_on_with(one: Ordeal) -> None:
    """Until it has come to its end nothing is fetched; then every picture comes back, once."""
    points = [("replace", 1), ("replaced", 1), ("commit", 1), ("commit", 2), ("committed", 2)]
    points += [("statement", 20), ("committed", 4)]
    for death in deaths(*points, at_random=1):
        lost = sorted(one.files())[::2]
        for path in lost:
            one.harm(path, alter=False)
        one.run("reconcile", status=1)
        if one.run("reconcile", "--accept-loss", death=death):
            one.run("reconcile", "--accept-loss")
        one.run("sync")
        assert one.rows(NOT_SAFE) == []
    assert one.kills.total() >= 6, one.kills
    one.finish()


def test_a_killed_retry_is_all_or_nothing(one: Ordeal) -> None:
    """Given-up rows are all queued or none; in the end every picture is there."""
    facebook = one.facebook
    for death in deaths(("statement", 3), ("commit", 1), ("committed", 1), longest=0.3):
        facebook.faults.cdn_redirect("{self}", times=3)
        facebook.add_post("album", photos=3)
        one.run("sync")
        lost = one.rows(GIVEN_UP)[0][0]
        assert lost > 0
        one.again += lost
        one.run("retry", "--all", death=death)
        assert one.rows(GIVEN_UP)[0][0] in {0, lost}
        one.run("retry", "--all", death=ALIVE)
        one.run("sync")
        assert one.rows(GIVEN_UP) == [(0,)]
    assert one.kills.total() >= 3, one.kills
    one.finish()
