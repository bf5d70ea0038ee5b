"""Start in order, wait, stop in reverse; what works beside it is in :mod:`fbsyncd.works`."""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from fbsyncd import lock, migrate, models
from fbsyncd.adopt import again
from fbsyncd.archive import Archive
from fbsyncd.changes import Changes
from fbsyncd.config import Config
from fbsyncd.desk import Desk
from fbsyncd.errors import ConfigError, FbsyncdError
from fbsyncd.notify import Notifier
from fbsyncd.server import make_app
from fbsyncd.server.kept import Kept, looking, marking
from fbsyncd.server.listen import Server
from fbsyncd.server.timed import timed
from fbsyncd.signals import Heard, heard
from fbsyncd.sole import Sole

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Ground:
    """What stays when the daemon starts again with another configuration."""

    heard: Heard
    notifier: Notifier
    started: Callable[[Archive, Server], None] | None
    reread: Callable[[], Config] | None


def run(
    config: Config,
    *,
    started: Callable[[Archive, Server], None] | None = None,
    reread: Callable[[], Config] | None = None,
) -> None:
    """Run the daemon until SIGTERM or SIGINT; *started* is called once everything stands.

    At SIGHUP everything is stopped and started again with the configuration that *reread* returns.
    One that is wrong changes nothing; one that does not work makes room for the one before. Without
    *reread* it ends the daemon, as a terminal that hangs up should.
    Raises ArchiveError when it cannot start.
    """
    config.require_pages()
    notifier = Notifier(os.environ)
    if notifier.watchdog:
        # Whoever kills us because something hangs shall find in the log what it was.
        faulthandler.enable()
    with heard() as signals:
        ground = _Ground(signals, notifier, started, reread)
        wanted: Config | None = config
        before: Config | None = None
        while wanted is not None:
            try:
                wanted, before = _run(wanted, ground), wanted
            except FbsyncdError as error:
                if before is None:
                    raise
                _complain("starting again with the configuration before", error)
                wanted, before = before, None


def _run(config: Config, ground: _Ground) -> Config | None:
    """Run one archive; return the configuration to go on with, None when that is all."""
    with ExitStack() as stack:
        ground.notifier.status("opening the archive")
        archive, sole = _open(stack, config)
        desk = Desk(archive)
        desk.expect()
        server = _serve(stack, archive, desk)
        # Late: nobody who asks for a page need wait for what only works beside the server.
        from fbsyncd import works

        schedule = works.begin(stack, archive, desk, sole)
        works.announce(stack, ground.notifier, archive, server, schedule)
        log.info("ready: http://%s:%d/", config.server.host, server.port)
        if ground.started:
            ground.started(archive, server)
        return _wait(ground)


def _open(stack: ExitStack, config: Config) -> tuple[Archive, Sole]:
    """Open an archive that no other daemon works on, and tidy it."""
    archive = Archive(config)
    with models.looking_at(config.database.url) as db:
        # Before any file is made.
        migrate.require_ours(db)
    held = stack.enter_context(lock.held(config.media.root))
    stack.push(_closing("archive", archive.close))
    for name in archive.setup():
        log.info("schema: applied %s", name)
    sole = Sole(held, archive.db, archive.now)
    sole.require()
    # Whoever owns the tables may have altered them since they were adopted.
    for note in again.standing(archive.db):
        log.warning("the tables keep rows out: %s", note)
    archive.tidy()
    return archive, sole


def _wait(ground: _Ground) -> Config | None:
    """Wait for the end, or for a new configuration that can be gone on with."""
    while ground.heard.wait() == signal.SIGHUP and ground.reread:
        ground.notifier.reloading()
        try:
            config = ground.reread()
            config.require_pages()
        except ConfigError as error:
            _complain("SIGHUP: going on as before", error)
            ground.notifier.ready()
        else:
            log.info("SIGHUP: starting again with %s", config.source)
            return config
    ground.notifier.stopping()
    log.info("stopping")
    return None


def _complain(what: str, error: FbsyncdError) -> None:
    for line in str(error).splitlines():
        log.error("%s: %s", what, line)


def _serve(stack: ExitStack, archive: Archive, desk: Desk) -> Server:
    settings = archive.config.server
    app = make_app(
        archive.feed,
        archive.media,
        auth_token=settings.auth_token.get_secret_value() or None,
        public_url=settings.public_url,
        hosts=(settings.host, *settings.allowed_hosts),
        cors_origins=settings.cors_origins,
        accel_prefix=settings.accel_prefix,
        kept=Kept(
            marking(Changes(archive.db), archive.media), archive.now, look=looking(archive.media)
        ),
        metrics=archive.metrics.scrape,
        desk=desk,
    )
    server = Server(timed(app, archive.tallies.took), host=settings.host, port=settings.port)
    stack.push(_closing("server", server.stop))
    server.start()
    return server


def _closing(what: str, close: Callable[[], None]) -> Callable[..., None]:
    """Return what a stack is to do at its end: close, and tell it where nothing went wrong."""

    def end(trouble: type[BaseException] | None, *_: object) -> None:
        close()
        if trouble is None:
            # Where it does not start, this would stand between the person and what is wrong.
            log.info("%s closed", what)

    return end
