"""A script puts another link into a row whose picture is known."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from dump import Dump, read_page
from plant import config_text, one, query, sync
from test_adoption import check_links
from test_adoption_gone import read_twice
from test_adoption_media import MEDIA, opened
from test_cli import fbsyncd

from fbsyncd import links, models
from fbsyncd.archive import Archive
from fbsyncd.simulator import Simulator

NOTES = "SELECT count(*) FROM changed_links"
STATUS = "SELECT download_status FROM media_storage WHERE asset_key = ?"
PICTURES = "SELECT count(*) FROM media_storage WHERE derived_from IS NULL"
#: For each kind of row one with a picture, and how a script changes its link.
CHANGES = {
    "post": (
        "SELECT min(id) FROM facebook_posts WHERE full_picture_url <> ''",
        "UPDATE facebook_posts SET full_picture_url = ? WHERE id = ?",
        "SELECT local_full_picture_id FROM facebook_posts WHERE id = ?",
    ),
    "post on conflict": (
        "SELECT min(id) FROM facebook_posts WHERE picture_url <> ''",
        "INSERT INTO facebook_posts (picture_url, id) VALUES (?, ?)"
        " ON CONFLICT (id) DO UPDATE SET picture_url = EXCLUDED.picture_url",
        "SELECT local_picture_id FROM facebook_posts WHERE id = ?",
    ),
    "video": (
        "SELECT min(video_id) FROM facebook_video_posts WHERE picture <> ''",
        "UPDATE facebook_video_posts SET picture = ? WHERE video_id = ?",
        "SELECT local_picture_id FROM facebook_video_posts WHERE video_id = ?",
    ),
    "attachment": (
        "SELECT min(id) FROM facebook_post_attachments WHERE media_url <> ''",
        "UPDATE facebook_post_attachments SET media_url = ? WHERE id = ?",
        "SELECT local_media_id FROM facebook_post_attachments WHERE id = ?",
    ),
    "thumbnail": (
        "SELECT min(id) FROM facebook_post_attachments WHERE media_url <> ''",
        "UPDATE facebook_post_attachments SET thumbnail_url = ? WHERE id = ?",
        "SELECT local_thumbnail_id FROM facebook_post_attachments WHERE id = ?",
    ),
}

#: What keeps others from writing into one post, on SQLite and on PostgreSQL.
GUARDS = {
    True: (
        "CREATE TRIGGER guard BEFORE UPDATE ON facebook_posts WHEN OLD.id = '{}'"
        " BEGIN SELECT RAISE(ABORT, 'not this one'); END",
    ),
    False: (
        "CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'not this one'; END $$",
        "CREATE TRIGGER guard BEFORE UPDATE ON facebook_posts FOR EACH ROW"
        " WHEN (OLD.id = '{}') EXECUTE FUNCTION guard()",
    ),
}


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=12, seed=3, pictures="plain") as simulator:
        yield simulator


@pytest.fixture(params=["theirs", "ours"])
def scripts(request: pytest.FixtureRequest, facebook: Simulator, database_url: str) -> Dump:
    """The scripts' database; its ``media_storage`` is theirs, or fbsyncd makes it."""
    return read_twice(facebook, database_url, *([MEDIA] if request.param == "theirs" else []))


@pytest.fixture
def archive(facebook: Simulator, scripts: Dump, tmp_path: Path) -> Iterator[Archive]:
    """The archive of the scripts' database, with all pictures of Facebook."""
    with opened(facebook, tmp_path, scripts) as opened_:
        assert opened_.take_over()
        opened_.setup()
        assert sync(opened_).problems == []
        opened_.take_in()
        yield opened_


def new_link(facebook: Simulator) -> str:
    """Return the link of a picture that is in none of the rows."""
    post = facebook.add_post("photo")
    told = requests.get(
        f"{facebook.url}/v26.0/{post}",
        params={"fields": "full_picture", "access_token": facebook.token},
        timeout=20,
    )
    return str(told.json()["full_picture"])


def fetch(archive: Archive) -> None:
    """Fetch what is queued, without a word with the Graph API."""
    archive.stop.clear()
    archive.download()


def shown(archive: Archive) -> list[tuple[str, str | None]]:
    return [(post["id"], post["display_image_url"]) for post in archive.feed.newest(100)]


@pytest.mark.parametrize("kind", CHANGES)
def test_the_picture_of_a_changed_link_is_archived_without_a_sync(
    facebook: Simulator, archive: Archive, scripts: Dump, kind: str
) -> None:
    """No answer names an old post; what was shown is shown until the new picture is there."""
    which, change, local = CHANGES[kind]
    id_, link = scripts.one(which), new_link(facebook)
    key, before = links.asset_key(link), query(archive, local, [id_])
    pictures = shown(archive)
    scripts.write(change, [(link, id_)])
    archive.take_in()
    assert query(archive, STATUS, [key]) == [("pending",)]
    if kind != "thumbnail":
        # What is made here of a picture is no picture that Facebook names.
        assert query(archive, local, [id_]) == before
    assert shown(archive) == pictures
    fetch(archive)
    assert query(archive, STATUS, [key]) == [("success",)]
    archive.take_in()
    ((now,),) = query(archive, local, [id_])
    assert query(archive, "SELECT asset_key FROM media_storage WHERE id = ?", [str(now)]) == [
        (key,)
    ]
    assert one(archive, NOTES) == 0
    check_links(archive)


@pytest.mark.parametrize("kind", ["post", "video"])
def test_what_such_a_row_showed_is_remembered_as_its_own(
    facebook: Simulator, archive: Archive, scripts: Dump, kind: str
) -> None:
    """So it is forgotten with the post, and counted in its month."""
    which, change, local = CHANGES[kind]
    id_ = scripts.one(which)
    ((before,),) = query(archive, local, [id_])
    scripts.write(change, [(new_link(facebook), id_)])
    former = "SELECT media_id FROM former_pictures WHERE owner_id = ?"
    archive.take_in()
    assert str(before) not in [str(media) for (media,) in query(archive, former, [id_])]
    fetch(archive)
    archive.take_in()
    assert [str(media) for (media,) in query(archive, former, [id_])] == [str(before)]


def test_links_that_were_signed_anew_change_nothing(archive: Archive, scripts: Dump) -> None:
    """A script that reads the whole Page again writes such a link into every row."""
    pictures, before = one(archive, PICTURES), shown(archive)
    scripts.run(
        "UPDATE facebook_posts SET full_picture_url = full_picture_url || '&_nc_gid=again'"
        " WHERE full_picture_url <> ''",
        "UPDATE facebook_post_attachments SET media_url = media_url || '&_nc_gid=again'"
        " WHERE media_url <> ''",
        "UPDATE facebook_video_posts SET picture = picture || '&_nc_gid=again'",
    )
    assert one(archive, NOTES) > 10
    archive.take_in()
    assert one(archive, NOTES) == 0
    assert (one(archive, PICTURES), shown(archive)) == (pictures, before)
    assert archive.backlog.claim(100, archive.now()) == []


def test_a_script_that_reads_again_brings_fresh_links(
    facebook: Simulator, scripts: Dump, tmp_path: Path
) -> None:
    """Pictures whose links have died are fetched by those, and Facebook is asked for none."""
    waiting = (
        "SELECT count(*) FROM facebook_posts p JOIN media_storage m"
        " ON m.id IN (p.local_picture_id, p.local_full_picture_id)"
        " WHERE m.download_status <> 'success'"
    )
    with opened(facebook, tmp_path, scripts) as archive:
        assert archive.take_over()
        archive.setup()
        facebook.clock.move(timedelta(days=7))
        fetch(archive)
        assert one(archive, waiting) > 10
        read_page(scripts, facebook.url, facebook.page_id, facebook.token)
        archive.take_in()
        fetch(archive)
        assert one(archive, waiting) == 0


def test_a_link_that_leads_nowhere_changes_nothing_that_is_shown(
    facebook: Simulator, archive: Archive, scripts: Dump
) -> None:
    """Its picture is tried like any other and given up; nothing waits for it any more."""
    which, change, local = CHANGES["post"]
    id_, before = scripts.one(which), shown(archive)
    link = f"{facebook.url}/v/t39.30808-6/9_9_9_n.jpg"
    scripts.write(change, [(link, id_)])
    held = query(archive, local, [id_])
    archive.take_in()
    assert (query(archive, local, [id_]), shown(archive)) == (held, before)
    assert one(archive, NOTES) == 1
    ((media,),) = query(
        archive, "SELECT id FROM media_storage WHERE asset_key = ?", [links.asset_key(link)]
    )
    with models.transaction(archive.db):
        models.change(
            archive.db, "UPDATE media_storage SET needs_link = TRUE WHERE id = ?", [media]
        )
    archive.backlog.surrender([(uuid.UUID(str(media)), "not there")], archive.now())
    archive.take_in()
    assert (query(archive, local, [id_]), shown(archive)) == (held, before)
    assert one(archive, NOTES) == 0


def test_another_row_shows_the_picture_that_an_attachment_no_longer_has(
    facebook: Simulator, archive: Archive, scripts: Dump
) -> None:
    """The scripts have added it once for each signature; the row that was shown gets a new link."""
    ((id_, post, key),) = scripts.ask(
        "SELECT s.id, s.post_id, s.attachment_key FROM facebook_post_attachments s WHERE EXISTS"
        " (SELECT 1 FROM facebook_post_attachments d WHERE d.post_id = s.post_id"
        " AND d.duplicate_of = s.attachment_key) ORDER BY s.id LIMIT 1"
    )
    told = "SELECT count(*) FROM facebook_post_attachments WHERE post_id = ? AND removed_at IS NULL"
    before = one(archive, told, [post])
    scripts.write(CHANGES["attachment"][1], [(new_link(facebook), id_)])
    archive.take_in()
    fetch(archive)
    archive.take_in()
    assert one(archive, told, [post]) == before + 1
    shows = f"{told} AND attachment_key = ? AND id <> ?"
    assert one(archive, shows, [post, key, id_]) == 1
    check_links(archive)


def test_a_row_that_its_owner_guards_holds_up_no_other(
    facebook: Simulator, archive: Archive, scripts: Dump
) -> None:
    """Their trigger refuses what is written into one post; the other one shows its new picture."""
    posts = "SELECT id FROM facebook_posts WHERE full_picture_url <> '' ORDER BY id LIMIT 2"
    ids = [str(id_) for (id_,) in query(archive, posts)]
    fresh = [new_link(facebook) for _ in ids]
    scripts.write(CHANGES["post"][1], zip(fresh, ids, strict=True))
    archive.take_in()
    fetch(archive)
    scripts.run(*(sql.format(ids[0]) for sql in GUARDS[scripts.is_file]))
    archive.take_in()
    named = query(
        archive,
        "SELECT m.asset_key FROM facebook_posts p JOIN media_storage m"
        " ON m.id = p.local_full_picture_id WHERE p.id = ?",
        [ids[1]],
    )
    assert named == [(links.asset_key(fresh[1]),)]
    assert one(archive, NOTES) == 0


def test_every_command_but_stats_takes_such_a_link_in(
    facebook: Simulator, scripts: Dump, tmp_path: Path
) -> None:
    """Whoever starts next queues it."""
    (tmp_path / "config.toml").write_text(config_text(facebook, scripts.url))
    for command in ("setup", "sync"):
        assert fbsyncd(tmp_path, command).returncode == 0
    which, change, _ = CHANGES["post"]
    link = new_link(facebook)
    scripts.write(change, [(link, scripts.one(which))])
    assert fbsyncd(tmp_path, "posts").returncode == 0
    key = links.asset_key(link)
    assert scripts.one(f"SELECT count(*) FROM media_storage WHERE asset_key = '{key}'") == 1
