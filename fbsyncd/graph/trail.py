"""The way through the pages of a list, and whether it still leads anywhere.

The Graph API ends a list by leaving out ``paging.next`` and by nothing else: pages may be short or
empty before that, and cursors are handed out on the last page too. It has also been seen to hand
out the same cursor again and again, so a walk that goes round in circles must end as incomplete.

Source: https://developers.facebook.com/docs/graph-api/results
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs, urlsplit

from fbsyncd import read
from fbsyncd.errors import GraphUnavailable

EMPTY_PAGES: Final = 10
MOST_PAGES: Final = 20_000


class Trail:
    """One walk: *place* is the query that asks for the next page."""

    def __init__(self) -> None:
        self.place: dict[str, str] = {}
        self._seen: set[str] = set()
        self._empty = 0

    def follow(self, page: object) -> bool:
        """Go on behind *page*; False when it was the last.

        Raises GraphUnavailable when the walk cannot be completed.
        """
        if read.text(page, "paging", "next") is None:
            return False
        self._empty = 0 if read.at(page, "data") else self._empty + 1
        cursor = _cursor(page)
        self._check(cursor)
        self._seen.add(cursor)
        self.place = {"after": cursor}
        return True

    def _check(self, cursor: str) -> None:
        trouble = {
            "a page names a next one but no cursor": not cursor,
            "Facebook handed out a cursor again": cursor in self._seen,
            f"{EMPTY_PAGES} empty pages in a row": self._empty >= EMPTY_PAGES,
            f"no end after {MOST_PAGES} pages": len(self._seen) >= MOST_PAGES,
        }
        for reason in (reason for reason, true in trouble.items() if true):
            raise GraphUnavailable(f"The list could not be read to its end: {reason}")


def _cursor(page: object) -> str:
    """Return the cursor alone: ``next`` itself carries the token and retired parameters."""
    cursor = read.text(page, "paging", "cursors", "after")
    if cursor is not None:
        return cursor
    try:
        query = parse_qs(urlsplit(read.text(page, "paging", "next") or "").query)
    except ValueError:
        return ""
    return query.get("after", [""])[0]
