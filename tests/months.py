"""Months in the life of a Page and of its archive, held against the memory of a witness."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from threading import Event

from cable import Cable
from pagelife import PageLife
from plant import config_text, one, read
from torture import Ordeal
from witness import LOST, Witness, compare_pictures, compare_posts

from fbsyncd import config, verify
from fbsyncd.archive import Archive
from fbsyncd.errors import Offline, Unavailable
from fbsyncd.reconcile import Pace
from fbsyncd.simulator import Simulator

QUARTER = timedelta(hours=6)
QUIET = 14
# What may befall the archive, how likely on a day, and for how many days.
TROUBLES = {
    "network": (0.02, 1, 4),
    "hosts of pictures": (0.02, 1, 3),
    "token": (0.015, 1, 6),
    "disk": (0.015, 1, 6),
    "sleep": (0.006, 7, 35),
}
HARMS = ("delete", "flip", "cut", "move")


class Hasty(Event):
    """A stop event on which nobody waits long: a pause between two tries is not under test."""

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(None if timeout is None else timeout / 200)


@dataclass
class Months:
    """One Page and one archive of it, day by day."""

    facebook: Simulator
    folder: Path
    database_url: str
    cable: Cable
    chance: random.Random
    #: How many times as likely as in an ordinary life trouble is.
    harshness: float = 1.0
    happened: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    #: Files that were harmed and are not whole yet; what they show must not go meanwhile.
    harmed: set[Path] = field(default_factory=set)
    moved: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.facebook.signer.base_url = self.cable.url
        self.witness = Witness(self.facebook)
        self.page = PageLife(self.witness, self.chance, self.happened)
        self.archive = self._opened()
        self.outside = Ordeal(self.facebook, self.folder, self.database_url)

    @property
    def root(self) -> Path:
        return self.folder / "media" / "facebook"

    def _opened(self) -> Archive:
        text = config_text(self.facebook, self.database_url)
        text = text.replace(self.facebook.url, self.cable.url)
        settings = config.parse(text, base=self.folder, environ={})
        archive = Archive(settings, stop=Hasty(), now=self.facebook.clock.now)
        archive.setup()
        archive.tidy()
        return archive

    def day(self, *, quiet: bool = False) -> None:
        """Let a day go by; a quiet one is without trouble and without changes."""
        self.happened["days"] += 1
        if not quiet:
            self._befall()
            for _ in range(self.chance.randint(0, 3)):
                self.page.change({path.stem for path in self.harmed})
        for _ in range(4):
            self.facebook.clock.move(QUARTER)
            if "sleep" not in self.left:
                self._work(quiet=quiet)
        self._recover()

    def _befall(self) -> None:
        for trouble, (likely, shortest, longest) in TROUBLES.items():
            if trouble not in self.left and self.chance.random() < likely * self.harshness:
                self.left[trouble] = self.chance.randint(shortest, longest)
                self.happened[f"times of {trouble}"] += 1
                self._begin(trouble)

    def _begin(self, trouble: str) -> None:
        if trouble == "network":
            self.cable.cut()
        elif trouble == "hosts of pictures":
            self.facebook.faults.cdn_status(503)
        elif trouble == "token":
            self.facebook.faults.token_dead()
        elif trouble == "disk":
            self.root.rename(self.folder / "unmounted")
            self.root.mkdir()

    def _recover(self) -> None:
        """End the day: what is over is mended, and the witness notes a day without trouble."""
        if self.left:
            self.happened["days of trouble"] += 1
            self.witness.forget()
        else:
            self.witness.attend()
        for trouble in list(self.left):
            self.happened[f"days of {trouble}"] += 1
            self.left[trouble] -= 1
            if not self.left[trouble]:
                del self.left[trouble]
                self._end(trouble)
        if "disk" not in self.left:
            self.harmed = {path for path in self.harmed if not _is_whole(path)}

    def _end(self, trouble: str) -> None:
        if trouble == "network":
            self.cable.mend()
        elif trouble == "hosts of pictures":
            self.facebook.faults.cdn_online()
        elif trouble == "token":
            self.facebook.faults.revive()
        elif trouble == "disk":
            # An empty mount point stays empty.
            assert list(self.root.iterdir()) == []
            self.root.rmdir()
            (self.folder / "unmounted").rename(self.root)
        else:
            self.archive.close()
            self.archive = self._opened()

    # The archive

    def _work(self, *, quiet: bool) -> None:
        """What the daemon does in a quarter of a day."""
        archive = self.archive
        self._put_back()
        read(archive)
        if not quiet and self.chance.random() < 0.02 * self.harshness:
            self.facebook.signer.renew()
            self.happened["links that all died at once"] += 1
        try:
            archive.reconcile()
            archive.scrub_if_due(Pace())
            for _ in range(3):
                archive.heal()
                with suppress(Offline):
                    archive.download()
                archive.develop()
        except Unavailable:
            self.happened["quarters unavailable"] += 1
            assert "disk" in self.left
        else:
            assert "disk" not in self.left
            if not quiet and self.chance.random() < 0.1:
                self._harm()

    def _harm(self) -> None:
        """Delete, cut, move away or flip bits of a few files that could be had again."""
        still = self.page.still_had()
        whole = sorted(
            path for path in self.outside.files() if path.stem in still and path not in self.harmed
        )
        for path in self.chance.sample(whole, min(len(whole), self.chance.randint(1, 5))):
            what = self.chance.choice(HARMS)
            self.happened[f"files: {what}"] += 1
            self.harmed.add(path)
            self._harm_one(path, what)

    def _harm_one(self, path: Path, what: str) -> None:
        if what == "delete":
            path.unlink()
        elif what == "move":
            path.rename(self.folder / path.name)
            self.moved.append(path)
        else:
            data = bytearray(path.read_bytes())
            data[self.chance.randrange(len(data))] ^= 1 << self.chance.randrange(8)
            path.write_bytes(data if what == "flip" else data[: len(data) // 2])

    def _put_back(self) -> None:
        """Bring files back by hand that were moved away."""
        if "disk" not in self.left and self.chance.random() < 0.5:
            for path in self.moved:
                (self.folder / path.name).rename(path)
            self.moved.clear()

    # The end

    def finish(self) -> dict[str, int]:
        """Let things calm down, then hold the archive against what the witness remembers."""
        for trouble in list(self.left):
            self._end(trouble)
        self.left.clear()
        # Rot that no scrub has met yet is found now.
        self.archive.scrub(Pace())
        for _ in range(QUIET):
            self.day(quiet=True)
        assert self.harmed == set()
        self.outside.check()
        compare_pictures(self.witness, self.archive, self.outside.files())
        compare_posts(self.witness, self.archive)
        verdict = verify.verify(self.archive.db, self.archive.media)
        gone = one(self.archive, f"SELECT count(*) FROM ({LOST}) AS lost")
        assert verdict.total.lost == gone
        self.happened["pictures remembered"] = len(self.witness.pictures)
        self.happened["texts remembered"] = len(self.witness.texts)
        self.happened["pictures that were gone before they could be had"] = gone
        self.happened["calls of the Graph API"] = self.facebook.calls["graph"]
        self.happened["files"] = len(list(self.outside.files()))
        return dict(self.happened)

    def close(self) -> None:
        self.archive.close()


def _is_whole(path: Path) -> bool:
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == path.stem


@dataclass(frozen=True, slots=True)
class Life:
    """How long and how hard a life is, and its dice."""

    days: int
    seed: int
    harshness: float = 1.0


def live(
    folder: Path, database_url: str, life: Life, heard: Callable[[str], None] = lambda _: None
) -> dict[str, int]:
    """Let the days go by and hold the archive against the memory of its witness.

    *heard* is told once a month what has happened so far.
    """
    with (
        Simulator(posts=30, seed=life.seed, pictures="plain") as facebook,
        Cable(int(facebook.url.rpartition(":")[2])) as cable,
    ):
        chance = random.Random(life.seed)
        months = Months(facebook, folder, database_url, cable, chance, life.harshness)
        try:
            for day in range(1, life.days + 1):
                months.day()
                if day % 30 == 0:
                    heard(f"month {day // 30}: {dict(months.happened)}")
            return months.finish()
        finally:
            months.close()
