"""What the watch hears, and what it notices that nobody tells it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event

import pytest

from fbsyncd.watch import MOST_ALTERED, Watch, watching

PATIENCE = 30.0


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    root = tmp_path / "media"
    found = [root, *(root / name for name in ("posts", "attachments", "thumbnails"))]
    for folder in found:
        folder.mkdir()
    return found


@pytest.fixture
def changed() -> Event:
    return Event()


@pytest.fixture
def watch(folders: list[Path], changed: Event) -> Iterator[Watch]:
    with watching(folders, changed) as watch:
        yield watch


def hears(changed: Event, deed: Callable[[], object]) -> bool:
    """Tell whether *deed* sets the flag."""
    changed.clear()
    deed()
    return changed.wait(PATIENCE)


def settle(watch: Watch, changed: Event) -> None:
    """Let what has happened be noticed, until nothing more is."""
    watch.check()
    while changed.wait(0.3):
        changed.clear()
    watch.check()


def test_losses_are_heard_and_our_own_writes_are_not(
    folders: list[Path], watch: Watch, changed: Event
) -> None:
    """Deleting, altering and moving away set the flag; a file renamed into place does not."""
    (folders[0].parent / "part").write_bytes(b"whole")
    (folders[0].parent / "part").rename(folders[1] / "a")
    watch.check()
    assert not changed.wait(0.3)
    assert hears(changed, lambda: (folders[1] / "a").write_bytes(b"other"))
    assert hears(changed, lambda: (folders[1] / "a").rename(folders[0].parent / "away"))
    (folders[2] / "b").touch()
    assert hears(changed, (folders[2] / "b").unlink)


def test_files_that_were_altered_are_named(
    folders: list[Path], watch: Watch, changed: Event
) -> None:
    """Written to or replaced: named once; they stay noted when what is done with them fails."""
    one, other = folders[1] / "a", folders[2] / "b"
    assert hears(changed, lambda: one.write_bytes(b"other"))
    (folders[2] / "new").touch()
    assert hears(changed, lambda: (folders[2] / "new").rename(other))
    with suppress(KeyError), watch.altered() as paths:
        assert {one, other} <= set(paths)
        raise KeyError
    with watch.altered() as paths:
        assert {one, other} <= set(paths)
    with watch.altered() as paths:
        assert paths == []


def test_no_more_than_some_altered_files_are_kept(
    folders: list[Path], watch: Watch, changed: Event
) -> None:
    """A storm over a million files takes no memory; that something changed is heard still."""
    for number in range(MOST_ALTERED + 50):
        (folders[1] / str(number)).write_bytes(b"x")
    settle(watch, changed)
    with watch.altered() as paths:
        assert len(paths) == MOST_ALTERED


def test_a_folder_deleted_and_made_again_is_watched_again(
    folders: list[Path], watch: Watch, changed: Event
) -> None:
    """The library's thread for it has ended; the next check asks for a scan and hears again."""
    assert hears(changed, folders[1].rmdir)
    settle(watch, changed)
    folders[1].mkdir()
    (folders[1] / "a").touch()
    changed.clear()
    watch.check()
    assert changed.is_set()
    settle(watch, changed)
    assert hears(changed, (folders[1] / "a").unlink)


def test_a_whole_tree_deleted_and_made_again_is_watched_again(
    folders: list[Path], watch: Watch, changed: Event
) -> None:
    """Also when all of it vanishes, as an unmounted disk does."""
    assert hears(changed, lambda: shutil.rmtree(folders[0]))
    settle(watch, changed)
    for folder in folders:
        folder.mkdir()
    watch.check()
    settle(watch, changed)
    (folders[3] / "a").touch()
    assert hears(changed, (folders[3] / "a").unlink)


def test_a_folder_moved_away_is_heard_no_more_and_its_successor_is(
    folders: list[Path], watch: Watch, changed: Event
) -> None:
    """Without a check the library would go on reporting the old folder under the old path."""
    (folders[1] / "a").touch()
    away = folders[0].parent / "away"
    assert hears(changed, lambda: folders[1].rename(away))
    folders[1].mkdir()
    changed.clear()
    watch.check()
    assert changed.is_set()
    settle(watch, changed)
    (away / "a").unlink()
    assert not changed.wait(0.3)
    (folders[1] / "b").touch()
    assert hears(changed, (folders[1] / "b").unlink)


def test_a_folder_swapped_while_nobody_looked_asks_for_a_scan(
    folders: list[Path], watch: Watch, changed: Event
) -> None:
    """Another disk mounted in its place has another identity, with or without an event."""
    other = folders[0].parent / "other"
    other.mkdir()
    settle(watch, changed)
    folders[2].rename(folders[0].parent / "old")
    other.rename(folders[2])
    while changed.wait(0.3):
        changed.clear()
    watch.check()
    assert changed.is_set()


def test_watching_a_folder_that_is_not_there_yet_begins_when_it_is(
    folders: list[Path], changed: Event
) -> None:
    """A disk mounted after the start is watched from the next check on."""
    shutil.rmtree(folders[0])
    with watching(folders, changed) as watch:
        for folder in folders:
            folder.mkdir()
        watch.check()
        assert changed.is_set()
        settle(watch, changed)
        (folders[1] / "a").touch()
        assert hears(changed, (folders[1] / "a").unlink)


def test_checks_of_a_quiet_folder_ask_for_nothing(
    folders: list[Path], watch: Watch, changed: Event
) -> None:
    """No scan without a reason."""
    for _ in range(3):
        watch.check()
    assert not changed.wait(0.3)


LIMITED = """
import resource, sys
from pathlib import Path
from threading import Event
from fbsyncd.watch import watching
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
with watching([Path(sys.argv[1])], Event()) as watch:
    watch.check()
    print("going on")
"""


def test_folders_that_cannot_be_watched_are_said_once_and_scans_remain(tmp_path: Path) -> None:
    """Without a watch the program goes on, with the remedy in the log."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "going on\n"
    assert done.stderr.count("fs.inotify.max_user_watches") == 1


LIMITED_FOR_A_WHILE = """
import resource, sys
from pathlib import Path
from threading import Event
from fbsyncd.watch import watching
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
folder, changed = Path(sys.argv[1]), Event()
with watching([folder], changed) as watch:
    watch.retry()
    watch.check()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    watch.check()
    print("unasked:", changed.is_set())
    {what}
    print("asked:", changed.is_set())
    (folder / "a").touch()
    changed.clear()
    (folder / "a").unlink()
    print("hears:", changed.wait(30))
"""


@pytest.mark.parametrize(
    "what",
    [
        "watch.retry()",
        "folder.rename(folder.with_name('old')); folder.mkdir(); watch.check()",
    ],
)
def test_what_was_refused_is_tried_again(tmp_path: Path, what: str) -> None:
    """At the next scan, or when another folder is there: watched, scanned and told, each once."""
    folder = tmp_path / "media"
    folder.mkdir()
    program = LIMITED_FOR_A_WHILE.replace("{what}", what)
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:3] == ["unasked: False", "asked: True", "hears: True"]
    assert done.stderr.count("fs.inotify.max_user_watches") == 1


# In a user namespace of its own the limit can be lowered for this process alone.
NO_WATCHES = """
import ctypes, sys
from pathlib import Path
from threading import Event
if ctypes.CDLL(None).unshare(0x10000000) != 0:
    print("no namespace")
    sys.exit()
limit = Path("/proc/sys/user/max_inotify_watches")
limit.write_text(sys.argv[2])
from fbsyncd.watch import watching
folders = [Path(sys.argv[1]) / name for name in ("", "posts", "attachments", "thumbnails")]
with watching(folders, Event()) as watch:
    watch.check()
    print("going on")
"""


def test_too_few_watches_are_none_and_it_is_said(folders: list[Path]) -> None:
    """A limit that leaves some folders unwatched is told; none is passed over in silence."""
    done = subprocess.run(
        [sys.executable, "-c", NO_WATCHES, str(folders[0]), "2"],
        capture_output=True,
        text=True,
        check=False,
    )
    if "going on" not in done.stdout:
        pytest.skip(f"no user namespace here: {done.stdout}{done.stderr[-200:]}")
    assert done.stderr.count("fs.inotify.max_user_watches") == 1


HEARS = """
import sys
from pathlib import Path
from threading import Event
from fbsyncd.watch import watching
changed = Event()
with watching([Path(sys.argv[1])], changed):
    print("watching", flush=True)
    sys.stdin.readline()
    print(changed.wait(60))
"""


def test_an_overflow_of_the_kernel_s_queue_asks_for_a_scan(tmp_path: Path) -> None:
    """Events that were dropped may have been losses, though none of those heard was one."""
    watched = tmp_path / "watched"
    watched.mkdir()
    queue = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    child = subprocess.Popen(
        [sys.executable, "-c", HEARS, str(watched)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "watching\n"
    child.send_signal(signal.SIGSTOP)
    os.waitpid(child.pid, os.WUNTRACED)  # only a child that stands still lets its queue run over
    for number in range(queue + 4000):
        (tmp_path / "part").touch()
        (tmp_path / "part").rename(watched / str(number % 2))
    child.send_signal(signal.SIGCONT)
    assert child.communicate("\n")[0] == "True\n"
