"""What an answer changes in the rows, and what it must not take away."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from fbsyncd import links, merge
from fbsyncd.assets import Asset
from fbsyncd.records import Attachment, Post, Video

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def link(name: str, *, hours: int = 100, signature: str = "a", size: str = "s720x720") -> str:
    expiry = int((NOW + timedelta(hours=hours)).timestamp())
    path = f"v/t39.30808-6/{name}_n.jpg?stp=dst-jpg_{size}"
    return f"https://scontent.xx.fbcdn.net/{path}&oh={signature}&oe={expiry:X}"


def attachment(name: str, position: int = 0, **other: Any) -> Attachment:
    values: dict[str, Any] = {
        "key": name,
        "position": position,
        "type": "photo",
        "media_type": "photo",
        "media_url": link(name),
        "thumbnail_url": None,
        "title": None,
        "description": None,
        "target_id": None,
        "width": 720,
        "height": 540,
    }
    return Attachment(**{**values, **other})


def post(**other: Any) -> Post:
    values: dict[str, Any] = {
        "id": "1_2",
        "page_id": "1",
        "message": "hello",
        "story": None,
        "type": "photo",
        "status_type": None,
        "permalink_url": "https://www.facebook.com/2",
        "picture_url": None,
        "full_picture_url": link("1_2_3"),
        "video_url": None,
        "source": None,
        "created_time": NOW - timedelta(days=1),
        "updated_time": None,
        "is_published": True,
        "is_hidden": False,
        "attachments": (attachment("1_2_3"),),
    }
    return Post(**{**values, **other})


def row(new: Post) -> dict[str, Any]:
    written = merge.post(None, new, NOW)
    assert written is not None
    return written


def attached(new: Post) -> dict[str, dict[str, Any]]:
    return {one["attachment_key"]: one for one in merge.attachments({}, new, NOW)}


def test_the_same_answer_signed_anew_changes_nothing() -> None:
    """Links are not compared as text: every answer signs them anew."""
    first = post()
    again = post(
        full_picture_url=link("1_2_3", signature="b"),
        attachments=(attachment("1_2_3", media_url=link("1_2_3", signature="b")),),
    )
    assert merge.post(row(first), again, NOW) is None
    assert merge.attachments(attached(first), again, NOW) == []


def test_a_dead_link_in_a_row_is_replaced() -> None:
    """Scripts that read the link columns get one that lives, where there is one."""
    fresh = link("1_2_3", hours=200, signature="b")
    later = NOW + timedelta(hours=101)
    changed = merge.post(row(post()), post(full_picture_url=fresh), later)
    assert changed is not None
    assert changed["full_picture_url"] == fresh


def test_another_size_of_a_picture_is_another_asset() -> None:
    """A size that changed at the source is followed."""
    larger = link("1_2_3", size="p960x960")
    changed = merge.post(row(post()), post(full_picture_url=larger), NOW)
    assert changed is not None
    assert changed["local_full_picture_id"] == str(links.asset_id(links.asset_key(larger)))


def test_an_edited_text_is_written() -> None:
    """The row follows the text."""
    changed = merge.post(row(post()), post(message="hello again"), NOW)
    assert changed is not None
    assert changed["message"] == "hello again"


def test_an_answer_without_picture_or_attachments_takes_nothing_away() -> None:
    """Facebook forgets them for an hour now and then."""
    poor = post(full_picture_url=None, attachments=None, type="status")
    assert merge.post(row(post()), poor, NOW) is None
    assert merge.attachments(attached(post()), poor, NOW) == []


def test_a_post_that_returns_is_not_deleted_any_more() -> None:
    """The mark is taken off when the source shows the post again."""
    gone = row(post()) | {"deleted_at": NOW}
    changed = merge.post(gone, post(), NOW)
    assert changed is not None
    assert changed["deleted_at"] is None


def test_an_album_that_grows_gets_rows_for_the_new_photos_only() -> None:
    """Known photos are left alone."""
    small = post(attachments=(attachment("a_1_1"), attachment("b_1_1", 1)))
    large = replace(small, attachments=(*(small.attachments or ()), attachment("c_1_1", 2)))
    assert [one["attachment_key"] for one in merge.attachments(attached(small), large, NOW)] == [
        "c_1_1"
    ]


def test_a_replaced_photo_is_marked_and_keeps_its_row() -> None:
    """The new photo is added, the old one keeps row and picture with the time it was missed."""
    before = post(attachments=(attachment("a_1_1"),))
    after = replace(before, attachments=(attachment("b_1_1"),))
    new, old = merge.attachments(attached(before), after, NOW)
    assert (new["attachment_key"], new["removed_at"]) == ("b_1_1", None)
    assert (old["attachment_key"], old["removed_at"]) == ("a_1_1", NOW)
    known = {one["attachment_key"]: one for one in (new, old)}
    assert merge.attachments(known, after, NOW + timedelta(hours=1)) == []
    back, gone = merge.attachments(known, before, NOW)
    assert (back["removed_at"], gone["removed_at"]) == (None, NOW)


def test_a_developed_thumbnail_stays_linked_while_the_picture_is_the_same() -> None:
    """What was made here is not unlinked by an answer that names no thumbnail."""
    known = attached(post())
    known["1_2_3"]["local_thumbnail_id"] = "small"
    assert merge.attachments(known, post(), NOW) == []
    other = post(attachments=(attachment("1_2_3", media_url=link("9_9_9")),))
    (changed,) = merge.attachments(known, other, NOW)
    assert changed["local_thumbnail_id"] is None


def test_a_film_link_is_kept_until_it_is_dead() -> None:
    """Paths of films change with each answer and say nothing."""
    old = "https://video.xx.fbcdn.net/o1/v/a.mp4?oe=" + f"{int(NOW.timestamp()) + 9:X}"
    new = "https://video.xx.fbcdn.net/o1/v/b.mp4?oe=" + f"{int(NOW.timestamp()) + 99:X}"
    assert merge.keep_stream(old, new, NOW) == old
    assert merge.keep_stream(old, new, NOW + timedelta(seconds=10)) == new
    assert merge.keep_stream(None, new, NOW) == new


def test_every_picture_is_named_with_the_folder_it_belongs_to() -> None:
    """Post pictures, attachments and posters have a folder each."""
    new = post(picture_url=link("1_2_3", size="p130x130"))
    assert merge.assets(new) == [
        Asset(link("1_2_3"), "posts"),
        Asset(link("1_2_3", size="p130x130"), "posts"),
        Asset(link("1_2_3"), "attachments"),
    ]
    video = Video("7", "1", None, None, None, None, 1.5, link("7_7_7"), NOW, None, published=True)
    assert merge.assets(video) == [Asset(link("7_7_7"), "thumbnails")]


def test_what_comes_out_of_either_engine_compares_equal() -> None:
    """Text and native values of one row are the same row."""
    columns = ("created_time", "is_hidden", "local_media_id", "message")
    text = merge.stored(columns, [("2026-03-01 12:00:00.000000+00:00", 0, "ab", "x")])
    native = merge.stored(columns, [(NOW, False, "ab", "x")])
    assert text == native
