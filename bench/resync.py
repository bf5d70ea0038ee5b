"""What reading a Page again costs when nothing is new, as it becomes due and whole.

    python -m bench resync [--posts 3111] [--attachments 5600] [--markdown] [--save FOLDER]

A Page of the first user's size is archived, then synced again as `fbsyncd sync` does, and once
more with `--full`. The simulated Facebook draws plain pictures in a process of its own; it shares
the machine, so the seconds are an upper bound. What counts are calls, downloads and rows written:
they are the same on any machine. On PostgreSQL too where the tests' binaries are there.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Final

from bench import table
from bench.archive import Facebook, fill_up, measure
from bench.databases import databases
from fbsyncd import config
from fbsyncd.archive import Archive

#: What is done one after the other, with how many calls to the Graph at most.
SYNCS: Final[dict[str, tuple[tuple[str, ...], int | None]]] = {
    "first": ((), None),
    "again": ((), 2),
    "again, --full": (("--full",), 64),
}
#: What nothing of may happen when nothing is new.
NOTHING: Final = ("downloads", "rows written", "files written")

Figures = dict[str, list[float]]


def measured(folder: Path, url: str, facebook: Facebook) -> Figures:
    """Return what each sync of an empty archive in *folder* did, one after the other."""
    text = facebook.configure(folder, url)
    archive = Archive(config.parse(text, base=folder, environ={}))
    archive.setup()
    found: Figures = {}
    for name, (arguments, _) in SYNCS.items():
        table.say(f"{name}: fbsyncd sync {' '.join(arguments)}")
        done = measure(facebook, folder, archive, *arguments)
        found |= {f"{name}: {what}": [figure] for what, figure in done.items()}
    archive.close()
    return found


def goals() -> list[table.Goal]:
    """Return what is aimed at in every sync but the first."""
    found = []
    for name, (_, calls) in SYNCS.items():
        if calls is not None:
            most = {"Graph calls": calls, **dict.fromkeys(NOTHING, 0)}
            found += [
                table.Goal(f"{name}: {what}", limit, aim=9, exact=True)
                for what, limit in most.items()
            ]
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--posts", type=int, default=3111)
    parser.add_argument("--attachments", type=int, default=5600)
    parser.add_argument("--quick", action="store_true", help="of a small Page")
    table.options(parser, rounds=1)
    args = parser.parse_args()
    if args.quick:
        args.posts, args.attachments = 120, 200
    tables = []
    with tempfile.TemporaryDirectory() as name, databases(None) as found:
        for engine, url in found:
            with Facebook.started(args.posts) as facebook:
                counting = Path(name, f"counting for {engine}")
                facebook.configure(counting, "sqlite:///fbsyncd.db")
                fill_up(facebook, counting, args.attachments)
                figures = measured(Path(name, engine), url, facebook)
            title = f"{args.posts:,} posts, {args.attachments:,} attachments on {engine}"
            tables.append(table.Table(title, "counts", figures, "", goals()))
    table.tell("resync", tables, args)


if __name__ == "__main__":
    main()
