"""The command line: parsing and exit codes. What commands do is in :mod:`fbsyncd.commands`."""

from __future__ import annotations

import argparse
import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from fbsyncd import __version__
from fbsyncd.errors import ConfigError, FbsyncdError

#: What systemd is told not to restart on: the configuration is wrong (sysexits.h, EX_CONFIG).
EX_CONFIG = 78


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = _parser()
    args = parser.parse_args(arguments)
    if "command_function" not in args:
        parser.print_help(sys.stderr)
        return 2
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A post's text must not end the program where the terminal cannot write it.
        sys.stdout.reconfigure(errors="replace")
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        status = _run(args)
    except ConfigError as error:
        status = _complain(error, EX_CONFIG)
    except FbsyncdError as error:
        status = _complain(error, 1)
    except BrokenPipeError:
        # The reader, say `head`, has had enough; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    except KeyboardInterrupt:
        sys.stderr.write("fbsyncd: stopped; what is unfinished goes on next time\n")
        status = 130
    if arguments is None:
        _leave_stuck_threads(status)
    return status


def _as_interrupt(number: int, frame: object) -> None:
    """End a command on SIGTERM as on Ctrl-C: what it holds is given back."""
    raise KeyboardInterrupt


def _run(args: argparse.Namespace) -> int:
    # Late: `fbsyncd --help` needs no database and no image library.
    from fbsyncd import commands

    command = getattr(commands, args.command_function)
    return int(command(args))


def _complain(error: FbsyncdError, status: int) -> int:
    # One line for each problem of a configuration, one line in all for anything else.
    lines = str(error).splitlines() if status == EX_CONFIG else [" ".join(str(error).split())]
    for line in lines:
        sys.stderr.write(f"fbsyncd: {line}\n")
    return status


def _leave_stuck_threads(status: int) -> None:
    """End the process although a thread hangs in a name look-up that nothing can interrupt.

    Whatever such a thread was to fetch has been given back, and the database is closed.
    """
    # Daemon threads too: a pool's exit hook waits for its workers, whatever kind they are.
    if threading.active_count() > 1:
        sys.stdout.flush()
        logging.shutdown()
        os._exit(status)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fbsyncd", description="Archive Facebook Pages before their picture links die."
    )
    parser.add_argument("--version", action="version", version=f"fbsyncd {__version__}")
    parser.add_argument("--config", type=Path, metavar="FILE", help="the config.toml to use")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_setting_up(commands)
    _add_working(commands)
    _add_showing(commands)
    _add_keeping(commands)
    return parser


def _add_setting_up(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    init = _add(commands, "init", "write a commented config.toml and the folders")
    init.add_argument(
        "directory", nargs="?", type=Path, default=Path(), metavar="DIR", help="there, not here"
    )
    install = _add(commands, "install", "put fbsyncd in place as a service of systemd")
    install.add_argument("--user", action="store_true", help="as this person's, not the system's")
    install.add_argument(
        "--root", type=Path, default=Path("/"), metavar="DIR", help="below DIR, for packagers"
    )
    setup = _add(commands, "setup", "create the database's schema, adopt one, or update it")
    setup.add_argument("--dry-run", action="store_true", help="only show the SQL")
    _add(commands, "config", "show the configuration in force", function="show_config")
    _add_token(commands)
    doctor = _add(commands, "doctor", "check everything, one line each, with the remedy")
    doctor.add_argument("--json", action="store_true", help="as JSON, for programs")
    demo = _add(
        commands, "demo", "try everything against a simulated Facebook", function="show_demo"
    )
    demo.add_argument("--port", type=_natural, metavar="N", help="port of the dashboard")
    demo.add_argument("--dir", type=Path, metavar="DIR", help="keep the demo's archive there")
    demo.add_argument(
        "--replay", nargs="+", default=(), metavar="FILE", help="serve recorded answers"
    )


def _add_token(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    token = _add(commands, "token", "make Page tokens that last from a person's short-lived one")
    token.add_argument("--app-id", metavar="ID", help="the app's id; asked for when left out")
    token.add_argument("--page", metavar="ID", help="only this Page")
    token.add_argument(
        "--dir",
        type=Path,
        default=Path("tokens"),
        metavar="DIR",
        help="where the files go; tokens/ beside config.toml",
    )
    # Never the secrets themselves: every user of the machine can read a command line.
    token.add_argument(
        "--secret-file", type=Path, metavar="FILE", help="holds the app's secret; - for input"
    )
    token.add_argument(
        "--token-file", type=Path, metavar="FILE", help="holds the user token; - for input"
    )


def _add_working(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    _add(commands, "run", "the daemon: sync, download, reconcile, serve")
    sync = _add(commands, "sync", "read the Pages once and fetch their pictures")
    sync.add_argument("--page", metavar="ID", help="only this Page")
    window = sync.add_mutually_exclusive_group()
    window.add_argument("--days", type=_natural, metavar="N", help="only the last N days")
    window.add_argument("--all", action="store_true", help="everything there ever was")
    window.add_argument("--full", action="store_true", help="the whole window again")
    sync.add_argument("--no-media", action="store_true", help="write and queue, fetch nothing")
    reconcile = _add(commands, "reconcile", "compare rows with files once")
    reconcile.add_argument("--scrub", action="store_true", help="compare every file's SHA-256 too")
    reconcile.add_argument("--dry-run", action="store_true", help="only say what is wrong")
    reconcile.add_argument(
        "--delete-orphans", action="store_true", help="remove files that no row knows"
    )
    reconcile.add_argument(
        "--accept-loss",
        action="store_true",
        help="take the folder as it is and fetch again whatever is missing",
    )
    retry = _add(commands, "retry", "put given-up pictures back into the queue")
    retry.add_argument("ids", nargs="*", metavar="ID", help="ids of media rows")
    retry.add_argument("--all", action="store_true", help="all that were given up")


def _add_keeping(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verify = _add(commands, "verify", "month by month: what is archived, what is lost and why")
    verify.add_argument("--json", action="store_true", help="as JSON, for programs")
    verify.add_argument(
        "--quick", action="store_true", help="compare the sizes of files only, read none of them"
    )
    export = _add(commands, "export", "write the archive as plain files, to look at or to keep")
    export.add_argument("directory", type=Path, metavar="DIR", help="a new or empty folder")
    copy = _add(commands, "copy", "copy every row into another database, of either engine")
    copy.add_argument("--to", required=True, metavar="URL", help="sqlite:///FILE or postgresql://…")
    forget = _add(commands, "forget", "remove a post or a Page on purpose, files included")
    forget.add_argument("kind", choices=("post", "page"), metavar="post|page", help="which it is")
    forget.add_argument("id", metavar="ID", help="its id")
    forget.add_argument("--yes", action="store_true", help="do not ask")


def _add_showing(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    stats = _add(commands, "stats", "show what is archived")
    stats.add_argument("--json", action="store_true", help="as JSON, for programs")
    posts = _add(commands, "posts", "show the newest posts as the dashboard sees them")
    posts.add_argument("--limit", type=_natural, default=20, metavar="N", help="how many, not 20")
    posts.add_argument("--json", action="store_true", help="an array of posts as /api/posts has")


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    does: str,
    *,
    function: str | None = None,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=does, description=f"{does[0].upper()}{does[1:]}.")
    parser.set_defaults(command_function=function or name)
    # After the command too, where many people write it; unset here it must not hide the one before.
    parser.add_argument("--config", type=Path, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return parser


def _natural(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return number


if __name__ == "__main__":
    sys.exit(main())
