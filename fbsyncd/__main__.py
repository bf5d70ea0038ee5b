"""The command line: parsing and exit codes. What commands do is in :mod:`fbsyncd.commands`."""

from __future__ import annotations

import argparse
import io
import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

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
        sys.stdout.flush()
    except ConfigError as error:
        status = _complain(error, EX_CONFIG)
    except FbsyncdError as error:
        status = _complain(error, 1)
    except BrokenPipeError:
        # The reader, say `head`, has had enough; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    except KeyboardInterrupt as error:
        said = str(error) or "stopped; what is unfinished goes on next time"
        sys.stderr.write(f"fbsyncd: {said}\n")
        status = 130
    if arguments is None:
        _leave(status, at_once=args.command_function == "stats")
    return status


def _as_interrupt(number: int, frame: object) -> None:
    """End a command on SIGTERM as on Ctrl-C: what it holds is given back."""
    raise KeyboardInterrupt


def _run(args: argparse.Namespace) -> int:
    # Late: `fbsyncd --help` needs no database and no image library.
    module = "prompt" if args.command_function in {"run", "stats"} else "commands"
    command = getattr(import_module(f"fbsyncd.{module}"), args.command_function)
    return int(command(args))


def _complain(error: FbsyncdError, status: int) -> int:
    # One line for each problem of a configuration, one line in all for anything else.
    lines = str(error).splitlines() if status == EX_CONFIG else [" ".join(str(error).split())]
    for line in lines:
        sys.stderr.write(f"fbsyncd: {line}\n")
    return status


def _leave(status: int, *, at_once: bool) -> None:
    """End the process although a thread hangs in a name look-up that nothing can interrupt.

    Whatever such a thread was to fetch has been given back, and the database is closed. *at_once*:
    without it too. Python takes every module apart before it ends, a fifth of a short command.
    """
    # Daemon threads too: a pool's exit hook waits for its workers, whatever kind they are.
    if at_once or threading.active_count() > 1:
        sys.stdout.flush()
        logging.shutdown()
        os._exit(status)


class _Parser(argparse.ArgumentParser):
    """A parser that says what a mistyped word was probably meant to be."""

    def error(self, message: str) -> NoReturn:
        # Not what argparse itself can suggest: only Python 3.14 and later have it.
        wrong = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        if wrong:
            from difflib import get_close_matches

            words = re.findall(r"[\w-]+", wrong[2])
            if meant := get_close_matches(wrong[1], words, n=1):
                message = f"there is no {wrong[1]!r}; did you mean {meant[0]!r}?"
        super().error(message)


def _parser() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = _Parser(
        prog="fbsyncd", description="Archive Facebook Pages before their picture links die."
    )
    parser.add_argument("--version", action="version", version=f"fbsyncd {__version__}")
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="the config.toml to use, in whichever folder"
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_setting_up(commands)
    _add_working(commands)
    _add_showing(commands)
    _add_keeping(commands)
    return parser


def _add_setting_up(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    init = _add(commands, "init", "write a commented config.toml and the folders")
    init.add_argument(
        "directory",
        nargs="?",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="the folder to write them into (default: this one)",
    )
    install = _add(commands, "install", "put fbsyncd in place as a service, with its man page")
    install.add_argument("--user", action="store_true", help="as your own service, without root")
    install.add_argument(
        "--root", type=Path, default=Path("/"), metavar="DIR", help="write below DIR, for packagers"
    )
    setup = _add(commands, "setup", "create the database's schema, adopt one, or update it")
    setup.add_argument("--dry-run", action="store_true", help="only show the SQL, change nothing")
    _add(
        commands,
        "config",
        "show the configuration in force, secrets hidden",
        function="show_config",
    )
    _add_token(commands)
    doctor = _add(commands, "doctor", "check everything, one line each, with the remedy")
    doctor.add_argument("--json", action="store_true", help="print JSON, for programs")
    demo = _add(
        commands, "demo", "try everything against a simulated Facebook", function="show_demo"
    )
    demo.add_argument(
        "--port", type=_natural, metavar="N", help="port of the dashboard (default: 8080)"
    )
    demo.add_argument(
        "--dir",
        type=Path,
        metavar="DIR",
        help="keep the demo's archive in DIR (default: remove it)",
    )
    demo.add_argument(
        "--replay",
        nargs="+",
        default=(),
        metavar="FILE",
        help="let the simulated Facebook answer with these recorded answers",
    )


def _add_token(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    token = _add(commands, "token", "make Page tokens that last from a person's short-lived one")
    token.add_argument("--app-id", metavar="ID", help="the app's id (default: ask for it)")
    token.add_argument("--page", metavar="ID", help="only this Page (default: each)")
    token.add_argument(
        "--dir",
        type=Path,
        default=Path("tokens"),
        metavar="DIR",
        help="the folder for the files (default: tokens/ beside config.toml)",
    )
    # Never the secrets themselves: every user of the machine can read a command line.
    token.add_argument(
        "--secret-file",
        type=Path,
        metavar="FILE",
        help="read the app's secret from FILE, or from standard input if it is - (default: ask)",
    )
    token.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="read your user token from FILE, or from standard input if it is - (default: ask)",
    )


def _add_working(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    _add(commands, "run", "run the daemon: it reads, downloads, reconciles and serves")
    sync = _add(commands, "sync", "read the Pages once and fetch their pictures")
    sync.add_argument("--page", metavar="ID", help="read only this Page")
    window = sync.add_mutually_exclusive_group()
    window.add_argument(
        "--days", type=_natural, metavar="N", help="read the posts of the last N days only"
    )
    window.add_argument("--all", action="store_true", help="read every post there ever was")
    window.add_argument("--full", action="store_true", help="read all of sync.backfill_days again")
    sync.add_argument("--no-media", action="store_true", help="fetch no pictures, only queue them")
    reconcile = _add(commands, "reconcile", "compare the rows with the files once")
    reconcile.add_argument(
        "--scrub", action="store_true", help="compare the SHA-256 of every file too"
    )
    reconcile.add_argument(
        "--dry-run", action="store_true", help="only say what is wrong, change nothing"
    )
    reconcile.add_argument(
        "--delete-orphans", action="store_true", help="remove files that no row knows"
    )
    reconcile.add_argument(
        "--accept-loss",
        action="store_true",
        help="believe that all these files are gone, and fetch them again",
    )
    retry = _add(commands, "retry", "put given-up pictures back into the queue")
    retry.add_argument("ids", nargs="*", metavar="ID", help="a picture, as /api/media names it")
    retry.add_argument("--all", action="store_true", help="every picture that was given up")


def _add_keeping(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verify = _add(commands, "verify", "show month by month what is archived, what is lost and why")
    verify.add_argument("--json", action="store_true", help="print JSON, for programs")
    verify.add_argument(
        "--quick", action="store_true", help="compare only the sizes of files, read none of them"
    )
    export = _add(commands, "export", "write the archive as plain files, to look at or to keep")
    export.add_argument(
        "directory",
        type=Path,
        metavar="DIR",
        help="a new or empty folder, or one of an earlier export",
    )
    copy = _add(commands, "copy", "copy every row into another database, of either engine")
    copy.add_argument(
        "--to",
        required=True,
        metavar="URL",
        help="the database to write: sqlite:///FILE or postgresql://USER@HOST/NAME",
    )
    forget = _add(commands, "forget", "remove a post or a Page on purpose, files included")
    forget.add_argument(
        "kind", choices=("post", "page"), metavar="post|page", help="what to remove"
    )
    forget.add_argument("id", metavar="ID", help="the id of that post or Page")
    forget.add_argument("--yes", action="store_true", help="do not ask, not even at a terminal")


def _add_showing(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    stats = _add(commands, "stats", "show what is archived")
    stats.add_argument("--json", action="store_true", help="print JSON, for programs")
    posts = _add(commands, "posts", "show the newest posts as the dashboard sees them")
    posts.add_argument(
        "--limit", type=_natural, default=20, metavar="N", help="how many posts (default: 20)"
    )
    posts.add_argument("--json", action="store_true", help="print JSON: posts as in /api/posts")


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
