"""Values become the JSON trees of the Graph API, with unsigned links at their leaves."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from fbsyncd.simulator.signing import Link
from fbsyncd.simulator.values import Photo, Post, Video

if TYPE_CHECKING:
    from datetime import datetime

    from fbsyncd.simulator.pictures import Picture
    from fbsyncd.simulator.values import Page

Node = dict[str, Any]
_FIT = "dst-jpg_s720x720_tt6"
_STATUS = {
    "photo": "added_photos",
    "album": "added_photos",
    "cover": "added_photos",
    "profile": "added_photos",
    "reel": "added_video",
    "live": "added_video",
    "share": "shared_story",
    "unavailable": "shared_story",
    "text": "mobile_status_update",
}


def timestamp(at: datetime) -> str:
    """A time as the Graph API writes it: no colon in the offset."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def post_node(post: Post, page: Page) -> Node:
    """Everything a post can be asked for; absent keys are absent on the real one too."""
    if post.recorded is not None:
        return dict(post.recorded)
    node: Node = {
        "id": post.id,
        "created_time": timestamp(post.created),
        "updated_time": timestamp(post.updated),
        "permalink_url": post.permalink,
        "status_type": _STATUS[post.kind],
        "is_published": post.published,
        "is_hidden": not post.published,
        "is_expired": False,
        "from": {"name": page.name, "id": page.id},
        "message": post.message,
        "story": _story(post, page),
        "shares": {"count": post.shares} if post.shares else None,
        "scheduled_publish_time": int(post.publish_at.timestamp()) if post.publish_at else None,
        **_pictures(post),
    }
    attachments = [*_attachments(post, page)]
    node["attachments"] = {"data": attachments} if attachments else None
    return {name: value for name, value in node.items() if value is not None}


def video_node(post: Post, video: Video, page: Page) -> Node:
    """A video as its own node and as an item of the videos edge."""
    poster = video.thumbnails[0]
    return {
        "id": video.id,
        "title": video.title,
        "description": post.message or "",
        "length": video.length,
        "created_time": timestamp(post.created),
        "updated_time": timestamp(post.updated),
        # Relative here, absolute in posts: so it is on the real one.
        "permalink_url": f"/{page.username}/videos/{video.id}/",
        "picture": poster.link("dst-jpg_p160x160_tt6"),
        "source": Link(video.source),
        "published": post.published,
        "status": {"video_status": "ready"},
        "from": {"name": page.name, "id": page.id},
        "icon": "https://static.xx.fbcdn.net/rsrc.php/v4/y5/r/possibly-an-icon.gif",
        "views": len(post.message or "") * 7,
        "post_id": post.id.partition("_")[2],
        "format": [_format(poster, side) for side in (130, 480, 720)] + [_native(poster)],
        "thumbnails": {
            "data": [
                {
                    "id": f"{video.id}{nth}",
                    "uri": frame.link(),
                    "width": frame.width,
                    "height": frame.height,
                    "scale": 1,
                    "is_preferred": nth == 0,
                }
                for nth, frame in enumerate(video.thumbnails)
            ]
        },
    }


def photo_node(photo: Photo, post: Post, page: Page) -> Node:
    """A photo as its own node, with every size it exists in, the original first."""
    picture = photo.picture
    sides = [side for side in (960, 720, 600, 480, 320, 130) if side < min(_dimensions(picture))]
    tags = ["", *(f"dst-jpg_p{side}x{side}_tt6" for side in sides)]
    images = [_image(picture, tag) for tag in tags]
    return {
        "id": photo.id,
        "created_time": timestamp(post.created),
        "updated_time": timestamp(post.updated),
        "name": post.message or "",
        "width": picture.width,
        "height": picture.height,
        "link": _photo_url(photo, page),
        "from": {"name": page.name, "id": page.id},
        "picture": picture.link("dst-jpg_p130x130_tt6"),
        "images": [_as_source(image) for image in images],
        "alt_text": "No photo description available.",
        "page_story_id": post.id,
    }


def page_node(page: Page) -> Node:
    """A page as its own node."""
    return {
        "id": page.id,
        "name": page.name,
        "username": page.username,
        "about": page.about,
        "category": page.category,
        "category_list": [{"id": "2201", "name": page.category}],
        "website": page.website,
        "fan_count": page.fan_count,
        "followers_count": page.fan_count + 41,
        "link": f"https://www.facebook.com/{page.username}",
        "verification_status": "not_verified",
        "tasks": ["ANALYZE", "ADVERTISE", "MODERATE", "CREATE_CONTENT", "MANAGE"],
    }


def _dimensions(picture: Picture) -> tuple[int, int]:
    return picture.width, picture.height


def _pictures(post: Post) -> Node:
    if post.video and post.kind == "reel":
        poster = post.video.thumbnails[0]
        return {"full_picture": poster.link(), "picture": poster.link("dst-jpg_p160x160_tt6")}
    if post.video:
        poster = post.video.thumbnails[0]
        return {"full_picture": poster.link(), "picture": poster.link("dst-jpg_s130x130_tt6")}
    if not post.photos:
        return {}
    picture = post.photos[0].picture
    if post.kind == "share":
        full = "dst-emg0_fr_q75_tt6"
        return {"full_picture": picture.link(full), "picture": picture.link("dst-emg0_p130x130")}
    shape = "p" if "_p" in post.size else "s"
    small = f"dst-jpg_{shape}130x130_tt6"
    return {"full_picture": picture.link(post.size), "picture": picture.link(small)}


def _attachments(post: Post, page: Page) -> list[Node]:
    if post.kind == "text":
        return []
    if post.kind == "unavailable":
        return [_UNAVAILABLE]
    if post.video:
        return [_filmed(post, post.video)]
    if post.kind == "share":
        return [_shared(post)]
    if post.kind == "album":
        return [_album(post, page)]
    single = _profile_picture(post, page) if post.kind in ("cover", "profile") else None
    first = single or _photo(post.photos[0], page, post.message, post.size)
    return [first, _FOOTER] if post.footer else [first]


def _image(picture: Picture, stp: str) -> Node:
    width, height = picture.size(stp)
    return {"height": height, "src": picture.link(stp), "width": width}


def _as_source(image: Node) -> Node:
    return {"height": image["height"], "source": image["src"], "width": image["width"]}


def _photo_url(photo: Photo, page: Page) -> str:
    return f"https://www.facebook.com/photo.php?fbid={photo.id}&set=a.{page.owner}&type=3"


def _photo(photo: Photo, page: Page, description: str | None, stp: str) -> Node:
    url = _photo_url(photo, page)
    node = {
        "description": description,
        "media": {"image": _image(photo.picture, stp)},
        "media_type": "photo",
        "target": {"id": photo.id, "url": url},
        "type": "photo",
        "unshimmed_url": url,
        "url": url,
    }
    return {name: value for name, value in node.items() if value is not None}


def _album(post: Post, page: Page) -> Node:
    return {
        "media": {"image": _image(post.photos[0].picture, post.size)},
        "media_type": "album",
        "subattachments": {"data": [_photo(photo, page, "", post.size) for photo in post.photos]},
        "target": {"id": post.id.partition("_")[2], "url": post.permalink},
        "title": f"Photos from {page.name}'s post",
        "type": "album",
        "unshimmed_url": post.permalink,
        "url": post.permalink,
    }


def _filmed(post: Post, video: Video) -> Node:
    node: Node = {
        "media": {"image": _image(video.thumbnails[0], _FIT), "source": Link(video.source)},
        "media_type": "video",
        "target": {"id": video.id, "url": post.permalink},
        "title": video.title or None,
        "type": "video_inline",
        "unshimmed_url": post.permalink,
        "url": post.permalink,
    }
    return {name: value for name, value in node.items() if value is not None}


def _shared(post: Post) -> Node:
    shim = f"https://l.facebook.com/l.php?u={post.address}&h=AT0simulated&s=1"
    picture = post.photos[0].picture
    return {
        "description": post.message or "",
        # A preview is listed as a square of 720, whatever its own shape.
        "media": {"image": {"height": 720, "src": picture.link(post.size), "width": 720}},
        "media_type": "link",
        "target": {"url": shim},
        "title": post.headline,
        "type": "share",
        "unshimmed_url": post.address,
        "url": shim,
    }


def _profile_picture(post: Post, page: Page) -> Node:
    # The target is the profile, the same for every such post: no key for a picture.
    url = f"https://www.facebook.com/{page.username}"
    what = "cover photo" if post.kind == "cover" else "profile picture"
    return {
        "media": {"image": _image(post.photos[0].picture, post.size)},
        "media_type": "photo",
        "target": {"id": page.owner, "url": url},
        "title": f"{page.name}'s {what}",
        "type": "cover_photo" if post.kind == "cover" else "profile_media",
        "unshimmed_url": url,
        "url": url,
    }


def _story(post: Post, page: Page) -> str | None:
    stories = {
        "cover": f"{page.name} updated their cover photo.",
        "profile": f"{page.name} updated their profile picture.",
        "live": f"{page.name} was live.",
    }
    return stories.get(post.kind)


def _format(poster: Picture, side: int) -> Node:
    width, height = poster.size(f"s{side}x{side}")
    return {
        "embed_html": "",
        "filter": f"{side}x{side}",
        "height": height,
        "picture": poster.link(f"dst-jpg_s{side}x{side}_tt6"),
        "width": width,
    }


def _native(poster: Picture) -> Node:
    return {
        "embed_html": "",
        "filter": "native",
        "height": poster.height,
        "picture": poster.link(),
        "width": poster.width,
    }


_UNAVAILABLE: Node = {
    "description": "When this happens, it's usually because the owner only shared it with a small "
    "group of people, changed who can see it or it's been deleted.",
    "title": "This content isn't available right now",
    "type": "native_templates",
}
_FOOTER: Node = {"type": "event_footer_only"}
