"""What a verification found, as numbers and as reasons."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field, fields
from typing import Any, Final

#: Beyond so many different reasons they are counted together.
MOST_REASONS: Final = 500

# A reason tells of one picture; these parts of it would make each a kind of its own.
_OWN: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), generic)
    for pattern, generic in (
        # Greedy: what Facebook says may hold quotes and brackets itself.
        (r' ?Facebook said: ".*" \((?:(code [^,()]*), )?[^()"]*\)', r" (\1)"),
        (r" \(\)", ""),
        # Which picture it was, and where: the fetcher's last words.
        (r" \((?:[^()]* at )?[^()\s]+\.[^()\s]+\)$", ""),
        (r" \(they begin [^()]*\)", ""),
        (r", asks to wait .*$", ""),
        (r"\b[a-z]+://\S+", "…"),
        (r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "…"),
        (r"\S+\.(?:jpe?g|png|gif|webp|avif)\b\S*", "…"),
        (r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d)?)?", "…"),
        # Codes and statuses are what the reason is about; sizes, ids and counts are not.
        (r"(?<![\w/-])(?<!code )(?![45]\d\d\b(?![,.]\d))\d[\d,._]*\d*(?![\w/-])", "…"),
        (r"\s+", " "),
    )
)


def kind(reason: str) -> str:
    """Return *reason* without what it says of one picture only: names, ids, sizes, quotations."""
    if host := _HOST.search(reason):
        return f"{host[1] or host[2]} is {OTHER_HOST}"
    for pattern, generic in _OWN:
        reason = pattern.sub(generic, reason)
    return reason.strip()


MISSING: Final = "the file is missing on disk"
OTHER_SIZE: Final = "the file has another size than recorded"
DAMAGED: Final = "the file's content is damaged"
UNREADABLE: Final = "the disk cannot read the file"
#: What a disk does to files that were whole; such a picture is fetched again, if it can be had.
DISK_FAULTS: Final = (MISSING, OTHER_SIZE, DAMAGED, UNREADABLE)
#: What the fetcher says of a host that the configuration does not name.
OTHER_HOST: Final = "not among the allowed hosts"
#: Such a reason is about its host, and that may be a number.
_HOST: Final = re.compile(r"(\S+), which is not among the allowed hosts|(\S+) is not among the")
NO_ROW: Final = "a post that the source listed has no row"


@dataclass(slots=True)
class Count:
    """The numbers of one month; *posts_at_source* None: not listed yet."""

    posts_at_source: int | None = None
    posts: int = 0
    posts_missing: int = 0
    pictures: int = 0
    archived: int = 0
    waiting: int = 0
    lost: int = 0

    def __iadd__(self, other: Count) -> Count:
        for each in fields(self):
            mine, more = getattr(self, each.name), getattr(other, each.name)
            setattr(self, each.name, more if mine is None else mine + (more or 0))
        return self


@dataclass(slots=True)
class Verdict:
    """What was found; *pages* are told with the time they were last listed whole.

    *is_quick*: of the files only the sizes were looked at. *unnamed* counts the pictures that no
    post and no video names or named.
    """

    is_quick: bool = False
    months: dict[str, Count] = field(default_factory=lambda: defaultdict(Count))
    unnamed: Count = field(default_factory=Count)
    reasons: Counter[str] = field(default_factory=Counter)
    pages: dict[str, str | None] = field(default_factory=dict)

    @property
    def total(self) -> Count:
        total = Count()
        for count in (*self.months.values(), self.unnamed):
            total += count
        return total

    @property
    def is_whole(self) -> bool:
        """Tell whether nothing is lost; what still waits may yet come."""
        return not self.reasons

    def blame(self, reason: str, count: int = 1) -> None:
        """Count a loss under the kind of its reason."""
        name = kind(reason)
        known = name in self.reasons or len(self.reasons) < MOST_REASONS
        self.reasons[name if known else "other reasons"] += count

    def as_json(self) -> dict[str, Any]:
        """Return the verdict for machines."""
        return {
            "ok": self.is_whole,
            "checked": "size" if self.is_quick else "content",
            "months": [{"month": name, **_plain(self.months[name])} for name in self.sorted()],
            "without_post": {
                name: value
                for name, value in _plain(self.unnamed).items()
                if not name.startswith("posts")
            },
            "total": _plain(self.total),
            "lost": [
                {"reason": reason, "count": count} for reason, count in self.reasons.most_common()
            ],
            "pages": [{"id": id_, "listed_at": at} for id_, at in sorted(self.pages.items())],
        }

    def sorted(self) -> list[str]:
        """Return the months, the newest first."""
        return sorted(self.months, reverse=True)


def _plain(count: Count) -> dict[str, int | None]:
    return {each.name: getattr(count, each.name) for each in fields(count)}
