"""The programs that are measured beside ours: where they are, and how they are installed.

    python -m bench.programs        install what is missing: from Debian by apt-get, and from PyPI

As root it runs apt-get install of aria2, b3sum, curl, findutils, nginx with its Lua module,
pgloader, rsync and coreutils, of those only that are not there; as anybody else it prints that
command and goes on. gallery-dl gets a venv below ~/.cache/fbsyncd-bench (or $FBSYNCD_BENCH). What
cannot be had is named in the tables, with the reason.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from bench.table import Missing, say

#: Program: the Debian package that has it.
DEBIAN: Final = {
    "aria2c": "aria2",
    "b3sum": "b3sum",
    "curl": "curl",
    "find": "findutils",
    "nginx": "nginx",
    "pgloader": "pgloader",
    "rsync": "rsync",
    "sha256sum": "coreutils",
}
PYPI: Final = {"gallery-dl": "gallery-dl"}
#: Lets nginx wait before it answers, as a server far away does.
LUA: Final = "libnginx-mod-http-lua"
_LUA_FILES: Final = ("ndk_http_module.so", "ngx_http_lua_module.so")
_PATH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def home() -> Path:
    """Return the folder for what is installed from PyPI."""
    return Path(os.environ.get("FBSYNCD_BENCH") or Path.home() / ".cache" / "fbsyncd-bench")


def find(name: str) -> str:
    """Return the path of a program. Raises Missing."""
    found = shutil.which(name, path=_PATH)
    kept = home() / name / "bin" / name
    if found is None and kept.exists():
        found = str(kept)
    if found is None:
        raise Missing(f"{name} is not installed: python -m bench.programs")
    return found


def lua_modules() -> list[Path]:
    """Return the modules nginx has to load in order to wait. Raises Missing."""
    modules = [Path("/usr/lib/nginx/modules") / name for name in _LUA_FILES]
    if not all(module.exists() for module in modules):
        raise Missing(f"nginx has no Lua here ({LUA}): python -m bench.programs")
    return modules


def version(name: str) -> str:
    """Return the name of a program with its version, as it tells it."""
    flag = "-v" if name == "nginx" else "--version"
    done = subprocess.run([find(name), flag], capture_output=True, text=True, check=False)
    words = (done.stdout or done.stderr).replace("/", " ").replace("(", " ").split()
    numbers = [word for word in words[:12] if word[:1].isdigit()]
    return f"{name} {numbers[0] if numbers else '?'}"


def versions(*names: str) -> str:
    """Return the :func:`version` of each program that is there."""
    return ", ".join(version(name) for name in names if _is_there(name))


def install() -> None:
    """Install what is missing, and say what could not be."""
    packages = {package for name, package in DEBIAN.items() if not _is_there(name)}
    if not all((Path("/usr/lib/nginx/modules") / name).exists() for name in _LUA_FILES):
        packages.add(LUA)
    if packages:
        _from_debian(sorted(packages))
    for name, package in PYPI.items():
        if not _is_there(name):
            _from_pypi(name, package)


def _is_there(name: str) -> bool:
    try:
        find(name)
    except Missing:
        return False
    return True


def _from_debian(packages: list[str]) -> None:
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        say(f"not installed, root and apt-get are needed: {' '.join(command)}")
        return
    for package in packages:
        done = subprocess.run([*command[:4], package], check=False, stdout=subprocess.DEVNULL)
        say(f"{package}: {'could not be installed' if done.returncode else 'installed'}")


def _from_pypi(name: str, package: str) -> None:
    folder = home() / name
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    done = subprocess.run([*pip, "install", package], check=False)
    say(f"{package}: {'could not be installed' if done.returncode else 'installed'}")


def main() -> None:
    """Install, unless only the help is asked for."""
    formatter = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(
        prog="python -m bench.programs", description=__doc__, formatter_class=formatter
    ).parse_args()
    install()


if __name__ == "__main__":
    main()
