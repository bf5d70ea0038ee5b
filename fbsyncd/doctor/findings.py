"""What a check found: a state, a sentence, and the remedy when all is not well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fbsyncd.errors import scrub

State = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check, without secrets; *remedy* is empty when there is none to name."""

    check: str
    state: State
    says: str
    remedy: str = ""


def ok(check: str, says: str) -> Finding:
    """All is well."""
    return Finding(check, "ok", scrub(says))


def warning(check: str, says: str, remedy: str) -> Finding:
    """Work goes on, but not for ever or not as meant."""
    return Finding(check, "warning", scrub(says), scrub(remedy))


def failed(check: str, says: str, remedy: str) -> Finding:
    """Something this archive needs does not work."""
    return Finding(check, "failed", scrub(says), scrub(remedy))


def skipped(check: str, because: str) -> Finding:
    """Nothing could be told, or there was nothing to tell."""
    return Finding(check, "skipped", scrub(because))


def told_by(check: str, message: str) -> Finding:
    """A failure in the words of one of our errors: what happened, then ``;`` and the remedy."""
    says, _, remedy = message.partition("; ")
    return failed(check, says, remedy)
