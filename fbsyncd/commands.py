"""What each command does; parsing is in :mod:`fbsyncd.__main__`.

A command prints its result to standard output and returns the exit status; what it cannot do it
raises as one of our errors.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from uuid import UUID

from fbsyncd import config as configuration
from fbsyncd import demo, known, logs, oneshot, presence, process, terminal, transfer
from fbsyncd import doctor as examining
from fbsyncd import export as exporting
from fbsyncd import forget as forgetting
from fbsyncd import install as installing
from fbsyncd import verify as verifying
from fbsyncd.adopt import again, rehearse
from fbsyncd.archive import USER_AGENT, Archive, opened, utcnow
from fbsyncd.config import Config, Page
from fbsyncd.doctor.findings import Finding
from fbsyncd.doctor.show import printer, summary
from fbsyncd.errors import ArchiveError, ConfigError, GraphError, UsageError
from fbsyncd.grant import Grant, Keys, person, write
from fbsyncd.graph.caller import Endpoint
from fbsyncd.media import Media
from fbsyncd.plural import counted
from fbsyncd.prompt import existing as _existing
from fbsyncd.prompt import load as _load
from fbsyncd.prompt import not_lost as _not_lost
from fbsyncd.prompt import say as _say
from fbsyncd.reconcile import Request
from fbsyncd.refusals import told_by_report
from fbsyncd.transfer import show as transferring
from fbsyncd.verify import show as judging
from fbsyncd.vigil import Vigil
from fbsyncd.walks import BEGINNING, Walk


def init(args: argparse.Namespace) -> int:
    """Write a commented config.toml and the folders."""
    for made in configuration.init(args.directory):
        _say(f"made {made}")
    _say(f"Now put your Page's id and token into {args.directory / 'config.toml'}")
    return 0


def setup(args: argparse.Namespace) -> int:
    """Create the schema, adopt the tables of older programs, or bring the schema up to date."""
    config = _load(args) if args.dry_run else _not_lost(args)
    media = Media(config.media.root, config.base)
    presence.require_folder(config.database.url, media)
    if args.dry_run:
        _say(rehearse(config.database.url, media).rstrip())
        return 0
    archive = Archive(config)
    try:
        report = archive.take_over()
        if report:
            # What comes now may fail, and nobody would be told again what was adopted.
            _say(str(report))
            sys.stdout.flush()
        applied = archive.setup()
        notes = [] if report else again.look(archive.db)
        archive.index()
        archive.brake.require()
    finally:
        archive.close()
    if not report:
        _say(f"applied: {', '.join(applied)}" if applied else "the schema is up to date")
        for note in notes:
            _say(f"note: {note}")
    return 0


def sync(args: argparse.Namespace) -> int:
    """Read the Pages once and fetch what they name."""
    config = _not_lost(args)
    wish = oneshot.Wish(_pages(config, args.page), _walk(args, config), not args.no_media)
    stop = Event()
    with opened(config, stop=stop) as archive, terminal.progress_display() as heard:
        try:
            with told_by_report():
                progress = oneshot.sync(archive, wish, heard)
        finally:
            Vigil(archive).note_budgets()
        stats = archive.feed.stats()
    _say(
        f"read {counted(progress.posts, 'post')};"
        f" {counted(progress.pictures_new, 'new picture')} named,"
        f" {progress.archived:,} archived, {progress.failed:,} failed"
    )
    _say(terminal.storage(stats))
    if given_up := stats["media"]["given_up"]:
        _say(f"{given_up:,} given up: `fbsyncd verify` says why, `fbsyncd retry --all` tries again")
    if progress.problems:
        raise GraphError("; ".join(one.removesuffix(".") for one in progress.problems))
    return 0


def reconcile(args: argparse.Namespace) -> int:
    """Compare rows with files once."""
    request = Request(args.dry_run, args.delete_orphans, args.accept_loss)
    if args.scrub:
        process.be_nice()
    # Whoever accepts the loss may have lost the database too.
    load = _existing if args.dry_run else _load if args.accept_loss else _not_lost
    with opened(load(args)) as archive, terminal.live_line(sys.stderr) as show:
        found = oneshot.reconcile(archive, request, scrub=args.scrub, show=show)
    _say(terminal.findings(found, request))
    return 0


def posts(args: argparse.Namespace) -> int:
    """Show the newest posts as the dashboard sees them."""
    with opened(_existing(args), reads_only=True) as archive:
        told = list(archive.feed.newest(args.limit))
    if args.json:
        _say(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        _say("\n".join(map(terminal.post, told)) or "no posts yet: fbsyncd sync reads them")
    return 0


def retry(args: argparse.Namespace) -> int:
    """Put given-up rows back into the queue."""
    if bool(args.ids) == args.all:
        raise UsageError("name the ids to retry, or --all")
    with opened(_existing(args)) as archive:
        count = archive.backlog.retry(None if args.all else [_uuid(text) for text in args.ids])
    _say(f"{counted(count, 'picture')} queued again")
    return 0


def forget(args: argparse.Namespace) -> int:
    """Remove a post or a Page on purpose."""
    subject = forgetting.Subject(args.kind, args.id)
    with opened(_existing(args)) as archive:
        toll = forgetting.weigh(archive.db, subject)
        question = f"This removes {toll}, and their pictures, for good. Go on? [y/N] "
        if not args.yes and not terminal.agreed(question):
            raise UsageError("nothing was removed")
        archive.brake.require()
        toll = forgetting.forget(archive.db, archive.media, subject, archive.now())
    _say(f"forgot {subject.kind} {subject.id}: {toll}")
    return 0


def verify(args: argparse.Namespace) -> int:
    """Show month by month what is archived, and fail when anything is lost."""
    with opened(_existing(args), reads_only=True) as archive:
        archive.brake.require()
        with judging.display(sys.stderr) as heard:
            ours = known.configured(archive.config)
            verdict = verifying.verify(
                archive.db, archive.media, quick=args.quick, heard=heard, ours=ours
            )
    _say(
        json.dumps(verdict.as_json(), ensure_ascii=False, indent=2)
        if args.json
        else judging.table(verdict)
    )
    return 0 if verdict.is_whole else 1


def export(args: argparse.Namespace) -> int:
    """Write the archive as plain files."""
    with opened(_existing(args), reads_only=True) as archive:
        archive.brake.require()
        done = exporting.export(archive.db, archive.media, args.directory, archive.now())
    _say(
        f"{args.directory}: {counted(done.posts, 'post')}, {counted(done.videos, 'video')},"
        f" {counted(done.pictures, 'picture')}; open index.html there"
    )
    if done.damaged:
        raise UsageError(
            f"left out: {counted(len(done.damaged), 'picture')} whose files are missing or"
            " damaged; run fbsyncd reconcile --scrub, then fbsyncd sync"
        )
    return 0


def copy(args: argparse.Namespace) -> int:
    """Copy every row into another database, and compare both."""
    with (
        opened(_existing(args), reads_only=True) as archive,
        transfer.target_at(args.to, Path.cwd()) as (target, url),
    ):
        with transferring.display(sys.stderr) as heard:
            copied = transfer.copy(archive.db, target, heard)
        _say(transferring.report(copied, url, archive.media.root))
    if wrong := transferring.fault(copied):
        raise ArchiveError(wrong)
    return 0


def show_config(args: argparse.Namespace) -> int:
    """Show the configuration in force, secrets hidden."""
    _say(configuration.dump(_load(args)).rstrip())
    return 0


def doctor(args: argparse.Namespace) -> int:
    """Look everything over and say what is wrong; changes nothing."""
    logs.start("error", "text")
    show = None if args.json else printer(sys.stdout)
    found: list[Finding] = []
    for finding in examining.examine(args.config, os.environ, Path.cwd(), utcnow):
        found.append(finding)
        if show:
            show(finding)
    _say(json.dumps(examining.as_json(found), indent=2) if args.json else summary(found))
    return examining.status(found)


def install(args: argparse.Namespace) -> int:
    """Put fbsyncd in place as a service."""
    program = installing.this_program()
    if args.user and args.root != Path("/"):
        raise UsageError("--root is for the system's service, --user for this person's: name one")
    if args.user:
        config = configuration.find(args.config, environ=os.environ, cwd=Path.cwd())
        done = installing.user(program, config.absolute(), os.environ)
    else:
        done = installing.system(program, args.root.absolute())
    for path in done.written:
        _say(f"wrote {path}")
    _say(done.next)
    return 0


def show_demo(args: argparse.Namespace) -> int:
    """Run everything against a simulated Facebook."""
    logs.start("warning", "text")
    return demo.run(demo.Stage(args.port, args.dir, args.replay))


def token(args: argparse.Namespace) -> int:
    """Make long-lived Page tokens from a person's short-lived one."""
    config, now = _load(args), utcnow()
    sources = person.Sources(args.secret_file, args.token_file)
    with terminal.asking():
        app_id, secret = person.app_id(args.app_id), person.app_secret(sources, config)
        keys = Keys(app_id, person.user_token(sources))
    facebook = config.facebook
    endpoint = Endpoint(facebook.graph_url, facebook.api_version, USER_AGENT, secret)
    folder = config.base / args.dir
    pages = person.pages(Grant(endpoint, keys, now), args.page)
    written = [(page, write(page, folder)) for page in pages]
    for line in person.lines(written, config, now):
        _say(line)
    return 0


def _pages(config: Config, only: str | None) -> list[Page]:
    pages = [page for page in config.require_pages() if only in {None, page.id}]
    if not pages:
        raise ConfigError(config.source, [f"facebook.pages: no Page with the id {only!r}"])
    return pages


def _walk(args: argparse.Namespace, config: Config) -> Callable[[datetime], Walk] | None:
    """Return the walk a person asked for, or None for what is due."""
    if args.all:
        return lambda now: Walk("full", BEGINNING, now)
    if args.days is not None:
        return lambda now: Walk("days", now - timedelta(days=args.days), now)
    if args.full:
        days = config.sync.backfill_days
        return lambda now: Walk("full", now - timedelta(days=days) if days else BEGINNING, now)
    return None


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise UsageError(
            f"{text!r} is no id of a picture; /api/media and the log name them"
        ) from error
