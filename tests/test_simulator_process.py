"""The simulated Facebook as a process of its own, steered over HTTP."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import tomllib
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests

from fbsyncd.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def process(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The running program and its address, as it prints it."""
    command = [sys.executable, "-m", "fbsyncd.simulator", "--pictures", "plain", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        try:
            line = running.stdout.readline()
            assert line.startswith("listening on http://127.0.0.1:"), line
            yield running, line.split()[-1]
        finally:
            running.kill()


class Panel:
    """The knobs under /_control/."""

    def __init__(self, url: str, session: requests.Session) -> None:
        self.url = url
        self.session = session

    def turn(self, knob: str, **arguments: Any) -> requests.Response:
        """POST one knob."""
        return self.session.post(f"{self.url}/_control/{knob}", json=arguments, timeout=60)

    def state(self) -> dict[str, Any]:
        """How things stand."""
        found: dict[str, Any] = self.session.get(f"{self.url}/_control/state", timeout=60).json()
        return found


@pytest.fixture
def panel() -> Iterator[Panel]:
    """The knobs of a simulator with three posts."""
    with Simulator(posts=3, pictures="plain") as facebook, requests.Session() as session:
        session.trust_env = False
        yield Panel(facebook.url, session)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_says_where_it_listens_and_ends_cleanly(number: signal.Signals) -> None:
    """One line, answers at once, and a signal ends it with status 0."""
    with process("--posts", "4", "--pages", "2") as (running, url):
        state = requests.get(f"{url}/_control/state", timeout=60).json()
        assert list(state["posts"].values()) == [4, 4]
        page = state["pages"][1]
        path = f"{url}/v26.0/{page['id']}/posts?access_token={page['token']}"
        assert len(requests.get(path, timeout=60).json()["data"]) == 4
        running.send_signal(number)
        assert running.wait(60) == 0
        assert running.stdout
        assert running.stdout.read() == ""


def is_there(url: str) -> bool:
    address = urlsplit(url)
    with suppress(OSError), socket.create_connection((address.hostname, address.port), timeout=5):
        return True
    return False


def test_a_demo_that_is_killed_leaves_no_facebook_behind(tmp_path: Path) -> None:
    """SIGKILL of the demo lets go of the pipe it holds, and the simulator ends by itself."""
    command = [sys.executable, "-m", "fbsyncd", "demo", "--dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout
        try:
            assert any("The dashboard is at" in line for line in demo.stdout)
            config = tomllib.loads((tmp_path / "config.toml").read_text())
            url = config["facebook"]["graph_url"]
            assert is_there(url)
        finally:
            demo.kill()
        demo.wait()
    deadline = time.monotonic() + 60
    while is_there(url) and time.monotonic() < deadline:
        Event().wait(0.1)
    assert not is_there(url)


def test_the_clock_moves_over_http(panel: Panel) -> None:
    """clock/move and clock/set decide what time it is."""
    before = datetime.fromisoformat(panel.state()["now"])
    panel.turn("clock/move", days=5)
    after = datetime.fromisoformat(panel.state()["now"])
    assert timedelta(days=5) <= after - before < timedelta(days=5, minutes=1)
    panel.turn("clock/set", at="2027-01-01T00:00:00+00:00")
    assert panel.state()["now"].startswith("2027-01-01T00:00")


def test_posts_change_over_http(panel: Panel) -> None:
    """Changes take their arguments as JSON and give their results back."""
    new = panel.turn(
        "add_post", kind="album", photos=2, created_time="2026-01-01T00:00:00+00:00"
    ).json()["result"]
    assert list(panel.state()["posts"].values()) == [4]
    assert panel.turn("edit", post_id=new, message="hi").status_code == 200
    panel.turn("remove", post_id=new)
    assert list(panel.state()["posts"].values()) == [3]


def test_faults_are_armed_over_http(panel: Panel) -> None:
    """faults/NAME arms one, faults/clear disarms all, and the state tells."""
    panel.turn("faults/throttle", code=4, times=3)
    panel.turn("faults/cdn_serve", content="<svg/>", content_type="image/svg+xml")
    assert panel.state()["faults"] == {"throttle": [3], "cdn_answer": [1]}
    panel.turn("faults/clear")
    assert panel.state()["faults"] == {}


def test_requests_are_told_over_http(panel: Panel) -> None:
    """What was asked can be read."""
    panel.state()
    told = panel.session.get(f"{panel.url}/_control/requests", timeout=60).json()["requests"]
    assert told[0]["path"] == "/_control/state"
    assert told[0]["kind"] == "control"


@pytest.mark.parametrize(
    ("knob", "arguments", "status"),
    [
        ("add_post", {"colour": 1}, 400),
        ("edit", {"post_id": "1_2", "message": "x"}, 400),
        ("clock/set", {"at": "soon"}, 400),
        ("explode", {}, 404),
        ("faults/arm", {}, 404),
        ("faults/__init__", {}, 404),
    ],
)
def test_wrong_turns_are_told(
    panel: Panel, knob: str, arguments: dict[str, Any], status: int
) -> None:
    """A knob that does not exist is 404, wrong arguments are 400."""
    assert panel.turn(knob, **arguments).status_code == status


def test_only_json_turns_knobs(panel: Panel) -> None:
    """A plain form, as any web page could send it, is refused."""
    answer = panel.session.post(f"{panel.url}/_control/faults/clear", data={"a": 1}, timeout=60)
    assert answer.status_code == 415
    assert panel.session.get(f"{panel.url}/_control/nothing", timeout=60).status_code == 404


def test_wishes_that_mean_nothing_are_refused() -> None:
    """An option nobody knows is a mistake of the caller."""
    with pytest.raises(TypeError, match="wings"):
        Simulator(wings=2)  # type: ignore[call-arg]
