"""Single values out of JSON, whatever may stand there."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbsyncd import read

NOON = datetime(2026, 8, 20, 12, 0, 0, tzinfo=UTC)
SIGNED = "https://scontent.xx.fbcdn.net/v/t39.30808-6/1_2_3_n.jpg?stp=dst-jpg&oh=00_A&oe=6A805EE8"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=8,
)


@given(JSON, st.lists(st.sampled_from("ab"), max_size=3))
def test_no_shape_raises(node: object, path: list[str]) -> None:
    """A wrong shape is the same as an absent field, to every reader."""
    readers = (read.at, read.items, read.text, read.name, read.flag, read.number, read.count)
    links = (read.moment, read.link, read.picture, read.permalink)
    values = [reader(node, *path) for reader in (*readers, *links)]
    texts = "".join(value for value in values[2:] if isinstance(value, str))
    assert b"\0" not in texts.encode()


def test_text_fits_both_databases() -> None:
    """NUL goes, half surrogate pairs are replaced, whole ones stay."""
    sent = json.loads(r'{"message": "a\u0000b \ud83d c \ud83c\udf89"}')
    assert read.text(sent, "message") == "ab \ufffd c 🎉"


@pytest.mark.parametrize("value", ["", " \n", "\0", True, False, None, ["x"], {"x": "y"}])
def test_what_is_not_text_is_no_text(value: object) -> None:
    """Blank text counts as none, too."""
    assert read.text(value) is None


def test_numbers_and_text_stand_in_for_each_other() -> None:
    """An id may be a number, a number may be written as text; an id read as a float is lost."""
    assert read.name(547581871944926) == "547581871944926"
    assert read.name(" 547 ") == "547"
    assert read.name(5.47581871944926e14) is None
    assert read.number("7.5") == 7.5
    assert read.count("720") == 720


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1, "long", None, True, {}])
def test_impossible_numbers_are_unknown(value: object) -> None:
    """json.loads lets NaN and Infinity pass; the databases do not agree on them."""
    assert read.number(value) is None
    assert read.count(value) is None


def test_a_count_too_large_for_a_column_is_unknown() -> None:
    """One odd number must not fail the insert of a whole page of posts."""
    assert read.count(2**31 - 1) == 2**31 - 1
    assert read.count(2**31) is None


def test_only_true_and_false_are_flags() -> None:
    """Text and numbers are neither."""
    assert [read.flag(value) for value in (True, False, "false", 0, None)] == [
        True,
        False,
        None,
        None,
        None,
    ]


@pytest.mark.parametrize(
    "value",
    ["2026-08-20T12:00:00+0000", "2026-08-20T14:00:00+02:00", 1_787_227_200, "1787227200"],
)
def test_times_come_out_in_utc(value: object) -> None:
    """ISO 8601 as Facebook writes it and unix seconds are read."""
    assert read.moment(value) == NOON


@pytest.mark.parametrize(
    "value", [None, "yesterday", "", 10**30, "9" * 5000, "0001-01-01T00:00:00+2300", 1.5, {}]
)
def test_what_is_no_time_is_none(value: object) -> None:
    """Times that no calendar holds do not raise."""
    assert read.moment(value) is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "   ",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "//fbcdn.net/x.jpg",
        "https://",
        7,
        [],
    ],
)
def test_only_web_links_are_links(value: object) -> None:
    """Whatever else stands in a link's place is no link."""
    assert read.link(value) is None


def test_links_are_as_they_were_signed() -> None:
    """A link with ``&amp;`` in it would be refused by the CDN."""
    assert read.link({"full_picture": SIGNED.replace("&", "&amp;")}, "full_picture") == SIGNED
    assert read.link({"picture": {"data": {"url": SIGNED}}}, "picture") == SIGNED


def test_links_with_a_token_are_dropped() -> None:
    """No secret gets into a row by way of a link."""
    assert read.link("https://graph.facebook.com/7/picture?access_token=SECRET") is None


@pytest.mark.parametrize("film", ["clip.mp4?oe=6A", "live.mpd?ms=1", "LIVE.MPD", "list.m3u8"])
def test_a_film_is_a_link_and_no_picture(film: str) -> None:
    """Nothing that downloads pictures ever sees it."""
    assert read.link(f"https://video.xx.fbcdn.net/{film}")
    assert read.picture(f"https://video.xx.fbcdn.net/{film}") is None


def test_permalinks_are_absolute() -> None:
    """Videos name theirs without the host."""
    assert read.permalink("/Page/videos/5/") == "https://www.facebook.com/Page/videos/5/"
    assert read.permalink("https://www.facebook.com/reel/5/") == "https://www.facebook.com/reel/5/"
    assert read.permalink("5") is None
