"""What pydantic found wrong, told to the person who wrote the config file.

One line for each problem: the key, the value, what was expected, and where it was written.
Values that are secret are never repeated.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

Location = tuple[int | str, ...]

# Their values are secret, or (access_token_env) are not what is wrong.
_NOT_SHOWN = {"access_token", "access_token_env", "app_secret", "auth_token", "url", "webhook"}
_LONGEST_VALUE = 60
_OF_A_PAGE = {"id", "access_token", "access_token_file", "access_token_env"}
_HEADER = re.compile(r"\s*(\[\[?)\s*([\w.-]+)\s*\]")
_ASSIGNMENT = re.compile(r"\s*([\w.-]+)\s*=")
_EXPECTED = {
    "missing": "is missing",
    "string_type": "is no text (expected it in quotes)",
    "bool_type": "is neither true nor false",
    "model_type": "is not a section (expected [name] and keys below it)",
    "tuple_type": "is not a list of sections (expected [[facebook.pages]] before each Page)",
}


def problems(
    error: ValidationError, model: type[BaseModel], origins: Mapping[Location, str]
) -> list[str]:
    """Return a line for each mistake in *error*, which came from validating *model*.

    *origins* tells, for a location, where its value was written: a line, an environment variable.
    """
    return [_problem(detail, model, origins) for detail in error.errors(include_url=False)]


def _problem(detail: Any, model: type[BaseModel], origins: Mapping[Location, str]) -> str:
    location: Location = detail["loc"]
    if detail["type"] == "extra_forbidden":
        text = _unknown(detail, model)
    else:
        text = f"{_shown(detail)}{_expectation(detail)}"
    origin = f" ({origins[location]})" if location in origins else ""
    return f"{dotted(location)}{_after(location)}{text}{origin}"


def dotted(location: Location) -> str:
    """Return ``facebook.pages[2].id`` for the second Page's id."""
    parts = [f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in location]
    return "".join(parts).removeprefix(".")


def _after(location: Location) -> str:
    # Errors are scrubbed: a word after "access_token:" would be taken for the token.
    return " " if location[-1] == "access_token" else ": "


def _unknown(detail: Any, model: type[BaseModel]) -> str:
    *path, name = detail["loc"]
    if not path and name in _OF_A_PAGE:
        return "belongs to a Page: write the line [[facebook.pages]] above it"
    kind = "section" if isinstance(detail["input"], dict) else "key"
    close = difflib.get_close_matches(str(name).lower(), _fields(model, tuple(path)), n=1)
    return f"unknown {kind}, did you mean '{close[0]}'?" if close else f"unknown {kind}"


def _fields(model: type[BaseModel], location: Location) -> list[str]:
    """Return the keys that *model* knows at *location*."""
    for part in location:
        if isinstance(part, str):
            kind: Any = model.model_fields[part].annotation
            model = next(iter(get_args(kind)), kind)
    return list(model.model_fields)


def _shown(detail: Any) -> str:
    """Return the value as it was written, if it may be repeated and helps."""
    value = detail["input"]
    if not isinstance(value, str | int | float) or detail["loc"][-1] in _NOT_SHOWN:
        return ""
    written = json.dumps(value, ensure_ascii=False)
    return written[:_LONGEST_VALUE] + ("... " if len(written) > _LONGEST_VALUE else " ")


def _expectation(detail: Any) -> str:
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    if detail["type"] == "literal_error":
        return f"is not possible (expected {detail['ctx']['expected']})"
    return _EXPECTED.get(detail["type"]) or str(detail["msg"])


def written_lines(text: str) -> dict[Location, str]:
    """Return ``line 12`` for each key and section of the TOML *text*, where that is easy to see.

    Not a parser: inline tables, and keys in quotes, are left out.
    """
    found: dict[Location, str] = {}
    section: Location = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            section = _section(header[2], found, repeated=header[1] == "[[")
            found[section] = f"line {number}"
        elif assignment := _ASSIGNMENT.match(line):
            found.setdefault((*section, *assignment[1].split(".")), f"line {number}")
    return found


def _section(name: str, found: Mapping[Location, str], *, repeated: bool) -> Location:
    path: Location = tuple(name.split("."))
    if not repeated:
        return path
    index = 0
    while (*path, index) in found:
        index += 1
    return (*path, index)
