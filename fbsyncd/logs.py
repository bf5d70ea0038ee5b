"""Logging: one line an event, as text or JSON, without secrets whatever the level."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

from fbsyncd.errors import scrub

# Libraries that tell at "info" or "warning" what is everyday life here.
_CHATTY = {"apscheduler": logging.ERROR, "urllib3": logging.WARNING, "PIL": logging.WARNING}


class _Text(logging.Formatter):
    """``2026-11-22 08:15:02 info sync: message``; times are local, as a person at home reads."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).astimezone()
        name = record.name.rpartition(".")[2]
        line = f"{at:%Y-%m-%d %H:%M:%S} {record.levelname.lower()} {name}: {record.getMessage()}"
        return scrub(_with_traceback(self, record, line))


class _Json(logging.Formatter):
    """One JSON object a line, times in UTC."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        entry = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": scrub(_with_traceback(self, record, record.getMessage())),
        }
        return json.dumps(entry, ensure_ascii=False)


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to whatever sys.stderr is at the moment: a live display puts lines above itself."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


def start(level: str, form: str) -> None:
    """Send everything at *level* and above to standard error, in *form* ``text`` or ``json``."""
    out = _Stderr()
    out.setFormatter(_Json() if form == "json" else _Text())
    root = logging.getLogger()
    root.handlers[:] = [out]
    root.setLevel(level.upper())
    for name, least in _CHATTY.items():
        logging.getLogger(name).setLevel(max(least, root.level))


def _with_traceback(formatter: logging.Formatter, record: logging.LogRecord, line: str) -> str:
    if not record.exc_info:
        return line
    return f"{line}\n{formatter.formatException(record.exc_info)}"
