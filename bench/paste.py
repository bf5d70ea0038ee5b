"""Put what was saved into docs/PERFORMANCE.md, each between its two comments.

    python -m bench paste FOLDER

What FOLDER/NAME.json holds goes between ``<!-- NAME -->`` and the next ``<!-- end -->`` (of servers
NAME.md, which is told in tables of its own). The figures themselves (NAME.json) and the pictures
goals.svg and growth.svg go to docs/performance.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bench import table

DOCS: Final = Path(__file__).parent.parent / "docs"
PICTURES: Final = ("goals.svg", "growth.svg")
_PART: Final = re.compile(r"(?ms)^<!-- ([a-z-]+) -->\n.*?^<!-- end -->$")


def names(text: str) -> list[str]:
    """Return the names of all parts of a document that are pasted."""
    return [part[1] for part in _PART.finditer(text)]


def pasted(text: str, parts: Mapping[str, str]) -> str:
    """Return a document with *parts* in it, by name; all other parts stay as they are."""

    def put(part: re.Match[str]) -> str:
        if part[1] not in parts:
            return part[0]
        return f"<!-- {part[1]} -->\n{parts[part[1]].strip()}\n<!-- end -->"

    return _PART.sub(put, text)


def told(path: Path) -> str:
    """Return saved figures as Markdown, with the verdicts of today."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    return table.document(kept, list(map(table.markdown, table.saved(path))))


def paste(folder: Path) -> None:
    """Paste all that is saved in a folder, and say what there is no place or no figure for."""
    page = DOCS / "PERFORMANCE.md"
    text = page.read_text(encoding="utf-8")
    parts = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
    parts |= {path.stem: told(path) for path in folder.glob("*.json") if path.stem != "serve"}
    places = set(names(text))
    if not parts.keys() & places:
        sys.exit(f"{folder} has nothing for {page}: save there with --save")
    page.write_text(pasted(text, parts), encoding="utf-8")
    kept = DOCS / "performance"
    for path in [*folder.glob("*.json"), *map(folder.joinpath, PICTURES)]:
        if path.exists():
            shutil.copy(path, kept)
    for what, which in (
        ("pasted", parts.keys() & places),
        ("not measured, left as it was", places - parts.keys()),
        ("has no place there", parts.keys() - places),
    ):
        if which:
            print(f"{what}: {', '.join(sorted(which))}")
