"""config.toml: found, read, overridden from the environment, checked whole, and shown again.

The keys themselves are in :mod:`fbsyncd.config.settings`. Nothing here opens the database, looks
up a host or reads a token.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError

from fbsyncd import datafiles
from fbsyncd.config import addresses, units
from fbsyncd.config.complaints import problems, written_lines
from fbsyncd.config.overrides import from_environment, variable
from fbsyncd.config.settings import Config, Page
from fbsyncd.errors import ConfigError, UsageError

__all__ = [
    "Config",
    "Page",
    "dump",
    "example",
    "find",
    "init",
    "load",
    "parse",
    "places",
    "private",
]

_POINTER = "FBSYNCD_CONFIG"
_SIZES = {"max_file_size", "free_space_floor"}
_FOLDERS = ("posts", "attachments", "thumbnails")


def load(path: Path | None = None, *, environ: Mapping[str, str], cwd: Path) -> Config:
    """Read the configuration: from *path*, else $FBSYNCD_CONFIG, else the first of the places.

    Raises ConfigError that lists every problem. Does not read access tokens: each Page does that
    when it is synced, so that a lost token does not keep the archive from being served.
    """
    found = find(path, environ=environ, cwd=cwd)
    return parse(_read(found), source=str(found), base=found.parent.absolute(), environ=environ)


def places(environ: Mapping[str, str], cwd: Path) -> list[Path]:
    """Return where config.toml is looked for when nobody named one, in this order."""
    home = [Path(environ["HOME"], ".config/fbsyncd/config.toml")] if environ.get("HOME") else []
    return [cwd / "config.toml", *home, Path("/etc/fbsyncd/config.toml")]


def find(path: Path | None, *, environ: Mapping[str, str], cwd: Path) -> Path:
    """Return the config file to read; raises ConfigError, with the remedy, when there is none."""
    if path is not None:
        return cwd / path
    if environ.get(_POINTER):
        return cwd / Path(environ[_POINTER]).expanduser()
    candidates = places(environ, cwd)
    # A folder without permission counts as found: reading it then says so.
    for candidate in candidates:
        try:
            candidate.stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            pass
        return candidate
    looked = ", ".join(map(str, candidates))
    raise ConfigError("config.toml", [f"not found ({looked}); `fbsyncd init` writes one"])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigError(str(path), ["no such file; `fbsyncd init` writes one"]) from error
    except OSError as error:
        raise ConfigError(str(path), [f"cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), ["is not UTF-8 text"]) from error


def parse(
    text: str, *, base: Path, environ: Mapping[str, str], source: str = "config.toml"
) -> Config:
    """Return the configuration that *text* and *environ* make; relative paths count from *base*."""
    try:
        written = tomllib.loads(text)
    except ValueError as error:
        raise ConfigError(source, [f"is not TOML: {error}{_hint(error, text)}"]) from error
    values, found = from_environment(environ, _token_variables(written))
    origins = written_lines(text) | {key: f"set by {variable(*key)}" for key in values}
    try:
        config = Config.model_validate(
            _merged(written, values), context={"base": base, "source": source}
        )
    except ValidationError as error:
        raise ConfigError(source, problems(error, Config, origins) + found) from error
    if found:
        raise ConfigError(source, found)
    return config


def _hint(error: ValueError, text: str) -> str:
    said = str(error)
    # What tomllib says of `interval = 15m` and of `level = info`.
    if not said.startswith(("Invalid value", "Expected newline or end of document")):
        return ""
    line = re.search(r"\(at line ([0-9]+)", said)
    if line is None:
        return ""
    # A section's head is no value: an array above it was still open.
    at_fault = text.split("\n")[int(line[1]) - 1].lstrip()
    is_head = said.startswith("Invalid value") and at_fault.startswith("[")
    return "; is a bracket above it not closed?" if is_head else "; is a text missing its quotes?"


def _merged(written: dict[str, Any], values: Mapping[tuple[str, str], object]) -> dict[str, Any]:
    # A section that is absent is validated all the same, so that its paths are resolved.
    merged: dict[str, Any] = {name: {} for name in Config.model_fields} | written
    for (section, key), value in values.items():
        if isinstance(merged[section], dict):
            merged[section] = {**merged[section], key: value}
    return merged


def _token_variables(written: Mapping[str, Any]) -> set[str]:
    facebook = written.get("facebook")
    pages = facebook.get("pages") if isinstance(facebook, dict) else None
    tables = [page for page in pages if isinstance(page, dict)] if isinstance(pages, list) else []
    return {_POINTER, *(str(page.get("access_token_env")) for page in tables)}


def example() -> str:
    """Return the commented reference config.toml: every key with its default."""
    return datafiles.reference_config().read_text(encoding="utf-8")


def init(directory: Path) -> list[Path]:
    """Write config.toml and the media folders into *directory*; return what was made.

    The file can be read by its owner only, for it will hold an access token. Raises UsageError
    when there is a config.toml already, and leaves it as it is.
    """
    config = directory / "config.toml"
    folders = [directory / "media" / "facebook" / name for name in _FOLDERS]
    # Refused before anything is made; the exclusive open below decides when two run at once.
    if os.path.lexists(config):
        raise UsageError(f"{config} is there already; nothing was written")
    made = [folder for folder in folders if not os.path.lexists(folder)]
    text = example()
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        with open(config, "x", encoding="utf-8", opener=private) as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"cannot make {error.filename}: {error.strerror}") from error
    return [config, *made]


def private(path: str, flags: int) -> int:
    """Open a file, for ``open(..., opener=private)``; one made anew is its owner's only."""
    return os.open(path, flags, mode=0o600)


def dump(config: Config) -> str:
    """Return the configuration in force as TOML, with ``***`` for what is secret."""
    lines = [f"# In force, read from {config.source}"]
    for name in Config.model_fields:
        section: BaseModel = getattr(config, name)
        lines += ["", f"[{name}]", *_keys(section)]
    for page in config.facebook.pages:
        lines += ["", "[[facebook.pages]]", *_keys(page)]
    return "\n".join(lines) + "\n"


def _keys(section: BaseModel) -> Iterator[str]:
    for key in type(section).model_fields:
        value = getattr(section, key)
        if value is not None and key != "pages":
            yield f"{key} = {_toml(key, value)}"


def _toml(key: str, value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_quoted(one) for one in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and key not in _SIZES:
        return str(value)
    return _quoted(_plain(key, value))


def _plain(key: str, value: object) -> str:
    if isinstance(value, SecretStr):
        return "***" if value else ""
    if isinstance(value, timedelta):
        return units.format_duration(value)
    if isinstance(value, int):
        return units.format_size(value)
    return addresses.without_password(str(value)) if key == "url" else str(value)


def _quoted(text: str) -> str:
    # JSON's escapes are TOML's too; only DEL may stand bare in the one and not in the other.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
