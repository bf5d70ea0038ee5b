"""The architecture as a test: a module imports only what lies on a lower floor.

The list is also the order in which to read the package: a station of the data is a module, or a
folder where it became several, and knowledge points down.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from fbsyncd.engines import Engine

PACKAGE = Path(__file__).parent.parent / "fbsyncd"

FLOORS = [
    {"beside", "errors", "datafiles", "engines", "links", "process", "walks", "darkroom", "plural"}
    | {"fold", "knock", "notify", "outside", "pulse", "refrain", "signals", "watch"}
    | {"disk", "handed", "pooler", "refusals", "sqlitefile"}
    | {"drivers"},
    {"postgresql", "rules"},
    {"assets", "away", "backup", "config", "lock", "logs", "media", "models", "proof", "read"}
    | {"hosts", "thrift", "turns"},
    {"borne", "bulk", "changes", "condemned", "deadlines", "facts", "fetch", "hold", "known"}
    | {"orders", "outstanding", "records", "search", "tables", "tokenfiles", "view", "worth"}
    | {"stored", "tablelocks"},
    {"backend", "intake", "leases"},
    {"adopted", "backlog", "bounds", "brake", "budgets", "export", "forget", "graph", "ledger"}
    | {"listed", "merge", "relocate", "sole", "staging", "tokens", "verify", "writers"},
    {"former", "migrate", "stats"},
    {"develop", "download", "feed", "gone", "metrics", "recall", "reconcile", "rows", "transfer"}
    | {"adopt", "grant", "heirs", "presence"},
    {"server", "sync"},
    {"heal"},
    {"archive"},
    {"alerts", "desk", "faces", "heartbeat", "oneshot", "vigil"},
    {"terminal"},
    {"herald", "install", "schedule"},
    {"works"},
    {"daemon"},
    {"demo", "doctor"},
    {"prompt"},
    {"commands"},
    {"__main__"},
]
# The package itself hands out its two faces late; data and the fake Facebook stand apart.
APART = {"__init__", "simulator", "web"}

FLOOR_OF = {station: floor for floor, stations in enumerate(FLOORS) for station in stations}


def stations() -> dict[str, list[Path]]:
    """Return the source files of each station."""
    found: dict[str, list[Path]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        found.setdefault(path.relative_to(PACKAGE).with_suffix("").parts[0], []).append(path)
    return found


def imported(path: Path) -> Iterator[str]:
    """Yield the dotted names inside the package that a file imports, wherever it does."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith("fbsyncd."))
        elif isinstance(node, ast.ImportFrom) and node.module == "fbsyncd":
            yield from (f"fbsyncd.{name.name}" for name in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fbsyncd."):
            yield str(node.module)


@pytest.mark.parametrize("station", sorted(set(stations()) - APART))
def test_a_station_knows_only_what_lies_below_it(station: str) -> None:
    """Neighbours on a floor do not know each other, and nobody looks up."""
    assert station in FLOOR_OF, f"{station} has no floor yet: put it into the list"
    for path in stations()[station]:
        for name in imported(path):
            other = name.split(".")[1]
            if other in FLOOR_OF and other != station:
                assert FLOOR_OF[other] < FLOOR_OF[station], f"{path.name} imports {name}"


def test_every_floor_is_lived_in() -> None:
    """The list names nothing that is gone."""
    assert set(FLOOR_OF) <= set(stations())


def test_the_fake_facebook_knows_nothing_of_the_product() -> None:
    """What the tests believe of Facebook must not come from the code they test."""
    for path in stations()["simulator"]:
        for name in imported(path):
            assert name.startswith("fbsyncd.simulator"), f"{path.name} imports {name}"


@pytest.mark.parametrize(
    ("pattern", "writers"),
    [
        (r"SET\s+download_status\s*=", {"adopt", "backlog"}),
        (r"\.replace\(.*\.part|\"\.incoming\"", {"media"}),
    ],
)
def test_each_fact_has_one_writer(pattern: str, writers: set[str]) -> None:
    """Who moves the status, and who knows where files are written."""
    found = {
        station
        for station, paths in stations().items()
        for path in paths
        if station != "simulator" and re.search(pattern, path.read_text(encoding="utf-8"))
    }
    assert found == writers


# Names by which a module would ask whether a file or a server is behind the archive.
ENGINES = re.compile(r"(?:sqlite|postgres(?:ql)?)(?::///?)?\Z", re.IGNORECASE)
CLASSES = {"SqliteDatabase", "PostgresqlDatabase", "FileDatabase", "ServerDatabase"}


def told_apart(path: Path) -> Iterator[int]:
    """Yield the lines of *path* that ask which engine it is."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Compare() | ast.MatchValue():
                parts = list(ast.walk(node))
            case ast.Call(func=ast.Attribute(attr="startswith" | "removeprefix")):
                parts = [part for argument in node.args for part in ast.walk(argument)]
            case ast.Call(func=ast.Name(id="isinstance")):
                parts = list(ast.walk(node.args[1]))
            case ast.Attribute(value=ast.Name(id="models"), attr="file"):
                yield node.lineno
                continue
            case _:
                continue
        constants = [str(part.value) for part in parts if isinstance(part, ast.Constant)]
        names = [part.id for part in parts if isinstance(part, ast.Name)]
        names += [part.attr for part in parts if isinstance(part, ast.Attribute)]
        if any(map(ENGINES.match, [*constants, *names])) or CLASSES & set(names):
            yield node.lineno


def test_few_ask_which_engine_it_is() -> None:
    """The database modules do, and who reads the URL a person wrote; all others go by data."""
    asking = {
        station for station, paths in stations().items() for path in paths if any(told_apart(path))
    }
    assert asking == {"backend", "config", "models"}


def test_an_engine_answers_no_questions() -> None:
    """What it says differently is put into a statement or called, whichever it is."""
    assert [one.name for one in fields(Engine) if one.type == "bool"] == []


def test_no_module_outgrows_a_reading() -> None:
    """Three hundred lines are the most."""
    long = [
        path.relative_to(PACKAGE)
        for paths in stations().values()
        for path in paths
        if len(path.read_text(encoding="utf-8").splitlines()) > 300
    ]
    assert long == []
