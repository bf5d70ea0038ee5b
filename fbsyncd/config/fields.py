"""The kinds of values config.toml may hold, each with its check and what it expects.

pydantic calls the checks and gathers what they refuse; a ValueError's text is the end of a
sentence that begins with the value, like ``is not a size (expected ...)``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Strict, ValidationInfo

from fbsyncd.config import units


class Section(BaseModel):
    """A table of config.toml: unknown keys are refused, and nothing changes after it is read."""

    # Defaults are validated too: that is how paths are resolved against the config file's folder.
    # Without hide_input_in_errors a traceback would show tokens.
    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True
    )


def base_folder(info: ValidationInfo) -> Path:
    """Return the folder that relative paths count from: the context's ``base``."""
    return Path((info.context or {}).get("base", "")).absolute()


def text(value: object) -> str:
    """Return *value* if it is text; a forgotten pair of quotes is the commonest mistake."""
    if isinstance(value, str):
        return value
    raise ValueError('is no text (expected quotes around it, as in "15m")')


def lowered(value: object) -> str:
    """Return text in small letters."""
    return text(value).lower()


def checked(check: Callable[[str], str]) -> BeforeValidator:
    """Return a validator that hands text to *check*."""
    return BeforeValidator(lambda value: check(text(value)))


def each(check: Callable[[str], str]) -> BeforeValidator:
    """Return a validator for a list of texts that hands each one to *check*."""

    def check_list(value: object) -> tuple[str, ...]:
        if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
            return tuple(_named(check, one) for one in value)
        raise ValueError('is not a list of texts (expected ["...", "..."])')

    return BeforeValidator(check_list)


def _named(check: Callable[[str], str], one: str) -> str:
    try:
        return check(one)
    except ValueError as error:
        raise ValueError(f'holds "{one}", which {error}') from error


def whole_number(lowest: int, highest: int) -> BeforeValidator:
    """Return a validator for a number from *lowest* to *highest*, both included."""

    def check(value: object) -> int:
        # True is an int to Python, but nobody who writes `workers = true` means one.
        if isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest:
            return value
        raise ValueError(f"is not possible (expected a whole number from {lowest} to {highest})")

    return BeforeValidator(check)


def _duration(value: object) -> timedelta:
    length = value if isinstance(value, timedelta) else units.parse_duration(text(value))
    if length <= timedelta(0):
        raise ValueError("is no time at all (expected one like 15m)")
    return length


def _size(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= units.LARGEST:
        return value
    return units.parse_size(text(value))


def _path(value: object, info: ValidationInfo) -> Path:
    name = str(value) if isinstance(value, Path) else text(value)
    if not name or "\0" in name:
        raise ValueError("is no path")
    return base_folder(info) / Path(name).expanduser()


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Size = Annotated[int, BeforeValidator(_size)]
ResolvedPath = Annotated[Path, BeforeValidator(_path)]
Flag = Annotated[bool, Strict()]
