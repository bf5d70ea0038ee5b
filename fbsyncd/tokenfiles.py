"""Notices that a file with a token was changed; it never opens one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fbsyncd.config import Page

_Mark = tuple[int, int, int] | None


class TokenFiles:
    """The ``access_token_file`` of each Page that has one, as last looked at."""

    def __init__(self, pages: Iterable[Page]) -> None:
        self._paths = {page.id: page.access_token_file for page in pages if page.access_token_file}
        self._marks = {page_id: _mark(path) for page_id, path in self._paths.items()}

    def changed(self) -> list[str]:
        """Return the Pages whose file is another than at the last look, and is there."""
        found = {page_id: _mark(path) for page_id, path in self._paths.items()}
        before, self._marks = self._marks, found
        return [page_id for page_id, mark in found.items() if mark and mark != before[page_id]]


def _mark(path: Path) -> _Mark:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
