"""Everything that can be made to go wrong, on one object: ``simulator.faults``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fbsyncd.simulator.cdn_faults import CdnFaults
from fbsyncd.simulator.graph_faults import GraphFaults

if TYPE_CHECKING:
    from collections.abc import Callable

    from fbsyncd.simulator.usage import Usage


class Faults(GraphFaults, CdnFaults):
    """The faults of both sides; ``clear()`` ends them all."""

    def __init__(self, usage_meter: Usage) -> None:
        super().__init__()
        self.usage_meter = usage_meter

    def named(self, name: str) -> Callable[..., None] | None:
        """The method that arms fault *name*; None when there is none of that name."""
        offered = {**vars(GraphFaults), **vars(CdnFaults), "clear": None}
        if name.startswith("_") or name not in offered or name == "spoil":
            return None
        method: Callable[..., None] = getattr(self, name)
        return method

    def clear(self, name: str | None = None) -> None:
        """Disarm every fault, or those of one *name*; with all of them the budget goes too."""
        super().clear(name)
        if name is None:
            self.budget(None)
            self.usage_meter.app = None
            self.usage_meter.pages.clear()
