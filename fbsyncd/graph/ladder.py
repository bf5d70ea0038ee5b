"""How much to ask for at once, when Facebook may answer "reduce the amount of data".

The rungs go from the largest request down to one object with its bare fields. Pure bookkeeping:
one ladder belongs to one walk's Page and edge, and outlives the walk, since the posts that were
too heavy will be so next time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

LIMITS: Final = (100, 50, 25, 12, 6, 3, 1)  # more than 100 is an error, not a wish

# A hundred posts with their attachments are too heavy for some Pages, so it begins below that.
START: Final = 1

# Answers in a row before more is tried: climbing at once would fail every second call.
_PATIENCE: Final = 3


@dataclass(frozen=True, slots=True)
class Rung:
    """One size of request."""

    limit: int
    fields: str


class Ladder:
    """Where one edge stands between much and little."""

    def __init__(self, fields: str, bare: Sequence[str] = ()) -> None:
        self._rungs = [
            *(Rung(limit, fields) for limit in LIMITS),
            *(Rung(1, fewer) for fewer in bare),
        ]
        self._whole = len(LIMITS)
        self._at = START
        self._answered = 0

    @property
    def rung(self) -> Rung:
        """Return what to ask for now."""
        return self._rungs[self._at]

    def step_down(self) -> bool:
        """Ask for less from now on; False when there is no less."""
        self._answered = 0
        if self._at + 1 == len(self._rungs):
            return False
        self._at += 1
        return True

    def answered(self) -> None:
        """Count an answer, and ask for more after a few of them."""
        self._answered += 1
        # Bare fields are for the one object that needs them; the next is asked for whole.
        if self._at >= self._whole or self._answered >= _PATIENCE:
            self._at = min(max(self._at - 1, 0), self._whole - 1)
            self._answered = 0
