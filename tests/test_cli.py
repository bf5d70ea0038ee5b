"""The command line as a person uses it: output, exit codes, and never a traceback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from plant import config_text

from fbsyncd import terminal
from fbsyncd.simulator import Simulator

#: The one way in which a taken port is told.
TAKEN = "127.0.0.1:{} is taken by another program"


def fbsyncd(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FBSYNCD_")}
    return subprocess.run(
        [sys.executable, "-m", "fbsyncd", *arguments],
        cwd=folder,
        env=clean | {"HOME": str(folder)} | environ,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=8, seed=3, pictures="plain") as simulator:
        yield simulator


@pytest.fixture
def folder(facebook: Simulator, tmp_path: Path, database_url: str) -> Path:
    (tmp_path / "config.toml").write_text(config_text(facebook, database_url))
    return tmp_path


@pytest.fixture
def bare(facebook: Simulator, tmp_path: Path) -> Path:
    """A folder whose configuration names no database."""
    (tmp_path / "config.toml").write_text(config_text(facebook))
    return tmp_path


def test_a_sync_by_hand_ends_with_the_statistics(folder: Path) -> None:
    """Elsewhere than on a terminal there is no escape sequence, and the numbers agree."""
    done = fbsyncd(folder, "sync")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert "with local pictures" in done.stdout
    stats = json.loads(fbsyncd(folder, "stats", "--json").stdout)
    assert stats["posts"] == 8
    assert stats["pictures"]["safe"] == stats["pictures"]["all"] > 0
    assert fbsyncd(folder, "stats").stdout in done.stdout


def test_statistics_that_nobody_reads_end_quietly(folder: Path) -> None:
    """The reader of a pipe has gone: no traceback, and a status that says so."""
    assert fbsyncd(folder, "setup").returncode == 0
    command = [sys.executable, "-m", "fbsyncd", "stats", "--json"]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as stats:
        assert stats.stdout is not None
        stats.stdout.close()
        assert stats.stderr is not None
        assert stats.stderr.read() == b""
    assert stats.returncode == 1


def test_a_sync_by_hand_notes_the_budgets_of_calls(facebook: Simulator, folder: Path) -> None:
    """What Facebook says is used up is known to the statistics without a daemon too."""
    facebook.faults.usage(app={"call_count": 61}, page={"call_count": 58})
    assert fbsyncd(folder, "sync", "--no-media").returncode == 0
    told = json.loads(fbsyncd(folder, "stats", "--json").stdout)["budgets"]
    percents = {one["page_id"]: one["percent"] for one in told}
    assert percents == {None: 61.0, facebook.page_id: 61.0}
    assert "61%" in fbsyncd(folder, "stats").stdout


def test_a_sync_that_makes_no_call_leaves_what_is_known_of_budgets(
    facebook: Simulator, folder: Path
) -> None:
    """The calls are used up for both streams, which is told once, and stays so for whoever asks."""
    facebook.faults.usage(page={"call_count": 97, "estimated_time_to_regain_access": 20})
    fbsyncd(folder, "sync", "--no-media")
    before = json.loads(fbsyncd(folder, "stats", "--json").stdout)["budgets"]
    calls = facebook.calls["graph"]
    again = fbsyncd(folder, "sync", "--no-media")
    assert facebook.calls["graph"] == calls
    assert again.stderr.count("The calls are used up") == 1
    assert json.loads(fbsyncd(folder, "stats", "--json").stdout)["budgets"] == before
    assert any(one["back_at"] for one in before)


def test_a_sync_that_gets_no_picture_has_failed(facebook: Simulator, folder: Path) -> None:
    """It says so in one line with a reason; one that got some of them has not failed."""
    facebook.faults.cdn_status(503)
    done = fbsyncd(folder, "sync")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("fbsyncd: none of the pictures could be fetched: 503")
    assert "`fbsyncd verify`" in last
    assert " 0 archived, " in done.stdout


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["synk"], "there is no 'synk'; did you mean 'sync'?"),
        (["forget", "pots", "1"], "there is no 'pots'; did you mean 'post'?"),
    ],
)
def test_a_mistyped_word_is_answered_with_the_one_that_was_meant(
    tmp_path: Path, typed: list[str], said: str
) -> None:
    """One line names it, instead of all the words there are."""
    done = fbsyncd(tmp_path, *typed)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].endswith(f"error: {said}")


def test_a_word_like_none_is_answered_with_all_there_are(tmp_path: Path) -> None:
    """Nothing is guessed."""
    done = fbsyncd(tmp_path, "xyzzy")
    assert done.returncode == 2
    assert "did you mean" not in done.stderr
    assert "invalid choice: 'xyzzy'" in done.stderr
    assert "reconcile" in done.stderr


def test_what_stops_a_page_is_told_once_by_a_sync(facebook: Simulator, folder: Path) -> None:
    """As its error, on the last line; the log does not say the same before."""
    config = folder / "config.toml"
    config.write_text(config.read_text().replace(facebook.page_id, "999"))
    done = fbsyncd(folder, "sync")
    assert done.returncode == 1
    assert done.stderr.count("Look at the id in [[facebook.pages]]") == 1
    assert done.stderr.splitlines()[-1].startswith("fbsyncd: page 999: The object is not there")


def test_a_demo_on_a_taken_port_names_the_way_out(tmp_path: Path) -> None:
    """In one line, before anything is started, and for those who called make as well."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = {str(port): TAKEN.format(port), "70000": "there is no port 70000"}
        for wanted, why in told.items():
            done = fbsyncd(tmp_path, "demo", "--port", wanted, "--dir", str(tmp_path / "demo"))
            assert done.returncode == 1
            (line,) = done.stderr.splitlines()
            assert line.startswith(f"fbsyncd: {why}: ")
            assert line.endswith('--port N (make demo DEMO_ARGS="--port N")')
    assert not (tmp_path / "demo").exists()


def test_a_daemon_on_a_taken_port_ends_with_that_and_the_way_out(folder: Path) -> None:
    """Nothing that was closed meanwhile stands around it, and doctor says it in the same words."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = folder / "config.toml"
        config.write_text(config.read_text().replace("port = 0", f"port = {port}"))
        done = fbsyncd(folder, "run")
        found = fbsyncd(folder, "doctor").stdout
    assert done.returncode == 1
    assert "closed" not in done.stderr
    remedy = "change server.port, or stop the program that has it"
    assert done.stderr.splitlines()[-1] == f"fbsyncd: {TAKEN.format(port)}: {remedy}"
    assert f"{TAKEN.format(port)} -> {remedy}" in found


def test_a_post_of_which_little_is_known_is_a_line_too() -> None:
    """Databases that were adopted have posts without a type and without a time."""
    known = dict.fromkeys(("created_time", "type", "message", "story", "display_image_url"))
    told = terminal.post(known | {"id": "1_2", "image_state": None})
    assert told.splitlines() == [
        "no time yet           -       1_2",
        "    (no text)",
        "    no picture (none named)",
    ]


def test_a_post_with_a_long_text_fits_a_terminal() -> None:
    """Its id, as long as Facebook's are, and its text stay within 80 columns."""
    id_ = "1234567890123456_1234567890123456"
    known = {"id": id_, "created_time": "2026-11-22T10:00:00Z", "type": "profile"}
    shown = {"message": "word " * 99, "story": None, "display_image_url": "/a.jpg"}
    first, text, _ = terminal.post(known | shown).splitlines()
    assert first.endswith(f" {id_}")
    assert text.endswith("…")
    assert max(len(first), len(text)) <= 80


def test_an_empty_archive_says_so(folder: Path) -> None:
    """One line names the way to posts; for programs it is an empty array."""
    fbsyncd(folder, "setup")
    done = fbsyncd(folder, "posts")
    assert (done.returncode, done.stdout) == (0, "no posts yet: fbsyncd sync reads them\n")
    assert json.loads(fbsyncd(folder, "posts", "--json").stdout) == []


def test_posts_are_shown_as_the_api_tells_them(folder: Path) -> None:
    """``--json`` is an array of posts; the plain form has three lines for each, with its id."""
    fbsyncd(folder, "sync")
    posts = json.loads(fbsyncd(folder, "posts", "--limit", "3", "--json").stdout)
    assert len(posts) == 3
    assert {"id", "display_image_url", "has_local_image", "attachments"} <= set(posts[0])
    lines = fbsyncd(folder, "posts", "--limit", "3").stdout.splitlines()
    assert len(lines) == 9
    assert [line.split()[-1] for line in lines[::3]] == [post["id"] for post in posts]


def test_without_media_rows_are_written_and_queued(facebook: Simulator, folder: Path) -> None:
    """``--no-media`` asks the CDN for nothing; a later sync fetches what waits."""
    done = fbsyncd(folder, "sync", "--no-media")
    assert done.returncode == 0
    assert facebook.calls["cdn"] == 0
    stats = json.loads(fbsyncd(folder, "stats", "--json").stdout)
    assert stats["media"]["pending"] > 0
    fbsyncd(folder, "sync")
    assert json.loads(fbsyncd(folder, "stats", "--json").stdout)["media"]["pending"] == 0


def test_a_sync_can_be_limited_to_days_and_to_a_page(facebook: Simulator, folder: Path) -> None:
    """Only one Page of two is read when it is named; an unknown one is refused."""
    assert fbsyncd(folder, "sync", "--page", facebook.page_id, "--days", "1").returncode == 0
    unknown = fbsyncd(folder, "sync", "--page", "999")
    assert unknown.returncode == 78
    assert "no Page with the id '999'" in unknown.stderr


def test_a_dead_token_ends_in_status_one_and_a_remedy(facebook: Simulator, folder: Path) -> None:
    """One line says what happened and what to do, without the token."""
    facebook.faults.token_dead()
    done = fbsyncd(folder, "sync")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) <= 3
    assert "token" in done.stderr
    assert facebook.token not in done.stderr + done.stdout


def test_missing_files_are_found_and_come_back(folder: Path) -> None:
    """A dry run only tells; a reconcile queues; the next sync fetches."""
    fbsyncd(folder, "sync")
    lost = next((folder / "media/facebook/posts").glob("*.jpg"))
    lost.unlink()
    assert "1 missing" in fbsyncd(folder, "reconcile", "--dry-run").stdout
    assert "1 picture queued again" in fbsyncd(folder, "reconcile").stdout
    fbsyncd(folder, "sync")
    assert lost.exists()


def test_given_up_pictures_can_be_retried(facebook: Simulator, folder: Path) -> None:
    """What was refused for good is queued again when a person says so."""
    facebook.faults.cdn_serve(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml")
    fbsyncd(folder, "sync")
    stats = json.loads(fbsyncd(folder, "stats", "--json").stdout)
    assert stats["media"]["given_up"] > 0
    assert fbsyncd(folder, "retry").returncode == 1
    facebook.faults.clear()
    assert "queued again" in fbsyncd(folder, "retry", "--all").stdout
    fbsyncd(folder, "sync")
    assert json.loads(fbsyncd(folder, "stats", "--json").stdout)["media"]["given_up"] == 0


def test_a_folder_can_be_begun_with_init(tmp_path: Path) -> None:
    """``init`` makes a valid configuration and says what is next; twice is refused."""
    done = fbsyncd(tmp_path, "init", "archive")
    assert done.returncode == 0
    assert "token" in done.stdout
    again = fbsyncd(tmp_path, "init", "archive")
    assert again.returncode == 1
    assert fbsyncd(tmp_path / "archive", "setup").returncode == 0
    assert "up to date" in fbsyncd(tmp_path / "archive", "setup").stdout
    no_page = fbsyncd(tmp_path / "archive", "run")
    assert no_page.returncode == 78
    assert "no Page is named" in no_page.stderr


def test_config_shows_what_is_in_force_without_secrets(facebook: Simulator, bare: Path) -> None:
    """Overrides count, secrets are hidden."""
    shown = fbsyncd(bare, "config", FBSYNCD_MEDIA_WORKERS="3").stdout
    assert "workers = 3" in shown
    assert facebook.token not in shown


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("frobnicate",), 2),
        ((), 2),
        (("sync", "--days", "0"), 2),
        (("sync", "--days", "3", "--all"), 2),
        (("--config", "nowhere.toml", "stats"), 78),
        (("stats", "--config", "nowhere.toml"), 78),
        (("retry", "not-an-id"), 1),
    ],
)
def test_mistakes_have_their_exit_codes(
    bare: Path, arguments: tuple[str, ...], status: int
) -> None:
    """Wrong usage is 2, a wrong configuration 78, what cannot be done 1; never a traceback."""
    done = fbsyncd(bare, *arguments)
    assert done.returncode == status
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_configuration_lists_every_problem(bare: Path) -> None:
    """All mistakes at once, each with its key, and status 78."""
    config = bare / "config.toml"
    config.write_text(config.read_text().replace("workers = 4", 'workrs = 4\nmax_file_size = "x"'))
    done = fbsyncd(bare, "stats")
    assert done.returncode == 78
    assert "media.workrs" in done.stderr
    assert "media.max_file_size" in done.stderr


def test_a_database_that_cannot_be_opened_is_told_in_one_line(bare: Path) -> None:
    """A path that leads nowhere is no traceback."""
    config = bare / "config.toml"
    config.write_text('[database]\nurl = "sqlite:///missing/folder/x.db"\n' + config.read_text())
    done = fbsyncd(bare, "setup")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "unable to open database file" in done.stderr


def test_an_unreachable_postgresql_is_told_in_one_line(bare: Path) -> None:
    """Neither a traceback nor the password."""
    config = bare / "config.toml"
    url = "postgresql://somebody:hunter2@127.0.0.1:9/x"
    config.write_text(f'[database]\nurl = "{url}"\n' + config.read_text())
    done = fbsyncd(bare, "stats")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr
