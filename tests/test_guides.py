"""The documents for operators: what they quote is said, and what they point to is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
GUIDES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("systemd/*.md")])


def sayings() -> str:
    """Return every text of the source, a line each, with … for what differs."""
    said: list[str] = []
    for path in (ROOT / "fbsyncd").rglob("*.py"):
        if "simulator" not in path.parts:
            said += map(_said, ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    return "\n".join(filter(None, said))


def _said(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(_said(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return "…"
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"%[sd]|%\.\d[fg]", "…", node.value.replace("\n", " "))
    return ""


def test_every_message_that_is_quoted_exists() -> None:
    """Who looks for a message finds the one that the program says."""
    text = (ROOT / "docs" / "TROUBLESHOOTING.md").read_text()
    quoted = re.findall(r"(?m)^\| `(.+?)` \|", text)
    said = sayings()
    assert len(quoted) > 30
    assert [one for one in quoted if one.strip("… ") not in said] == []


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(guide: Path) -> None:
    """A link to a file of ours, or to a heading in one, is not dead."""
    for target in re.findall(r"\]\(([^)\s]+)\)", guide.read_text()):
        if "://" not in target:
            name, _, heading = target.partition("#")
            path = (guide.parent / name) if name else guide
            assert path.exists(), target
            assert not heading or heading in _anchors(path), target


def test_the_readmes_go_together() -> None:
    """The one in Thai has the same commands, routes, headings and links in the same order."""
    english, thai = ((ROOT / name).read_text() for name in ("README.md", "README.th.md"))
    for pattern in (
        r"(?ms)^```.*?^```$",
        r"(?m)^(#+) ",
        r"(?m)^\| (`.*?`) \| ",
        r"\]\(((?!README)[^)\s]+)\)",
    ):
        assert re.findall(pattern, english) == re.findall(pattern, thai)


def _anchors(path: Path) -> set[str]:
    heads = re.findall(r"(?m)^#+ (.+)$", path.read_text())
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: str(path.relative_to(ROOT)))
def test_tests_that_are_named_are_there(guide: Path) -> None:
    """A document that names a test as its proof names one that exists."""
    for name in re.findall(r"\b(test_\w+)\.py", guide.read_text()):
        assert (ROOT / "tests" / f"{name}.py").exists(), name
