"""What keeps Pages from being read, remembered so that nobody asks or tells of it at each turn."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

#: A dead token is not asked about at every turn; its state says what to do.
TOKEN_PAUSE: Final = timedelta(hours=1)
#: A refused stream is asked for again once a day: permissions get granted.
REFUSED_PAUSE: Final = timedelta(days=1)
#: What helps where Facebook does not know a Page's own id.
WRONG_ID: Final = "Look at the id in [[facebook.pages]]."
#: Why a Page that is configured is left alone, and what to do.
FORGOTTEN: Final = "was forgotten on purpose and is not read; take it out of config.toml"

#: Marks what is told of a Page and stands in its report too.
REPORTED: Final = {"is_reported": True}


@contextmanager
def told_by_report() -> Iterator[None]:
    """Leave out of the log what the report of a reading says, for who prints that at its end."""

    def is_news(record: logging.LogRecord) -> bool:
        return not getattr(record, "is_reported", False)

    log = logging.getLogger("fbsyncd.sync")
    log.addFilter(is_news)
    try:
        yield
    finally:
        log.removeFilter(is_news)


class Refusals:
    """The tokens that were refused, and the trouble of Pages and streams that was told."""

    def __init__(self) -> None:
        self._tokens: dict[str, tuple[str, datetime]] = {}
        self._told: dict[tuple[str, str], str] = {}

    def refuse(self, page_id: str, token: str, now: datetime) -> None:
        """Remember that *token* was refused; one that is not the last is news."""
        if self._tokens.get(page_id, (token, now))[0] != token:
            self._told.pop((page_id, ""), None)
        self._tokens[page_id] = token, now

    def is_refused(self, page_id: str, token: str, now: datetime) -> bool:
        """Tell whether this very token was refused a short while ago; a new one is tried at once.

        The old one is tried now and then too: some come back when their owner logs in again.
        """
        refused, since = self._tokens.get(page_id, ("", now))
        # A clock that was set back must not keep a Page unread until it is there again.
        is_fresh = timedelta(0) <= now - since < TOKEN_PAUSE
        return bool(token) and token == refused and is_fresh

    def forgive(self, page_id: str) -> None:
        """Let the next reading try the Page's token, though it was refused, and tell of it anew."""
        self._tokens.pop(page_id, None)
        if (page_id, "") in self._told:
            self._told[page_id, ""] = "tried again"

    def begins(self, page_id: str, stream: str, state: str) -> bool:
        """Take in what stops a stream, or the Page ("" for the stream); tell whether it is new."""
        before = self._told.get((page_id, stream))
        self._told[page_id, stream] = state
        return before != state

    def ends(self, page_id: str, stream: str) -> bool:
        """Take in that a stream was read; tell whether anything had stopped it or its Page."""
        told = [self._told.pop((page_id, place), None) for place in ("", stream)]
        return any(told)
