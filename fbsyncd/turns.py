"""How a job of the daemon takes its turns: trouble is told once, and a storm is let pass."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event
from typing import Any, Final

from fbsyncd.errors import ArchiveError, FbsyncdError, Offline, Unavailable
from fbsyncd.refrain import gist

log = logging.getLogger(__name__)

#: The longest rest after a failed turn (seconds): a full disk is not tried every second, and what
#: was mended is noticed within this time.
LONGEST_REST: Final = 10.0


class Turn:
    """A job whose errors end its turn, not its schedule.

    The same trouble is told once, and once more when it is over; numbers in it may change. An
    archive that cannot be written is left in peace for a moment. Errors that are none of ours
    pass through.
    """

    def __init__(
        self, job: Callable[..., Any], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._job = job
        self._clock = clock
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
        except FbsyncdError as error:
            self._complain(error)
        else:
            if self._trouble:
                log.warning("no longer: %s", self._trouble)
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
