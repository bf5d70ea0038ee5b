"""Logging: one line an event, as text or JSON, without secrets whatever the level."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

from fbsyncd.errors import scrub

# Libraries that tell at "info" or "warning" what is everyday life here. At "debug" those speak that
# talk to others. psycopg warns of the pipeline that an error ended; the error itself is told.
_CHATTY = {"apscheduler": logging.ERROR, "PIL": logging.WARNING, "psycopg": logging.ERROR}
_TALKERS = {"urllib3": logging.WARNING}

#: The id of the request that is being answered; lines told meanwhile carry it.
request_id: ContextVar[str] = ContextVar("request_id", default="")


class _Text(logging.Formatter):
    """``2026-11-22 08:15:02 info sync: message``; times are local, as a person at home reads."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).astimezone()
        name = record.name.rpartition(".")[2]
        line = f"{at:%Y-%m-%d %H:%M:%S} {record.levelname.lower()} {name}: {_message(record)}"
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
        if told := request_id.get():
            entry["request"] = told
        return json.dumps(entry, ensure_ascii=False)


class _Journal(logging.Formatter):
    """A formatter's lines with the priority journald reads: ``<6>sync: message``.

    Each line of a traceback gets it, for journald makes an entry of each. A text loses its time
    and its level, which the journal has in fields of its own.
    """

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        if isinstance(self._inner, _Json):
            whole = self._inner.format(record)
        else:
            line = f"{record.name.rpartition('.')[2]}: {_message(record)}"
            whole = scrub(_with_traceback(self, record, line))
        prefix = f"<{_priority(record.levelno)}>"
        return "\n".join(prefix + line for line in whole.splitlines())


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to whatever sys.stderr is at the moment: a live display puts lines above itself."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


def start(level: str, form: str) -> None:
    """Send everything at *level* and above to standard error, in *form* ``text`` or ``json``.

    Where that is systemd's journal, each line carries its priority.
    """
    out = _Stderr()
    formatter = _Json() if form == "json" else _Text()
    out.setFormatter(_Journal(formatter) if is_journal(os.environ, 2) else formatter)
    root = logging.getLogger()
    root.handlers[:] = [out]
    root.setLevel(level.upper())
    talkers = _TALKERS if root.level > logging.DEBUG else {}
    for name in _TALKERS:
        logging.getLogger(name).setLevel(logging.NOTSET)
    for name, least in (_CHATTY | talkers).items():
        logging.getLogger(name).setLevel(max(least, root.level))


def is_journal(environ: Mapping[str, str], descriptor: int) -> bool:
    """Tell whether what is written to *descriptor* goes to systemd's journal.

    A child of a service has the variable too, wherever its own output goes.
    Source: https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html
    """
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def _message(record: logging.LogRecord) -> str:
    """Return the message as one line, with the request it belongs to."""
    line = " ".join(record.getMessage().splitlines())
    told = request_id.get()
    return f"{line} (request {told})" if told and told not in line else line


def _priority(level: int) -> int:
    """Return syslog's number of a level: 3 error, 4 warning, 6 info, 7 debug."""
    numbers = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
    return next((number for least, number in numbers if level >= least), 7)


def _with_traceback(formatter: logging.Formatter, record: logging.LogRecord, line: str) -> str:
    if not record.exc_info:
        return line
    return f"{line}\n{formatter.formatException(record.exc_info)}"
