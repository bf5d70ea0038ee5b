"""How a job of the daemon takes its turns: trouble is told once, and a storm is let pass."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event, Lock
from typing import Any, Final

from fbsyncd.errors import (
    ArchiveError,
    DatabaseAway,
    DatabaseTrouble,
    FbsyncdError,
    Offline,
    Unavailable,
)
from fbsyncd.refrain import gist

log = logging.getLogger(__name__)

#: The longest rest after a failed turn (seconds): a full disk is not tried every second, and what
#: was mended is noticed within this time.
LONGEST_REST: Final = 10.0
#: So long (seconds) after somebody last met the database's trouble, another one's turn ends it.
LONGEST_OUTAGE: Final = 2 * LONGEST_REST


class Outage:
    """Trouble of the database, told once however many jobs meet it, and once when it is over.

    It is over when all who met it had a turn without it, or one had that a while after the last
    met it: a job whose turn is in hours is not waited for. Safe to use from several threads.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        # Those who met it, and those of them who had no turn without it since.
        self._met: set[object] = set()
        self._left: set[object] = set()
        self._told: dict[str, str] = {}
        self._last = 0.0

    def met(self, job: object, error: DatabaseTrouble) -> None:
        """Take in that *job* met it; a server that is away says that in many words."""
        kind = "" if isinstance(error, DatabaseAway) else gist(str(error))
        with self._lock:
            self._met.add(job)
            self._left.add(job)
            self._last = self._clock()
            is_new = kind not in self._told
            self._told.setdefault(kind, str(error))
        if is_new:
            log.error("%s", error)

    def passed(self, job: object) -> None:
        """Take in that *job* had a turn without it."""
        with self._lock:
            if job not in self._met:
                return
            self._left.discard(job)
            if self._left and self._clock() < self._last + LONGEST_OUTAGE:
                return
            self._met.clear()
            self._left.clear()
            over, self._told = list(self._told.values()), {}
        for trouble in over:
            log.warning("no longer: %s", _without_remedy(trouble))


class Turn:
    """A job whose errors end its turn, not its schedule.

    The same trouble is told once, and once more when it is over; numbers in it may change. What is
    the database's is told by the *outage* it shares with others. An archive that cannot be written
    is left in peace for a moment. Errors that are none of ours pass through.
    """

    def __init__(
        self,
        job: Callable[..., Any],
        clock: Callable[[], float] = time.monotonic,
        outage: Outage | None = None,
    ) -> None:
        self._job = job
        self._clock = clock
        self._outage = outage or Outage(clock)
        self._trouble: str | None = None
        self._rest = 0.0
        self._until = 0.0

    def __call__(self, *args: Any) -> None:
        if self._clock() < self._until:
            return
        try:
            self._job(*args)
        except Unavailable:
            # The brake has said so, and says when it is over.
            return
        except Offline:
            # Whoever noticed has said so, once for all that need the network.
            self._rest_a_while()
        except DatabaseTrouble as error:
            self._outage.met(self, error)
            self._rest_a_while()
        except FbsyncdError as error:
            self._complain(error)
        else:
            self._go_on()

    def _go_on(self) -> None:
        self._outage.passed(self)
        if self._trouble:
            log.warning("no longer: %s", _without_remedy(self._trouble))
        self._trouble, self._rest = None, 0.0

    def _complain(self, error: FbsyncdError) -> None:
        if self._trouble is None or gist(self._trouble) != gist(str(error)):
            log.error("%s", error)
        self._trouble = str(error)
        if isinstance(error, ArchiveError):
            self._rest_a_while()

    def _rest_a_while(self) -> None:
        self._rest = min(max(1.0, 2 * self._rest), LONGEST_REST)
        self._until = self._clock() + self._rest


def _without_remedy(trouble: str) -> str:
    """Return what was wrong: what there was to do about it would read as if it still were."""
    return trouble.partition("; ")[0]


class Lull:
    """Waits for the end of a burst: acting amid a mass deletion would take its start for all.

    Asked once a turn, it tells when *event* was set and has not been set again for a turn, or
    keeps being set for *longest* turns.
    """

    def __init__(self, event: Event, longest: int = 30) -> None:
        self._event = event
        self._longest = longest
        self._turns = 0

    def has_come(self) -> bool:
        """Tell whether it is time to act."""
        if self._event.is_set():
            self._event.clear()
            self._turns += 1
            if self._turns < self._longest:
                return False
        elif not self._turns:
            return False
        self._turns = 0
        return True
