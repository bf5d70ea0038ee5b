"""The most memory a process has had: for programs that a test runs apart, since it never falls."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="no /proc to ask for the memory"
)

_MOST = """
def most():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
"""


def told_by(program: str, *arguments: str) -> list[int]:
    """Run a program that may call ``most()`` for its kilobytes; return the numbers it prints."""
    command = [sys.executable, "-c", _MOST + program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [int(number) for number in done.stdout.split()]
