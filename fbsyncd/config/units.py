"""Durations and sizes as people write them: ``15m``, ``1h30m``, ``10MB``, ``2GiB``.

``KB``, ``MB``, ``GB`` and ``TB`` are powers of 1000, as disks are sold and as ``ls --si`` counts;
``KiB`` to ``TiB`` are powers of 1024. What :func:`format_duration` and :func:`format_size` return
reads back as the very same value.
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

_SECOND_UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
_BYTE_UNITS = {
    "TiB": 1024**4,
    "TB": 1000**4,
    "GiB": 1024**3,
    "GB": 1000**3,
    "MiB": 1024**2,
    "MB": 1000**2,
    "KiB": 1024,
    "KB": 1000,
    "B": 1,
}
_NUMBER = r"[0-9]{1,16}(?:\.[0-9]{1,6})?"
_DURATION = re.compile(rf"(?:{_NUMBER}\s*[wdhms]\s*)+", re.IGNORECASE)
_DURATION_PART = re.compile(rf"({_NUMBER})\s*([wdhms])", re.IGNORECASE)
_SIZE = re.compile(rf"({_NUMBER})\s*([kmgt]i?b|b)", re.IGNORECASE)

# Added to a date, anything longer leaves the calendar.
LONGEST = timedelta(days=36500)
# What a slip of the hand exceeds and no archive does, in bytes.
LARGEST = 1024**5


def parse_duration(text: str) -> timedelta:
    """Read ``30s``, ``15m``, ``6h``, ``7d``, ``2w`` or several of them; ``0`` needs no unit.

    Raises ValueError, which says what was expected, for anything else and beyond 100 years.
    """
    stripped = text.strip()
    if stripped == "0":
        return timedelta(0)
    if not _DURATION.fullmatch(stripped):
        raise ValueError("is not a duration (expected a number with s, m, h, d or w, like 15m)")
    seconds = sum(
        Decimal(number) * _SECOND_UNITS[unit.lower()]
        for number, unit in _DURATION_PART.findall(stripped)
    )
    if seconds > int(LONGEST.total_seconds()):
        raise ValueError("is longer than 100 years")
    whole = int(seconds)
    return timedelta(seconds=whole, microseconds=int((seconds - whole) * 1_000_000))


def format_duration(duration: timedelta) -> str:
    """Return *duration*, which must not be negative, in days, hours, minutes and seconds."""
    left = duration.days * 86400 + duration.seconds
    parts = []
    for unit in "dhms":
        count, left = divmod(left, _SECOND_UNITS[unit])
        fraction = f".{duration.microseconds:06}" if unit == "s" and duration.microseconds else ""
        if count or fraction:
            parts.append(f"{count}{fraction}{unit}")
    return "".join(parts) or "0s"


def parse_size(text: str) -> int:
    """Read ``10MB``, ``1.5 GiB`` or ``512B`` as a number of bytes; ``0`` needs no unit.

    A part of a byte is dropped. Raises ValueError, which says what was expected.
    """
    stripped = text.strip()
    if stripped == "0":
        return 0
    match = _SIZE.fullmatch(stripped)
    if match is None:
        raise ValueError("is not a size (expected a number with B, KB, MB, GB or TB, like 10MB)")
    number, unit = match.groups()
    factors = {name.lower(): factor for name, factor in _BYTE_UNITS.items()}
    size = int(Decimal(number) * factors[unit.lower()])
    if size > LARGEST:
        raise ValueError("is larger than any disk")
    return size


def format_size(size: int) -> str:
    """Return *size* bytes in the largest unit that keeps it a whole number."""
    for unit, factor in _BYTE_UNITS.items():
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return "0B"
