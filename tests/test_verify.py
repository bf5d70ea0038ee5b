"""The proof, month by month: what is named, archived and whole, waiting, lost and why."""

from __future__ import annotations

import json
import os
import pty
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from plant import archive_of, config_text, files, one, query, read, sync
from test_cli import fbsyncd

from fbsyncd import models, verify
from fbsyncd.archive import Archive
from fbsyncd.errors import PictureRefused
from fbsyncd.fetch.reach import first_place
from fbsyncd.simulator import Simulator
from fbsyncd.verify import Verdict, show
from fbsyncd.verify.verdict import NO_ROW, Count
from fbsyncd.walks import BEGINNING, Walk

IN_MARCH = "created_time >= '2026-03-01 00:00:00.000000+00:00'"


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    newest = datetime(2026, 3, 4, tzinfo=UTC)
    with Simulator(posts=40, seed=3, pictures="plain", newest=newest) as simulator:
        yield simulator


@pytest.fixture
def archive(facebook: Simulator, tmp_path: Path, database_url: str) -> Iterator[Archive]:
    with archive_of(facebook, tmp_path, database_url) as opened:
        yield opened


def proof(archive: Archive, *, quick: bool = False) -> Verdict:
    return verify.verify(archive.db, archive.media, quick=quick)


def change(archive: Archive, sql: str, *params: object) -> None:
    with models.transaction(archive.db):
        models.change(archive.db, sql, params)


def test_a_whole_archive_has_lost_nothing(facebook: Simulator, archive: Archive) -> None:
    """Every month has as many posts as the source listed, and every picture named is whole."""
    sync(archive)
    verdict = proof(archive)
    months: dict[str, int] = {}
    for post in facebook.world.posts(facebook.page_id):
        name = f"{post.created:%Y-%m}"
        months[name] = months.get(name, 0) + 1
    assert len(months) > 1
    assert {name: verdict.months[name].posts_at_source for name in months} == months
    assert {name: verdict.months[name].posts for name in months} == months
    named = set()
    for table, column in (
        ("facebook_posts", "local_picture_id"),
        ("facebook_posts", "local_full_picture_id"),
        ("facebook_post_attachments", "local_media_id"),
        ("facebook_post_attachments", "local_thumbnail_id"),
        ("facebook_video_posts", "local_picture_id"),
    ):
        named |= {row[0] for row in query(archive, f"SELECT {column} FROM {table}")} - {None}
    made_here = "SELECT id FROM media_storage WHERE derived_from IS NOT NULL"
    named -= {row[0] for row in query(archive, made_here)}
    assert verdict.total.pictures == verdict.total.archived == len(named)
    assert verdict.is_whole
    assert "Nothing is lost" in show.table(verdict)


def test_what_waits_is_not_lost(facebook: Simulator, archive: Archive) -> None:
    """Before any download everything waits."""
    read(archive)
    total = proof(archive).total
    assert (total.archived, total.lost) == (0, 0)
    assert total.waiting == total.pictures > 0


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda path: path.unlink(), "the file is missing on disk"),
        (lambda path: path.write_bytes(b"x"), "the file has another size than recorded"),
    ],
)
def test_a_file_that_is_not_whole_is_lost(
    facebook: Simulator, archive: Archive, harm: object, reason: str
) -> None:
    """A missing or cut file counts as lost, with that reason."""
    sync(archive)
    assert callable(harm)
    harm(archive.media.root / next(iter(files(archive))))
    verdict = proof(archive)
    assert list(verdict.reasons) == [reason]
    assert verdict.total.lost == verdict.reasons[reason] > 0
    assert reason in show.table(verdict)


def test_a_picture_of_an_earlier_version_is_looked_at(
    facebook: Simulator, archive: Archive
) -> None:
    """A former picture counts in the month of its post, and is lost when its file is."""
    post_id = facebook.add_post("photo")
    sync(archive)
    month = str(one(archive, "SELECT created_time FROM facebook_posts WHERE id = ?", [post_id]))[:7]
    facebook.replace_photo(post_id)
    sync(archive)
    assert proof(archive).is_whole
    former = query(
        archive,
        "SELECT m.category, m.local_filename FROM former_pictures f"
        " JOIN media_storage m ON m.id = f.media_id WHERE m.derived_from IS NULL",
    )
    for category, name in former:
        (archive.media.root / category / name).unlink()
    verdict = proof(archive)
    assert list(verdict.reasons) == ["the file is missing on disk"]
    assert verdict.months[month].lost == verdict.total.lost == len(former) > 0


def test_a_picture_without_a_post_is_looked_at(facebook: Simulator, archive: Archive) -> None:
    """What nothing names has a line of its own, and is lost when its file is."""
    sync(archive)
    before = proof(archive)
    assert "without a post" not in show.table(before)
    nobody = "UPDATE facebook_post_attachments SET local_media_id = NULL"
    change(archive, f"{nobody}, local_thumbnail_id = NULL")
    change(archive, "UPDATE facebook_video_posts SET local_picture_id = NULL")
    change(archive, "UPDATE facebook_posts SET local_picture_id = NULL")
    change(archive, "UPDATE facebook_posts SET local_full_picture_id = NULL")
    verdict = proof(archive)
    assert verdict.is_whole
    assert verdict.unnamed.archived == verdict.unnamed.pictures > 0
    assert verdict.total.pictures == before.total.pictures
    for path in (archive.media.root / "posts").iterdir():
        path.unlink()
    verdict = proof(archive)
    assert verdict.unnamed.lost == verdict.total.lost == sum(verdict.reasons.values()) > 0
    assert verdict.as_json()["without_post"]["lost"] == verdict.total.lost
    assert "without a post" in show.table(verdict)


def test_altered_bytes_are_found_by_their_hash(facebook: Simulator, archive: Archive) -> None:
    """A file of the right size with other bytes is lost; a quick look does not claim to know."""
    sync(archive)
    path = archive.media.root / next(iter(files(archive)))
    path.write_bytes(bytes(path.stat().st_size))
    verdict = proof(archive)
    assert list(verdict.reasons) == ["the file's content is damaged"]
    assert verdict.as_json()["checked"] == "content"
    quick = proof(archive, quick=True)
    assert quick.as_json()["checked"] == "size"
    assert quick.is_whole
    for said in (show.table(quick), json.dumps(quick.as_json())):
        assert "whole" not in said
        assert "Nothing is lost" not in said
    assert "was not read" in show.table(quick)
    path.unlink()
    assert "was not read" in show.table(proof(archive, quick=True))


def test_a_file_the_disk_cannot_read_is_lost(facebook: Simulator, archive: Archive) -> None:
    """One bad sector does not end the look at all other files."""
    sync(archive)
    path = archive.media.root / next(iter(files(archive)))
    path.unlink()
    path.symlink_to("/proc/self/mem")
    size = path.lstat().st_size
    name = path.name
    change(archive, "UPDATE media_storage SET file_size = ? WHERE local_filename = ?", size, name)
    verdict = proof(archive)
    assert list(verdict.reasons) == ["the disk cannot read the file"]
    assert verdict.total.archived > 0


def test_a_terminal_is_told_how_far_it_is(
    facebook: Simulator, archive: Archive, tmp_path: Path
) -> None:
    """The number of pictures done is told while it works; to a file nothing is written."""
    sync(archive)
    heard: list[int] = []
    verify.verify(archive.db, archive.media, heard=heard.append)
    assert heard == list(range(0, proof(archive).total.pictures, verify.STEP))
    main, terminal = pty.openpty()
    with os.fdopen(terminal, "w", encoding="utf-8") as out, show.display(out) as tell:
        tell(1234)
    told = b""
    # It comes in pieces, and ends with an error because nobody writes to it any more.
    with suppress(OSError):
        while piece := os.read(main, 65536):
            told += piece
    os.close(main)
    assert b"1,234 done" in told
    with (tmp_path / "out").open("w") as plain, show.display(plain) as tell:
        tell(1234)
    assert (tmp_path / "out").read_text() == ""


def test_given_up_pictures_are_lost_with_their_reason(
    facebook: Simulator, archive: Archive
) -> None:
    """The reasons are counted; a row that is tried again is only waiting."""
    facebook.faults.cdn_serve(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml")
    sync(archive)
    verdict = proof(archive)
    given_up = one(
        archive,
        "SELECT count(*) FROM media_storage WHERE download_status = 'failed'"
        " AND next_attempt_at IS NULL",
    )
    assert verdict.total.lost == sum(verdict.reasons.values()) == given_up > 0
    assert not verdict.is_whole


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (
            "its link is dead, and its owner is gone: The object is not there. Facebook said:"
            ' "Object \'{0}\' does (not) "exist"" (code 100/33, HTTP 400, trace A{0})',
            "its link is dead, and its owner is gone: The object is not there. (code 100/33)",
        ),
        (
            "given up after 12 attempts: 403 URL signature expired ({0}_n.jpg at a.fbcdn.net)",
            "given up after … attempts: 403 URL signature expired",
        ),
        ("404 Not Found (b{0}.fbcdn.net)", "404 Not Found"),
        ("damaged at byte {0} of 7,{0}", "damaged at byte … of …"),
        ("{0} bytes that are no picture (they begin {0} 0a)", "… bytes that are no picture"),
    ],
)
def test_reasons_of_one_kind_are_counted_together(reason: str, kind: str) -> None:
    """What a reason says of one picture only, be it an id, a name or a number, is left out."""
    verdict = Verdict()
    for own in ("123", "980"):
        verdict.blame(reason.format(own))
    assert dict(verdict.reasons) == {kind: 2}


def test_more_posts_than_facebook_shows_are_explained() -> None:
    """A newcomer reads why the archive has more than its source, and only then."""
    verdict = Verdict(months={"2026-03": Count(posts_at_source=61, posts=61)})
    assert "on Facebook" in show.table(verdict).splitlines()[0]
    assert "More posts than" not in show.table(verdict)
    verdict.months["2026-03"].posts = 82
    assert "More posts than on Facebook: what it shows no longer" in show.table(verdict)


def test_the_most_frequent_reasons_are_shown_first() -> None:
    """Twenty of them, and how many others there are."""
    verdict = Verdict()
    for nth in range(23):
        verdict.blame(f"reason {chr(97 + nth)}", nth + 1)
    shown = show.table(verdict).splitlines()
    first = shown.index("Lost: 276") + 1
    assert shown[first].split() == ["23", "reason", "w"]
    assert shown[first + 20] == "        6  and 3 other reasons"


def test_each_loss_is_told_with_what_may_bring_it_back(archive: Archive) -> None:
    """Files by reconcile and sync, posts by reading them again, the rest by trying again."""
    sync(archive)
    name = one(archive, "SELECT min(local_filename) FROM media_storage WHERE category = 'posts'")
    (archive.media.root / "posts" / name).unlink()
    told = show.table(proof(archive))
    assert "  files: fbsyncd reconcile --scrub queues them, fbsyncd sync fetches them" in told
    assert "posts: " not in told.partition("What may bring them back:")[2]
    assert "retry" not in told
    verdict = Verdict(is_quick=True)
    verdict.blame(NO_ROW, 2)
    verdict.blame("given up")
    told = show.table(verdict)
    assert told.splitlines()[-4:-1] == [
        "What may bring them back:",
        "  posts: fbsyncd sync --full reads them again",
        "  given up: fbsyncd retry --all, fbsyncd sync",
    ]


def test_a_post_without_a_row_is_missed(facebook: Simulator, archive: Archive) -> None:
    """What the source listed and the archive does not have is named, in its month."""
    read(archive)
    post_id = one(archive, "SELECT min(id) FROM facebook_posts")
    change(archive, "DELETE FROM facebook_posts WHERE id = ?", post_id)
    verdict = proof(archive)
    assert verdict.total.posts_missing == 1
    assert dict(verdict.reasons) == {"a post that the source listed has no row": 1}


@pytest.mark.parametrize(
    "other",
    [
        "deleted_at = '2020-01-01 00:00:00.000000+00:00'",
        "misses = 1, last_seen_at = '2020-01-01 00:00:00.000000+00:00'",
        "is_published = FALSE",
        "created_time = '2026-03-31 00:00:00.000000+00:00'",
    ],
    ids=["gone", "missed", "unpublished", "newer"],
)
def test_what_the_listing_did_not_meet_makes_up_for_nothing(
    facebook: Simulator, archive: Archive, other: str
) -> None:
    """A row that was not listed then does not hide that another one, which was, is missing."""
    facebook.clock.move(datetime(2026, 3, 10, tzinfo=UTC) - facebook.clock.now())
    read(archive)
    newest, next_ = (
        row[0] for row in query(archive, "SELECT id FROM facebook_posts ORDER BY id DESC LIMIT 2")
    )
    march = "UPDATE facebook_posts SET created_time = '2026-03-02 00:00:00.000000+00:00'"
    for id_ in (newest, next_):
        change(archive, f"{march} WHERE id = ?", id_)
    change(archive, "DELETE FROM source_months WHERE month = '2026-03'")
    count = one(archive, f"SELECT count(*) FROM facebook_posts WHERE {IN_MARCH}") - 1
    change(
        archive,
        "INSERT INTO source_months (page_id, month, posts, listed_at)"
        " SELECT page_id, '2026-03', ?, max(listed_at) FROM source_months GROUP BY page_id",
        count,
    )
    assert proof(archive).total.posts_missing == 0
    change(archive, f"UPDATE facebook_posts SET {other} WHERE id = ?", newest)
    assert proof(archive).total.posts_missing == 0
    change(archive, "DELETE FROM facebook_posts WHERE id = ?", next_)
    assert dict(proof(archive).reasons) == {"a post that the source listed has no row": 1}


def test_a_post_that_went_after_the_listing_is_not_missing(
    facebook: Simulator, archive: Archive
) -> None:
    """The listing met it and its row is there, whatever was seen of it later."""
    read(archive)
    post_id = one(archive, "SELECT min(id) FROM facebook_posts")
    later = models.to_text(archive.now())
    change(
        archive,
        "UPDATE facebook_posts SET misses = 3, last_seen_at = ?, deleted_at = ? WHERE id = ?",
        *(later, later, post_id),
    )
    assert proof(archive).is_whole


def test_only_a_walk_over_everything_says_what_the_source_has(
    facebook: Simulator, archive: Archive
) -> None:
    """A walk over some days lists nothing, and neither does one that was cut short."""
    page = archive.config.facebook.pages[0]
    archive.sync(page, wanted=lambda now: Walk("days", BEGINNING, now))
    verdict = proof(archive)
    assert verdict.pages == {page.id: None}
    assert verdict.total.posts_at_source is None
    assert "not listed yet" in show.table(verdict)


def test_a_walk_that_went_on_counts_each_post_once(tmp_path: Path, database_url: str) -> None:
    """Reading the top again after an error doubles no number."""
    with Simulator(posts=120, seed=5, pictures="plain") as facebook:
        facebook.faults.ignore_until()
        with archive_of(facebook, tmp_path, database_url) as archive:
            facebook.faults.invalid_cursors(times=1)
            read(archive)
            assert proof(archive).total.posts_at_source is None
            read(archive)
            assert proof(archive).total.posts_at_source == 120
            assert query(archive, "SELECT 1 FROM listed_posts") == []


def test_the_command_ends_with_one_when_something_is_lost(tmp_path: Path) -> None:
    """Status 0 and a table; after a loss status 1, and ``--json`` says the same."""
    with Simulator(posts=6, seed=3, pictures="plain") as facebook:
        (tmp_path / "config.toml").write_text(config_text(facebook))
        fbsyncd(tmp_path, "sync")
        done = fbsyncd(tmp_path, "verify")
        assert (done.returncode, done.stderr) == (0, "")
        assert len({len(line) for line in done.stdout.split("\n\n")[0].splitlines()}) == 1
        next((tmp_path / "media/facebook/posts").iterdir()).unlink()
        lost = fbsyncd(tmp_path, "verify", "--json")
        assert lost.returncode == 1
        told = json.loads(lost.stdout)
        assert told["ok"] is False
        assert told["lost"][0]["reason"] == "the file is missing on disk"
        assert told["total"]["posts"] == sum(month["posts"] for month in told["months"]) == 6
        (tmp_path / "media/facebook").rename(tmp_path / "media/away")
        away = fbsyncd(tmp_path, "verify")
        assert (away.returncode, away.stdout) == (1, "")


@pytest.mark.parametrize("host", ["pictures.example.org", "127.0.0.1"])
def test_a_host_that_is_not_allowed_is_named_with_the_remedy(host: str) -> None:
    """Pictures of one host are one reason, and trying again is no remedy by itself."""
    verdict = Verdict()
    for name in ("a1", "b2"):
        with pytest.raises(PictureRefused) as refused:
            first_place(f"https://{host}/{name}.jpg", ["*.fbcdn.net"])
        verdict.blame(str(refused.value))
    # Rows of earlier programs say it in other words.
    verdict.blame(f"the link leads to {host}, which is not among the allowed hosts")
    assert dict(verdict.reasons) == {f"{host} is not among the allowed hosts": 3}
    told = show.table(verdict)
    assert "media.allowed_hosts" in told
    assert "given up: " not in told
