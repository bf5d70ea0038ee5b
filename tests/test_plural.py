"""Counts in sentences."""

from __future__ import annotations

import pytest

from fbsyncd.plural import counted
from fbsyncd.reconcile import Findings, Request
from fbsyncd.terminal import findings


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 files"), (1, "1 file"), (2, "2 files"), (1000, "1,000 files")],
)
def test_one_is_one_thing_and_all_else_are_things(count: int, words: str) -> None:
    """Nothing counts as many, and thousands are told apart."""
    assert counted(count, "file") == words


def test_a_single_finding_is_told_in_the_singular() -> None:
    """No line of a reconcile says "1 files"."""
    found = Findings(
        files=1, queued=1, adopted=1, orphans=1, orphan_bytes=6, foreign=1, scrubbed=1, unreadable=1
    )
    assert findings(found, Request()).splitlines() == [
        "1 file checked",
        "0 missing",
        "0 of the wrong size",
        "0 of 1 with other content",
        "1 that could not be read",
        "1 picture queued again, for fbsyncd sync or a running daemon to bring back",
        "1 file put back by hand adopted",
        "1 file that no row knows (6 B): --delete-orphans removes such files",
        "1 name not ours, left alone",
    ]


def test_what_is_young_or_not_ours_is_told_by_name() -> None:
    """Up to five names, without what would move the cursor, and how many more there are."""
    names = ["posts/albums", "posts/a\x1b[2Jb", "posts/c", "posts/d", "posts/e"]
    found = Findings(young=3, foreign=7, foreign_names=names)
    assert findings(found, Request()).splitlines()[-2:] == [
        "3 files too young to tell",
        "7 names not ours, left alone: posts/albums, posts/a?[2Jb, posts/c, posts/d, posts/e"
        " and 2 more",
    ]
