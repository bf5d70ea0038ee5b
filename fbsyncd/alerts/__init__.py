"""Alerts to people: each fault told once, and once more when it is over, also across restarts.

Each hook has its own memory (rows of ``alerts``): one that is away does not keep the other from
hearing, and hears all of it later. Delivering happens in a job of its own and blocks no other.
No message holds a secret.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from peewee import Database

from fbsyncd.alerts.decide import Alert, Key, Patience, decide
from fbsyncd.alerts.faults import faults
from fbsyncd.alerts.hooks import Command, Hook, HookFailed, Webhook
from fbsyncd.archive import USER_AGENT, Archive
from fbsyncd.errors import scrub
from fbsyncd.models import change, change_many, from_text, rows, session, to_text, transaction
from fbsyncd.view import moment

__all__ = ["Alerts", "hooks_of"]

log = logging.getLogger(__name__)

#: A hook that failed is left alone for so long, then twice as long, up to the longest.
REST: Final = timedelta(minutes=1)
LONGEST_REST: Final = timedelta(hours=1)


def hooks_of(archive: Archive) -> list[Hook]:
    """Return the hooks that the configuration names."""
    settings = archive.config.alerts
    hooks: list[Hook] = []
    if address := settings.webhook.get_secret_value():
        hooks.append(Webhook(address, USER_AGENT, archive.stop))
    if settings.command:
        hooks.append(Command(settings.command, archive.stop))
    return hooks


class Alerts:
    """Tells the *hooks* what is wrong with one archive; :meth:`turn` is made again and again."""

    def __init__(self, archive: Archive, hooks: Sequence[Hook] | None = None) -> None:
        self._archive = archive
        self._patience = Patience()
        named = hooks_of(archive) if hooks is None else hooks
        self._lines = [_Line(archive, hook) for hook in named]

    @property
    def is_heard(self) -> bool:
        """Tell whether there is anybody to tell."""
        return bool(self._lines)

    def turn(self) -> None:
        """Look for faults and tell what is new or over; raises ArchiveError."""
        now = self._archive.now()
        there = {key: scrub(message) for key, message in faults(self._archive, now).items()}
        lasting = self._patience.lasting(there, now)
        for line in self._lines:
            line.tell(there, lasting, now)


class _Line:
    """One hook and what it has been told."""

    def __init__(self, archive: Archive, hook: Hook) -> None:
        self._db: Database = archive.db
        self._stop = archive.stop
        self._hook = hook
        self._rest = REST
        self._until: datetime | None = None

    def tell(self, there: dict[Key, str], lasting: dict[Key, str], now: datetime) -> None:
        kept = self._kept()
        verdict = decide(kept, there, lasting, now)
        self._keep([alert for alert in verdict.on if alert not in kept])
        for key in verdict.forget:
            self._forget(key)
        if self._until is not None and now < self._until <= now + LONGEST_REST:
            return
        for alert in verdict.tell:
            if self._stop.is_set() or not self._delivered(alert, now):
                return

    def _delivered(self, alert: Alert, now: datetime) -> bool:
        try:
            self._hook.deliver(_told(alert, now))
        except HookFailed as error:
            if self._stop.is_set():
                return False
            log.warning("alerts: %s; tried again in %s", error, self._rest)
            self._until = now + self._rest
            self._rest = min(2 * self._rest, LONGEST_REST)
            return False
        self._rest, self._until = REST, None
        log.info("alerts: told the %s: %s", self._hook.name, _sentence(alert))
        if alert.over_at:
            self._forget(alert.key)
        else:
            self._keep([Alert(*alert.key, alert.message, alert.since, told_at=now)])
        return True

    def _kept(self) -> list[Alert]:
        with session(self._db):
            found = rows(
                self._db,
                "SELECT name, subject, message, since, told_at, over_at FROM alerts ORDER BY since",
            )
        kept = []
        for name, subject, message, since, told_at, over_at in found:
            hook, _, bare = str(name).partition(" ")
            began = from_text(since)
            if hook == self._hook.name and began is not None:
                ends = from_text(told_at), from_text(over_at)
                kept.append(Alert(bare, str(subject), str(message), began, *ends))
        return kept

    def _keep(self, alerts: Sequence[Alert]) -> None:
        with transaction(self._db):
            change_many(
                self._db,
                "INSERT INTO alerts (name, subject, message, since, told_at, over_at)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name, subject) DO UPDATE SET"
                " message = excluded.message, told_at = excluded.told_at,"
                " over_at = excluded.over_at",
                [
                    (
                        *(f"{self._hook.name} {one.name}", one.subject, one.message),
                        to_text(one.since),
                        *(to_text(at) if at else None for at in (one.told_at, one.over_at)),
                    )
                    for one in alerts
                ],
            )

    def _forget(self, key: Key) -> None:
        name, subject = key
        with transaction(self._db):
            change(
                self._db,
                "DELETE FROM alerts WHERE name = ? AND subject = ?",
                [f"{self._hook.name} {name}", subject],
            )


def _told(alert: Alert, now: datetime) -> dict[str, str | None]:
    return {
        "alert": alert.name,
        "state": "over" if alert.over_at else "on",
        "subject": alert.subject or None,
        "message": alert.message,
        "text": f"fbsyncd on {socket.gethostname()}: {_sentence(alert)}",
        "since": moment(alert.since),
        "over_at": moment(alert.over_at),
        "at": moment(now),
    }


def _sentence(alert: Alert) -> str:
    return f"over: {alert.message}" if alert.over_at else alert.message
