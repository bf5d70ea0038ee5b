"""What the machine grants: watches on folders, the port, a place outside the sandbox."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fbsyncd import knock, lock
from fbsyncd.doctor.findings import Finding, failed, ok, skipped, warning
from fbsyncd.media import CATEGORIES, MARKER

WATCHES: Final = "watches"
PORT: Final = "port"
SANDBOX: Final = "sandbox"
#: The root and its three folders; each is watched for itself, by an instance of its own.
NEED: Final = 1 + len(CATEGORIES)
_LIMITS: Final = Path("/proc/sys/fs/inotify")
KNOCK_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Inotify:
    """The kernel's limits for one user, and what this user's processes use of them."""

    most_watches: int
    most_instances: int
    watches: int
    instances: int


def watches(root: Path, *, wanted: bool) -> Finding:
    """Tell whether the media folders can be watched."""
    if not wanted:
        return skipped(WATCHES, "reconcile.watch is off; scans find everything, later")
    if pid := lock.holder(root):
        return judge_daemon(instances_of(pid))
    if not _LIMITS.is_dir():
        return skipped(WATCHES, "this system has no inotify; its own way of watching has no limits")
    return judge_watches(_inotify(os.getuid()))


def judge_daemon(instances: int | None) -> Finding:
    """Return the finding about a running daemon with so many watches; None: nobody may look."""
    if instances == 0:
        says = "the running daemon has none, so losses are found by scans alone"
        remedy = "raise fs.inotify.max_user_watches and max_user_instances, then start it again"
        return warning(WATCHES, says, remedy)
    return ok(WATCHES, "the running daemon has its own")


def judge_watches(found: Inotify) -> Finding:
    """Return the finding about limits and what is used of them."""
    lacking = {
        "max_user_watches": (found.most_watches, found.watches),
        "max_user_instances": (found.most_instances, found.instances),
    }
    for name, (most, used) in lacking.items():
        if most - used < NEED:
            says = f"{used:,} of {most:,} ({name}) are in use, and {NEED} are needed; scans remain"
            return warning(WATCHES, says, f"sysctl fs.inotify.{name}={max(2 * most, 512)}")
    return ok(WATCHES, f"{NEED} are needed, {found.most_watches - found.watches:,} are free")


def _inotify(uid: int) -> Inotify:
    infos = list(_watching(uid))
    return Inotify(
        most_watches=int((_LIMITS / "max_user_watches").read_text()),
        most_instances=int((_LIMITS / "max_user_instances").read_text()),
        watches=sum(info.count("inotify wd:") for info in infos),
        instances=len(infos),
    )


def _watching(uid: int) -> Iterator[str]:
    """Yield what the kernel says of each inotify instance of *uid*'s processes."""
    for process in Path("/proc").glob("[0-9]*"):
        # One that has ended, or is none of ours to look into, has no say.
        with suppress(OSError):
            if process.stat().st_uid == uid:
                yield from _infos(process)


def _infos(process: Path) -> list[str]:
    """Return what the kernel says of each inotify instance of one process; raises OSError."""
    found = []
    for link in (process / "fd").iterdir():
        # Files come and go while one looks.
        with suppress(FileNotFoundError):
            if str(link.readlink()) == "anon_inode:inotify":
                found.append((process / "fdinfo" / link.name).read_text())
    return found


def instances_of(pid: str) -> int | None:
    """Return how many inotify instances a process has; None when nobody may look."""
    try:
        return len(_infos(Path("/proc", pid)))
    except OSError:
        return None


@dataclass(frozen=True, slots=True)
class Door:
    """The server's address; *trouble* is why it cannot be taken, *daemon* the pid of ours.

    *is_ours* tells whether what answers there speaks as our server does, *is_away* whether the
    media folder is not there: a running daemon is known by its lock in it.
    """

    host: str
    port: int
    trouble: int | None
    daemon: str | None
    is_ours: bool
    is_away: bool = False


def port(host: str, number: int, root: Path) -> Finding:
    """Tell whether the server gets its port."""
    trouble = _trouble(host, number)
    is_ours = trouble == errno.EADDRINUSE and knock.is_alive(host, number, KNOCK_SECONDS)
    is_away = not (root / MARKER).exists()
    return judge_port(Door(host, number, trouble, lock.holder(root), is_ours, is_away))


def judge_port(door: Door) -> Finding:
    """Return the finding about the server's address."""
    place = f"{door.host}:{door.port}"
    if door.trouble is None and door.daemon and door.port:
        says = f"a daemon runs (pid {door.daemon}), but {place} is free"
        return warning(PORT, says, "config.toml was changed since its start: start it again")
    if door.trouble is None:
        return ok(PORT, f"{place} is free" if door.port else "any free port is taken")
    if door.trouble == errno.EADDRINUSE:
        return _judge_taken(door, place)
    if door.trouble == errno.EACCES:
        return failed(PORT, f"{place} is not for this user", "choose a server.port above 1023")
    says = f"{place}: {os.strerror(door.trouble)}"
    return failed(PORT, says, "set server.host to an address of this machine")


def _judge_taken(door: Door, place: str) -> Finding:
    if door.is_ours and door.daemon:
        return ok(PORT, f"{place} is the running daemon's (pid {door.daemon})")
    if door.is_ours and door.is_away:
        return skipped(PORT, f"a fbsyncd answers at {place}; whose is known by the media folder")
    says = knock.TAKEN.format(host=door.host, port=door.port)
    if door.is_ours:
        says = f"{place} is taken by the fbsyncd of another archive"
    return failed(PORT, says, knock.ROOM)


def _trouble(host: str, number: int) -> int | None:
    try:
        found = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        return errno.EADDRNOTAVAIL
    for family, _, _, _, address in found:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind(address)
            except OSError as error:
                return error.errno
    return None


def sandbox(folders: Iterable[Path], environ: Mapping[str, str], pid: int) -> Finding:
    """Tell whether systemd lets this service write where it has to."""
    if environ.get("SYSTEMD_EXEC_PID") != str(pid):
        return skipped(SANDBOX, "not run by systemd")
    return judge_sandbox([folder for folder in folders if _is_shut(folder)])


def judge_sandbox(shut: list[Path]) -> Finding:
    """Return the finding about folders that are *shut*, read-only for this service."""
    if shut:
        names = " ".join(map(str, dict.fromkeys(shut)))
        says = f"the service may not write to {names}"
        return failed(SANDBOX, says, f"systemctl edit fbsyncd: [Service] ReadWritePaths={names}")
    return ok(SANDBOX, "the service may write to its folders")


def _is_shut(folder: Path) -> bool:
    there = next(place for place in (folder, *folder.parents) if place.exists())
    return not os.access(there, os.W_OK)
