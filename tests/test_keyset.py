"""Cursors: every place has one, and every text of their form is a place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbsyncd.engines import POSTGRESQL, SQLITE
from fbsyncd.feed import keyset
from fbsyncd.feed.keyset import BadCursor
from fbsyncd.models import to_text

BEGINNING = datetime(1000, 1, 1, tzinfo=UTC)
MOMENTS = st.timedeltas(timedelta(0), timedelta(days=365 * 2280)).map(lambda past: BEGINNING + past)
IDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(MOMENTS, IDS.filter(lambda id_: len(id_.encode()) < 130))
def test_a_cursor_leads_back_to_its_place(at: datetime, id_: str) -> None:
    """Whatever the id, to the microsecond; and it is of the form that is told."""
    for engine in (SQLITE, POSTGRESQL):
        cursor = keyset.encoded(at, id_)
        assert keyset.decoded(cursor, worded=engine.worded) == (to_text(at), id_)


@given(st.from_regex(keyset.FORM, fullmatch=True))
def test_whatever_looks_like_a_cursor_is_one(cursor: str) -> None:
    """It leads somewhere, to a time and an id that both databases take."""
    at, id_ = keyset.decoded(cursor.rstrip("\n"))
    assert datetime.fromisoformat(at).year >= 1000
    assert "\0" not in id_


@pytest.mark.parametrize("cursor", ["", "x", "0" * 14, "0" * 14 + "-", "g" * 14 + "-1", "٣" * 14])
def test_anything_else_is_refused(cursor: str) -> None:
    """Nothing but the form is understood; where ids are UUIDs, nothing but those."""
    with pytest.raises(BadCursor):
        keyset.decoded(cursor)
    with pytest.raises(BadCursor):
        keyset.decoded(f"{'0' * 14}-1", keyset.UUID_FORM)
