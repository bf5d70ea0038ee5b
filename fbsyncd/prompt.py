"""Commands that must not keep one waiting, and what all commands begin and end with.

``fbsyncd stats`` stands in scripts and prompts, and behind ``fbsyncd run`` somebody waits for the
first page. So each imports what it needs once it knows that it does; loading all that
:mod:`fbsyncd.commands` may need takes longer than either of them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fbsyncd import config as configuration
from fbsyncd import drivers, logs, process
from fbsyncd.config import Config


def run(args: argparse.Namespace) -> int:
    """Run the daemon; SIGHUP reads config.toml again, but not where a terminal may hang up."""
    config = not_lost(args)
    process.share_heaps()
    drivers.leave_out()
    from fbsyncd import daemon

    daemon.run(config, reread=None if os.isatty(0) else lambda: load(args))
    return 0


def stats(args: argparse.Namespace) -> int:
    """Show what is archived."""
    config = load(args)
    drivers.leave_out()
    told = _told(config)
    if args.json:
        say(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        from fbsyncd import terminal

        say(terminal.storage(told))
    return 0


def load(args: argparse.Namespace) -> Config:
    """Read the configuration a command is to go by, and begin to log as it says."""
    config = configuration.load(args.config, environ=os.environ, cwd=Path.cwd())
    logs.start(config.log.level, config.log.format)
    return config


def existing(args: argparse.Namespace) -> Config:
    """Do the same for a command that makes no database: there must be an archive in it."""
    from fbsyncd import presence

    config = load(args)
    presence.require(config.database.url)
    return config


def not_lost(args: argparse.Namespace) -> Config:
    """Do the same for a command that may make a database, but not in the place of a lost one."""
    from fbsyncd import presence
    from fbsyncd.media import Media

    config = load(args)
    presence.require_not_lost(config.database.url, Media(config.media.root, config.base))
    return config


def say(text: str) -> None:
    """Print what a command has to say."""
    sys.stdout.write(f"{text}\n")


def _told(config: Config) -> dict[str, Any]:
    """Return the numbers of the archive as it lies there; an old schema is brought up to date."""
    from fbsyncd import backend, known, migrate, models, presence
    from fbsyncd.feed import Feed
    from fbsyncd.media import Media

    is_file = bool(backend.files(config.database.url))
    if is_file:
        # Opening it to be written might make it, or alter another program's.
        presence.require(config.database.url)
    db = models.connect(config.database.url)
    try:
        if not migrate.pending(db):
            media = Media(config.media.root, config.base)
            ours = known.configured(config)
            return Feed(db, media, now=lambda: datetime.now(UTC), ours=ours).stats()
    finally:
        models.close(db)
    if not is_file:
        # Only now: it would be connected to twice.
        presence.require(config.database.url)
    from fbsyncd.archive import opened

    with opened(config, reads_only=True) as archive:
        return archive.feed.stats()
