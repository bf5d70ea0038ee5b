"""What is measured on, and how busy that was before."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any


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
        "load": round(os.getloadavg()[0], 2),
        "at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def was_busy(told: Mapping[str, Any]) -> bool:
    """Tell whether more was waiting for the processors than there are, when it began."""
    return bool(told["load"] > told["processors"])


def line(told: Mapping[str, Any]) -> str:
    """Return :func:`described` as a part of a sentence."""
    return (
        f"{told['processors']} cores ({told['model']}), {told['system']},"
        f" Python {told['Python']}, load {told['load']} when it began ({told['at']})"
    )
