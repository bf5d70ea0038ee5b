"""Recorded answers, played again by the simulator. The records here are made up."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image
from simulator_reader import Reader, links

from fbsyncd.simulator import Simulator
from fbsyncd.simulator.replay import load

if TYPE_CHECKING:
    from pathlib import Path

PHOTO = (
    "https://scontent-bkk1-1.xx.fbcdn.net/v/t39.30808-6/700100200_1234567890123456_"
    "9876543210987654321_n.jpg?stp=dst-jpg_s720x720_tt6&_nc_cat=101&ccb=1-7&_nc_ohc=abc"
    "&_nc_ht=scontent-bkk1-1.xx&oh=00_AQdead&oe=60000000"
)
PREVIEW = (
    "https://external-bkk1-1.xx.fbcdn.net/emg1/v/t13/1803723888987537?url=https%3A%2F%2Fnews."
    "example.org%2Fcover%20one.jpg&stp=c0.5000x0.5000f_dst-emg0_p300x300&oh=06_Q3&oe=60000000"
)
OLD_PREVIEW = (
    "https://external.xx.fbcdn.net/safe_image.php?d=AQ&w=130&h=100&url=http%3A%2F%2Fold.example"
    ".org%2Fa.png&cfs=1&_nc_hash=AQx"
)
AVATAR = "https://platform-lookaside.fbsbx.com/platform/profilepic/?asid=12&ext=1600000000&hash=AA"
FILM = "https://video-bkk1-1.xx.fbcdn.net/o1/v/t2/f2/m69/AQ123.mp4?_nc_cat=1&oh=00_x&oe=60000000"


def post(post_id: str, hour: int, **more: Any) -> dict[str, Any]:
    """A recorded post."""
    return {"id": post_id, "created_time": f"2026-05-01T{hour:02}:00:00+0000", **more}


def picture_of(reader: Reader, link: str) -> Image.Image:
    """What a link shows."""
    answer = reader.get(link)
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))


def write(path: Path, value: Any) -> Path:
    """A file with *value* as JSON."""
    path.write_text(json.dumps(value), "utf-8")
    return path


def test_posts_come_from_any_page_newest_first(tmp_path: Path) -> None:
    """Records of all files are listed under whatever page id is asked for."""
    one = write(tmp_path / "1.json", {"data": [post("7_1", 9), post("7_3", 11)], "paging": {}})
    two = write(tmp_path / "2.json", [post("8_2", 10)])
    with Simulator(replay=[one, two]) as facebook, Reader(facebook) as reader:
        for page_id in (facebook.page_id, "4711"):
            listed = reader.graph(f"{page_id}/posts", fields="id").json()["data"]
            assert [record["id"] for record in listed] == ["7_3", "8_2", "7_1"]
        assert reader.graph("7_3", fields="created_time").status_code == 200


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(post("1_2", 9)),
        json.dumps({"body": {"data": [post("1_2", 9)]}}),
        json.dumps([{"code": 200, "body": json.dumps(post("1_2", 9))}]),
        json.dumps({"1_2": post("1_2", 9)}),
        "\n".join(json.dumps({"seen": n, "post": post("1_2", n)}) for n in (8, 9)),
    ],
)
def test_wrappings_are_looked_through(tmp_path: Path, text: str) -> None:
    """One object, a batch, objects by id, JSON lines: the record is found."""
    path = tmp_path / "recorded"
    path.write_text(text, "utf-8")
    recording = load([path])
    assert list(recording.posts) == ["1_2"]
    assert recording.posts["1_2"].created.hour == 9


def test_what_is_no_post_is_left_out(tmp_path: Path) -> None:
    """Errors, photos, nameless records and text that is no JSON load as nothing."""
    paths = [
        write(tmp_path / "error.json", {"error": {"code": 190, "message": "no"}}),
        write(tmp_path / "photo.json", {"id": "5", "images": [], "created_time": "2026"}),
        write(tmp_path / "nameless.json", {"message": "hello", "created_time": "2026"}),
        tmp_path / "page.html",
    ]
    paths[3].write_text("<html>", "utf-8")
    assert load(paths).posts == {}


def test_videos_come_from_the_videos_edge(tmp_path: Path) -> None:
    """A record shaped as a video is no post."""
    video = {"id": "99", "length": 3.5, "permalink_url": "/p/videos/99/", "picture": PHOTO}
    path = write(tmp_path / "v.json", {"data": [video, post("1_2", 9)]})
    with Simulator(replay=[path]) as facebook, Reader(facebook) as reader:
        listed = reader.graph("1/videos", fields="id,length").json()["data"]
        assert listed == [{"id": "99", "length": 3.5}]
        assert [record["id"] for record in reader.posts()] == ["1_2"]
        assert reader.graph("99", fields="length").json()["length"] == 3.5


def test_links_keep_path_and_size_and_live_again(tmp_path: Path) -> None:
    """Every picture link leads here, signed anew, and shows a picture of the named size."""
    image = {"src": PHOTO, "width": 720, "height": 480}
    record = post("1_2", 9, full_picture=PHOTO.replace("s720x720", "p130x130"), picture=OLD_PREVIEW)
    record["attachments"] = {"data": [{"type": "photo", "media": {"image": image}}]}
    path = write(tmp_path / "p.json", record)
    with Simulator(replay=[path]) as facebook, Reader(facebook) as reader:
        shown = reader.posts()[0]
        src = shown["attachments"]["data"][0]["media"]["image"]["src"]
        assert src.startswith(facebook.url)
        assert urlsplit(src).path == urlsplit(PHOTO).path
        assert parse_qs(urlsplit(src).query)["stp"] == ["dst-jpg_s720x720_tt6"]
        assert "00_AQdead" not in src
        assert picture_of(reader, src).size == (720, 480)
        assert min(picture_of(reader, shown["full_picture"]).size) == 130
        assert picture_of(reader, shown["picture"]).size == (130, 100)


def test_odd_links_work(tmp_path: Path) -> None:
    """Previews without an ending and avatars are pictures, films are not, others stay."""
    record = post("1_2", 9, full_picture=PREVIEW, picture=AVATAR, icon="https://example.org/i.gif")
    record["attachments"] = {"data": [{"type": "video_inline", "media": {"source": FILM}}]}
    path = write(tmp_path / "odd.json", record)
    with Simulator(replay=[path]) as facebook, Reader(facebook) as reader:
        shown = reader.graph("1_2", fields="full_picture,picture,icon,attachments{media}").json()
        assert picture_of(reader, shown["full_picture"]).size == (300, 300)
        assert "cover%20one.jpg" in shown["full_picture"]
        assert picture_of(reader, shown["picture"]).format == "JPEG"
        soon = facebook.clock.now().timestamp() + 5 * 86400
        assert int(parse_qs(urlsplit(shown["picture"]).query)["ext"][0]) < soon
        film = next(link for link in links(shown["attachments"]) if ".mp4" in link)
        assert reader.get(film).headers["content-type"] == "video/mp4"
        assert shown["icon"] == "https://example.org/i.gif"


def test_files_can_be_shown_one_after_the_other(tmp_path: Path) -> None:
    """With step, each file is an answer of its own: posts change and vanish."""
    files = [
        write(tmp_path / "1.json", [post("1_1", 9, message="first"), post("1_2", 10)]),
        write(tmp_path / "2.json", [post("1_1", 9, message="second")]),
    ]
    with Simulator(replay=files, step=True) as facebook, Reader(facebook) as reader:
        assert [record.get("message") for record in reader.posts()] == [None, "first"]
        assert facebook.replay_next() == [str(files[1])]
        assert [record["message"] for record in reader.posts()] == ["second"]
        assert facebook.replay_next() is None
        assert len(reader.posts()) == 1


def test_the_last_version_of_a_post_stays(tmp_path: Path) -> None:
    """Without step a later file's version of a post takes the earlier one's place."""
    files = [
        write(tmp_path / f"{text}.json", [post("1_1", 9, message=text)]) for text in ("old", "new")
    ]
    with Simulator(replay=files) as facebook, Reader(facebook) as reader:
        assert [record["message"] for record in reader.posts()] == ["new"]
