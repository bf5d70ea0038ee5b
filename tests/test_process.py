"""Names of processes that outlive their pids."""

from __future__ import annotations

import os
import subprocess
import sys

from fbsyncd import process


def test_this_process_is_not_gone() -> None:
    """Whoever asks is alive."""
    assert not process.is_gone(process.name())


def test_a_process_that_ended_is_gone() -> None:
    """A name whose pid nobody has belongs to nobody."""
    ended = subprocess.run(
        [sys.executable, "-c", "from fbsyncd import process; print(process.name())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.is_gone(ended.stdout.strip())


def test_a_pid_that_is_used_again_is_somebody_else() -> None:
    """The same number with another tag was another process, as after a restarted container."""
    assert process.is_gone(f"{os.getpid()}-0badcafe")


def test_a_living_process_is_not_gone() -> None:
    """Also one of somebody else."""
    assert not process.is_gone(f"{os.getppid()}-0badcafe")
    assert not process.is_gone("1-0badcafe")


def test_a_name_of_another_form_is_left_alone() -> None:
    """What we do not understand we do not take."""
    for name in ("", "x", "-1-a", "host/1"):
        assert not process.is_gone(name)
