"""Run one measurement, or all of them.

    python -m bench                       what there is
    python -m bench NAME [OPTIONS]        one, with its own options (--help tells them)
    python -m bench all [--quick] [--markdown] [--save FOLDER]
    python -m bench.programs              install the programs they are measured beside
    python -m bench picture FOLDER        one picture of all the goals that were saved there

--quick makes everything smaller; it shows where the time goes, not how the program compares.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench import bars, table

#: Name: module, what it is always given, and what makes it small enough for --quick.
BENCHES: Final[dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]]] = {
    "download": ("download", (), ("--files", "600", "--rounds", "2")),
    "json": ("serve", ("--only", "json"), ("--rounds", "2", "--seconds", "0.5")),
    "media": ("serve", ("--only", "media"), ("--rounds", "2", "--seconds", "0.5")),
    "serve": ("serve", (), ("--rounds", "2", "--seconds", "0.5")),
    "busy": ("busy", (), ("--posts", "300", "--rounds", "2")),
    "scan": ("scan", (), ("--files", "5600", "100000", "--rounds", "2")),
    "scrub": ("scrub", (), ("--files", "1000", "--rounds", "2")),
    "upsert": ("upsert", (), ("--rounds", "2")),
    "resync": ("resync", (), ("--quick",)),
    "memory": ("memory", (), ("--quick",)),
    "start": ("start", (), ("--rounds", "3")),
    "growth": ("growth", (), ("--quick",)),
    "copy": ("copy", (), ("--rows", "20000", "--rounds", "1")),
    "month": ("month", (), ("--pages", "20", "--days", "3", "--posts", "400")),
}
#: What ``all`` runs: serve is json and media in one.
ALL: Final = (
    *("download", "serve", "busy", "scan", "scrub", "upsert"),
    *("resync", "memory", "start", "growth"),
)


def main() -> None:
    """Find the measurement and hand the other arguments on."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name == "all":
        run_all(arguments)
    elif name == "picture" and len(arguments) == 1:
        print(picture(Path(arguments[0])), end="")
    elif name in BENCHES:
        run(name, arguments)
    elif name in {"-h", "--help"}:
        print((__doc__ or "").strip(), "", *map(described, BENCHES), sep="\n")
    else:
        sys.exit(f"no measurement {name!r}; there are {', '.join(BENCHES)} and all")


def run(name: str, arguments: Sequence[str]) -> None:
    """Run one measurement as if its module had been called by itself."""
    module, always, _ = BENCHES[name]
    sys.argv = [f"python -m bench {name}", *always, *arguments]
    importlib.import_module(f"bench.{module}").main()


def run_all(arguments: Sequence[str]) -> None:
    """Run all; one that cannot run says why, and the others go on."""
    shared = [one for one in arguments if one != "--quick"]
    print(f"Measured on {table.machine_line()}.", end="\n\n", flush=True)
    failed = []
    for name in ALL:
        table.say(f"== {name}")
        print(f"## {name}", end="\n\n", flush=True)
        try:
            run(name, [*(BENCHES[name][2] if "--quick" in arguments else ()), *shared])
        except (SystemExit, OSError) as e:
            failed.append(name)
            print(f"{name} was not measured: {e}", end="\n\n", flush=True)
    sys.exit(f"not measured: {', '.join(failed)}" if failed else 0)


def described(name: str) -> str:
    """Return a name and the first sentence of its module."""
    path = Path(__file__).with_name(f"{BENCHES[name][0]}.py")
    first = path.read_text(encoding="utf-8").lstrip('"').partition("\n")[0]
    return f"{name:<10}{first}"


def picture(folder: Path) -> str:
    """Return an SVG of the goals that name a peer, each with that peer at 1.0."""
    charts = []
    for path in sorted(folder.glob("*.json")):
        for one in table.saved(path):
            reached = [(goal, one.reached(goal)) for goal in one.goals if goal.peer]
            rows = [
                (f"{goal.row} / {goal.peer}", value, False)
                for goal, value in reached
                if value is not None
            ]
            if rows:
                charts.append(bars.Chart(one.title, rows))
    return bars.draw(charts)


if __name__ == "__main__":
    main()
