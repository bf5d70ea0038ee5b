"""Which alerts to give and which to end: each is told once, and its end once. Decides only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

#: What comes and goes has to last this long before anybody is told.
LASTING: Final = {"lost": timedelta(minutes=30), "not_synced": timedelta(minutes=10)}

#: The name of an alert and what it is about: a Page's id, or nothing.
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert that is on, or whose end is still to be told (*over_at*)."""

    name: str
    subject: str
    message: str
    since: datetime
    told_at: datetime | None = None
    over_at: datetime | None = None

    @property
    def key(self) -> Key:
        return self.name, self.subject


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be kept (*on*), what is to be told, and what is to be forgotten untold."""

    on: tuple[Alert, ...]
    tell: tuple[Alert, ...]
    forget: tuple[Key, ...]


class Patience:
    """How long each fault has been there; one that goes is forgotten."""

    def __init__(self) -> None:
        self._since: dict[Key, datetime] = {}

    def lasting(self, faults: Mapping[Key, str], now: datetime) -> dict[Key, str]:
        """Return the faults that have lasted long enough for somebody to be told."""
        self._since = {key: min(self._since.get(key, now), now) for key in faults}
        return {
            key: message
            for key, message in faults.items()
            if now - self._since[key] >= LASTING.get(key[0], timedelta())
        }


def decide(
    kept: Iterable[Alert], faults: Mapping[Key, str], lasting: Mapping[Key, str], now: datetime
) -> Verdict:
    """Hold what is *kept* of earlier turns against the *faults* there are now."""
    before = {alert.key: alert for alert in kept}
    on = [_still(alert, faults[key]) for key, alert in before.items() if key in faults]
    on += [Alert(*key, message, now) for key, message in lasting.items() if key not in before]
    over = [alert for key, alert in before.items() if key not in faults]
    ended = [replace(alert, over_at=alert.over_at or now) for alert in over if alert.told_at]
    return Verdict(
        on=(*on, *ended),
        tell=(*(alert for alert in on if alert.told_at is None), *ended),
        forget=tuple(alert.key for alert in over if alert.told_at is None),
    )


def _still(alert: Alert, message: str) -> Alert:
    """Return an alert that is on; if its end was about to be told, it was none."""
    return replace(alert, message=message, over_at=None)
