"""The simulator's knobs over HTTP, for tests and demos that run it as a process of its own.

``GET /_control/state`` tells the clock, the pages with their tokens, counters and armed faults;
``GET /_control/requests`` what was asked. ``POST /_control/NAME`` with a JSON object calls a
change (``add_post``, ``edit``, ``remove``...), a fault (``faults/throttle``), the clock
(``clock/move`` with days, hours, minutes, seconds; ``clock/set`` with at) or ``replay_next``.
Only JSON is taken, so that no web page can turn the knobs by a plain form.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from fbsyncd.simulator.clock import moment
from fbsyncd.simulator.messages import Answer, Request, as_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from fbsyncd.simulator.facebook import Simulator

CHANGES = (
    "add_post",
    "schedule",
    "publish",
    "edit",
    "replace_photo",
    "grow_album",
    "remove_photo",
    "remove",
    "restore",
    "change_permalink",
    "purge",
    "replay_next",
)
_TIMES = ("created_time", "publish_at", "at")


class Control:
    """Answers what is asked under ``/_control/``."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def answer(self, request: Request) -> Answer:
        """Turn a knob or tell how they stand."""
        name = request.path.removeprefix("/_control/").strip("/")
        if request.method == "GET":
            return self._told(name)
        if "json" not in request.headers.get("content-type", ""):
            return as_json({"error": "send application/json"}, 415)
        knob = self._knob(name)
        if knob is None:
            return as_json({"error": f"there is no {name}"}, 404)
        try:
            result = knob(**_arguments(request.body))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            return as_json({"error": f"{type(error).__name__}: {error}"}, 400)
        return as_json({"result": result.isoformat() if isinstance(result, datetime) else result})

    def _knob(self, name: str) -> Callable[..., Any] | None:
        simulator = self._simulator
        if name == "clock/move":
            return lambda **by: simulator.clock.move(timedelta(**by))
        if name == "clock/set":
            return simulator.clock.set
        if name.startswith("faults/"):
            return simulator.faults.named(name.removeprefix("faults/"))
        found: Callable[..., Any] | None = getattr(simulator, name) if name in CHANGES else None
        return found

    def _told(self, name: str) -> Answer:
        if name == "state":
            return as_json(self._simulator.state())
        if name == "requests":
            return as_json({"requests": [_shown(asked) for asked in self._simulator.requests]})
        return as_json({"error": f"there is no {name}"}, 404)


def _arguments(body: bytes) -> dict[str, Any]:
    given = json.loads(body or b"{}")
    if not isinstance(given, dict):
        raise TypeError("the arguments must be a JSON object")
    return {
        name: moment(value) if name in _TIMES and value else value for name, value in given.items()
    }


def _shown(request: Request) -> dict[str, Any]:
    return {
        "method": request.method,
        "path": request.path,
        "query": request.raw_query,
        "kind": request.kind,
        "headers": dict(request.headers),
    }
