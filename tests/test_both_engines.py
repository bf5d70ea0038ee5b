"""What is tested of rows, backlog, sync, reconcile, feed and server is tested on both engines."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent
SUBJECTS = {
    "rows": ["bulk", "statements", "history", "known", "gone"],
    "backlog": ["backlog", "deadlines", "download", "develop", "outstanding"],
    "sync": ["sync", "heal", "heirs", "refrain", "outage"],
    "reconcile": ["reconcile", "brake", "scrub", "quarantine"],
    "feed": ["feed", "shown", "search", "stats", "changes", "faces"],
    "server": ["server", "kept", "desk", "openapi", "metrics", "daemon"],
}
#: Those that run on one engine only, and why the other one would add nothing.
ALONE = {
    "test_changes.test_a_server_that_went_away_leaves_no_mark_valid": "it stops the server",
    "test_heirs.test_a_sync_that_shows_the_picture_first_is_left_to_it": "files take turns",
    "test_metrics.test_prometheus_own_tool_finds_no_fault": "promtool sees no database",
    "test_openapi.test_schemathesis_would_find_an_untruth": "it tries schemathesis, not us",
    "test_server.test_a_database_file_that_is_gone_is_not_called_busy": "it removes the file",
    "test_server.test_a_server_that_is_gone_is_not_called_busy": "it stops the server",
}
#: What both engines come from, and what an archive is opened by.
FIXTURES = {"db", "database_url", "module_url"}
OPENERS = {"archive_of", "config_text", "connect", "Shelf"}

Function = ast.FunctionDef


def functions(path: Path) -> dict[str, Function]:
    """Return the tests, fixtures and helpers of a module by their names."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, Function)}


def is_asked_for(function: Function) -> bool:
    """Tell whether pytest calls it, and gives it its parameters."""
    named = {ast.unparse(decorator).partition("(")[0] for decorator in function.decorator_list}
    return function.name.startswith("test_") or "pytest.fixture" in named


def reached(function: Function, module: dict[str, Function]) -> tuple[set[str], set[str]]:
    """Return the fixtures and the other names that *function* comes to, by whatever way."""
    fixtures: set[str] = set()
    names: set[str] = set()
    left = [function]
    while left:
        one = left.pop()
        found = {node.id for node in ast.walk(one) if isinstance(node, ast.Name)}
        found |= {node.attr for node in ast.walk(one) if isinstance(node, ast.Attribute)}
        # A fixture is come to by a parameter only: a variable may have its name.
        called = {name for name in found if name in module and not is_asked_for(module[name])}
        given = {argument.arg for argument in one.args.args} if is_asked_for(one) else set()
        left += [module[name] for name in (called - names) | (given & set(module) - fixtures)]
        fixtures |= given
        names |= found
    return fixtures, names


def is_pinned(function: Function) -> bool:
    """Tell whether its decorators name an engine for it."""
    told = " ".join(map(ast.unparse, function.decorator_list))
    return "indirect" in told and any(name in told for name in FIXTURES)


def on_one_engine() -> Iterator[str]:
    """Yield the tests that open an archive without being run on both engines."""
    for name in sorted(name for names in SUBJECTS.values() for name in names):
        module = functions(TESTS / f"test_{name}.py")
        for test in (one for one in module.values() if one.name.startswith("test_")):
            fixtures, names = reached(test, module)
            is_on_both = bool(fixtures & FIXTURES) and not is_pinned(test)
            if not is_on_both and (names & OPENERS or is_pinned(test)):
                yield f"test_{name}.{test.name}"


def test_every_test_of_an_archive_runs_on_both_engines() -> None:
    """Or is in the list, with its reason; the list names nothing else."""
    assert set(on_one_engine()) == set(ALONE)
