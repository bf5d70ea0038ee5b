"""What can be made to go wrong.

Each method arms one fault. *times* is how often it strikes; None means until :meth:`clear`.
Faults of one name wait in line: the first one that fits the request strikes. Nothing here
happens by itself, and a simulator without armed faults behaves well.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class Fault:
    """One armed fault: how often it still strikes, and what is particular to it."""

    left: int | None
    values: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.values.get(name)


class Switchboard:
    """Holds the armed faults by name."""

    def __init__(self) -> None:
        self._armed: dict[str, list[Fault]] = {}
        self._lock = threading.Lock()

    def arm(self, name: str, times: int | None, **values: Any) -> None:
        """Let fault *name* strike *times* times (None: for ever)."""
        with self._lock:
            self._armed.setdefault(name, []).append(Fault(times, values))

    def take(self, name: str, fits: Callable[[Fault], bool] = lambda _fault: True) -> Fault | None:
        """The first armed fault of *name* that fits, counted as having struck; or None."""
        if name not in self._armed:
            return None
        with self._lock:
            for fault in self._armed.get(name, []):
                if fits(fault):
                    self._strike(name, fault)
                    return fault
        return None

    def clear(self, name: str | None = None) -> None:
        """Disarm every fault, or those of one *name*."""
        with self._lock:
            for known in [name] if name else list(self._armed):
                self._armed.pop(known, None)

    def armed(self) -> dict[str, list[int | None]]:
        """The armed faults with how often each still strikes."""
        with self._lock:
            return {name: [fault.left for fault in faults] for name, faults in self._armed.items()}

    def _strike(self, name: str, fault: Fault) -> None:
        if fault.left is None:
            return
        fault.left -= 1
        if fault.left <= 0:
            self._armed[name].remove(fault)
            if not self._armed[name]:
                del self._armed[name]
