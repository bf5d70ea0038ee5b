"""The way through a list: its end, and the ways that have none."""

from __future__ import annotations

from typing import Any

import pytest

from fbsyncd.errors import GraphUnavailable
from fbsyncd.graph.trail import EMPTY_PAGES, Trail

NEXT = "https://graph.facebook.com/v26.0/7/posts?access_token=SECRET&pretty=0&limit=25"


def page(after: str | None, *records: int, more: bool = True) -> dict[str, Any]:
    paging: dict[str, Any] = {"cursors": {"before": after, "after": after}} if after else {}
    return {"data": list(records), "paging": {**paging, **({"next": NEXT} if more else {})}}


@pytest.mark.parametrize(
    "last", [page("A", 1, more=False), {"data": []}, {"data": [], "paging": []}]
)
def test_a_list_ends_where_no_next_is_named(last: object) -> None:
    """A cursor on the last page leads nowhere."""
    assert not Trail().follow(last)


def test_the_cursor_is_all_that_is_kept() -> None:
    """The link itself carries the token."""
    trail = Trail()
    assert trail.place == {}
    assert trail.follow(page("A", 1))
    assert trail.place == {"after": "A"}


def test_the_cursor_is_taken_from_the_link_when_it_stands_nowhere_else() -> None:
    """Some answers have a next and no cursors."""
    trail = Trail()
    assert trail.follow({"data": [1], "paging": {"next": f"{NEXT}&after=Q%3D%3D"}})
    assert trail.place == {"after": "Q=="}


def test_equal_cursors_in_one_answer_do_not_end_it() -> None:
    """With one record a page, before and after are the same and more follows."""
    trail = Trail()
    assert all(trail.follow(page(name, 1)) for name in "ABC")


def test_empty_pages_are_followed_for_a_while() -> None:
    """A page may be empty and have a next one; too many in a row lead nowhere."""
    trail = Trail()
    for number in range(EMPTY_PAGES - 1):
        assert trail.follow(page(f"A{number}"))
    assert trail.follow(page("B", 1))
    for number in range(EMPTY_PAGES - 1):
        assert trail.follow(page(f"C{number}"))
    with pytest.raises(GraphUnavailable, match="empty pages"):
        trail.follow(page("D"))


@pytest.mark.parametrize("link", [NEXT, "http://[", "more", 7])
def test_a_next_without_a_cursor_cannot_be_followed(link: object) -> None:
    """The walk is incomplete then, not complete."""
    with pytest.raises(GraphUnavailable, match="no cursor"):
        Trail().follow({"data": [1], "paging": {"next": link}})


def test_going_round_in_circles_is_noticed() -> None:
    """The same cursor twice, at any distance, would never end."""
    trail = Trail()
    for name in "ABC":
        trail.follow(page(name, 1))
    with pytest.raises(GraphUnavailable, match="again"):
        trail.follow(page("A", 1))


def test_even_ever_new_cursors_end_some_day() -> None:
    """A hard cap ends what no other guard sees."""
    trail = Trail()
    with pytest.raises(GraphUnavailable, match="no end"):
        all(trail.follow(page(str(number), 1)) for number in range(10**6))
