"""The simulated Graph API answers as the real one does."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from simulator_reader import EVERYTHING, Reader, error, links

from fbsyncd.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def facebook() -> Iterator[Simulator]:
    """Forty posts on each of three pages."""
    with Simulator(posts=40, pages=3, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def reader(facebook: Simulator) -> Iterator[Reader]:
    """A client of it."""
    with Reader(facebook) as reading:
        yield reading


def pages_of(reader: Reader, edge: str, **query: Any) -> list[dict[str, Any]]:
    """Every page of an edge, by following the cursor as long as there is a next link."""
    found = []
    while True:
        page = reader.graph(f"{reader.facebook.page_id}/{edge}", **query).json()
        found.append(page)
        if "next" not in page["paging"]:
            return found
        query["after"] = page["paging"]["cursors"]["after"]


def types_of(post: dict[str, Any]) -> list[str]:
    """The types of a post's attachments."""
    return [item["type"] for item in post.get("attachments", {}).get("data", [])]


def file_of(post: dict[str, Any]) -> str:
    """The path of a post's picture on the CDN."""
    return urlsplit(str(post.get("full_picture", ""))).path


def test_all_posts_come_once_newest_first(reader: Reader) -> None:
    """Walking by cursors gives each post once, the newest first, in pages of the asked size."""
    pages = pages_of(reader, "posts", limit=15)
    posts = [post for page in pages for post in page["data"]]
    assert [len(page["data"]) for page in pages] == [15, 15, 10]
    assert len({post["id"] for post in posts}) == 40
    times = [post["created_time"] for post in posts]
    assert times == sorted(times, reverse=True)


def test_the_default_page_has_25_posts_with_few_fields(reader: Reader) -> None:
    """Without limit and fields 25 posts come, with nothing but id, time and text."""
    posts = reader.graph(f"{reader.facebook.page_id}/posts").json()["data"]
    assert len(posts) == 25
    assert {name for post in posts for name in post} <= {"id", "message", "created_time", "story"}


def test_the_last_page_has_cursors_but_no_next(reader: Reader) -> None:
    """The end of a walk is told by the missing next link, not by missing cursors."""
    last = pages_of(reader, "posts", limit=40)[-1]
    assert last["paging"]["cursors"]["after"]
    assert "next" not in last["paging"]


def test_limit_one_has_equal_cursors_and_goes_on(reader: Reader) -> None:
    """With one post a page before and after are the same, and yet more follows."""
    paging = reader.graph(f"{reader.facebook.page_id}/posts", limit=1).json()["paging"]
    assert paging["cursors"]["before"] == paging["cursors"]["after"]
    assert "next" in paging


def test_the_next_link_carries_the_token(reader: Reader) -> None:
    """Facebook puts the access token into the next link, and so does this one."""
    paging = reader.graph(f"{reader.facebook.page_id}/posts", limit=5).json()["paging"]
    assert f"access_token={reader.facebook.token}" in paging["next"]
    assert len(reader.get(paging["next"]).json()["data"]) == 5


def test_the_previous_link_leads_back(reader: Reader) -> None:
    """The page before the second page is the first one."""
    first, second = pages_of(reader, "posts", limit=20)
    assert reader.get(second["paging"]["previous"]).json()["data"] == first["data"]


@pytest.mark.parametrize("limit", ["101", "0", "many"])
def test_an_impossible_limit_is_an_error(reader: Reader, limit: str) -> None:
    """More than 100 is refused, not clamped."""
    assert error(reader.graph(f"{reader.facebook.page_id}/posts", limit=limit))[:2] == (400, 100)


def test_since_and_until_are_inclusive(reader: Reader) -> None:
    """Both bounds let the post of that very second through, as unix time or ISO."""
    posts = reader.posts()
    newest, oldest = posts[5]["created_time"], posts[9]["created_time"]
    found = reader.posts(since=oldest, until=newest)
    assert [post["id"] for post in found] == [post["id"] for post in posts[5:10]]


def test_only_asked_fields_come(reader: Reader) -> None:
    """Fields are honoured at every depth, and the id always comes along."""
    fields = "created_time,attachments{media{image{src}}}"
    posts = reader.posts(fields=fields, limit=5)
    assert set(posts[0]) == {"id", "created_time", "attachments"}
    assert set(posts[0]["attachments"]["data"][0]) == {"media"}
    assert set(posts[0]["attachments"]["data"][0]["media"]["image"]) == {"src"}


def test_albums_are_cut_to_the_asked_number(reader: Reader) -> None:
    """subattachments.limit(n) is honoured, and an album's cover is its first photo."""
    post = next(post for post in reader.posts() if types_of(post) == ["album"])
    album = post["attachments"]["data"][0]
    photos = album["subattachments"]["data"]
    paths = [photo["media"]["image"]["src"].split("?")[0] for photo in photos]
    assert 2 <= len(set(paths)) <= 10
    assert album["media"]["image"]["src"].split("?")[0] == paths[0]
    cut = reader.graph(post["id"], fields="attachments{subattachments.limit(1){type}}").json()
    assert cut["attachments"]["data"][0]["subattachments"] == {"data": [{"type": "photo"}]}


def test_removed_fields_fail_the_whole_request(reader: Reader) -> None:
    """One field of before v3.3 is error 12 for all."""
    answer = reader.graph(f"{reader.facebook.page_id}/posts", fields="id,message,link")
    assert error(answer) == (400, 12, None)


@pytest.mark.parametrize("fields", ["id,colour", "id,attachments{colour}", "attachments{type"])
def test_unknown_fields_fail_the_whole_request(reader: Reader, fields: str) -> None:
    """A field nobody knows, or a broken list of fields, is an error."""
    status, code, _ = error(reader.graph(f"{reader.facebook.page_id}/posts", fields=fields))
    assert (status, code) in ((400, 100), (400, 2500))


def test_the_odd_shapes_are_all_there(reader: Reader) -> None:
    """Forty posts hold every shape a client must survive."""
    posts = reader.posts()
    types = [kind for post in posts for kind in types_of(post)]
    assert {"photo", "album", "video_inline", "share", "native_templates"} <= set(types)
    assert {"cover_photo", "profile_media", "event_footer_only"} <= set(types)
    assert any("attachments" not in post for post in posts)
    assert any(types_of(post) == ["photo", "event_footer_only"] for post in posts)
    assert any("message" not in post for post in posts)
    assert any(re.search(r"[\u0e00-\u0e7f]", post.get("message", "")) for post in posts)
    sources = [link for post in posts for link in links(post) if ".mp" in link]
    assert {".mpd" in link for link in sources} == {True, False}


def test_a_file_can_belong_to_two_posts(reader: Reader) -> None:
    """Some post shows the same file as another one."""
    files = [
        post["full_picture"].split("?")[0] for post in reader.posts() if "full_picture" in post
    ]
    assert len(set(files)) < len(files)


def test_videos_agree_with_their_posts(reader: Reader) -> None:
    """The videos edge lists the videos that posts name as their target, links relative."""
    videos = reader.graph(
        f"{reader.facebook.page_id}/videos", fields="id,permalink_url,length,picture", limit=100
    ).json()["data"]
    targets = {
        item["target"]["id"]
        for post in reader.posts()
        for item in post.get("attachments", {}).get("data", [])
        if item["type"] == "video_inline"
    }
    assert {video["id"] for video in videos} == targets
    assert all(video["permalink_url"].startswith("/") for video in videos)
    assert all(isinstance(video["length"], float) for video in videos)


def test_nodes_answer_for_themselves(reader: Reader) -> None:
    """Post, photo, video and page are nodes with their own fields."""
    post = reader.posts()[0]
    photo = post["attachments"]["data"][0]["target"]["id"]
    images = reader.graph(photo, fields="images").json()["images"]
    assert [image["width"] for image in images] == sorted(
        (image["width"] for image in images), reverse=True
    )
    video = reader.graph(f"{reader.facebook.page_id}/videos", limit=1).json()["data"][0]["id"]
    frames = reader.graph(video, fields="thumbnails{uri,width,height,is_preferred},format").json()
    assert [frame["is_preferred"] for frame in frames["thumbnails"]["data"]].count(True) == 1
    assert frames["format"][-1]["filter"] == "native"
    page = reader.graph(reader.facebook.page_id, fields="name,username,about,category").json()
    assert page["name"] == reader.facebook.pages[0].name
    assert reader.graph("me", fields="id").json() == {"id": reader.facebook.page_id}
    assert reader.graph(post["id"]).json()["id"] == post["id"]


def test_a_missing_node_is_100_33(reader: Reader) -> None:
    """What does not exist answers 400 with code 100 and subcode 33."""
    assert error(reader.graph("1_2", fields="id")) == (400, 100, 33)
    assert error(reader.graph("123/posts")) == (400, 100, 33)


def test_an_unknown_path_is_2500(reader: Reader) -> None:
    """A path that names nothing answers 2500."""
    assert error(reader.graph("a/b/c"))[:2] == (400, 2500)


def test_ids_is_gone_with_a_500(reader: Reader) -> None:
    """The removed ?ids= answers HTTP 500 with code 100."""
    answer = reader.graph("", ids="1,2")
    assert error(answer) == (500, 100, None)
    assert answer.json()["error"]["message"] == ("The ids query parameter is deprecated in v26.0+.")


def test_times_are_written_without_a_colon(reader: Reader) -> None:
    """Times look as the real ones do."""
    for post in reader.posts(limit=5):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000", post["created_time"])


def test_tokens_are_looked_at(reader: Reader) -> None:
    """A wrong token is 190, none is 104, a parameter is as good as the header."""
    facebook = reader.facebook
    path = f"{facebook.url}/v26.0/{facebook.page_id}"
    assert error(reader.graph(facebook.page_id, token="EAAwrong")) == (400, 190, None)
    assert error(reader.get(path)) == (400, 104, None)
    assert reader.get(f"{path}?access_token={facebook.token}").status_code == 200


def test_a_token_reads_its_own_page_only(reader: Reader) -> None:
    """Another page's posts are error 10, and a user's token is told to fetch the page's."""
    other, facebook = reader.facebook.pages[1], reader.facebook
    assert error(reader.graph(f"{other.id}/posts"))[:2] == (400, 10)
    assert reader.graph(f"{other.id}/posts", token=other.token).status_code == 200
    user = facebook.access.user_token
    assert error(reader.graph(f"{other.id}/posts", token=user)) == (400, 190, 2069032)


def test_the_user_token_lists_pages_and_their_tokens(reader: Reader) -> None:
    """/me/accounts is paged and holds each page's token; a page's node tells it too."""
    facebook = reader.facebook
    user, found = facebook.access.user_token, []
    after: dict[str, str] = {}
    while True:
        page = reader.graph("me/accounts", token=user, limit=2, **after).json()
        found += page["data"]
        if "next" not in page["paging"]:
            break
        after = {"after": page["paging"]["cursors"]["after"]}
    assert [(node["id"], node["access_token"]) for node in found] == [
        (page.id, page.token) for page in facebook.pages
    ]
    node = reader.graph(facebook.page_id, token=user, fields="access_token").json()
    assert node["access_token"] == facebook.token


def test_debug_token_tells_a_tokens_state(reader: Reader) -> None:
    """debug_token knows whose token it is and whether it is alive."""
    facebook = reader.facebook
    told = reader.graph("debug_token", token=facebook.access.app_token, input_token=facebook.token)
    assert told.json()["data"]["is_valid"] is True
    assert told.json()["data"]["profile_id"] == facebook.page_id


def test_the_proof_is_demanded_when_there_is_a_secret() -> None:
    """With an app secret a call needs its HMAC of the token, in batches too."""
    with Simulator(posts=3, pictures="plain", app_secret="s3cret") as facebook:
        proof = hmac.new(b"s3cret", facebook.token.encode(), hashlib.sha256).hexdigest()
        with Reader(facebook) as reader:
            assert error(reader.graph(facebook.page_id))[:2] == (400, 100)
            assert error(reader.graph(facebook.page_id, appsecret_proof="00"))[:2] == (400, 100)
            assert reader.graph(facebook.page_id, appsecret_proof=proof).status_code == 200
            form = {
                "batch": json.dumps([{"method": "GET", "relative_url": facebook.page_id}]),
                "access_token": facebook.token,
                "appsecret_proof": proof,
            }
            answer = reader.session.post(f"{facebook.url}/v26.0/", data=form, timeout=10)
            assert [item["code"] for item in answer.json()] == [200]


def test_headers_tell_version_and_usage(reader: Reader) -> None:
    """Each answer names the version served and how much of the budget is used."""
    answer = reader.graph(reader.facebook.page_id)
    assert answer.headers["facebook-api-version"] == "v26.0"
    assert set(json.loads(answer.headers["X-App-Usage"])) == {
        "call_count",
        "total_time",
        "total_cputime",
    }
    pools = json.loads(answer.headers["X-Business-Use-Case-Usage"])[reader.facebook.page_id]
    assert pools[0]["type"] == "pages"


def test_the_picture_edge_redirects(reader: Reader) -> None:
    """/{page}/picture leads to the CDN, or with redirect=0 says where it is."""
    answer = reader.graph(f"{reader.facebook.page_id}/picture")
    assert answer.headers["content-type"] == "image/jpeg"
    told = reader.graph(f"{reader.facebook.page_id}/picture", redirect=0).json()["data"]
    assert reader.get(told["url"]).status_code == 200


def test_the_same_seed_makes_the_same_facebook() -> None:
    """Ids, texts and files depend on the seed alone, and more posts only add older ones."""
    worlds = []
    for seed, posts in ((7, 12), (7, 30), (8, 12)):
        simulator = Simulator(posts=posts, seed=seed, pictures="plain")
        with simulator as facebook, Reader(facebook) as reader:
            listed = reader.posts(fields="id,message,full_picture")
        worlds.append([(post["id"], post.get("message"), file_of(post)) for post in listed])
    assert worlds[0] == worlds[1][:12]
    assert worlds[0] != worlds[2]


def test_texts_hardly_repeat() -> None:
    """Among hundreds of posts few texts are alike."""
    with Simulator(posts=300, pictures="plain") as facebook:
        texts = [post.message for post in facebook.world.posts(facebook.page_id) if post.message]
    assert len(set(texts)) > 0.97 * len(texts)


def test_every_field_of_the_product_is_known(reader: Reader) -> None:
    """The field lists a careful client asks for are taken as they are."""
    answer = reader.graph(f"{reader.facebook.page_id}/posts", fields=EVERYTHING, limit=1)
    assert answer.status_code == 200
