"""Facebook's JSON as frozen values, in all the shapes it has been seen in."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbsyncd.links import picture_key
from fbsyncd.records import (
    PAGE_FIELDS,
    POST_FIELDS,
    VIDEO_FIELDS,
    Attachment,
    BadRecord,
    PageInfo,
    Post,
    Video,
)

CREATED = "2026-08-20T19:30:24+0000"
Node = dict[str, Any]


def link(name: str, oe: str = "6A805EE8") -> str:
    return (
        f"https://scontent.xx.fbcdn.net/v/t39.30808-6/{name}_n.jpg"
        f"?stp=dst-jpg_s720x720_tt6&oh=00_{oe}&oe={oe}"
    )


def item(name: str | None = None, kind: str = "photo", **more: Any) -> Node:
    """Return one attachment, with a picture when it has a *name*."""
    image = {"image": {"src": link(name), "width": 720, "height": 540}} if name else {}
    return {"type": kind, **({"media": image} if name else {}), **more}


def album(*names: str, cover: str | None = None) -> Node:
    parts = [item(name, target={"id": f"9{n}", "url": "x"}) for n, name in enumerate(names)]
    return item(cover, "album", subattachments={"data": parts})


def post(*items: Node, **more: Any) -> Post:
    node: Node = {"id": "77_88", "created_time": CREATED, **more}
    if items:
        node["attachments"] = {"data": list(items)}
    return Post.from_json(json.loads(json.dumps(node)), "77")


def attached(*items: Node) -> tuple[Attachment, ...]:
    return post(*items).attachments or ()


def keys(*items: Node) -> list[str]:
    return [attachment.key for attachment in attached(*items)]


def test_a_photo_post() -> None:
    """An ordinary post of today is read whole."""
    read = post(
        item("1_2_3", media_type="photo", title="Foto", description="d", target={"id": "5"}),
        message="Hello 🎉",
        status_type="added_photos",
        permalink_url="https://www.facebook.com/77/posts/88",
        full_picture=link("1_2_3"),
        picture=link("1_2_3").replace("s720x720", "p130x130"),
        updated_time=1_787_000_000,
        is_published=True,
        is_hidden=False,
    )
    assert read == Post(
        id="77_88",
        page_id="77",
        message="Hello 🎉",
        story=None,
        type="photo",
        status_type="added_photos",
        permalink_url="https://www.facebook.com/77/posts/88",
        picture_url=link("1_2_3").replace("s720x720", "p130x130"),
        full_picture_url=link("1_2_3"),
        video_url=None,
        source=None,
        created_time=datetime(2026, 8, 20, 19, 30, 24, tzinfo=UTC),
        updated_time=datetime(2026, 8, 17, 20, 53, 20, tzinfo=UTC),
        is_published=True,
        is_hidden=False,
        attachments=(
            Attachment(
                key="1_2_3",
                position=0,
                type="photo",
                media_type="photo",
                media_url=link("1_2_3"),
                thumbnail_url=None,
                title="Foto",
                description="d",
                target_id="5",
                width=720,
                height=540,
            ),
        ),
    )


@pytest.mark.parametrize("absent", [{}, {"attachments": None}, {"attachments": {"data": []}}])
def test_an_answer_without_attachments_says_nothing_about_them(absent: Node) -> None:
    """Absent, null and empty are all None, which deletes nothing."""
    assert post(**absent).attachments is None


def test_an_album_is_its_pictures_in_order() -> None:
    """Each subattachment is one attachment; the album's own picture is the first again."""
    assert keys(album("1_1_1", "2_2_2", "3_3_3", cover="1_1_1")) == ["1_1_1", "2_2_2", "3_3_3"]
    positions = [a.position for a in attached(album("1_1_1", "2_2_2", cover="1_1_1"))]
    assert positions == [0, 1]


def test_an_albums_own_picture_is_kept_when_it_is_another() -> None:
    """A cover that is none of the pictures is a picture of its own."""
    assert keys(album("1_1_1", "2_2_2", cover="9_9_9")) == ["9_9_9", "1_1_1", "2_2_2"]


def test_a_shared_album_without_a_cover() -> None:
    """Subattachments count though the outer item has no media."""
    assert keys(album("1_1_1", "2_2_2")) == ["1_1_1", "2_2_2"]


def test_an_album_without_subattachments_counts_as_one_picture() -> None:
    """Its cover is all there is to archive."""
    assert keys(item("1_1_1", "album")) == ["1_1_1"]


def test_a_picture_that_repeats_is_one_attachment() -> None:
    """Two items with one picture would be two rows with one key."""
    first, again = item("1_1_1", title="first"), item("1_1_1", title="again")
    found = attached(first, album("1_1_1", "2_2_2", "1_1_1"), again)
    assert [(a.key, a.title, a.position) for a in found] == [
        ("1_1_1", "first", 0),
        ("2_2_2", None, 1),
    ]


def test_two_attachments_in_one_post() -> None:
    """A photo with an event's footer keeps both, and is a photo post."""
    footer = item(None, "event_footer_only", title="Tour", target={"id": "55"})
    assert keys(item("1_1_1"), footer) == ["1_1_1", "55"]
    assert post(item("1_1_1"), footer).type == "photo"


def test_an_attachment_without_media() -> None:
    """A share whose original is not visible has a text and no picture."""
    (attachment,) = attached(item(None, "native_templates", title="No está disponible"))
    assert attachment.media_url is None
    assert attachment.key == "native_templates/0"
    assert keys(item(None, "map"), item(None, "map")) == ["map/0", "map/1"]


def test_keys_do_not_change_when_links_are_signed_anew() -> None:
    """The key is the picture's identity, so the next answer finds the same rows."""
    again = item("1_1_1")
    again["media"]["image"]["src"] = link("1_1_1", oe="6B000000").replace("scontent", "scontent-2")
    assert keys(again) == keys(item("1_1_1")) == [picture_key(link("1_1_1"))]


def test_a_cover_photo_is_not_known_by_its_target() -> None:
    """The target of cover photos is the profile, the same for all of them."""
    covers = [item(f"{n}_1_1", "cover_photo", target={"id": "77"}) for n in (1, 2)]
    assert keys(*covers) == ["1_1_1", "2_1_1"]
    assert post(covers[0]).type == "photo"


@pytest.mark.parametrize("film", ["clip.mp4?oe=6A", "live.mpd?ms=1", "LIVE.MPD", "list.m3u8"])
def test_a_film_is_never_a_picture(film: str) -> None:
    """Sources, live manifests included, are kept as links; the poster is the picture."""
    url = f"https://video.xx.fbcdn.net/o1/{film}"
    clip = item("4_4_4", "video_inline", url="https://www.facebook.com/77/videos/5")
    clip["media"]["source"] = url
    read = post(clip, full_picture=url, picture=url)
    assert (read.type, read.source) == ("video", url)
    assert read.video_url == "https://www.facebook.com/77/videos/5"
    assert (read.full_picture_url, read.picture_url) == (None, None)
    assert read.attachments
    assert read.attachments[0].media_url == link("4_4_4")
    clip["media"]["image"]["src"] = url
    assert attached(clip)[0].media_url is None


def test_a_video_without_its_own_url_is_found_at_its_target() -> None:
    """The page of a video is the attachment's link or its target's."""
    clip = item("4_4_4", "video_autoplay", target={"id": "5", "url": "/77/videos/5/"})
    assert post(clip).video_url == "https://www.facebook.com/77/videos/5/"


@pytest.mark.parametrize(
    ("kind", "media_type", "expected"),
    [
        ("photo", None, "photo"),
        ("profile_media", None, "photo"),
        ("new_album", "album", "album"),
        ("video_direct_response", None, "video"),
        ("video_inline", "video", "video"),
        ("share", None, "link"),
        ("event", None, "event"),
        ("native_templates", None, "status"),
        ("hologram", None, "hologram"),
        ("hologram", "smell", "smell"),
    ],
)
def test_the_kind_of_a_post_is_its_first_attachments(
    kind: str, media_type: str | None, expected: str
) -> None:
    """Many names are one kind, and names not yet known pass through."""
    assert post(item("1_1_1", kind, media_type=media_type)).type == expected


def test_the_kind_of_a_post_without_attachments() -> None:
    """Text only is a status; status_type tells when an answer forgot the attachments."""
    assert post().type == "status"
    assert post(status_type="mobile_status_update").type == "status"
    assert post(status_type="added_photos").type == "photo"


def test_a_post_of_the_old_versions() -> None:
    """Post-level type, link, source and picture (before v3.3) are still read."""
    read = Post.from_json(
        {
            "id": 547581871944926,
            "type": "video",
            "story": "shared a video",
            "link": "https://www.facebook.com/x/videos/1/",
            "source": "https://video.ak.fbcdn.net/v.mp4",
            "picture": "http://photos-a.ak.fbcdn.net/hphotos-ak-snc6/1_2_3_4_5_s.jpg",
            "object_id": 1103282596374848,
            "created_time": "2016-10-04T14:48:09+0000",
            "actions": [{"link": "x", "name": "Like"}],
        },
        "547",
    )
    assert read.id == "547581871944926"
    assert (read.type, read.video_url) == ("video", "https://www.facebook.com/x/videos/1/")
    assert read.source == "https://video.ak.fbcdn.net/v.mp4"
    assert read.picture_url == "http://photos-a.ak.fbcdn.net/hphotos-ak-snc6/1_2_3_4_5_s.jpg"


def test_an_unpublished_post_is_read() -> None:
    """Scheduled posts are the sync's matter."""
    assert post(is_published=False, is_hidden=True).is_published is False
    assert post(is_published="false").is_published is None


def test_another_picture_of_the_same_object_is_its_thumbnail() -> None:
    """A smaller rendition counts, the same asset signed again does not."""
    small = link("1_1_1").replace("s720x720", "s130x130")
    assert attached(item("1_1_1", picture=small))[0].thumbnail_url == small
    listed = {"data": [{"uri": link("1_1_1", "6B000000")}, {"uri": small}]}
    assert attached(item("1_1_1", thumbnails=listed))[0].thumbnail_url == small
    assert attached(item("1_1_1", picture=link("1_1_1", "6B000000")))[0].thumbnail_url is None


@pytest.mark.parametrize(
    "node",
    [
        None,
        [],
        "77_88",
        {},
        {"id": "77_88"},
        {"id": None, "created_time": CREATED},
        {"id": "", "created_time": CREATED},
        {"id": 1.5e17, "created_time": CREATED},
        {"id": ["77"], "created_time": CREATED},
        {"id": "77_88", "created_time": "soon"},
    ],
)
def test_a_record_without_id_or_time_is_bad(node: object) -> None:
    """What could not be kept in order or found again is refused, by posts and videos alike."""
    with pytest.raises(BadRecord):
        Post.from_json(node, "77")
    with pytest.raises(BadRecord):
        Video.from_json(node, "77")


def test_a_bad_record_is_named() -> None:
    """The log line must lead to the post."""
    with pytest.raises(BadRecord, match="77_88"):
        Post.from_json({"id": "77_88", "created_time": "soon"}, "77")


def test_damaged_attachments_cost_only_themselves() -> None:
    """Things that are no attachments are passed over."""
    node = {
        "id": "1",
        "created_time": CREATED,
        "attachments": {"data": [None, "x", {"media": "y", "subattachments": 4}, item("1_1_1")]},
    }
    assert [a.media_url for a in Post.from_json(node, "1").attachments or ()] == [
        None,
        link("1_1_1"),
    ]


def test_a_video() -> None:
    """Relative permalinks become absolute, empty titles None, lengths seconds."""
    node = {
        "id": "1192957457884299",
        "created_time": CREATED,
        "title": "",
        "description": "คลิป",
        "length": 12.891,
        "permalink_url": "/Page/videos/1192957457884299/",
        "picture": link("4_4_4"),
        "published": True,
    }
    assert Video.from_json(node, "77") == Video(
        video_id="1192957457884299",
        page_id="77",
        title=None,
        description="คลิป",
        permalink_url="https://www.facebook.com/Page/videos/1192957457884299/",
        source=None,
        length=12.891,
        picture=link("4_4_4"),
        created_time=datetime(2026, 8, 20, 19, 30, 24, tzinfo=UTC),
        updated_time=None,
        published=True,
    )


def test_a_video_of_the_old_versions() -> None:
    """The poster once stood in an object of its own, the title was the name."""
    node = {
        "id": 5,
        "created_time": CREATED,
        "name": "Clip",
        "picture": {"data": {"url": link("4_4_4"), "is_silhouette": False}},
        "length": "7.5",
    }
    read = Video.from_json(node, "77")
    assert (read.title, read.picture, read.length) == ("Clip", link("4_4_4"), 7.5)


def test_a_page() -> None:
    """Numbers too large for a column are unknown, the rest stays."""
    node = {"id": 77, "name": "Bäckerei", "fan_count": 1234, "about": None}
    page = PageInfo.from_json(node)
    assert page == PageInfo("77", "Bäckerei", None, None, None, None, 1234)
    assert PageInfo.from_json({**node, "fan_count": 2**40}) == replace(page, fan_count=None)
    with pytest.raises(BadRecord):
        PageInfo.from_json({"name": "nobody"})


def test_no_request_asks_for_a_field_facebook_removed() -> None:
    """One removed field fails the whole request (code 12), so none is in the lists."""
    outer = POST_FIELDS.partition("attachments{")[0].split(",")
    assert not {"link", "name", "caption", "description", "object_id", "source", "type"} & {*outer}
    assert {"id", "created_time"} <= {*outer} & {*VIDEO_FIELDS.split(",")}
    assert PAGE_FIELDS.split(",") == [field.name for field in fields(PageInfo)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "media", "image", "src", "id"]), inner)
    ),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=4))
def test_keys_are_unique_in_a_post_whatever_it_holds(items: list[object]) -> None:
    """Rows are found by post and key."""
    node = {"id": "1", "created_time": CREATED, "attachments": {"data": items}}
    found = Post.from_json(node, "77").attachments or ()
    assert len({attachment.key for attachment in found}) == len(found)
    assert [attachment.position for attachment in found] == list(range(len(found)))
