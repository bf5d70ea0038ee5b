"""Answers as they were recorded, odd shapes and all, replayed through the whole archive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from plant import archive_of, query, sync

from fbsyncd.simulator import Simulator

CDN = "https://scontent-fra3-1.xx.fbcdn.net/v"


def photo(name: str, size: str = "s720x720") -> str:
    return f"{CDN}/t39.30808-6/{name}_n.jpg?stp=dst-jpg_{size}_tt6&_nc_cat=1&oh=00_AfX&oe=6A8FCB02"


def image(url: str) -> dict[str, Any]:
    return {"image": {"height": 540, "width": 720, "src": url}}


def attached(*items: dict[str, Any]) -> dict[str, Any]:
    return {"attachments": {"data": list(items)}}


PREVIEW = (
    "https://external-fra3-1.xx.fbcdn.net/emg1/v/t13/123456789?url=https%3A%2F%2Fexample.org%2Fa.jpg"
    "&stp=dst-emg0_q75&oh=06_Q&oe=6A8CCB02"
)
ALBUM = [{"media": image(photo(f"1{n}_2{n}_3{n}")), "type": "photo"} for n in range(4)]
ANSWER = [
    {"message": "a photo 🌅", "full_picture": photo("10_20_30"), **attached(ALBUM[0])},
    {
        "message": "an album, its cover the first photo again",
        "full_picture": photo("10_20_30"),
        **attached({"type": "album", **ALBUM[0], "subattachments": {"data": ALBUM}}),
    },
    {
        "message": "a reel",
        "full_picture": f"{CDN}/t15.5256-10/77_88_99_n.jpg?stp=dst-jpg&oh=1&oe=6A8FCB02",
        **attached(
            {
                "type": "video_inline",
                "target": {"id": "555", "url": "https://www.facebook.com/reel/555/"},
                "media": image(photo("77_88_99")) | {"source": f"{CDN}/x.mp4?oe=6A8FCB02"},
            }
        ),
    },
    {"message": "a link", "full_picture": PREVIEW, **attached({"media": image(PREVIEW)})},
    {"message": "ไม่มีภาพ", "story": None},
    {
        "message": "the original is not visible",
        **attached({"type": "native_templates", "title": "Content not available"}),
    },
    {
        "message": "a photo with an event at its foot",
        "full_picture": photo("41_42_43", "p720x720"),
        **attached(
            {"type": "photo", "media": image(photo("41_42_43", "p720x720"))},
            {"type": "event_footer_only", "title": "An evening"},
        ),
    },
    {
        "message": "live, long over",
        **attached({"type": "video_inline", "media": {"source": f"{CDN}/live.mpd?oe=6A8FCB02"}}),
    },
]


def recorded(folder: Path) -> Path:
    posts = [
        {
            "id": f"7_{number}",
            "created_time": f"2026-10-{20 - number:02}T10:00:00+0000",
            "permalink_url": f"https://www.facebook.com/7/posts/{number}",
            **post,
        }
        for number, post in enumerate(ANSWER)
    ]
    path = folder / "recorded.json"
    path.write_text(json.dumps({"data": posts}, ensure_ascii=False), encoding="utf-8")
    return path


def test_recorded_answers_end_in_local_pictures_only(tmp_path: Path, database_url: str) -> None:
    """Every picture the answers name is archived, and no other link is handed out."""
    path = recorded(tmp_path)
    with (
        Simulator(replay=[path], pictures="plain") as facebook,
        archive_of(facebook, tmp_path, database_url) as archive,
    ):
        assert sync(archive).problems == []
        assert (
            query(archive, "SELECT 1 FROM media_storage WHERE download_status <> 'success'") == []
        )
        posts = archive.feed.posts(limit=100)["posts"]
        assert [post["message"] for post in posts] == [post["message"] for post in ANSWER]
        shown = [one for post in posts for one in (post, *post["attachments"])]
        urls = [one["display_image_url"] for one in shown if one["display_image_url"]]
        assert len(urls) == 5 + 1 + 4 + 1 + 1 + 1
        assert all(url.startswith("/media/facebook/") for url in urls)
        assert [len(post["attachments"]) for post in posts] == [1, 4, 1, 1, 0, 1, 2, 1]
