"""All that is aimed at, from the figures that were saved: one table, and one picture.

    python -m bench goals FOLDER        prints the table, and writes goals.md and goals.svg there

Each line says the load, and the lowest and the highest of the rounds beside the median. What was
not measured, or not often enough to tell, says so.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import bars, machine, table

#: What is aimed at, by number, and the measurement that shows it.
AIMS: Final[dict[int, tuple[str, str]]] = {
    1: ("archive pictures as quickly as others only download them", "download"),
    2: ("archive twice as many pictures a second as gallery-dl", "download"),
    3: ("pages of posts", "serve"),
    4: ("pictures over HTTP", "serve"),
    5: ("answers while it archives", "busy"),
    6: ("what is missing", "scan"),
    7: ("hash all files", "scrub"),
    8: ("write a Page's rows", "upsert"),
    9: ("a second sync", "resync"),
    10: ("memory", "memory"),
    11: ("start", "start"),
    12: ("damage found", "damage"),
    13: ("what ten times the posts cost", "growth"),
}
#: Beside each figure of a measurement that began on a busy machine.
BUSY: Final = " †"
_HEAD: Final = ("aimed at", "load", "reached", "lowest to highest", "rounds", "bound", "verdict")


@dataclass(frozen=True, slots=True)
class Aimed:
    """One goal with the table it stands in."""

    goal: table.Goal
    of: table.Table
    was_busy: bool = False

    @property
    def bar(self) -> bars.Bar | None:
        """Return it as a bar, more of which is better; None without another program beside it.

        What fbsyncd is held against itself for, with more posts or more to do, is neither won nor
        lost against anybody.
        """
        reached = self.of.reached(self.goal)
        others = self.goal.row.startswith("fbsyncd") and not self.goal.peer.startswith("fbsyncd")
        told = others and self.goal.peer and reached
        if not told or self.of.verdict(self.goal).startswith("too few"):
            return None
        times, aim = statistics.median(reached), self.goal.limit
        if not self.goal.at_least:
            times, aim = 1 / times, 1 / aim
        return bars.Bar(f"{self.goal.row} beside {self.goal.peer}", self.of.title, times, aim)


def saved(folder: Path) -> dict[int, list[Aimed]]:
    """Return what was saved in a folder of each aim."""
    found: dict[int, list[Aimed]] = {number: [] for number in AIMS}
    for path in sorted(filter(Path.is_file, folder.glob("*.json"))):
        was_busy = machine.was_busy(json.loads(path.read_text(encoding="utf-8"))["machine"])
        for one in table.saved(path):
            for goal in one.goals:
                if goal.aim:
                    found[goal.aim].append(Aimed(goal, one, was_busy and not goal.exact))
    return found


def lines(found: dict[int, list[Aimed]]) -> list[list[str]]:
    """Return the cells of the table: at least one line for each aim."""
    told = []
    for number, (words, bench) in AIMS.items():
        for one in found[number]:
            reached = one.of.reached(one.goal)
            mark = BUSY if one.was_busy and reached else ""
            figures = [table.middle(reached) + mark, table.spread(reached), str(len(reached))]
            load = f"{one.of.title}, {one.of.unit}"
            ends = [one.goal.bound, one.of.verdict(one.goal)]
            told.append([f"{number}. {one.goal.text}", load, *figures, *ends])
        if not found[number]:
            name = f"{number}. {words}"
            told.append([name, f"python -m bench {bench}", "", "", "0", "", "not measured"])
    return told


def machines(folder: Path) -> Iterator[str]:
    """Say of each measurement where and when it was made, and what of it was not."""
    for path in sorted(filter(Path.is_file, folder.glob("*.json"))):
        kept = json.loads(path.read_text(encoding="utf-8"))
        mark = BUSY if machine.was_busy(kept["machine"]) else ""
        yield f"{path.stem}{mark}: {machine.line(kept['machine'])}"
        for what, why in kept.get("not measured", {}).items():
            yield f"{path.stem}, {what}: not measured, {why}"


def summary(cells: list[list[str]]) -> str:
    """Return how many lines have which verdict."""
    verdicts = [line[-1] for line in cells]
    counts = (f"{verdicts.count(one)} {one}" for one in dict.fromkeys(verdicts))
    return f"{len(cells)} figures of {len(AIMS)} aims: {', '.join(counts)}."


def document(folder: Path) -> str:
    """Return all of it as Markdown: what is reached, and on which machine."""
    cells = lines(saved(folder))
    told = [summary(cells), "", *table.grid(_HEAD, cells), ""]
    return "\n".join([*told, *(f"- {line}" for line in machines(folder))])


def tell(folder: Path) -> None:
    """Print the table and write it and the picture into the folder."""
    found = saved(folder)
    cells = lines(found)
    where = machines(folder)
    print(*table.aligned([list(_HEAD), *cells]), "", summary(cells), *where, sep="\n")
    (folder / "goals.md").write_text(f"{document(folder)}\n", encoding="utf-8")
    (folder / "goals.svg").write_text(picture(found), encoding="utf-8")


def picture(found: dict[int, list[Aimed]]) -> str:
    """Return fbsyncd beside each other program; of several loads the one it comes off worst at."""
    groups = {}
    for number, (words, _) in AIMS.items():
        worst: dict[str, bars.Bar] = {}
        for bar in filter(None, (one.bar for one in found[number])):
            if bar.name not in worst or bar.times < worst[bar.name].times:
                worst[bar.name] = bar
        if worst:
            groups[f"{words[0].upper()}{words[1:]}"] = list(worst.values())
    return bars.draw_times("fbsyncd beside other programs: times as good", groups)
