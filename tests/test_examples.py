"""The examples of the API in the README, pasted into a shell beside the demo: it prints that."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
CURL = shutil.which("curl")
_END = "~~ and the next one ~~"


def examples() -> list[tuple[str, str]]:
    """Return each command of the blocks that ask the API, and what it is said to print."""
    blocks = re.findall(r"(?ms)^```console\n(.*?)^```$", README.read_text(encoding="utf-8"))
    asking = "\n".join(block for block in blocks if "curl " in block)
    found = re.findall(r"(?ms)^\$ (.*?)$\n(.*?)(?=^\$ |\Z)", asking)
    return [(command, printed) for command, printed in found]


def _flat(text: str) -> str:
    """Return *text* without line ends: long lines are broken in the document."""
    return re.sub(r"[\r\n]+", "", text)


def _fits(printed: str, said: str) -> bool:
    pieces = (re.escape(piece) for piece in _flat(printed).split("…"))
    return re.fullmatch(".*?".join(pieces), _flat(said), re.DOTALL) is not None


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[int]:
    """The demo with all its first pictures safe; its port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "fbsyncd", "demo", "--port", str(port), "--dir"]
    environ = {name: text for name, text in os.environ.items() if not name.startswith("FBSYNCD_")}
    with subprocess.Popen(
        [*command, str(tmp_path / "demo")],
        cwd=tmp_path,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout
            assert any("The dashboard is at" in line for line in process.stdout)
            _await_pictures(port)
            yield port
        finally:
            process.terminate()
            process.communicate(timeout=30)


def _await_pictures(port: int) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/stats", timeout=10) as answer:
            stats = json.load(answer)
        pictures = stats["pictures"]
        if stats["posts"] >= 60 and 0 < pictures["safe"] == pictures["all"]:
            return
        time.sleep(0.5)  # another program's progress: there is no event to wait for
    raise AssertionError(f"pictures still missing after three minutes: {pictures}")


@pytest.mark.skipif(CURL is None, reason="curl is not installed")
def test_the_examples_can_be_repeated(demo: int, tmp_path: Path) -> None:
    """Each command prints, beside a demo that has just got its pictures, what the README prints."""
    told = examples()
    assert len(told) > 10
    script = "".join(f"{command}\nprintf '%s' '{_END}'\n" for command, _ in told)
    done = subprocess.run(
        ["bash", "-c", script.replace(":8080", f":{demo}")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    said = done.stdout.split(_END)
    for (command, printed), answer in zip(told, said, strict=False):
        assert _fits(printed, answer), f"{command}\n{answer}"
