"""Query strings: typed values, or a refusal that names the parameter."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbsyncd.server import query
from fbsyncd.server.answers import Refused


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("limit=1", "limit", 1),
        ("limit=100", "limit", 100),
        ("page_id=104", "page_id", "104"),
        ("type=photo", "type", "photo"),
        ("q=%E0%B8%81+b", "q", "ก b"),
        ("page_id=%C2%A0%E2%80%8B", "page_id", "\u00a0\u200b"),
        ("cursor=0123456789abcd-1_2~20", "cursor", "0123456789abcd-1_2~20"),
        ("has_local_image=true", "has_local_image", True),
        ("has_local_image=0", "has_local_image", False),
        ("since=2026-11-22", "since", datetime(2026, 11, 22, tzinfo=UTC)),
        ("until=2026-11-22T08:30:00Z", "until", datetime(2026, 11, 22, 8, 30, tzinfo=UTC)),
        ("until=2026-11-22T08:30:00%2B07:00", "until", datetime(2026, 11, 22, 1, 30, tzinfo=UTC)),
        ("since=2026-11-22T08:30", "since", datetime(2026, 11, 22, 8, 30, tzinfo=UTC)),
        ("since=2016-12-31t23:59:60.5z", "since", datetime(2016, 12, 31, 23, 59, 59, 500000, UTC)),
        ("since=0000-01-01", "since", datetime(1000, 1, 1, tzinfo=UTC)),
        ("until=0001-01-01T00:00:00%2B07:00", "until", datetime(1000, 1, 1, tzinfo=UTC)),
        ("until=9999-12-31T23:59-07:00", "until", datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_values_are_typed(text: str, name: str, value: object) -> None:
    """Each parameter is read into the type the feed wants; times come out in UTC."""
    assert query.read(text, query.POSTS) == {name: value}


@pytest.mark.parametrize("zone", ["UTC", "Asia/Bangkok", "America/Argentina/Buenos_Aires"])
def test_a_time_zone_is_one_by_name(zone: str) -> None:
    """Those that this machine knows, as they are written."""
    assert query.read(f"zone={zone}", query.TIMELINE) == {"zone": zone}


@pytest.mark.parametrize(
    "zone",
    [
        *("Nowhere", "No/Such_Place", "America", "asia/bangkok", "UTC+7", "%2B07:00"),
        *("../UTC", "/etc/localtime", "Asia/../UTC", "Asia//Bangkok", "%00", "../" * 150),
    ],
)
def test_a_time_zone_nobody_knows_is_refused(zone: str) -> None:
    """Nor is a folder one, or a way round to a file."""
    with pytest.raises(Refused, match="zone must be a time zone known here") as refused:
        query.read(f"zone={zone}", query.TIMELINE)
    assert (refused.value.status, refused.value.code) == (400, "bad_parameter")


def test_an_empty_value_counts_as_not_given() -> None:
    """A template may leave its fields empty."""
    assert query.read("limit=&cursor=&page_id=&since=", query.POSTS) == {}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=%D9%A3", "limit"),
        ("limit=1e1", "limit"),
        ("since=yesterday", "since"),
        ("until=2026-02-30", "until"),
        ("until=20261122", "until"),
        ("until=2026-11-22T08", "until"),
        ("since=2026-11-22T08:30:00%2B25:00", "since"),
        ("cursor=0123456789abcd", "cursor"),
        ("cursor=0123456789abcd-1%0A", "cursor"),
        ("q=a%0Ab", "q"),
        ("has_local_image=maybe", "has_local_image"),
        ("page_id=1%00", "page_id"),
        ("cursor=" + 501 * "a", "cursor"),
        ("limit=1&limit=2", "limit"),
        ("limits=1", "limits"),
        ("Limit=1", "Limit"),
    ],
)
def test_a_refusal_names_the_parameter(text: str, named: str) -> None:
    """An unknown parameter, one given twice and a value it cannot have are 400 by name."""
    with pytest.raises(Refused, match=rf"\b{named}\b") as refused:
        query.read(text, query.POSTS)
    assert (refused.value.status, refused.value.code) == (400, "bad_parameter")


@pytest.mark.parametrize("text", ["page_id=%ff", "page_id=\xff", "&".join(["limit=1"] * 31)])
def test_a_query_that_cannot_be_read_is_refused(text: str) -> None:
    """Bytes that are not UTF-8, and more parameters than there are, are 400."""
    with pytest.raises(Refused) as refused:
        query.read(text, query.POSTS)
    assert refused.value.status == 400


@given(st.text(st.characters(max_codepoint=255)))
def test_any_query_is_read_or_refused(text: str) -> None:
    """No query string raises anything but a refusal with status 400."""
    try:
        query.read(text, query.POSTS)
    except Refused as refused:
        assert refused.status == 400  # noqa: PT017
