"""``fbsyncd demo``: the whole daemon against the simulated Facebook, in a process of its own."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Thread
from typing import Any, Final

from fbsyncd import config as configuration
from fbsyncd import daemon, knock, terminal
from fbsyncd.archive import Archive, utcnow
from fbsyncd.config import Config
from fbsyncd.errors import DatabaseTrouble, UsageError
from fbsyncd.server.listen import Server

PORT: Final = 8080
_LOOK: Final = 0.5
_SIGN: Final = "# Written by `fbsyncd demo` for the simulated Facebook"
_MARK: Final = ".demo-began"
_CONFIG: Final = """\
{sign}; the next demo writes it anew.
[facebook]
graph_url = "{url}"

[[facebook.pages]]
id = "{page_id}"
access_token = "{token}"

[media]
allowed_hosts = ["127.0.0.1"]
free_space_floor = "100MB"

[sync]
interval = "10s"

[server]
port = {port}

[log]
level = "warning"
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """What a demo is asked to be; *directory* None: one that vanishes afterwards."""

    port: int | None
    directory: Path | None
    replay: Sequence[str]


def run(stage: Stage) -> int:
    """Run until SIGINT or SIGTERM.

    Raises UsageError when the port that is wished for is taken, or the folder is somebody's own.
    """
    port = _port(stage.port)
    with _directory(stage.directory) as directory, _facebook(directory, stage.replay) as facebook:
        config = _config(directory, facebook, port)
        daemon.run(config, started=_greet)
    return 0


def _greet(archive: Archive, server: Server) -> None:
    """Tell the person at the terminal where to look, and show pictures arriving."""
    sys.stdout.write(
        f"\n  The dashboard is at  http://127.0.0.1:{server.port}/\n"
        f"  The archive is in    {archive.config.base}\n"
        "  Facebook is simulated; a new post appears now and then. Ctrl-C ends the demo\n"
        "  (and removes its archive, unless --dir was given).\n\n"
    )
    sys.stdout.flush()
    Thread(target=_show_arrivals, args=(archive,), name="arrivals", daemon=True).start()


def _show_arrivals(archive: Archive) -> None:
    with terminal.live_line() as show:
        while not archive.stop.wait(_LOOK):
            try:
                show(terminal.arrivals(archive.feed.stats()))
            except DatabaseTrouble:
                return


@contextmanager
def _facebook(directory: Path, replay: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Run the simulator beside us and yield how it describes itself."""
    command = [sys.executable, "-m", "fbsyncd.simulator", "--posts", "60", "--alive", "20"]
    # A demo that is killed cannot end it, but lets go of the pipe.
    command += ["--until-eof"]
    command += ["--newest", _first_seen(directory).isoformat()]
    command += ["--replay", *replay] if replay else []
    # A session of its own, so that Ctrl-C ends the daemon first and Facebook after it.
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            url = line.rpartition(" ")[2].strip()
            if not url:
                raise UsageError("the simulated Facebook did not start; its output is above")
            with urllib.request.urlopen(f"{url}/_control/state", timeout=10) as answer:
                yield json.load(answer)
        finally:
            process.terminate()


@contextmanager
def _directory(wanted: Path | None) -> Iterator[Path]:
    if wanted is None:
        with tempfile.TemporaryDirectory(prefix="fbsyncd-demo-") as name:
            yield Path(name)
        return
    if foreign := _foreign(wanted):
        raise UsageError(
            f"{foreign} was not made by a demo; nothing was written: name another folder with --dir"
        )
    try:
        wanted.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make {wanted}: {error.strerror}") from error
    yield wanted.resolve()


def _foreign(directory: Path) -> Path | None:
    """Return what somebody's own archive has in *directory*; a demo would write over it."""
    config = directory / "config.toml"
    if os.path.lexists(config):
        return None if _is_ours(config) else config
    if os.path.lexists(directory / _MARK):
        return None
    found = (directory / name for name in ("fbsyncd.db", "media"))
    return next((path for path in found if os.path.lexists(path)), None)


def _is_ours(config: Path) -> bool:
    try:
        with config.open("rb") as file:
            return file.read(len(_SIGN)) == _SIGN.encode()
    except OSError:
        return False


def _first_seen(directory: Path) -> datetime:
    """Return when this archive's first demo ran, so that its posts keep their times."""
    mark = directory / _MARK
    try:
        return datetime.fromisoformat(mark.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        now = utcnow().replace(microsecond=0)
        mark.write_text(now.isoformat(), encoding="ascii")
        return now


def _config(directory: Path, facebook: dict[str, Any], port: int) -> Config:
    page = facebook["pages"][0]
    named = {"url": facebook["url"], "page_id": page["id"], "token": page["token"]}
    text = _CONFIG.format(sign=_SIGN, port=port, **named)
    path = directory / "config.toml"
    # Made anew: an earlier demo's could be read by everybody, and would stay so.
    path.unlink(missing_ok=True)
    with open(path, "x", encoding="utf-8", opener=configuration.private) as file:
        file.write(text)
    return configuration.parse(text, base=directory, environ={}, source=str(path))


def _port(wanted: int | None) -> int:
    """Return the port that is *wanted*, or the usual one, or any other if somebody has that."""
    for port in (wanted,) if wanted else (PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except (OSError, OverflowError) as error:
                trouble = error
                continue
            return int(probe.getsockname()[1])
    raise UsageError(
        f"{_because(trouble, wanted or PORT)}: choose another with --port N"
        ' (make demo DEMO_ARGS="--port N")'
    ) from trouble


def _because(trouble: OSError | OverflowError, port: int) -> str:
    if isinstance(trouble, OverflowError):
        return f"there is no port {port}"
    if trouble.errno == errno.EADDRINUSE:
        return knock.TAKEN.format(host="127.0.0.1", port=port)
    return f"port {port} is not to be had ({trouble.strerror})"
