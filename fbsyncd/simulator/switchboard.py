"""The switchboard of faults: which are armed, and how often each still strikes.

Faults of one name wait in line: the first one that fits the request strikes. Nothing here
happens by itself, and a simulator without armed faults behaves well.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True, eq=False)
class Fault:
    """One armed fault: how often it still strikes, and what is particular to it."""

    left: int | None
    values: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.values.get(name)


Fits = Callable[[Fault], bool]


def always(_fault: Fault) -> bool:
    """Fits every fault."""
    return True


class Switchboard:
    """Holds the armed faults by name."""

    def __init__(self) -> None:
        self._armed: dict[str, list[Fault]] = {}
        self._lock = threading.Lock()

    def arm(self, name: str, times: int | None, **values: Any) -> None:
        """Let fault *name* strike *times* times (None: for ever)."""
        with self._lock:
            self._armed.setdefault(name, []).append(Fault(times, values))

    def take(self, name: str, fits: Fits = always) -> Fault | None:
        """The first armed fault of *name* that fits, counted as having struck; or None."""
        with self._lock:
            fault = self._first(name, fits)
            if fault and fault.left is not None:
                fault.left -= 1
                if fault.left <= 0:
                    self._remove(name, fault)
        return fault

    def peek(self, name: str, fits: Fits = always) -> Fault | None:
        """As :meth:`take`, but it does not count."""
        with self._lock:
            return self._first(name, fits)

    def disarm(self, name: str, fits: Fits = always) -> None:
        """Disarm those faults of *name* that fit."""
        with self._lock:
            while fault := self._first(name, fits):
                self._remove(name, fault)

    def clear(self, name: str | None = None) -> None:
        """Disarm every fault, or those of one *name*."""
        with self._lock:
            for known in [name] if name else list(self._armed):
                self._armed.pop(known, None)

    def armed(self) -> dict[str, list[int | None]]:
        """The armed faults with how often each still strikes."""
        with self._lock:
            return {name: [fault.left for fault in faults] for name, faults in self._armed.items()}

    def _first(self, name: str, fits: Fits) -> Fault | None:
        return next((fault for fault in self._armed.get(name, ()) if fits(fault)), None)

    def _remove(self, name: str, fault: Fault) -> None:
        self._armed[name].remove(fault)
        if not self._armed[name]:
            del self._armed[name]
