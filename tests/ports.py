"""Ports for servers that cannot be given port 0."""

from __future__ import annotations

import random
import socket

# Below those that systems give to whoever asks for any port, and to each outgoing connection: such
# a one may be another program's before it is used, or while its server is down for a while.
_FIRST, _LAST = 15_000, 32_000
_CHANCE = random.SystemRandom()  # not the seeded one: tests run side by side


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    while True:
        port = _CHANCE.randint(_FIRST, _LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
