"""An answer of the Graph API. Apart from what speaks HTTP, whose library takes long to load."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; *body* is the parsed JSON, or None when it was none."""

    status: int
    headers: Mapping[str, str]
    body: object


def parsed(body: bytes | str) -> object:
    """Return the JSON in *body*, or None when it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
