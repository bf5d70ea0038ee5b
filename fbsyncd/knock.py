"""Who has a port: ask there, over HTTP as anybody would, whether a server of ours lives."""

from __future__ import annotations

import http.client
import json
from typing import Final

#: What is said of a port that somebody else has, and what to do: the same wherever it is met.
TAKEN: Final = "{host}:{port} is taken by another program"
ROOM: Final = "change server.port, or stop the program that has it"
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


def is_alive(host: str, port: int, seconds: float) -> bool:
    """Tell whether what listens there says of itself within *seconds* what our server says."""
    connection = http.client.HTTPConnection(_EVERYWHERE.get(host, host), port, timeout=seconds)
    try:
        connection.request("GET", "/healthz")
        told = json.loads(connection.getresponse().read(1000))
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()
    return isinstance(told, dict) and told.get("status") == "alive"
