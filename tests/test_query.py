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
        ("cursor=%E0%B8%81+b", "cursor", "ก b"),
        ("has_local_image=true", "has_local_image", True),
        ("has_local_image=0", "has_local_image", False),
        ("since=2026-11-22", "since", datetime(2026, 11, 22, tzinfo=UTC)),
        ("until=2026-11-22T08:30:00Z", "until", datetime(2026, 11, 22, 8, 30, tzinfo=UTC)),
        ("until=2026-11-22T08:30:00%2B07:00", "until", datetime(2026, 11, 22, 1, 30, tzinfo=UTC)),
        ("since=2026-11-22T08:30", "since", datetime(2026, 11, 22, 8, 30, tzinfo=UTC)),
    ],
)
def test_values_are_typed(text: str, name: str, value: object) -> None:
    """Each parameter is read into the type the feed wants; times come out in UTC."""
    assert query.read(text, query.POSTS) == {name: value}


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
        ("until=0001-01-01T00:00:00%2B07:00", "until"),
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
