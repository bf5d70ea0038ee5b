"""Names of processes that outlive their pids."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

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


HEAPS = """
import ctypes, sys, threading
from fbsyncd import process
if sys.argv[1] == "shared": process.share_heaps()
library = ctypes.CDLL(None)
if not hasattr(library, "malloc_info"): sys.exit("no glibc")
library.malloc.restype = ctypes.c_void_p
together = threading.Barrier(6)
def take():
    together.wait()
    library.malloc(1000)
    together.wait()
threads = [threading.Thread(target=take) for _ in range(6)]
for one in threads: one.start()
for one in threads: one.join()
library.fdopen.restype = ctypes.c_void_p
out = ctypes.c_void_p(library.fdopen(1, b"w"))
library.malloc_info(0, out)
library.fflush(out)
"""


def heaps(kind: str) -> int:
    """Return among how many heaps six threads share, in a process of their own."""
    told = subprocess.run(
        [sys.executable, "-c", HEAPS, kind], capture_output=True, text=True, check=False
    )
    if told.stderr.strip() == "no glibc":
        pytest.skip("only glibc gives each thread a heap")
    return told.stdout.count("<heap nr=")


def test_threads_share_two_heaps() -> None:
    """As the C library has it each thread has its own, as long as there are few."""
    assert heaps("shared") <= 2 < heaps("apart")
