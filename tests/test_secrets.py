"""No secret leaves: a real daemon and a real sync at debug level, every library speaking."""

from __future__ import annotations

import hashlib
import hmac
import json
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from plant import config_text
from scripted import reply, scripted

from fbsyncd import models
from fbsyncd.simulator import Simulator
from fbsyncd.tables import TABLES

SECRET = "app5ecret-0f-the-app-4711"
DOOR = "auth-70ken-of-the-door-4711"
HOOK = "T0-h00k-address-4711"
#: Tokens as Facebook makes them begin with EAA; one that does not is a secret all the same.
ODD_TOKEN = "0dd.token-without-any-known-shape-4711"


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=8, pages=2, seed=3, pictures="plain", app_secret=SECRET) as simulator:
        first = simulator.pages[0]
        simulator.world.pages[first.id] = replace(first, token=ODD_TOKEN)
        yield simulator


def secrets(facebook: Simulator) -> list[str]:
    """Return all that must be seen nowhere."""
    tokens = [page.token for page in facebook.pages]
    proofs = [
        hmac.new(SECRET.encode(), token.encode(), hashlib.sha256).hexdigest() for token in tokens
    ]
    return [SECRET, DOOR, HOOK, *tokens, *proofs]


def write(folder: Path, facebook: Simulator, database_url: str, hook: str, form: str) -> None:
    text = config_text(facebook, database_url, facebook_keys=f'app_secret = "{SECRET}"\n')
    text += f'auth_token = "{DOOR}"\n[alerts]\nwebhook = "{hook}/{HOOK}"\n'
    text += f'[log]\nlevel = "debug"\nformat = "{form}"\n'
    (folder / "config.toml").write_text(text.replace("backfill_days = 0", 'interval = "1s"'))


def answers(url: str) -> bytes:
    """Ask for everything there is, with and without the token, and return all that comes back."""
    heard = b""
    for path in ("/api/stats", "/api/pages", "/api/posts", "/api/media", "/metrics", "/readyz"):
        for token in (DOOR, "wrong"):
            request = urllib.request.Request(url + path)
            request.add_header("Authorization", f"Bearer {token}")
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    heard += str(answer.headers).encode() + answer.read()
            except urllib.error.HTTPError as refusal:
                heard += str(refusal.headers).encode() + refusal.read()
    return heard


def stored(folder: Path, database_url: str) -> bytes:
    """Return the bytes of every file of the archive and every value of every row."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    kept = b"".join(path.read_bytes() for path in files if path.name != "config.toml")
    db = models.connect(database_url)
    with models.session(db):
        tables = [table._meta.table_name for table in TABLES]
        tables += ["page_tokens", "graph_budgets", "alerts"]
        rows = [models.rows(db, f"SELECT * FROM {table}") for table in tables]
    models.close(db)
    return kept + repr(rows).encode()


class Daemon:
    """A daemon whose log is read as it is written: at debug level a pipe is soon full."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fbsyncd", "run"], cwd=folder, stderr=subprocess.PIPE, text=True
        )
        self.lines: list[str] = []
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def url(self) -> str:
        """Return where it answers, once it does."""
        assert self._ready.wait(60), self.lines
        line = next(line for line in self.lines if "ready: http" in line)
        return line.partition("ready: ")[2].strip().rstrip('/"}')

    def stop(self) -> str:
        """Stop it and return all it has logged."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0
        self._reader.join()
        return "".join(self.lines)

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stderr:
            for line in stderr:
                self.lines.append(line)
                if "ready: http" in line:
                    self._ready.set()


@contextmanager
def daemon_in(folder: Path) -> Iterator[Daemon]:
    daemon = Daemon(folder)
    try:
        yield daemon
    finally:
        daemon.process.kill()
        daemon.process.wait()


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_leaves_a_daemon(
    facebook: Simulator, tmp_path: Path, database_url: str, form: str
) -> None:
    """Not in its log, answers, alerts, files or rows, whatever goes wrong on the way."""
    with scripted([reply({}, 500)]) as receiver:
        write(tmp_path, facebook, database_url, receiver.url, form)
        with daemon_in(tmp_path) as daemon:
            queue = b'fbsyncd_queue_pictures{state="pending"} 0.0'
            heard = until(daemon.url(), lambda told: queue in told)
            break_things(facebook)
            heard += until(daemon.url(), lambda _: bool(receiver.bodies)) + answers(daemon.url())
            log = daemon.stop()
        told = b"".join(receiver.bodies)
    assert "appsecret_proof=***" in log
    assert "SELECT" in log
    assert "the webhook answered 500" in log
    assert b"token" in told
    assert form != "json" or all(json.loads(line)["level"] for line in log.splitlines())
    whole = log.encode() + heard + told + stored(tmp_path, database_url)
    for secret in secrets(facebook):
        assert secret.encode() not in whole, secret


def break_things(facebook: Simulator) -> None:
    for message in (f"Malformed access token {ODD_TOKEN}", f"{ODD_TOKEN} is no token"):
        facebook.faults.refuse(190, message=message)
    facebook.faults.transient(times=2)
    facebook.faults.html(times=1)
    facebook.faults.token_dead(page=facebook.pages[1].id)


def until(url: str, happens: Callable[[bytes], bool]) -> bytes:
    """Ask for metrics until something *happens*; return all that was heard."""
    heard, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        request = urllib.request.Request(f"{url}/metrics")
        request.add_header("Authorization", f"Bearer {DOOR}")
        with urllib.request.urlopen(request, timeout=60) as answer:
            heard += bytes(answer.read())
        if happens(heard):
            return heard
    raise AssertionError("it did not happen")


COMMANDS = [
    ["sync"],
    ["sync", "--full", "--no-media"],
    ["stats", "--json"],
    ["config"],
    ["doctor", "--json"],
    ["posts", "--json"],
    ["verify"],
]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_secret_leaves_a_command(facebook: Simulator, tmp_path: Path, database_url: str) -> None:
    """Not on its output, in its log, nor in what it leaves behind; dead tokens included."""
    write(tmp_path, facebook, database_url, facebook.url, "text")
    said = b""
    for nth, command in enumerate([*COMMANDS, *COMMANDS]):
        if nth == len(COMMANDS):
            facebook.faults.refuse(190, None, message=f"Malformed access token {ODD_TOKEN}")
        done = subprocess.run(
            [sys.executable, "-m", "fbsyncd", *command],
            cwd=tmp_path,
            capture_output=True,
            check=False,
        )
        said += done.stdout + done.stderr
    assert b"Malformed access token ***" in said
    whole = said + stored(tmp_path, database_url)
    for secret in secrets(facebook):
        assert secret.encode() not in whole, secret
