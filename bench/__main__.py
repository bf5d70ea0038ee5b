"""Run one measurement, or all of them.

    python -m bench                       what there is
    python -m bench NAME [OPTIONS]        one, with its own options (--help tells them)
    python -m bench all [--short|--quick] [--only NAME ...] [--markdown] [--save FOLDER]
    python -m bench.programs              install the programs they are measured beside
    python -m bench goals FOLDER          all that is aimed at as one table and one picture
    python -m bench paste FOLDER          what was saved there into docs/PERFORMANCE.md

--short keeps the loads and makes three rounds (of copy one), without the million files, the 300,000
posts, most of memory's posts, and the wait until all pictures are developed. --quick makes
everything small: it shows that all of it runs, not how the program compares.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

from bench import goals, machine, paste, table


@dataclass(frozen=True, slots=True)
class Bench:
    """A measurement: its module, what makes it short or quick, and about how many minutes it takes.

    *minutes* are those of the whole, the short and the quick one; *always* is always given to it.
    """

    module: str
    minutes: tuple[float, float, float]
    short: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()
    always: tuple[str, ...] = ()


_SERVE: Final = ("--rounds", "3"), ("--rounds", "1", "--seconds", "0.3", "--posts", "400")
_THREE: Final = ("--rounds", "3")
_ONE: Final = ("--rounds", "1")
#: In the order in which all are made: those that take long come late.
BENCHES: Final[dict[str, Bench]] = {
    "start": Bench("start", (1, 0.5, 0.3), _THREE, (*_ONE, "--posts", "300")),
    "damage": Bench("damage", (0.5, 0.5, 0.2), _THREE, (*_ONE, "--files", "10")),
    "upsert": Bench("upsert", (2, 1, 0.3), _THREE, (*_ONE, "--posts", "300")),
    "scrub": Bench("scrub", (1.5, 1.5, 0.3), _THREE, (*_ONE, "--files", "200")),
    "json": Bench("serve", (12, 7, 0.5), *_SERVE, ("--only", "json")),
    "media": Bench("serve", (8, 5, 0.4), *_SERVE, ("--only", "media")),
    "serve": Bench("serve", (19, 12, 0.8), *_SERVE),
    "busy": Bench("busy", (4, 4, 1), _THREE, (*_ONE, "--posts", "80")),
    "download": Bench(
        "download", (24, 16, 0.7), (*_THREE, "--archived"), (*_ONE, "--files", "200")
    ),
    "scan": Bench("scan", (5, 1, 0.2), ("--files", "5600", "100000"), (*_ONE, "--files", "300")),
    "growth": Bench(
        "growth", (6, 2, 0.7), (*_THREE, "--posts", "3000", "30000"), (*_ONE, "--quick")
    ),
    "memory": Bench("memory", (19, 6.5, 1), ("--posts", "150"), (*_ONE, "--quick")),
    "resync": Bench("resync", (3, 3, 0.6), (), ("--quick",)),
    "copy": Bench("copy", (4, 1.5, 0.3), _ONE, (*_ONE, "--rows", "7000")),
    "month": Bench("month", (5, 5, 1), (), ("--pages", "20", "--days", "3", "--posts", "400")),
}
#: Not in ``all``: serve is json and media in one, and a month is of no machine.
APART: Final = ("json", "media", "month")


def main() -> None:
    """Run what is asked for; what ends it early is told in a sentence."""
    name, *arguments = sys.argv[1:] or ["--help"]
    try:
        chosen(name, arguments)
    except table.Missing as reason:
        sys.exit(f"not measured, {reason}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def chosen(name: str, arguments: Sequence[str]) -> None:
    """Find the measurement and hand the other arguments on."""
    if name == "all":
        run_all(arguments)
    elif name in {"goals", "paste"}:
        of_folder(name, arguments)
    elif name in BENCHES:
        sys.argv = [f"python -m bench {name}", *BENCHES[name].always, *arguments]
        loaded(name).main()
    elif name in {"-h", "--help"}:
        print((__doc__ or "").strip(), "", *map(described, BENCHES), sep="\n")
    else:
        sys.exit(f"no measurement {name!r}; there are {', '.join(BENCHES)} and all")


def loaded(name: str) -> ModuleType:
    """Return the module of a measurement; without its packages, say how to get them and end."""
    try:
        return importlib.import_module(f"bench.{BENCHES[name].module}")
    except ModuleNotFoundError as error:
        how = "`make .venv/.dev` installs what is needed, .venv/bin/python -m bench then finds it"
        sys.exit(f"{sys.executable} has no package {error.name}: {how}")


def of_folder(name: str, arguments: Sequence[str]) -> None:
    """Tell or paste what was saved in a folder."""
    what, how = {"goals": (goals, goals.tell), "paste": (paste, paste.paste)}[name]
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog=f"python -m bench {name}", description=what.__doc__, formatter_class=formatter
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where --save kept figures")
    folder = parser.parse_args(arguments).folder
    if not folder.is_dir():
        parser.error(f"there is no folder {folder}: measurements make it with --save")
    how(folder)


def run_all(arguments: Sequence[str]) -> None:
    """Run all, each in a process of its own; one that fails is said, and the others go on."""
    parser = argparse.ArgumentParser(prog="python -m bench all")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--short", action="store_true", help="the largest loads left out")
    size.add_argument("--quick", action="store_true", help="everything small")
    parser.add_argument("--only", nargs="+", choices=BENCHES, metavar="NAME", help="these alone")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--save", type=Path, metavar="FOLDER")
    args = parser.parse_args(arguments)
    names = args.only or [name for name in BENCHES if name not in APART]
    kind = 1 if args.short else 2 if args.quick else 0
    for name in names:
        loaded(name)
    minutes = sum(BENCHES[name].minutes[kind] for name in names)
    table.say(f"{', '.join(names)}: about {lasting(minutes)} in all, on two quiet cores")
    failed = []
    for name in names:
        if name != names[0] and not args.quick:
            # Else what was measured last is the load this one begins with.
            machine.await_rest()
        if not succeeds(name, kind, args):
            failed.append(name)
    if args.save:
        goals.tell(args.save)
    sys.exit(f"not measured: {', '.join(failed)}" if failed else 0)


def succeeds(name: str, kind: int, args: argparse.Namespace) -> bool:
    """Run one measurement; tell whether it came to its end."""
    table.say(f"== {name}, about {lasting(BENCHES[name].minutes[kind])}")
    print(f"## {name}", end="\n\n", flush=True)
    chosen = [(), BENCHES[name].short, BENCHES[name].quick][kind]
    shared = ["--markdown"] if args.markdown else []
    if args.save:
        shared += ["--save", str(args.save)]
    command = [sys.executable, "-m", "bench", name, *chosen, *shared]
    with subprocess.Popen(command) as child:
        try:
            status = child.wait()
        except KeyboardInterrupt:
            # It got the same Ctrl-C, and takes its files away before it ends.
            child.wait()
            raise
    if status:
        print(f"{name} was not measured: it ended with status {status}", end="\n\n")
    return status == 0


def lasting(minutes: float) -> str:
    """Return a time in words."""
    if minutes < 1:
        return f"{minutes * 60:.0f} seconds"
    return f"{minutes:.0f} minute{'s' if minutes >= 1.5 else ''}"


def described(name: str) -> str:
    """Return a name and the first sentence of its module."""
    path = Path(__file__).with_name(f"{BENCHES[name].module}.py")
    first = path.read_text(encoding="utf-8").lstrip('"').partition("\n")[0]
    return f"{name:<10}{first}"


if __name__ == "__main__":
    main()
