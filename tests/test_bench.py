"""The measurements: one ratio everywhere, verdicts that wait for rounds, and what is told."""

from __future__ import annotations

import importlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from xml.etree import ElementTree

import pytest

from bench import goals, growth, load, machine, paste, table, upsert
from bench.__main__ import BENCHES, lasting
from bench.compared import Aim, page, tables
from bench.damage import DAMAGES
from bench.writing import as_rows

ROOT = Path(__file__).resolve().parent.parent


def compared(rounds: int = 3, **aimed: Any) -> table.Table:
    """Return a table of two rows whose median of ratios is not the ratio of their medians."""
    rows = {"peer": [10.0, 1.0, 4.0], "ours": [20.0, 3.0, 4.0]}
    goal = table.Goal("ours", 2, "peer", aim=1, **aimed)
    taken = {name: figures[:rounds] for name, figures in rows.items()}
    return table.Table("Two files", "s", taken, "peer", [goal])


def run(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def without(folder: Path, *there: str) -> dict[str, str]:
    """Return an environment in which of all programs only some are found."""
    (folder / "bin").mkdir()
    for name in there:
        (folder / "bin" / name).symlink_to(str(shutil.which(name)))
    nowhere = str(folder / "nowhere")
    return {**os.environ, "PATH": str(folder / "bin"), "FBSYNCD_BENCH": nowhere}


def test_a_program_that_is_not_installed_is_named_below_the_table(tmp_path: Path) -> None:
    """What the others took is told and kept all the same."""
    here = without(tmp_path)
    done = run("scan", "--rounds", "1", "--files", "50", "--save", str(tmp_path), env=here)
    assert done.returncode == 0, done.stderr
    assert "  rsync -an: not measured, rsync is not installed: python -m bench.programs" in (
        done.stdout.splitlines()
    )
    assert "  " not in done.stdout.splitlines()
    assert "fbsyncd, orphans too" in table.saved(tmp_path / "scan.json")[0].rows


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("goals",), "the following arguments are required: FOLDER"),
        (("goals", "not/there"), "there is no folder not/there"),
        (("paste", "not/there"), "there is no folder not/there"),
        (("damage", "--rounds", "0"), "argument --rounds: one or more, not 0"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_done_is_said_in_a_sentence(asked: tuple[str, ...], said: str) -> None:
    """Nobody has to read a traceback to see what was asked for wrongly."""
    done = run(*asked)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("module", ["bench", "bench.programs"])
def test_help_does_nothing_else(module: str, tmp_path: Path) -> None:
    """It tells what would be done, and neither installs nor measures."""
    command = [sys.executable, "-m", module, "--help"]
    here = without(tmp_path)
    done = subprocess.run(command, cwd=ROOT, env=here, capture_output=True, text=True, check=True)
    assert f"python -m {module}" in done.stdout
    assert (done.stderr, (tmp_path / "nowhere").exists()) == ("", False)


@pytest.mark.parametrize("what", ["goals", "paste"])
def test_what_is_done_with_saved_figures_has_help_too(what: str) -> None:
    """It says what the folder is."""
    done = run(what, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"python -m bench {what} FOLDER" in done.stdout


@pytest.mark.parametrize("asked", [["scan"], ["all", "--quick"]], ids=" ".join)
def test_without_its_packages_it_says_how_to_get_them(asked: list[str]) -> None:
    """A Python without them is what most have who try it first."""
    command = [sys.executable, "-ES", "-m", "bench", *asked]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "`make .venv/.dev`" in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_ends_it_without_a_traceback(tmp_path: Path) -> None:
    """The one under way takes its files away first."""
    command = [sys.executable, "-m", "bench", "all", "--only", "scan"]
    here = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, cwd=ROOT, env=here, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stderr
        said = [next(process.stderr)]
        while not said[-1].startswith("making 5,600 files"):
            said.append(next(process.stderr))
        os.killpg(process.pid, signal.SIGINT)
        said += process.stderr
    assert process.returncode == 128 + signal.SIGINT, said
    assert not [line for line in said if "Traceback" in line]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("minutes", "words"), [(0.5, "30 seconds"), (1, "1 minute"), (1.5, "2 minutes")]
)
def test_how_long_it_takes_is_never_nothing(minutes: float, words: str) -> None:
    """Less than a minute is told in seconds."""
    assert lasting(minutes) == words


def test_a_month_is_kept_as_all_others_are(tmp_path: Path) -> None:
    """Whoever asks for it among the others by --only gives it the same options."""
    few = ("--pages", "4", "--days", "3", "--posts", "400", "--app-calls", "4800")
    done = run("month", *few, "--markdown", "--save", str(tmp_path))
    assert (done.returncode, done.stdout) == (0, (tmp_path / "month.md").read_text())
    assert "| 4,800 |" in done.stdout


def test_a_month_in_which_nothing_is_new_has_its_row_too() -> None:
    """One post lies long before the month: nobody waited for it to be seen."""
    done = run("month", "--pages", "1", "--days", "1", "--posts", "1", "--app-calls", "4800")
    assert done.returncode == 0, done.stderr
    assert "| no post is new |" in done.stdout


def test_rows_written_one_by_one_have_what_they_refer_to() -> None:
    """Few posts with many attachments: of the rows that stand for all, none lacks its post."""
    told, attached = as_rows(upsert.page_posts(100, 5600))
    posts, beside = upsert.some(told, attached)
    assert (len(posts), len(beside)) == (5, 280)
    assert {one["post_id"] for one in beside} == {one["id"] for one in posts}


class InPieces(BaseHTTPRequestHandler):
    """Answers in chunks, one of which ends as an answer does and is not its end."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in (b"5\r\n0\r\n\r\n", b"\r\n1", b"0;a=b\r\n", b"x" * 16, b"\r\n0\r\n", b"\r\n"):
            self.wfile.write(piece)

    def log_message(self, *_: Any, **__: Any) -> None:
        """Say nothing."""


def test_every_answer_that_was_asked_for_is_counted() -> None:
    """Those under way when the time is over are waited for, whole chunks and all."""
    asked: list[bytes] = []

    def requests() -> Iterator[bytes]:
        for one in itertools.repeat(load.request("/")):
            asked.append(one)
            yield one

    with ThreadingHTTPServer(("127.0.0.1", 0), InPieces) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        port = server.server_address[1]
        figures = load.run(port, requests(), connections=3, seconds=0, least=10)
        server.shutdown()
        thread.join()
    assert figures.answers == len(asked) >= 12
    assert figures.statuses == {200}
    assert figures.size > 5 + 16


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    """Each round is held against the peer's of the same round; the spread stands beside it."""
    told = table.text(compared())
    assert compared().ratios("ours") == [2.0, 3.0, 1.0]
    assert "ours: at most 2 x peer: 2 (1 to 3), reached" in told
    assert "Two files, s, 3 rounds" in told


@pytest.mark.parametrize(
    ("table_", "verdict"),
    [
        (compared(), "reached"),
        (compared(at_least=True), "reached"),
        (compared(rounds=2), "too few rounds to say"),
        (compared(rounds=1, exact=True), "reached"),
        (compared(rounds=0), "not measured"),
    ],
)
def test_a_verdict_needs_three_rounds(table_: table.Table, verdict: str) -> None:
    """Of fewer nobody can tell, but for what is counted and not timed."""
    assert table_.verdict(table_.goals[0]) == verdict


@pytest.mark.parametrize(
    ("posts", "peer", "verdict"),
    [
        ("3,111", "", "reached"),
        ("300", "", "another load than the aim's"),
        ("300", "peewee", "reached"),
    ],
)
def test_seconds_are_judged_at_the_load_of_the_aim_alone(
    posts: str, peer: str, verdict: str
) -> None:
    """A tenth of the posts in a tenth of the time reaches nothing; a ratio holds at any load."""
    goal = table.Goal("fbsyncd", 0.6, peer, aim=8)
    rows = {"fbsyncd": [0.1] * 3, "peewee": [0.4] * 3}
    title = f"SQLite, {posts} posts and 5,600 attachments"
    assert table.Table(title, "seconds", rows, "peewee", [goal]).verdict(goal) == verdict


@pytest.mark.parametrize(("load", "figure"), [(1.9, "| 2 |"), (2.31, "| 2 † |")])
def test_figures_of_a_busy_machine_are_marked(tmp_path: Path, load: float, figure: str) -> None:
    """More had to wait when it began than there are processors."""
    here = {**machine.described(), "processors": 2, "load": load}
    saved = {"machine": here, "tables": [_plain(compared())]}
    (tmp_path / "download.json").write_text(json.dumps(saved))
    told = goals.document(tmp_path)
    assert f"| Two files, s {figure}" in told
    assert f"- download{figure[3:-2]}: 2 cores" in told


def test_a_goal_that_is_missed_says_so() -> None:
    """The median decides, whatever the best round was."""
    missed = table.Goal("ours", 1.9, "peer")
    assert compared().verdict(missed) == "NOT REACHED"


def test_servers_are_compared_by_the_same_ratio() -> None:
    """Requests a second and what they cost are told with the spread of the rounds' ratios."""

    class Case:
        def __init__(self, name: str) -> None:
            self.name = name

    class Measured:
        def __init__(self, name: str, rates: list[float]) -> None:
            self.case = Case(name)
            runs = [(rate, 1.0, 1.0, 1000 / rate, 46000.0) for rate in rates]
            self.runs = {1: runs, 8: runs}

    part: Any = [Measured("peer", [10, 1, 4]), Measured("ours", [20, 3, 4])]
    kept = tables("Pages", part, [Aim("ours", "peer", 2, 3)])
    told = page("Pages", kept)
    assert "| ours | 4 | 2 (1 to 3) | 1 | 1 | 250 | 2 (1 to 3) | 46,000 |" in told
    assert "| ours: at least 2 x peer | 8 connections | 2 (1 to 3) | reached | 2 (1 to 3) |" in told


def test_figures_are_kept_and_become_one_table_and_one_picture(tmp_path: Path) -> None:
    """Each aim has a line, with its load; one that was not measured says how to."""
    plain = _plain(compared())
    plain["rows"]["fbsyncd"] = plain["rows"].pop("ours")
    plain["goals"][0]["row"] = "fbsyncd"
    saved = {"machine": {**machine.described(), "load": 0}, "tables": [plain]}
    (tmp_path / "download.json").write_text(json.dumps(saved))
    done = run("goals", str(tmp_path))
    told = (tmp_path / "goals.md").read_text()
    assert done.returncode == 0, done.stderr
    assert (
        "| 1. fbsyncd: at most 2 x peer | Two files, s | 2 | 1 to 3 | 3 | the disk | reached |"
        in told
    )
    assert told.count("not measured |") == len(goals.AIMS) - 1
    picture = ElementTree.parse(tmp_path / "goals.svg")
    texts = [one.text for one in picture.iter() if one.tag.endswith("}text")]
    assert {"fbsyncd beside peer", "Two files", "other = 1.0", "0.5"} <= set(texts)
    assert {"aim reached", "not reached", "what was aimed at"} <= set(texts)


def aimed(row: str, peer: str, ours: float, load: str) -> goals.Aimed:
    """Return an aim of being at least as good, and three rounds of what was reached."""
    goal = table.Goal(row, 1, peer, aim=1)
    return goals.Aimed(
        goal, table.Table(load, "s", {row: [ours] * 3, peer: [1.0] * 3}, peer, [goal])
    )


def test_the_picture_shows_fbsyncd_beside_other_programs_where_it_comes_off_worst() -> None:
    """Held against itself it is neither better nor worse than anybody."""
    found: dict[int, list[goals.Aimed]] = {number: [] for number in goals.AIMS}
    found[1] = [
        aimed("fbsyncd", "peer", 0.25, "few files"),
        aimed("fbsyncd", "peer", 0.5, "many files"),
        aimed("fbsyncd, busy", "fbsyncd, idle", 20, "files"),
    ]
    found[13] = [aimed("stats, 30,000 posts", "stats, 3,000 posts", 9, "On SQLite")]
    drawn = goals.picture(found)
    assert "many files" in drawn
    assert not [one for one in ("few files", "busy", "stats", "ten times") if one in drawn]


def _plain(one: table.Table) -> dict[str, Any]:
    goal = one.goals[0]
    return {
        "title": one.title,
        "unit": one.unit,
        "rows": one.rows,
        "base": one.base,
        "goals": [asdict(replace(goal, bound="the disk"))],
    }


def test_large_numbers_are_written_out_in_a_plot() -> None:
    """A scale goes to 1,000,000, not to 1e+06."""
    rows = {"scan, 300 posts": [1.0], "scan, 1,000,000 posts": [1_000_000.0]}
    picture = growth.picture([table.Table("On SQLite", "ms", rows, "")])
    assert picture.count(">1,000,000<") == 2
    assert "e+" not in picture
    ElementTree.fromstring(picture)


def test_what_was_saved_is_pasted_between_its_comments() -> None:
    """Other parts of the page stay as they are."""
    text = "a\n<!-- scan -->\nold\n<!-- end -->\nb\n<!-- busy -->\nkept\n<!-- end -->\n"
    assert paste.pasted(text, {"scan": "new\n"}) == text.replace("old", "new")


def test_every_measurement_has_its_place_in_the_page() -> None:
    """What is saved under a name can be pasted; serve is json and media in one."""
    places = paste.names((ROOT / "docs" / "PERFORMANCE.md").read_text())
    assert sorted(places) == sorted({"goals", *BENCHES} - {"json", "media", "month"})


@pytest.mark.parametrize("module", sorted({bench.module for bench in BENCHES.values()}))
def test_every_measurement_can_be_begun(module: str) -> None:
    """Its module imports all it needs, and says in a sentence what it measures."""
    found = importlib.import_module(f"bench.{module}")
    assert callable(found.main)
    assert (found.__doc__ or "").partition("\n")[0].endswith((".", ":"))


def test_a_measurement_that_fails_does_not_end_the_others(tmp_path: Path) -> None:
    """It is named, the next one runs, and the whole ends with status 1."""
    (tmp_path / "scan.json").mkdir()
    only = ["--only", "scan", "damage", "--save", str(tmp_path)]
    done = run("all", "--quick", *only)
    assert done.returncode == 1
    assert "scan, damage: about " in done.stderr
    assert "not measured: scan" in done.stderr
    assert "Scan of 300 files" in done.stdout
    assert "scan was not measured: it ended with status 1" in done.stdout
    damage = table.saved(tmp_path / "damage.json")[0]
    sure = [f"fbsyncd: {what}" for what in list(DAMAGES)[:-1]] + ["fbsyncd, scrub: one bit changed"]
    assert {row: damage.rows[row] for row in sure} == {row: [100.0] for row in sure}
