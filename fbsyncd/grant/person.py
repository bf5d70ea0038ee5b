"""What a person gives and is told on the way to new tokens. Secrets come in, and never go out.

They are typed unseen, or read from files or from standard input; never from the command line,
where every user of the machine could read them.
"""

from __future__ import annotations

import getpass
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fbsyncd import handed
from fbsyncd.config import Config
from fbsyncd.errors import TokenRefused, UsageError, sentences
from fbsyncd.grant import Grant, Granted

_STDIN = Path("-")


@dataclass(frozen=True, slots=True)
class Sources:
    """Where secrets are: files, or None for whoever sits at the terminal."""

    secret_file: Path | None
    token_file: Path | None


def app_id(given: str | None) -> str:
    """Return the app's id: it is no secret, and stands on the app's dashboard."""
    text = given or _typed("App id: ")
    if not re.fullmatch(r"[0-9]{1,32}", text):
        raise UsageError("an app's id is a number: see https://developers.facebook.com/apps")
    return text


def app_secret(sources: Sources, config: Config) -> str:
    """Return the app's secret, from config.toml when it is there."""
    configured = config.facebook.app_secret.get_secret_value()
    if sources.secret_file is None and configured:
        return configured
    return _secret(sources.secret_file, "App secret: ", "--secret-file")


def user_token(sources: Sources) -> str:
    """Return the person's short-lived token."""
    return _secret(sources.token_file, "User access token: ", "--token-file")


def pages(grant: Grant, only: str | None) -> list[Granted]:
    """Return the Pages with their tokens, or *only* one; raises UsageError, with what to do."""
    try:
        given = grant.pages()
    except TokenRefused as error:
        raise UsageError(sentences(str(error), error.remedy)) from error
    chosen = [page for page in given if only in {None, page.page_id}]
    if not given:
        raise UsageError(
            "that person's token gives no Page: grant the app the Page, with pages_show_list"
        )
    if not chosen:
        raise UsageError(f"that person's token does not give Page {only}")
    return chosen


def lines(written: Iterable[tuple[Granted, Path]], config: Config, now: datetime) -> list[str]:
    """Return what to tell: the state of each token, and what to add to config.toml."""
    known = {page.id: page for page in config.facebook.pages}
    told, blocks = [], []
    for page, path in written:
        told.append(f"{path}: the token of {page.name} ({page.page_id}), {_end(page, now)}")
        configured = known.get(page.page_id)
        place = _read_at(path)
        if configured is None:
            blocks += _block(page, path, config)
        elif configured.access_token_file != place:
            told.append(
                f"  config.toml takes this Page's token from elsewhere; it is used once there is"
                f' access_token_file = "{_shown(path, config)}" in its block'
            )
        elif place != path:
            told.append("  systemd hands it to the service: `systemctl restart fbsyncd`")
        else:
            told.append("  config.toml names this file; a daemon that runs takes it by itself")
    if blocks:
        told += ["", f"Add to {config.source}:", *blocks]
    return told


def _block(page: Granted, path: Path, config: Config) -> list[str]:
    name = " ".join(page.name.split())
    return [
        "",
        f"[[facebook.pages]]   # {name}",
        f'id = "{page.page_id}"',
        f'access_token_file = "{_shown(path, config)}"',
    ]


def _read_at(path: Path) -> Path:
    """Return where a token that is written to *path* is read."""
    return handed.to_service(path.name) if path.parent == handed.TOKENS else path


def _shown(path: Path, config: Config) -> Path:
    path = _read_at(path)
    return path.relative_to(config.base) if path.is_relative_to(config.base) else path


def _end(page: Granted, now: datetime) -> str:
    worth = page.worth
    if worth is None:
        return "of which Facebook would not say when it ends"
    if not worth.is_valid:
        return f"which is not valid: {worth.message or 'Facebook does not say why'}"
    if worth.expires_at is not None:
        return f"which ends in {(worth.expires_at - now).days} days"
    if worth.data_access_expires_at is not None:
        days = (worth.data_access_expires_at - now).days
        return f"which does not end; its access to data does, in {days} days"
    return "which does not end"


def _secret(file: Path | None, question: str, option: str) -> str:
    if file is None and not sys.stdin.isatty():
        raise UsageError(
            f"nobody sits at a terminal: name a file with {option}, or - for standard input"
        )
    if file is None:
        text = getpass.getpass(question)
    elif file == _STDIN:
        text = sys.stdin.readline()
    else:
        text = _read(file)
    text = text.strip()
    if not re.fullmatch(r"[!-~]+", text):
        raise UsageError(f"{option.removeprefix('--')}: expected one word of plain text")
    return text


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not a text file") from error


def _typed(question: str) -> str:
    if not sys.stdin.isatty():
        raise UsageError("nobody sits at a terminal: give the app's id with --app-id")
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()
