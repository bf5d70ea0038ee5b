"""Archive pictures beside programs that only download them, from the same nginx.

    python -m bench download [--files 5600] [--rounds 3] [--archived] [--folder FOLDER]

The links are those that the simulated Facebook signed; nginx stands where they lead, on the
loopback, once as it is and once waiting 30 ms before each answer (its Lua module's sleep: the
connection itself is as quick as before). Rounds are interleaved, and folders emptied and written
back to the disk between.

fbsyncd            `fbsyncd sync` from its start until the last picture is archived: hashed, checked
                   for wholeness, on the disk under its name, and recorded, which is when another
                   connection to the database sees its row committed (asked every 10 ms)
fbsyncd, 16        the same with media.workers = 16 in place of 8, as many connections as aria2c
                   has; with the wait only
fbsyncd, all       until it ends: every picture decoded in full and its small version made as well;
                   left out with --archived, which ends fbsyncd as soon as all is archived
aria2c -j16        --file-allocation=none; writes files, checks nothing
curl --parallel    --parallel-max 16; the least that has to be done
gallery-dl         one after the other, as it works; it does not know links without .jpg at the end
                   (3 of 100), so its time is that of the others, reckoned up to all
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from bench import stage, table
from bench.programs import find, versions
from bench.stage import Stage

WAIT: Final = 0.03
ARIA, CURL, GALLERY = "aria2c -j16", "curl --parallel", "gallery-dl"
_KNOWN: Final = (".jpg", ".jpeg", ".png", ".webp", ".gif")
_ARCHIVED: Final = (
    "SELECT count(*) FROM media_storage WHERE download_status = 'success' AND derived_from IS NULL"
)
OURS, MORE, WHOLE = "fbsyncd", "fbsyncd, 16 at once", "fbsyncd, all developed too"


class Clients:
    """Everyone who downloads, each into a folder emptied before."""

    def __init__(self, scene: Stage, folder: Path, *, is_whole: bool) -> None:
        self._scene = scene
        self._is_whole = is_whole
        self._folder = folder
        self._out = folder / "out"
        self.whole: list[float] = []

    def ways(self, *, is_far: bool) -> dict[str, Callable[[], float]]:
        """Return what is measured, by name; *is_far*: with a wait before each answer."""
        ways = {ARIA: self.aria2c, CURL: self.curl, GALLERY: self.gallery_dl}
        ways[OURS] = lambda: self.fbsyncd(8)
        if is_far:
            ways[MORE] = lambda: self.fbsyncd(16)
        return ways

    def aria2c(self) -> float:
        lines = [f"{link}\n out={name}" for name, link in self._named()]
        command = [find("aria2c"), "-j16", "--file-allocation=none", "--no-conf", "--quiet"]
        return self._run([*command, "-d", str(self._out), "-i", self._list(lines)])

    def curl(self) -> float:
        lines = [f'url = "{link}"\noutput = "{self._out / name}"' for name, link in self._named()]
        command = [find("curl"), "--disable", "--silent", "--fail", "--parallel"]
        return self._run([*command, "--parallel-max", "16", "-K", self._list(lines)])

    def gallery_dl(self) -> float:
        command = [find("gallery-dl"), "--config-ignore", "--quiet"]
        # Two sizes of one picture have one name, and differ in how the link goes on.
        command += ["-D", str(self._out), "-f", "{filename}-{query[0:90]}.{extension}"]
        links = [link for link in self._scene.links if link.partition("?")[0].endswith(_KNOWN)]
        took = self._run([*command, "-i", self._list(links)], len(links))
        return took * len(self._scene.links) / len(links)

    def fbsyncd(self, workers: int) -> float:
        """Sync once; return the seconds until the last picture was archived."""
        archive = stage.fresh(self._scene, self._folder / "archive")
        stage.emptied(self._out)
        began = time.perf_counter()
        command = [sys.executable, "-m", "fbsyncd", "sync"]
        chosen = {**os.environ, "FBSYNCD_MEDIA_WORKERS": str(workers)}
        with (archive / "said").open("w") as said:
            process = subprocess.Popen(command, cwd=archive, env=chosen, stdout=said, stderr=said)
            try:
                self._await_archived(archive, process)
                took = time.perf_counter() - began
                if not self._is_whole:
                    process.terminate()
            finally:
                process.wait()
        if self._is_whole and process.returncode:
            sys.exit(f"fbsyncd sync: {(archive / 'said').read_text(encoding='utf-8')}")
        if self._is_whole and workers == 8:
            self.whole.append(time.perf_counter() - began)
        return took

    def _await_archived(self, archive: Path, process: subprocess.Popen[bytes]) -> None:
        """Return when the row of every picture is committed."""
        seen = archived = -1
        with closing(sqlite3.connect(archive / "fbsyncd.db")) as db:
            while archived < len(self._scene.links):
                if process.poll() is not None:
                    said = (archive / "said").read_text(encoding="utf-8")
                    sys.exit(f"fbsyncd sync ended with {archived} pictures archived: {said}")
                time.sleep(0.01)
                # Rows are only counted after somebody has committed: that costs next to nothing.
                ((version,),) = db.execute("PRAGMA data_version")
                if version != seen:
                    seen = version
                    ((archived,),) = db.execute(_ARCHIVED)

    def _named(self) -> list[tuple[str, str]]:
        return [(f"{number:06}.jpg", link) for number, link in enumerate(self._scene.links)]

    def _list(self, lines: list[str]) -> str:
        path = self._folder / "list"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return str(path)

    def _run(self, command: list[str], expected: int = 0) -> float:
        stage.emptied(self._out)
        took = table.seconds(lambda: subprocess.run(command, check=True, capture_output=True))
        found = [path.stat().st_size for path in self._out.rglob("*") if path.is_file()]
        if len(found) != (expected or len(self._scene.links)):
            sys.exit(f"{command[0]} wrote {len(found)} files of {sum(found):,} bytes")
        return took


def main() -> None:
    """Measure without and with a distance to the CDN, and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    table.options(parser, rounds=3)
    parser.add_argument("--files", type=int, default=5600)
    parser.add_argument("--archived", action="store_true", help="do not wait for developing")
    parser.add_argument("--folder", type=Path, help="where to write (default: the temporary one)")
    args = parser.parse_args()
    with stage.raised(args.folder, args.files) as (scene, folder):
        tables = [compare(scene, folder, wait, args) for wait in (0, WAIT)]
    table.tell("download", tables, args)


def compare(scene: Stage, folder: Path, wait: float, args: argparse.Namespace) -> table.Table:
    """Return a table of all clients with nginx waiting so many seconds before each answer."""
    clients = Clients(scene, folder, is_whole=not args.archived)
    where = f"{wait * 1000:.0f} ms before each answer" if wait else "loopback"
    try:
        with stage.nginx(scene, folder, wait):
            rows, missing = table.measure(clients.ways(is_far=wait > 0), args.rounds)
    except table.Missing as reason:
        rows, missing = {}, {where: f"not measured, {reason}"}
    if clients.whole:
        rows[WHOLE] = clients.whole
    goals = [table.Goal(OURS, 1.2, ARIA, aim=1)]
    if wait:
        goals = [
            table.Goal(ours, 0.8, ARIA, aim=1, bound=f"{least:.3g} s of waiting alone")
            for ours, at_once in ((OURS, 8), (MORE, 16))
            for least in (len(scene.links) * wait / at_once,)
        ]
    goals.append(table.Goal(OURS, 0.5, GALLERY, aim=2))
    title = f"{len(scene.links):,} pictures, {scene.size / 1e6:,.0f} MB, {where}"
    notes = [versions("nginx", *_there(rows))]
    return table.Table(title, "s", rows, ARIA, goals, missing, notes)


def _there(rows: dict[str, list[float]]) -> list[str]:
    return [row.split()[0] for row in rows if not row.startswith("fbsyncd")]


if __name__ == "__main__":
    main()
