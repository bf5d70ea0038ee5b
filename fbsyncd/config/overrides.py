"""Settings from the environment: ``FBSYNCD_<SECTION>_<KEY>``, as in ``FBSYNCD_MEDIA_WORKERS=4``.

Lists are written with commas. Pages are tables, which no variable can hold; they come from
config.toml alone. Variables of other names are left alone.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, cast, get_origin

from pydantic import BaseModel

from fbsyncd.config.settings import Config

_PREFIX = "FBSYNCD_"
_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}
_NOT_SETTABLE = {("facebook", "pages")}


def from_environment(
    environ: Mapping[str, str], token_variables: set[str]
) -> tuple[dict[tuple[str, str], object], list[str]]:
    """Return the values by section and key, and a line for each variable that sets nothing.

    *token_variables* are those that hold a Page's token: they may be called as they like.
    """
    values: dict[tuple[str, str], object] = {}
    unknown = []
    for name in sorted(environ.keys() - token_variables):
        section, _, key = name.removeprefix(_PREFIX).lower().partition("_")
        if not name.startswith(_PREFIX) or section not in Config.model_fields or not key:
            continue
        keys = _settable(section)
        if key in keys:
            values[section, key] = _read(environ[name], keys[key])
        else:
            unknown.append(f"{name}: sets no key{_suggestion(section, key)}")
    return values, unknown


def variable(section: str, key: str) -> str:
    """Return the name of the environment variable that sets *key*."""
    return f"{_PREFIX}{section}_{key}".upper()


def _suggestion(section: str, key: str) -> str:
    close = difflib.get_close_matches(key, _settable(section), n=1)
    return f", did you mean '{variable(section, close[0])}'?" if close else ""


def _settable(section: str) -> dict[str, Any]:
    model = cast("type[BaseModel]", Config.model_fields[section].annotation)
    fields = model.model_fields.items()
    return {key: field.annotation for key, field in fields if (section, key) not in _NOT_SETTABLE}


def _read(text: str, kind: object) -> object:
    """Return *text* as TOML would have given it; what does not fit is left for the checks."""
    stripped = text.strip()
    if get_origin(kind) is tuple:
        return [part.strip() for part in text.split(",") if part.strip()]
    if kind is bool and stripped.lower() in _TRUE | _FALSE:
        return stripped.lower() in _TRUE
    if kind is int and stripped.isascii() and stripped.isdigit() and len(stripped) < 20:
        return int(stripped)
    return text
