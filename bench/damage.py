"""Damage a picture may suffer on its way or on the disk: how much is found, and what looking costs.

    python -m bench damage [--files 400] [--rounds 3] [--markdown] [--save FOLDER]

fbsyncd            the check that every picture passes before it is archived (`fbsyncd.proof`): the
                   structure of a JPEG is followed to its end, nothing is decoded
Pillow             the same bytes decoded in full, as `Image.load()` does
fbsyncd, scrub     archived photographs with one bit changed in each, held against their SHA-256

Photographs of 190 KB, damaged in another place each round: cut off anywhere; without the last 1 to
4,096 bytes; the last 4,096 bytes and more of them zeros; a block of 4,096 bytes overwritten by
random ones; an HTML page in place of the picture. A bit that changed within a picture is no matter
of the structure: that row says what the check finds of those without the SHA-256. The processor's
time is that of whole photographs, which take the longest.
"""

from __future__ import annotations

import argparse
import io
import logging
import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import PIL
from PIL import Image

from bench import heap, table
from bench.photos import photos
from fbsyncd import proof
from fbsyncd.errors import FetchError
from fbsyncd.reconcile import READERS, Pace

OURS, PILLOW, SCRUB = "fbsyncd", "Pillow", "fbsyncd, scrub"
BLOCK: Final = 4096
#: A picture's pixels and more.
_LIMIT: Final = 50_000_000
#: Where the picture itself begins, behind all headers of ours.
_BODY: Final = 2048
BIT: Final = "one bit changed"


def cut(data: bytes, dice: random.Random) -> bytes:
    """Return the beginning of a file, as much of it as came."""
    return data[: dice.randrange(1, len(data) - BLOCK)]


def shortened(data: bytes, dice: random.Random) -> bytes:
    """Return a file whose last bytes are not there."""
    return data[: -dice.randint(1, BLOCK)]


def zeroed(data: bytes, dice: random.Random) -> bytes:
    """Return a file whose end was never written, though it has its length."""
    gone = dice.randrange(BLOCK, len(data) // 2)
    return data[:-gone] + bytes(gone)


def overwritten(data: bytes, dice: random.Random) -> bytes:
    """Return a file with a block of something else in it."""
    at = dice.randrange(_BODY, len(data) - BLOCK)
    return data[:at] + dice.randbytes(BLOCK) + data[at + BLOCK :]


def page(data: bytes, dice: random.Random) -> bytes:
    """Return a page that says that something went wrong."""
    said = f"<!DOCTYPE html><html><head><title>{dice.random()}</title></head><body>Error"
    return said.encode().ljust(len(data) // 100) + b"</body></html>"


def flipped(data: bytes, dice: random.Random) -> bytes:
    """Return a file with one bit changed."""
    at = dice.randrange(_BODY, len(data) - 2)
    return data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1 :]


DAMAGES: Final[Mapping[str, Callable[[bytes, random.Random], bytes]]] = {
    "cut off": cut,
    "tail lost": shortened,
    "tail zeroed": zeroed,
    "random block": overwritten,
    "HTML page": page,
    BIT: flipped,
}


def ours(data: bytes) -> bool:
    """Tell whether the check takes these bytes for a whole picture."""
    try:
        proof.prove(data, max_pixels=_LIMIT)
    except FetchError:
        return False
    return True


def pillow(data: bytes) -> bool:
    """Tell whether Pillow decodes them."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
    except (OSError, SyntaxError, ValueError):
        return False
    return True


CHECKS: Final[Mapping[str, Callable[[bytes], bool]]] = {OURS: ours, PILLOW: pillow}


def found(check: Callable[[bytes], bool], damaged: Sequence[bytes]) -> float:
    """Return how many in a hundred a check finds."""
    return 100 * sum(not check(data) for data in damaged) / len(damaged)


def cost(check: Callable[[bytes], bool], whole: Sequence[bytes]) -> float:
    """Return the processor's milliseconds for a whole picture."""
    began = time.process_time()
    if not all(map(check, whole)):
        raise table.Missing("a whole picture was taken for damaged")
    return (time.process_time() - began) * 1000 / len(whole)


def scrubbed(folder: Path, count: int, dice: random.Random) -> float:
    """Change a bit of every archived file; return how many in a hundred a scrub finds."""
    for file in heap.heap(folder, count, whole=True).iterdir():
        file.write_bytes(flipped(file.read_bytes(), dice))
    archive = heap.opened(folder)
    archive.setup()
    # So many at once would be the disk, not the files: it is told to believe what it sees.
    findings = archive.scrub(Pace(dry_run=True, accept_loss=True, readers=READERS))
    archive.close()
    return 100 * findings.wrong_content / count


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    table.options(parser, rounds=3)
    parser.add_argument("--files", type=int, default=400)
    args = parser.parse_args()
    # A scrub has a word for each damaged file.
    logging.getLogger("fbsyncd").setLevel(logging.ERROR)
    whole = list(photos(args.files))
    share: dict[str, list[float]] = {f"{who}: {what}": [] for what in DAMAGES for who in CHECKS}
    share[f"{SCRUB}: {BIT}"] = []
    costs: dict[str, list[float]] = {who: [] for who in CHECKS}
    with tempfile.TemporaryDirectory(prefix="fbsyncd-bench-") as name:
        for done in range(args.rounds):
            dice = random.Random(done)
            for what, damage in DAMAGES.items():
                damaged = [damage(data, dice) for data in whole]
                for who, check in CHECKS.items():
                    share[f"{who}: {what}"].append(found(check, damaged))
            for who, check in CHECKS.items():
                costs[who].append(cost(check, whole))
            share[f"{SCRUB}: {BIT}"].append(scrubbed(Path(name, "heap"), args.files, dice))
            table.say(f"round {done + 1} of {args.rounds}")
    table.tell("damage", tables(share, costs, args.files), args)


def tables(
    share: dict[str, list[float]], costs: dict[str, list[float]], files: int
) -> list[table.Table]:
    """Return what was found, and what it cost."""
    sure = [f"{OURS}: {what}" for what in DAMAGES if what != BIT] + [f"{SCRUB}: {BIT}"]
    goals = [table.Goal(row, 100, at_least=True, aim=12) for row in sure]
    of = f"{files:,} photographs of 190 KB"
    return [
        table.Table(f"Damage found, {of}", "%", share, "", goals),
        table.Table(
            f"Looking at {of}",
            "CPU ms each",
            costs,
            PILLOW,
            [table.Goal(OURS, 0.3, aim=12)],
            notes=[f"Pillow {PIL.__version__}"],
        ),
    ]


if __name__ == "__main__":
    main()
