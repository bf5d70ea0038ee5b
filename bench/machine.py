"""What is measured on, and how busy that was before."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

#: Loads above this share of the processors are waited for, so long (seconds).
REST: Final = 0.25
PATIENCE: Final = 240


def described() -> dict[str, Any]:
    """Say what is measured on, and how busy it is."""
    model = ""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        model = models[0] if models else ""
    return {
        "processors": os.cpu_count(),
        "model": model or platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "program": _commit(),
        "load": round(os.getloadavg()[0], 2),
        "at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def _commit() -> str:
    """Return the commit that is measured, marked where it was changed, or nothing."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    with suppress(OSError, subprocess.CalledProcessError):
        here = Path(__file__).parent
        done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=True)
        return done.stdout.strip()
    return ""


def await_rest() -> None:
    """Wait until what was measured before is no load any more, or for four minutes."""
    end = time.monotonic() + PATIENCE
    while os.getloadavg()[0] > REST * (os.cpu_count() or 1) and time.monotonic() < end:
        time.sleep(5)


def was_busy(told: Mapping[str, Any]) -> bool:
    """Tell whether more was waiting for the processors than there are, when it began."""
    return bool(told["load"] > told["processors"])


def line(told: Mapping[str, Any]) -> str:
    """Return :func:`described` as a part of a sentence."""
    program = f" fbsyncd at {told['program']}," if told.get("program") else ""
    return (
        f"{told['processors']} cores ({told['model']}), {told['system']}, Python {told['Python']},"
        f"{program} load {told['load']} when it began ({told['at']})"
    )
