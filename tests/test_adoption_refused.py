"""Rules that people gave their tables, from `setup` to the daemon: what they keep out is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import dump
import pytest
from dump import Dump
from forbidding import forbid
from plant import config_text
from test_adoption_rules import left_out
from test_cli import fbsyncd

from fbsyncd.simulator import Simulator

POSTS, ATTACHMENTS = "facebook_posts", "facebook_post_attachments"
LATE = "DEFERRABLE INITIALLY DEFERRED"
#: How every line begins that is ours, at a terminal.
OURS = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w+ (\w+): ")


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=8, seed=3, pictures="plain") as simulator:
        yield simulator


def set_up(facebook: Simulator, folder: Path, scripts: Dump, *more: str, **tables: str) -> None:
    """Make the scripts' tables, with *more* before them, and adopt them."""
    scripts.run(*more)
    scripts.make(tables=dump.TABLES | tables)
    (folder / "config.toml").write_text(config_text(facebook, scripts.url))
    done = fbsyncd(folder, "setup")
    assert done.returncode == 0, done.stderr


def ours(told: str) -> bool:
    """Tell whether every line is one of ours, and none of a library's."""
    found = [OURS.match(line) for line in told.splitlines()]
    return all(one is not None and one[1] != "psycopg" for one in found)


def test_a_video_that_is_refused_leaves_one_line(
    facebook: Simulator, database_url: str, tmp_path: Path
) -> None:
    """It is ours: the driver's own words on what follows from the error are kept out."""
    scripts = Dump(database_url)
    for _ in range(3):
        facebook.add_post("reel")
    set_up(facebook, tmp_path, scripts)
    forbid(database_url, "facebook_video_posts", "INSERT", "NEW.page_id IS NOT NULL")
    done = fbsyncd(tmp_path, "sync")
    assert done.returncode == 0, done.stderr
    assert left_out(done.stderr)
    assert ours(done.stderr), done.stderr
    assert scripts.one(f"SELECT count(*) FROM {POSTS}") == len(
        facebook.world.posts(facebook.page_id)
    )
