"""The configuration's files: found, named, and read by nobody else."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fbsyncd import handed
from fbsyncd.config import Config, addresses
from fbsyncd.doctor.findings import Finding, failed, ok, warning
from fbsyncd.errors import ConfigError
from fbsyncd.read import at

NAME = "config"


@dataclass(frozen=True, slots=True)
class File:
    """A file of the configuration; *mode* as ``chmod`` counts."""

    path: Path
    mode: int
    holds_secret: bool


def check(config: Config, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Tell which file is in force, whether a Page is named in it, and who may read secrets."""
    try:
        config.require_pages()
    except ConfigError as error:
        yield from refused(error)
        return
    yield judge(list(_files(config, environ)), len(config.facebook.pages))


def refused(error: ConfigError) -> Iterator[Finding]:
    """Tell each mistake of a configuration that cannot be used."""
    for line in str(error).splitlines():
        yield failed(NAME, line, "mend it, then run this again")


def judge(files: Sequence[File], pages: int) -> Finding:
    """Return the finding about *files*, the first of which is config.toml."""
    exposed = [str(file.path) for file in files if file.holds_secret and file.mode & 0o004]
    if exposed:
        names = " ".join(exposed)
        says = f"every user of this machine may read {names}, with secrets in it"
        return warning(NAME, says, f"chmod o-rwx {names}")
    counted = "1 Page" if pages == 1 else f"{pages:,} Pages"
    return ok(NAME, f"{files[0].path}, mode {files[0].mode:04o}, {counted}")


def holds_secret(written: object) -> bool:
    """Tell whether the contents of a config.toml hold a token, a secret or a password."""
    pages = at(written, "facebook", "pages")
    tokens = [at(page, "access_token") for page in pages] if isinstance(pages, list) else []
    url = at(written, "database", "url")
    password = isinstance(url, str) and addresses.without_password(url) != url
    found = (at(written, "facebook", "app_secret"), at(written, "server", "auth_token"), *tokens)
    return password or any(found)


def _files(config: Config, environ: Mapping[str, str]) -> Iterator[File]:
    source = Path(config.source)
    written = tomllib.loads(source.read_text(encoding="utf-8-sig"))
    yield File(source, _mode(source), holds_secret(written))
    for page in config.facebook.pages:
        path = page.access_token_file
        # systemd keeps its credentials to the service, whatever their mode looks like.
        if path is not None and path.is_file() and not handed.unit_of(path, environ):
            yield File(path, _mode(path), holds_secret=True)


def _mode(path: Path) -> int:
    return os.stat(path).st_mode & 0o7777  # noqa: PTH116 - follows links, as reading does
