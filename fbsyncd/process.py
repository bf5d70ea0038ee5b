"""This process under a name that no other one ever has, and whether another one is still alive."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

# Pids are used again, in a container always the same one; this is not.
_TAG: Final = secrets.token_hex(4)

# mallopt's M_ARENA_MAX and M_MMAP_THRESHOLD: https://man7.org/linux/man-pages/man3/mallopt.3.html
_HEAPS: Final = -8
_LARGE: Final = -3

#: So much further back in the queue for the processor goes what nobody waits for.
NICE: Final = 10


def name() -> str:
    """Return the name of this process: its pid and a chance number, ``4711-0badcafe``."""
    return f"{os.getpid()}-{_TAG}"


def is_gone(process: str) -> bool:
    """Tell whether the process of that name, on this machine, has ended.

    A name that is none of ours counts as alive: what it holds is left alone.
    """
    pid, _, tag = process.partition("-")
    if not pid.isdecimal():
        return False
    return tag != _TAG if int(pid) == os.getpid() else not runs(int(pid))


def owner() -> str:
    """Return the name of this process among those of all machines, ``host/4711-0badcafe``."""
    return f"{socket.gethostname()}/{name()}"


def machine() -> str:
    """Return what tells this machine from others, its name where nothing better is there.

    A name may change while a process runs. The id does not, and is told as a digest only, as
    https://www.freedesktop.org/software/systemd/man/latest/machine-id.html asks for.
    """
    with suppress(OSError):
        told = Path("/etc/machine-id").read_bytes().strip()
        if re.fullmatch(rb"[0-9a-f]{32}", told):
            return hashlib.sha256(b"fbsyncd " + told).hexdigest()
    return socket.gethostname()


def has_left(owner: str) -> bool:
    """Tell whether the process of that :func:`owner` has ended; elsewhere it counts as alive."""
    host, _, process = owner.rpartition("/")
    return host == socket.gethostname() and is_gone(process)


def be_nice() -> None:
    """Let the rest of this process, and on Linux this thread alone, leave the machine to others.

    Linux keeps the value by thread, and derives the priority of reading and writing from it where
    its scheduler knows any: https://man7.org/linux/man-pages/man2/setpriority.2.html
    """
    with suppress(OSError):
        os.nice(NICE)


def be_nice_in_thread() -> None:
    """Do so in a thread; nothing where that would be the whole process."""
    if sys.platform == "linux":
        be_nice()


def runs(pid: int) -> bool:
    """Tell whether a process of this machine has that pid, whichever it is."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def share_heaps() -> None:
    """Let all threads together have two heaps; call it before there is more than one.

    The C library of most Linux systems (glibc) gives nearly each thread its own, and none of them
    gives back what another one could use: dozens of megabytes in a server. And each keeps as much
    as the largest picture took that was ever decoded in it, unless what is larger than a megabyte
    is no part of a heap. Elsewhere nothing is done.
    """
    import ctypes

    change = getattr(ctypes.CDLL(None), "mallopt", None)
    if change is not None:
        change(_HEAPS, 2)
        change(_LARGE, 1_000_000)
