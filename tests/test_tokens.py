"""Tokens: made for a person, watched until they end, replaced while the daemon runs."""

from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from plant import archive_of, config_text, read
from test_daemon import all_safe, running

from fbsyncd import config, handed
from fbsyncd.archive import Archive
from fbsyncd.config import Page
from fbsyncd.grant import Granted, person, write
from fbsyncd.metrics import Metrics
from fbsyncd.simulator import Simulator
from fbsyncd.simulator.access import APP_ID
from fbsyncd.terminal import storage
from fbsyncd.tokenfiles import TokenFiles
from fbsyncd.tokens import AHEAD, STALE, standing
from fbsyncd.vigil import Vigil
from fbsyncd.worth import Worth, of_token

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECRET = "5ecre70fthe4pp"
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


# How a token stands


@pytest.mark.parametrize(
    ("days", "access_days", "state"),
    [
        (None, None, "ok"),
        (60, None, "ok"),
        (13, None, "ending"),
        (None, 13, "ending"),
        (60, 13, "ending"),
        (-1, None, "dead"),
        (60, -1, "dead"),
    ],
)
def test_the_earlier_end_counts(days: int | None, access_days: int | None, state: str) -> None:
    """A token ends, and its access to data does; two weeks ahead of the first it is told."""
    ends = [None if n is None else NOW + timedelta(days=n) for n in (days, access_days)]
    worth = Worth(True, "PAGE", ends[0], ends[1])
    assert timedelta(days=13) < AHEAD < timedelta(days=60)
    assert standing("1", None, worth, NOW).state == state


def test_what_a_sync_was_told_counts_most() -> None:
    """A token that is refused is dead whatever was said of it; one never asked about is unknown."""
    assert standing("1", "refused", Worth(True), NOW).state == "dead"
    assert standing("1", None, None, NOW).state == "unknown"
    dead = standing("1", None, Worth(False, message="logged out"), NOW)
    assert (dead.state, dead.message) == ("dead", "logged out")


def test_a_changed_file_is_noticed_once(tmp_path: Path) -> None:
    """Written again or replaced; one that goes is no news until another takes its place."""
    path = tmp_path / "page.token"
    path.write_text("first")
    files = TokenFiles([Page(id="1", access_token_file=path), Page(id="2", access_token="x")])  # type: ignore[arg-type]
    assert files.changed() == []
    path.write_text("second one")
    assert files.changed() == ["1"]
    assert files.changed() == []
    path.unlink()
    assert files.changed() == []
    (tmp_path / "new").write_text("second one")
    (tmp_path / "new").replace(path)
    assert files.changed() == ["1"]


# Watching over them


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=12, pages=2, seed=3, pictures="plain", app_secret=SECRET) as simulator:
        yield simulator


@pytest.fixture
def archive(facebook: Simulator, tmp_path: Path, database_url: str) -> Iterator[Archive]:
    with archive_of(facebook, tmp_path, database_url, facebook_keys=_SECRETIVE) as opened:
        yield opened


_SECRETIVE = f'app_secret = "{SECRET}"\n'


def tokens(archive: Archive) -> dict[str, Any]:
    return {one["page_id"]: one for one in archive.feed.stats()["tokens"]}


def test_a_token_that_ends_is_counted_down(
    facebook: Simulator, archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    """In the statistics, the metrics and the log, from two weeks ahead on."""
    caplog.set_level(logging.INFO)
    first, second = facebook.pages
    end = facebook.clock.now() + timedelta(days=9, hours=1)
    facebook.faults.token_terms(page=first.id, expires_at=int(end.timestamp()))
    for nth in (0, 1):
        read(archive, nth)
    assert tokens(archive)[first.id]["state"] == "unknown"
    Vigil(archive).ask_for_tokens()
    told = tokens(archive)
    assert (told[first.id]["state"], told[first.id]["days_left"]) == ("ending", 9)
    assert told[first.id]["expires_at"] == end.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (told[second.id]["state"], told[second.id]["expires_at"]) == ("ok", None)
    (line,) = [r.getMessage() for r in caplog.records if "access token is good" in r.getMessage()]
    assert f"page {first.id}: its access token is good for 9 days more" in line
    scraped = Metrics(archive.metrics.subject, archive.tallies).scrape()[0].decode()
    assert f'fbsyncd_token_expires_timestamp_seconds{{page="{first.id}"}}' in scraped
    assert f'fbsyncd_token_valid{{page="{second.id}"}} 1.0' in scraped
    assert f'fbsyncd_token_expires_timestamp_seconds{{page="{second.id}"}}' not in scraped


def test_tokens_are_asked_about_twice_a_day(facebook: Simulator, archive: Archive) -> None:
    """Each call counts; half a day is soon enough, and a restart asks nothing twice."""
    Vigil(archive).ask_for_tokens()
    asked = facebook.count("graph", "debug_token")
    assert asked == 2
    Vigil(archive).ask_for_tokens()
    assert facebook.count("graph", "debug_token") == asked
    facebook.clock.move(STALE)
    Vigil(archive).ask_for_tokens()
    assert facebook.count("graph", "debug_token") == 2 * asked
    assert facebook.count("graph", "/app") == 1


@SQLITE
def test_no_token_is_asked_about_when_calls_are_scarce(
    facebook: Simulator, archive: Archive
) -> None:
    """A sync needs the calls more than a countdown does."""
    facebook.faults.usage(app={"call_count": 80})
    read(archive)
    asked = facebook.calls["graph"]
    Vigil(archive).ask_for_tokens()
    assert facebook.calls["graph"] == asked


def test_a_dead_token_is_dead_before_the_next_sync(facebook: Simulator, archive: Archive) -> None:
    """What Facebook says of it is enough, and is said of that Page only."""
    first, second = facebook.pages
    for nth in (0, 1):
        read(archive, nth)
    facebook.faults.token_dead(page=first.id)
    Vigil(archive).ask_for_tokens()
    told = tokens(archive)
    assert (told[first.id]["state"], told[second.id]["state"]) == ("dead", "ok")
    assert "Session has expired" in told[first.id]["message"]


def test_nothing_asks_for_fresh_links_with_a_dead_token(
    facebook: Simulator, archive: Archive
) -> None:
    """Each such call would be refused, and counted; the next sync tries the token."""
    read(archive)
    facebook.clock.move(timedelta(days=40))
    facebook.faults.token_dead()
    read(archive)
    asked = facebook.calls["graph"]
    for _ in range(3):
        archive.heal()
        facebook.clock.move(timedelta(minutes=10))
    assert facebook.calls["graph"] == asked


# While the daemon runs


def with_files(folder: Path, facebook: Simulator, database_url: str) -> list[Path]:
    """Write a configuration whose Pages have their tokens in files; return these."""
    text = config_text(facebook, database_url, facebook_keys=_SECRETIVE)
    files = []
    for page in facebook.pages:
        files.append(folder / f"{page.id}.token")
        files[-1].write_text(page.token)
        text = text.replace(
            f'access_token = "{page.token}"', f'access_token_file = "{page.id}.token"'
        )
    (folder / "config.toml").write_text(text)
    return files


def states(stats: dict[str, Any]) -> dict[str, str]:
    return {page["id"]: page["state"] for page in stats["pages"]}


def test_a_dead_token_stops_its_page_until_the_file_changes(
    facebook: Simulator, tmp_path: Path, database_url: str
) -> None:
    """The other Page and all downloads go on, and a new token is taken without a restart."""
    first, second = facebook.pages
    file, _ = with_files(tmp_path, facebook, database_url)
    facebook.faults.cdn_offline()
    with running(tmp_path) as daemon:
        daemon.until(lambda stats: stats["posts"] == 24)
        daemon.stop()
    fresh = facebook.access.renew(first.id)
    with running(tmp_path) as daemon:
        daemon.until(lambda stats: states(stats).get(first.id) == "token")
        facebook.faults.cdn_online()
        stats = daemon.until(
            lambda stats: stats["media"]["pending"] + stats["media"]["failed"] == 0
        )
        assert states(stats)[second.id] == "ok"
        assert [one["state"] for one in stats["tokens"] if one["page_id"] == first.id] == ["dead"]
        post_id = facebook.add_post("photo", page_id=first.id)
        # The next regular look is a quarter of an hour away.
        file.write_text(fresh)
        daemon.until(
            lambda stats: (
                stats["posts"] == 25 and states(stats)[first.id] == "ok" and all_safe(stats)
            )
        )
        assert daemon.get(f"/api/posts/{post_id}")["has_local_image"]
        daemon.stop()
    log = "".join(daemon.log)
    assert "its token file has changed" in log
    assert fresh not in log


@SQLITE
def test_a_wrong_app_secret_says_nothing_of_a_token(tmp_path: Path, database_url: str) -> None:
    """It is the app that is refused then; the Page's token is good, and is not called dead."""
    wrong = 'app_secret = "n0t-th3-apps"\n'
    with (
        Simulator(posts=3, seed=3, pictures="plain") as facebook,
        archive_of(facebook, tmp_path, database_url, facebook_keys=wrong) as archive,
    ):
        read(archive)
        Vigil(archive).ask_for_tokens()
        assert facebook.count("graph", "debug_token") == 1
        assert tokens(archive)[facebook.page_id]["state"] == "unknown"


def test_a_right_for_other_pages_is_none() -> None:
    """Facebook lists each right once, and for which Pages it was granted beside it."""
    given = {
        "is_valid": True,
        "profile_id": "104",
        "scopes": ["pages_show_list", "pages_read_engagement", "pages_read_user_content"],
        "granular_scopes": [
            {"scope": "pages_show_list"},
            {"scope": "pages_read_engagement", "target_ids": ["103", "104"]},
            {"scope": "pages_read_user_content", "target_ids": ["103"]},
        ],
    }

    def told(**more: object) -> tuple[str, ...]:
        return of_token(lambda *_: {"data": given | more}, "EAAx", "1", "s").scopes

    assert told() == ("pages_show_list", "pages_read_engagement")
    assert len(told(profile_id=None)) == len(told(granular_scopes=[])) == 3
    nothing = {"is_valid": False, "error": {"code": 190, "message": "no"}, "scopes": []}
    bare = of_token(lambda *_: {"data": nothing}, "EAAx", "1", "s")
    assert (bare.is_valid, bare.kind, bare.message, bare.end) == (False, None, "no", None)


# Files that systemd hands over


def test_a_handed_file_names_its_remedy(tmp_path: Path) -> None:
    """Writing it is not possible: the source of it is named, and the restart."""
    unit = "/run/credentials/fbsyncd.service"
    told = handed.renewal(Path(unit, "token_104"), {})
    assert "into /etc/fbsyncd/tokens/104, then `systemctl restart fbsyncd`" in told
    other = handed.renewal(Path("/run/credentials/mine.service/page"), {})
    assert "where the unit's LoadCredential= takes page from" in other
    assert "`systemctl restart mine`" in other
    own = handed.renewal(Path("/run/user/1000/credentials/fbsyncd.service/token_1"), {})
    assert "`systemctl --user restart fbsyncd`" in own
    assert "/etc/" not in own
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert handed.renewal(tmp_path / "104", environ)
    assert handed.renewal(tmp_path / "104", {}) == handed.renewal(None, environ) == ""
    assert handed.renewal(Path("/var/lib/fbsyncd/tokens/104"), {}) == ""
    assert handed.to_service("104") == Path(unit, "token_104")


def test_a_dead_token_that_systemd_handed_over(facebook: Simulator, tmp_path: Path) -> None:
    """The log of a sync and doctor both tell what works, and not that a new file is enough."""
    folder = tmp_path / "fbsyncd.service"
    folder.mkdir()
    text = config_text(facebook, facebook_keys=_SECRETIVE)
    for page in facebook.pages:
        (folder / f"token_{page.id}").write_text(page.token)
        old, new = f'access_token = "{page.token}"', f"{folder}/token_{page.id}"
        text = text.replace(old, f'access_token_file = "{new}"')
    (tmp_path / "config.toml").write_text(text)
    first = facebook.page_id
    facebook.faults.token_dead(page=first)
    for command in ("sync", "doctor"):
        done = subprocess.run(
            [sys.executable, "-m", "fbsyncd", command],
            cwd=tmp_path,
            env=os.environ | {"CREDENTIALS_DIRECTORY": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        remedy = f"into /etc/fbsyncd/tokens/{first}, then `systemctl restart fbsyncd`"
        assert remedy in shown(done)
        assert f"tokens/{facebook.pages[1].id}" not in shown(done)


def test_tokens_for_a_service_are_named_as_the_service_finds_them() -> None:
    """What is written for systemd to hand over is not read where it is written."""
    path = handed.TOKENS / "page-104.token"
    read_at = handed.to_service(path.name)
    page = Granted("104", "Slow Mornings", "EAAx", Worth(True))
    place = Path("/etc/fbsyncd/config.toml")
    empty = config.parse("", base=place.parent, environ={}, source=str(place))
    told = "\n".join(person.lines([(page, path)], empty, NOW))
    assert f'access_token_file = "{read_at}"' in told
    known = f'[[facebook.pages]]\nid = "104"\naccess_token_file = "{read_at}"\n'
    named = config.parse(known, base=place.parent, environ={}, source=str(place))
    (_, line) = person.lines([(page, path)], named, NOW)
    assert "systemctl restart fbsyncd" in line


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_writes_for_a_service_is_the_services(tmp_path: Path) -> None:
    """A token in the folder of a service's user can be read by that user and nobody else."""
    os.chown(tmp_path, 61234, 61234)
    page = Granted("104", "Slow Mornings", "EAAx")
    path = write(page, tmp_path / "tokens")
    for one, mode in ((path, 0o600), (path.parent, 0o700)):
        found = one.stat()
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (61234, 61234, mode)
    (tmp_path / "roots").mkdir()
    assert write(page, tmp_path / "roots").stat().st_uid == 0


def test_a_token_that_is_called_invalid_is_read_with_once(
    facebook: Simulator, archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    """The reading tells what is wrong; the look before it only brings it forward."""
    facebook.faults.token_dead(page=facebook.page_id)
    vigil = Vigil(archive)
    vigil.ask_for_tokens()
    assert caplog.records == []
    assert [page.id for page in vigil.to_read()] == [facebook.page_id]
    assert vigil.to_read() == []
    for _ in range(2):
        read(archive)
    (record,) = caplog.records
    assert "refuses the access token" in record.getMessage()


# Making them


def asked(folder: Path, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fbsyncd", "token", *arguments],
        cwd=folder,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


def place(folder: Path, facebook: Simulator) -> Sequence[str]:
    """Write a configuration without Pages and the secrets as files; return the arguments."""
    (folder / "config.toml").write_text(
        f'[facebook]\ngraph_url = "{facebook.url}"\n[media]\nallowed_hosts = ["127.0.0.1"]\n'
        'free_space_floor = "1MB"\n[sync]\nbackfill_days = 0\n'
    )
    (folder / "secret").write_text(f"{SECRET}\n")
    return "--app-id", APP_ID, "--secret-file", "secret", "--token-file", "-"


def shown(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout + done.stderr


def test_a_person_gets_tokens_that_work(facebook: Simulator, tmp_path: Path) -> None:
    """Files only their owner can read, and lines that make config.toml complete."""
    arguments = place(tmp_path, facebook)
    done = asked(tmp_path, *arguments, given=facebook.access.short_token)
    assert done.returncode == 0, done.stderr
    for page in facebook.pages:
        file = tmp_path / "tokens" / f"page-{page.id}.token"
        assert file.read_text() == f"{page.token}\n"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert f"the token of {page.name} ({page.id}), which does not end" in done.stdout
    assert stat.S_IMODE((tmp_path / "tokens").stat().st_mode) == 0o700
    assert sorted(file.suffix for file in (tmp_path / "tokens").iterdir()) == [".token"] * 2
    blocks = done.stdout.partition("config.toml:\n")[2]
    config = tmp_path / "config.toml"
    config.write_text(config.read_text() + blocks + '[log]\nlevel = "debug"\n')
    config.write_text(config.read_text().replace("[facebook]\n", f"[facebook]\n{_SECRETIVE}"))
    synced = subprocess.run(
        [sys.executable, "-m", "fbsyncd", "sync"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert synced.returncode == 0, synced.stderr
    again = asked(tmp_path, *arguments, given=facebook.access.short_token)
    assert again.stdout.count("config.toml names this file; a daemon that runs takes it") == 2
    assert "Add to" not in again.stdout
    secrets = [SECRET, facebook.access.short_token, facebook.access.user_token]
    for secret in [*secrets, *(page.token for page in facebook.pages)]:
        assert secret not in shown(done) + shown(again)


def test_the_secrets_are_in_no_address(facebook: Simulator, tmp_path: Path) -> None:
    """Proxies keep addresses; the exchange is a form, and tokens go in a header."""
    arguments = place(tmp_path, facebook)
    asked(tmp_path, *arguments, given=facebook.access.short_token)
    queries = [request.raw_query for request in facebook.requests]
    assert any(request.path.endswith("oauth/access_token") for request in facebook.requests)
    for secret in (SECRET, facebook.access.short_token, facebook.access.user_token):
        assert not any(secret in query for query in queries)


def test_one_page_of_many(tmp_path: Path) -> None:
    """The Page may stand on the second page of the list; only its token is written."""
    with Simulator(posts=0, pages=101, pictures="plain", app_secret=SECRET) as facebook:
        arguments = place(tmp_path, facebook)
        last = facebook.pages[-1]
        done = asked(tmp_path, *arguments, "--page", last.id, given=facebook.access.short_token)
        assert done.returncode == 0, done.stderr
        assert [file.name for file in (tmp_path / "tokens").iterdir()] == [f"page-{last.id}.token"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (["--app-id", "12"], "Invalid application ID"),
        (["--app-id", "my-app"], "an app's id is a number"),
        (["--page", "77"], "does not give Page 77"),
        (["--secret-file", "nowhere"], "cannot read nowhere: No such file"),
        (["--secret-file", "wrong"], "Error validating client secret"),
        (["--token-file", "two"], "expected one word of plain text"),
        (["--token-file", "old"], "make a new user token"),
    ],
)
def test_what_goes_wrong_is_told_in_one_line(
    facebook: Simulator, tmp_path: Path, change: list[str], says: str
) -> None:
    """With what to do, without a secret, and nothing is written."""
    arguments = place(tmp_path, facebook)
    for name, text in (("wrong", "5ecre7wrong"), ("two", "a b"), ("old", "EAAold5h0rt70ken")):
        (tmp_path / name).write_text(text)
    done = asked(tmp_path, *arguments, *change, given=facebook.access.short_token)
    assert done.returncode == 1
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    for secret in (SECRET, "5ecre7wrong", "EAAold5h0rt70ken", facebook.access.short_token):
        assert secret not in shown(done)
    assert not (tmp_path / "tokens").exists()


def test_without_a_terminal_secrets_come_from_files(facebook: Simulator, tmp_path: Path) -> None:
    """Nobody is asked who is not there."""
    place(tmp_path, facebook)
    done = asked(tmp_path, "--app-id", APP_ID)
    assert done.returncode == 1
    assert "name a file with --secret-file, or - for standard input" in done.stderr


def test_a_token_that_ends_is_told(facebook: Simulator, tmp_path: Path) -> None:
    """Made from an account that was not there for long, say."""
    arguments = place(tmp_path, facebook)
    end = facebook.clock.now() + timedelta(days=60, minutes=5)
    facebook.faults.token_terms(expires_at=int(end.timestamp()))
    done = asked(tmp_path, *arguments, given=facebook.access.short_token)
    assert done.stdout.count("which ends in 60 days") == 2


def test_the_statistics_are_json_with_tokens(facebook: Simulator, archive: Archive) -> None:
    """As a program reads them."""
    read(archive)
    (told,) = json.loads(json.dumps(archive.feed.stats()["tokens"]))
    keys = {"page_id", "state", "expires_at", "data_access_expires_at", "days_left", "message"}
    assert set(told) == keys | {"checked_at"}


#: A terminal of its own around a command: what is typed goes in, what is shown comes out.
_TERMINAL = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"


def test_what_is_typed_at_a_terminal_is_not_shown(facebook: Simulator, tmp_path: Path) -> None:
    """A person is asked for three things, and sees one of them."""
    place(tmp_path, facebook)
    given = [APP_ID, SECRET, facebook.access.short_token]
    command = [sys.executable, "-c", _TERMINAL, sys.executable, "-m", "fbsyncd", "token"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        seen = b""
        for question, answer in zip(
            (b"App id: ", b"App secret: ", b"User access token: "), given, strict=True
        ):
            while not seen.endswith(question):
                seen += process.stdout.read(1)
            process.stdin.write(f"{answer}\n".encode())
            process.stdin.flush()
        seen += process.stdout.read()
        process.stdin.close()
        assert process.wait(60) == 0
    assert APP_ID.encode() in seen
    assert b"Add to " in seen
    for secret in (SECRET, facebook.access.short_token, facebook.token):
        assert secret.encode() not in seen


@pytest.mark.parametrize(
    ("key", "status", "said"),
    [(b"\x04", 1, "fbsyncd: nothing was typed"), (b"\x03", 130, "fbsyncd: stopped")],
)
def test_a_person_may_leave_at_a_question(
    key: bytes, status: int, said: str, tmp_path: Path
) -> None:
    """The end of input and Ctrl-C end it with one line, below the question."""
    (tmp_path / "config.toml").touch()
    command = [sys.executable, "-c", _TERMINAL, sys.executable, "-m", "fbsyncd", "token"]
    with subprocess.Popen(
        [*command, "--app-id", APP_ID], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        seen = b""
        while not seen.endswith(b"App secret: "):
            seen += process.stdout.read(1)
        process.stdin.write(key)
        process.stdin.flush()
        rest = process.stdout.read().decode()
        process.stdin.close()
        assert process.wait(60) == status
    assert [line for line in rest.splitlines() if line] == [said]
    assert not rest.startswith(said)


@SQLITE
def test_the_table_of_statistics_warns(facebook: Simulator, archive: Archive) -> None:
    """A token that ends and a budget that is used up stand below the numbers, others do not."""
    first = facebook.page_id
    end = facebook.clock.now() + timedelta(days=9, hours=1)
    facebook.faults.token_terms(page=first, expires_at=int(end.timestamp()))
    for nth in (0, 1):
        read(archive, nth)
    vigil = Vigil(archive)
    vigil.ask_for_tokens()
    facebook.faults.usage(
        page={"call_count": 96, "estimated_time_to_regain_access": 20}, page_id=first
    )
    read(archive)
    vigil.note_budgets()
    told = storage(archive.feed.stats())
    assert f"9 days   until that of Page {first} ends: `fbsyncd token`" in told
    assert f"96%   of Page {first} are used up, none before 2" in told
    assert facebook.pages[1].id not in told
