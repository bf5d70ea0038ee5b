"""Durations and sizes as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbsyncd.config import units


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("30s", timedelta(seconds=30)),
        ("15m", timedelta(minutes=15)),
        ("6h", timedelta(hours=6)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(weeks=2)),
        ("1h30m", timedelta(minutes=90)),
        (" 1D 12h ", timedelta(hours=36)),
        ("1.5h", timedelta(minutes=90)),
        ("0.1s", timedelta(microseconds=100_000)),
        ("0", timedelta(0)),
        ("36500d", units.LONGEST),
    ],
)
def test_duration(text: str, duration: timedelta) -> None:
    """A duration is one or more numbers with their units."""
    assert units.parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "15", "m", "15 minutes", "-5m", "1e3s", "5m!", "٣m", "1,5h"])
def test_no_duration(text: str) -> None:
    """Anything else is refused with what was expected."""
    with pytest.raises(ValueError, match="expected a number with s, m, h, d or w"):
        units.parse_duration(text)


@pytest.mark.parametrize("text", ["36501d", "999999999999999w"])
def test_duration_beyond_the_calendar(text: str) -> None:
    """A duration that no date can be moved by is refused, not an overflow later."""
    with pytest.raises(ValueError, match="100 years"):
        units.parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512B", 512),
        ("10MB", 10_000_000),
        ("10 mb", 10_000_000),
        ("1.5GB", 1_500_000_000),
        ("1KiB", 1024),
        ("2GiB", 2 * 1024**3),
        ("1TB", 10**12),
        ("0", 0),
        ("0B", 0),
    ],
)
def test_size(text: str, size: int) -> None:
    """Units are powers of 1000, with an i powers of 1024; capitals do not matter."""
    assert units.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "10", "MB", "10XB", "-1MB", "10 M", "1e6B", "0x10B"])
def test_no_size(text: str) -> None:
    """Anything else is refused with what was expected."""
    with pytest.raises(ValueError, match="expected a number with B, KB, MB, GB or TB"):
        units.parse_size(text)


def test_size_beyond_any_disk() -> None:
    """A size that must be a slip of the hand is refused."""
    with pytest.raises(ValueError, match="larger than any disk"):
        units.parse_size("999999999TB")


@pytest.mark.parametrize(("written", "shown"), [("7d", "7d"), ("30s", "30s"), ("90m", "1h30m")])
def test_duration_is_shown_as_people_write_it(written: str, shown: str) -> None:
    """A duration is shown in the largest units, days at most."""
    assert units.format_duration(units.parse_duration(written)) == shown


@given(st.timedeltas(min_value=timedelta(0), max_value=units.LONGEST))
def test_duration_shown_reads_back(duration: timedelta) -> None:
    """What is shown for a duration reads back as the same duration."""
    assert units.parse_duration(units.format_duration(duration)) == duration


@given(st.integers(min_value=0, max_value=units.LARGEST))
def test_size_shown_reads_back(size: int) -> None:
    """What is shown for a size reads back as the same number of bytes."""
    assert units.parse_size(units.format_size(size)) == size


@given(st.text(alphabet="0123456789.wdhmsWDHMS kKgGbBiI-+e", max_size=20))
def test_anything_is_read_or_refused(text: str) -> None:
    """Whatever is written is a value within the limits or a ValueError, never another failure."""
    for parse, longest in (
        (units.parse_duration, units.LONGEST),
        (units.parse_size, units.LARGEST),
    ):
        try:
            value = parse(text)
        except ValueError:
            continue
        assert type(value)(0) <= value <= longest  # type: ignore[operator]
