"""The simulated CDN: signed links that die, and pictures behind them."""

from __future__ import annotations

import io
import zlib
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image
from simulator_reader import EVERYTHING, Reader, links

from fbsyncd.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR = 3600


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    """Forty posts, which hold every kind of link."""
    with Simulator(posts=40, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def reader(facebook: Simulator) -> Iterator[Reader]:
    """A client of it."""
    with Reader(facebook) as reading:
        yield reading


def expiry(link: str) -> int:
    """The unix second in which a link dies."""
    return int(parse_qs(urlsplit(link).query)["oe"][0], 16)


def picture(reader: Reader, link: str) -> Image.Image:
    """What a link shows."""
    return Image.open(io.BytesIO(reader.get(link).content))


def find(reader: Reader, part: str) -> str:
    """The first link with *part* in it."""
    return next(link for link in links(reader.posts()) if part in link)


def test_links_are_signed_anew_in_every_answer(reader: Reader) -> None:
    """Twice the same question gives no link twice, and the same paths."""
    first, second = list(links(reader.posts())), list(links(reader.posts()))
    assert not set(first) & set(second)
    assert [link.split("?")[0] for link in first] == [link.split("?")[0] for link in second]


def test_a_photo_link_lives_between_104_and_108_hours(reader: Reader) -> None:
    """oe lies in (now + 104 h, now + 108 h], each file in its own phase of four hours."""
    now = reader.facebook.clock.now().timestamp()
    photos = [link for link in links(reader.posts()) if "/t39.30808-6/" in link]
    lives = [expiry(link) - now for link in photos]
    assert all(104 * HOUR - 5 < life <= 108 * HOUR for life in lives)
    assert len({expiry(link) % (4 * HOUR) for link in photos}) > 10
    reader.facebook.clock.move(timedelta(hours=9))
    again = {link.split("?")[0]: expiry(link) for link in links(reader.posts())}
    assert {(again[link.split("?")[0]] - expiry(link)) % (4 * HOUR) for link in photos} == {0}


@pytest.mark.parametrize(
    ("part", "least", "most"), [("/emg1/", 32, 36), ("/t1.6435-9/", 716, 720), (".mpd", 32, 36)]
)
def test_some_links_live_otherwise(reader: Reader, part: str, least: int, most: int) -> None:
    """Previews and live video die within 36 hours, old photos after 30 days."""
    life = expiry(find(reader, part)) - reader.facebook.clock.now().timestamp()
    assert least * HOUR - 5 < life <= most * HOUR


def test_every_link_dies_with_the_key_it_was_signed_with(reader: Reader) -> None:
    """After another key was taken the old link is refused, and a fresh one is not."""
    old = find(reader, "/t39.30808-6/")
    assert reader.get(old).status_code == 200
    reader.facebook.signer.renew()
    assert (reader.get(old).status_code, reader.get(old).text) == (403, "URL signature mismatch")
    assert reader.get(find(reader, "/t39.30808-6/")).status_code == 200


def test_a_link_dies_with_its_oe(reader: Reader) -> None:
    """After oe, by the simulator's clock, the link answers 403; a fresh one works."""
    link = find(reader, "/t39.30808-6/")
    assert reader.get(link).status_code == 200
    reader.facebook.clock.move(timedelta(days=5))
    answer = reader.get(link)
    assert (answer.status_code, answer.text) == (403, "URL signature expired")
    assert answer.headers["content-type"] == "text/plain"
    assert reader.get(find(reader, "/t39.30808-6/")).status_code == 200


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("s720x720", "p1080x1080", "URL signature mismatch"),
        ("_nc_ht=s", "_nc_ht=x", "URL signature mismatch"),
        ("_nc_cat=", "_nc_dog=", "URL signature mismatch"),
        ("&", "&amp;", "Bad URL timestamp"),
        ("oh=", "ho=", "Unsigned URL"),
        ("oe=", "oe=zz", "Bad URL timestamp"),
    ],
)
def test_any_edit_of_a_link_is_a_403(reader: Reader, old: str, new: str, text: str) -> None:
    """The signature covers size, host and all parameters."""
    answer = reader.get(find(reader, "s720x720").replace(old, new))
    assert (answer.status_code, answer.text) == (403, text)


def test_a_picture_tells_its_type_length_and_digest(reader: Reader) -> None:
    """A 200 carries what the real CDN sends, with a true adler32 and no ETag."""
    answer = reader.get(find(reader, "/t39.30808-6/"))
    assert answer.headers["content-digest"] == f"adler32={zlib.adler32(answer.content)}"
    assert int(answer.headers["content-length"]) == len(answer.content)
    names = {name.lower() for name in answer.headers}
    assert {"last-modified", "cache-control", "accept-ranges"} <= names
    assert "etag" not in names


def test_a_part_of_a_picture_can_be_asked_for(reader: Reader) -> None:
    """Range is honoured, and one behind the end is refused."""
    link = find(reader, "/t39.30808-6/")
    whole = reader.get(link).content
    part = reader.get(link, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole)}"
    rest = reader.get(link, headers={"Range": "bytes=100-"})
    assert rest.content == whole[100:]
    assert reader.get(link, headers={"Range": "bytes=99999999-"}).status_code == 416


def test_head_tells_the_same_without_a_body(reader: Reader) -> None:
    """HEAD works and is as long as GET would be."""
    link = find(reader, "/t39.30808-6/")
    head, whole = reader.session.head(link, timeout=10), reader.get(link)
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == whole.headers["content-length"]


def test_post_is_refused_with_html(reader: Reader) -> None:
    """The CDN takes no POST."""
    answer = reader.session.post(find(reader, "/t39.30808-6/"), timeout=10)
    assert answer.status_code == 400
    assert "4xx Client Error" in answer.text


def test_one_picture_in_one_size_is_always_the_same_bytes(reader: Reader) -> None:
    """Links signed at different times show identical bytes."""
    first = reader.get(find(reader, "s720x720")).content
    reader.facebook.clock.move(timedelta(days=3))
    assert reader.get(find(reader, "s720x720")).content == first


def test_pictures_have_the_sizes_that_are_listed(reader: Reader) -> None:
    """width and height beside a link are those of the picture behind it."""
    images = [
        item["media"]["image"]
        for post in reader.posts()
        for item in post.get("attachments", {}).get("data", [])
        if "media" in item
    ]
    for image in images[:20]:
        assert picture(reader, image["src"]).size == (image["width"], image["height"])


def test_sizes_follow_their_tags(reader: Reader) -> None:
    """s fits inside, p has the shorter side, and no tag is the original."""
    post = next(post for post in reader.posts() if "p720x720" in post.get("full_picture", ""))
    assert min(picture(reader, post["full_picture"]).size) == 720
    small = picture(reader, post["picture"]).size
    assert min(small) == 130
    photo = post["attachments"]["data"][0]["target"]["id"]
    best = reader.graph(photo, fields="images,width,height").json()
    native = picture(reader, best["images"][0]["source"]).size
    assert native == (best["width"], best["height"])
    assert min(native) > 720


@pytest.mark.parametrize(
    ("part", "asked", "told"),
    [
        (".png", "dst-jpg", "JPEG"),
        (".jpg", "dst-webp", "WEBP"),
        (".gif?_nc", "_n.gif", "GIF"),
        (".png?_nc", "_n.png", "PNG"),
    ],
)
def test_bytes_are_what_stp_says(reader: Reader, part: str, asked: str, told: str) -> None:
    """The ending of a name says nothing when stp asks for another format."""
    link = next(
        link
        for link in links(reader.posts())
        if part in link and asked in link and "emg" not in link
    )
    shown = picture(reader, link)
    assert shown.format == told
    assert reader.get(link).headers["content-type"] == f"image/{told.lower()}"
    if told == "PNG":
        assert shown.mode == "RGBA"


def test_a_preview_is_cut_square(reader: Reader) -> None:
    """A link's preview has no ending, names its original and comes as JPEG."""
    link = next(link for link in links(reader.posts()) if "/emg1/" in link and "c0.5" in link)
    shown = picture(reader, link)
    assert (shown.format, shown.size) == ("JPEG", (720, 720))
    assert parse_qs(urlsplit(link).query)["url"][0].startswith("https://")


def test_video_sources_are_no_pictures(reader: Reader) -> None:
    """A source link works and is not an image."""
    assert reader.get(find(reader, ".mp4")).headers["content-type"] == "video/mp4"


def test_a_purged_file_is_a_404(reader: Reader) -> None:
    """A file that was deleted is gone, however well its link is signed."""
    post = reader.posts()[0]
    reader.facebook.purge(post["id"])
    assert reader.get(post["full_picture"]).status_code == 404


def test_a_restarted_facebook_honours_old_links() -> None:
    """The signature depends on the seed, not on the process."""
    with Simulator(posts=3, pictures="plain") as facebook, Reader(facebook) as reader:
        link = next(links(reader.posts()))
        first = facebook.url
    with Simulator(posts=3, pictures="plain") as facebook, Reader(facebook) as reader:
        assert reader.get(link.replace(first, facebook.url)).status_code == 200


def test_links_lead_to_another_server_where_one_is_named() -> None:
    """The pictures' links lead there; the next page of posts is still found here."""
    elsewhere = "http://127.0.0.1:9"
    with Simulator(posts=40, pictures="plain", cdn=elsewhere) as simulator:
        with Reader(simulator) as reading:
            answer = reading.graph(f"{simulator.page_id}/posts", limit=10, fields=EVERYTHING).json()
        assert answer["paging"]["next"].startswith(f"{simulator.url}/")
        found = list(links(answer["data"]))
        assert len(found) > 10
        assert all(link.startswith(f"{elsewhere}/") for link in found)
