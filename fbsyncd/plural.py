"""A number with its noun, as a person says it."""

from __future__ import annotations


def counted(count: int, thing: str) -> str:
    """Return ``1 file``, ``12,000 files``; for nouns that get an s and nothing else."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"
