"""Look an installation over and say what is wrong with it; changes nothing.

Each group of checks is a module: it gathers facts, and a pure function judges them. The order is
that of the archive itself: configuration, database, folder, machine, Facebook. A check whose ground
is missing is skipped and says so, and whatever waits for a network has a deadline.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from peewee import Database

from fbsyncd import backend, models
from fbsyncd import config as configuration
from fbsyncd.config import Config
from fbsyncd.doctor import database, facebook, folder, machine, names, setting, space, tokens
from fbsyncd.doctor.findings import Finding, skipped
from fbsyncd.errors import ConfigError
from fbsyncd.media import Media

__all__ = ["Finding", "as_json", "examine", "status"]

_CONFIG_IS_WRONG: Final = 78
_HELD: Final = """
SELECT page_id, max(hold_until) FROM sync_state
WHERE state = 'throttled' AND hold_until > ? GROUP BY page_id"""
_FORGOTTEN: Final = "SELECT id, forgotten_at FROM forgotten WHERE kind = 'page'"


def examine(
    path: Path | None, environ: Mapping[str, str], cwd: Path, now: Callable[[], datetime]
) -> Iterator[Finding]:
    """Yield each finding as soon as it is made."""
    try:
        config = configuration.load(path, environ=environ, cwd=cwd)
        yield from setting.check(config, environ)
        db = models.connect(config.database.url)
    except ConfigError as error:
        yield from setting.refused(error)
        return
    try:
        yield from _examine(config, db, environ, now)
    finally:
        models.close(db)


def status(findings: Iterable[Finding]) -> int:
    """Return the exit status: 78 for a wrong configuration, 1 for any other failure, else 0."""
    bad = {finding.check for finding in findings if finding.state == "failed"}
    if setting.NAME in bad:
        return _CONFIG_IS_WRONG
    return 1 if bad else 0


def as_json(findings: Iterable[Finding]) -> dict[str, Any]:
    """Return what programs read: the worst state, and all findings."""
    told = [asdict(finding) for finding in findings]
    states = {finding["state"] for finding in told}
    worst = next((state for state in ("failed", "warning") if state in states), "ok")
    return {"state": worst, "checks": told}


def _examine(
    config: Config, db: Database, environ: Mapping[str, str], now: Callable[[], datetime]
) -> Iterator[Finding]:
    found: dict[str, Finding] = {}
    for finding in database.check(db):
        found[finding.check] = finding
        yield finding
    schema = found.get(database.SCHEMA)
    # Asked only where all the tables are.
    whole = db if schema and schema.state == "ok" else None
    yield from _files(config, whole, environ, now())
    held = _held(whole, now()) if whole else {}
    gone = _forgotten(whole, config) if whole else {}
    yield from (tokens.forgotten(page_id, at) for page_id, at in gone.items())
    read = [page for page in config.facebook.pages if page.id not in gone]
    seen = facebook.look(facebook.Asking(config.facebook, environ, now), read, held)
    yield from tokens.check(seen, config.facebook.api_version, now())
    if seen.is_offline:
        yield skipped(names.NAME, "offline")
    else:
        yield names.check(config.media.allowed_hosts)


def _files(
    config: Config, db: Database | None, environ: Mapping[str, str], now: datetime
) -> Iterator[Finding]:
    root = config.media.root
    media = Media(root, config.base)
    yield folder.check(media)
    if db is None:
        yield skipped(folder.BRAKE, "the database comes first")
    else:
        yield folder.brake(db, media)
    yield space.check(root, config.media.free_space_floor, db, now)
    yield machine.watches(root, wanted=config.reconcile.watch)
    yield machine.port(config.server.host, config.server.port, root)
    places = [root, *backend.files(config.database.url)]
    yield folder.user(places, os.geteuid())
    yield machine.sandbox([root, *(path.parent for path in places[1:])], environ, os.getpid())


def _held(db: Database, now: datetime) -> dict[str, datetime]:
    """Return the Pages that Facebook wants no calls for, with the end of that."""
    with models.session(db):
        found = models.rows(db, _HELD, [models.to_text(now)])
    moments = {str(page_id): models.from_text(until) for page_id, until in found}
    return {page_id: until for page_id, until in moments.items() if until}


def _forgotten(db: Database, config: Config) -> dict[str, datetime | None]:
    """Return the configured Pages that a person had removed, with the time of that."""
    with models.session(db):
        found = {str(page_id): at for page_id, at in models.rows(db, _FORGOTTEN)}
    ids = (page.id for page in config.facebook.pages)
    return {page_id: models.from_text(found[page_id]) for page_id in ids if page_id in found}
