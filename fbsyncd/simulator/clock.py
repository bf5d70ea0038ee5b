"""The simulator's clock: real UTC time plus an offset that a test or the demo moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """Tells the time by which links are signed, expire and posts appear.

    It decides nothing about sockets: delays and time-outs stay on the machine's own clock.
    """

    def __init__(self) -> None:
        self._offset = timedelta()

    def now(self) -> datetime:
        """The simulated time, aware, in UTC."""
        return datetime.now(UTC) + self._offset

    def move(self, by: timedelta) -> datetime:
        """Go *by* further (or back, when negative) and return the new time."""
        self._offset += by
        return self.now()

    def set(self, at: datetime) -> datetime:
        """Let it be *at* (aware) now; the clock goes on from there."""
        self._offset = at - datetime.now(UTC)
        return self.now()


def moment(text: str) -> datetime:
    """A time from ISO text, aware, in UTC; text without an offset is meant as UTC."""
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
