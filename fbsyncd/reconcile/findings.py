"""What a person may ask of a reconcile, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

#: So many names of what is not ours are told.
NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Request:
    """How to reconcile.

    *dry_run*: only look, *delete_orphans*: remove files no row knows, *accept_loss*: take the
    folder as it is, whatever is missing.
    """

    dry_run: bool = False
    delete_orphans: bool = False
    accept_loss: bool = False


@dataclass(slots=True)
class Findings:
    """What was found: rows by the state of their file, and files without a row.

    *queued* counts rows that are fetched or made again, *adopted* those whose file was put back;
    in a dry run, those that would be. *young* are files whose row may be on its way still.
    """

    files: int = 0
    missing: int = 0
    wrong_size: int = 0
    queued: int = 0
    adopted: int = 0
    orphans: int = 0
    orphan_bytes: int = 0
    orphans_deleted: int = 0
    young: int = 0
    foreign: int = 0
    foreign_names: list[str] = field(default_factory=list, compare=False)
    scrubbed: int = 0
    wrong_content: int = 0
    unreadable: int = 0

    def meet_foreign(self, path: str) -> None:
        """Count what is not ours; the first few are named."""
        self.foreign += 1
        if len(self.foreign_names) < NAMED:
            self.foreign_names.append(path)
