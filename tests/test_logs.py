"""What is logged, and what never is."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbsyncd.errors import FbsyncdError, conceal, scrub

TOKEN = "EAABsbCS1iHgBAKvL9ZCw2ZBqTfW"


@pytest.mark.parametrize(
    "text",
    [
        f"https://graph.facebook.com/v26.0/1/posts?access_token={TOKEN}&limit=5",
        f"https%3A%2F%2Fx%2F%3Faccess_token%3D{TOKEN}%26limit",
        f'{{"access_token": "{TOKEN}", "x": 1}}',
        f"Authorization: Bearer {TOKEN}",
        f"the token {TOKEN} is bad",
        f"GET /?appsecret_proof={TOKEN}&x=1",
        f"Malformed access token {TOKEN[3:]}",
        f"Malformed access token x{TOKEN}",
        f"postgresql://somebody:{TOKEN}@db.example.org/x",
    ],
)
def test_a_secret_is_taken_out_of_any_text(text: str) -> None:
    """Wherever it stands, only stars are left of it."""
    assert TOKEN[3:] not in scrub(text)
    assert TOKEN[3:] not in str(FbsyncdError(text))
    assert "***" in scrub(text)


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=60))
def test_no_value_of_a_token_parameter_survives(value: str) -> None:
    """Whatever a token looks like, its parameter gives it away."""
    assert (
        scrub(f"https://x/?access_token={value}&limit=5") == "https://x/?access_token=***&limit=5"
    )


_PROGRAM = """
import logging, sys
from fbsyncd import logs
logs.start("debug", sys.argv[1])
logging.getLogger("urllib3.connectionpool").debug("GET /?access_token=%s", sys.argv[2])
logging.getLogger("fbsyncd.links").debug("GET /?access_token=%s", sys.argv[2])
try:
    raise ValueError("Bearer " + sys.argv[2])
except ValueError:
    logging.getLogger("fbsyncd.sync").exception("it broke with %s", "สวัสดี")
"""


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_log_line_holds_a_secret_at_any_level(form: str) -> None:
    """Messages of libraries and tracebacks are scrubbed too."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, form, TOKEN],
        capture_output=True,
        text=True,
        check=True,
    )
    assert TOKEN not in done.stderr
    assert "it broke with สวัสดี" in done.stderr
    assert "ValueError" in done.stderr
    if form == "json":
        entries = [json.loads(line) for line in done.stderr.splitlines()]
        assert {"time", "level", "logger", "message"} == set(entries[-1])


def journaled(form: str, *, is_ours: bool = True) -> list[str]:
    """Return what the program above writes where stderr is the journal's pipe, or looks so."""
    reader, writer = os.pipe()
    found = os.fstat(writer)
    stream = f"{found.st_dev}:{found.st_ino + (not is_ours)}"
    with os.fdopen(reader, encoding="utf-8") as journal:
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, form, TOKEN],
            env={**os.environ, "JOURNAL_STREAM": stream},
            stderr=writer,
        )
        os.close(writer)
        lines = journal.read().splitlines()
    assert process.wait() == 0
    return lines


def test_the_journal_gets_priorities_instead_of_times() -> None:
    """Each line has one, those of a traceback too; debug is 7 and an error 3."""
    lines = journaled("text")
    assert lines[0] == "<7>connectionpool: GET /?access_token=***"
    assert lines[1] == "<7>links: GET /?access_token=***"
    assert lines[2] == "<3>sync: it broke with สวัสดี"
    assert {line[:3] for line in lines[2:]} == {"<3>"}
    assert lines[-1] == "<3>ValueError: Bearer ***"


def test_json_in_the_journal_is_json_behind_the_priority() -> None:
    """journald takes the prefix away, and what is left is an object."""
    entry = json.loads(journaled("json")[-1].removeprefix("<3>"))
    assert entry["level"] == "error"


def test_another_stream_than_the_journal_gets_no_priorities() -> None:
    """The variable is inherited by whatever a service starts, with its output elsewhere."""
    assert not any(line.startswith("<") for line in journaled("text", is_ours=False))


_REQUEST = """
import logging, sys
from fbsyncd import logs
logs.start("info", sys.argv[1])
log = logging.getLogger("fbsyncd.server")
log.info("before")
logs.request_id.set("r-42")
log.info("line one\\nerror sync: made up")
log.info("r-42 is answered")
"""


def test_a_line_tells_which_request_it_belongs_to() -> None:
    """Once, and on one line, whatever the message holds: a second line could be made up."""
    done = subprocess.run(
        [sys.executable, "-c", _REQUEST, "text"], capture_output=True, text=True, check=True
    )
    told = [line.partition(" server: ")[2] for line in done.stderr.splitlines()]
    assert told == ["before", "line one error sync: made up (request r-42)", "r-42 is answered"]


def test_json_names_the_request_apart() -> None:
    """A field of its own, where there is a request."""
    done = subprocess.run(
        [sys.executable, "-c", _REQUEST, "json"], capture_output=True, text=True, check=True
    )
    entries = [json.loads(line) for line in done.stderr.splitlines()]
    assert [entry.get("request") for entry in entries] == [None, "r-42", "r-42"]
    assert entries[1]["message"] == "line one\nerror sync: made up"


def test_a_secret_that_looks_like_none_is_known_by_itself() -> None:
    """Once it has come into the process; what is too short would take words out of messages."""
    conceal("0dd.secret-without-a-shape", "short")
    assert scrub("GET /0dd.secret-without-a-shape?a=b") == "GET /***?a=b"
    assert scrub("a short word") == "a short word"
