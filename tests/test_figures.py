"""What the documents say of measurements is what was measured: the figures kept beside them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from statistics import median

import pytest

from bench import bars, compared, goals, table
from bench.__main__ import BENCHES

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "docs" / "performance"
PAGE = (ROOT / "docs" / "PERFORMANCE.md").read_text(encoding="utf-8")


def part(name: str) -> str:
    """Return what was pasted of a measurement."""
    found = re.search(rf"(?ms)^<!-- {name} -->\n(.*?)^<!-- end -->$", PAGE)
    assert found, name
    return found[1].strip()


PLAIN = sorted(path for path in KEPT.glob("*.json") if path.stem != "serve")


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.stem)
def test_tables_say_what_was_kept(path: Path) -> None:
    """Nobody wrote another figure, another verdict or another machine into a table by hand."""
    saved = json.loads(path.read_text(encoding="utf-8"))
    assert part(path.stem) == table.document(saved, list(map(table.markdown, table.saved(path))))


def test_the_tables_of_servers_say_what_was_kept() -> None:
    """Servers are told in tables of their own, a title after the other."""
    found: dict[str, list[table.Table]] = {}
    for one in table.saved(KEPT / "serve.json"):
        found.setdefault(one.title.rpartition(", ")[0], []).append(one)
    assert len(found) == 2
    for title, tables in found.items():
        assert compared.page(title, tables) in part("serve")


def test_the_table_of_all_aims_is_made_of_what_was_kept() -> None:
    """Each measurement's figures stand there once more, from the same files."""
    assert part("goals") == goals.document(KEPT)


def test_the_picture_is_made_of_what_was_kept() -> None:
    """It shows the figures of the table below it, and no word goes over its edge."""
    drawn = (KEPT / "goals.svg").read_text(encoding="utf-8")
    assert drawn == goals.picture(goals.saved(KEPT))
    words = re.findall(r"<text x='([\d.]+)'[^>]*>([^<]*)", drawn)
    assert max(float(x) + 7 * len(text) for x, text in words) < bars.NARROW
    assert 10 <= drawn.count(" beside ") - 1 <= 20


def test_the_page_names_every_aim_and_says_how_long_each_measurement_takes() -> None:
    """As the program itself names them, and announces it."""
    for number, (words, bench) in goals.AIMS.items():
        assert f"\n{number}. {words} (`{bench}`)\n" in PAGE
    for name, one in BENCHES.items():
        assert f"\n| `{name}` | {one.minutes[0]:g} | {one.minutes[1]:g} |\n" in PAGE


def kept(name: str, title: str, unit: str) -> table.Table:
    """Return one table of those that were kept."""
    (found,) = [
        one
        for one in table.saved(KEPT / f"{name}.json")
        if one.title.startswith(title) and one.unit == unit
    ]
    return found


def highest(one: table.Table, rows: str, having: str = "") -> str:
    """Return the highest of all rounds of all rows whose names begin so."""
    chosen = [row for row in one.rows if row.startswith(rows) and having in row]
    return f"{max(figure for row in chosen for figure in one.rows[row]):.0f}"


def asked() -> list[str]:
    """Return what pages of posts cost: made anew over HTTP, and kept beside Flask."""
    title = "A page of 20 posts, 46 KB of JSON, {}"
    times = kept("serve", title.format("1 connection"), "median us").rows
    made = ("fbsyncd, nothing kept", "fbsyncd, nothing kept, page 151")
    fewer = []
    for connections in ("1 connection", "8 connections"):
        costs = kept("serve", title.format(connections), "CPU us/request")
        fewer.append(median(costs.ratios("Flask + psycopg2.connect, gunicorn gthread", "fbsyncd")))
    return [*(f"{median(times[row]) / 1000:.1f}" for row in made), *(f"{one:.1f}" for one in fewer)]


def missed() -> list[str]:
    """Return how many aims there are, how many are missed, and the figures of some of these."""
    verdicts = [line[-1] for line in goals.lines(goals.saved(KEPT))]
    slowest = [kept("busy", f"p99 of a {what}", "ms") for what in ("picture", "page")]
    title = "A page of 20 posts, 46 KB of JSON, {}"
    rates = [
        kept("serve", title.format(one), "requests/s") for one in ("1 connection", "8 connections")
    ]
    flask = "Flask + sqlite3.connect, gunicorn gthread"
    archived = table.saved(KEPT / "download.json")
    return [
        str(len(verdicts)),
        str(verdicts.count("NOT REACHED")),
        f"{max(median(one.rows['fbsyncd, busy']) for one in slowest):.0f}",
        *(f"{median(one.ratios('fbsyncd, nothing kept', flask)):.2f}" for one in rates),
        *(f"{median(one.ratios('fbsyncd', 'aria2c -j16')):.2f}" for one in archived),
    ]


def told() -> list[str]:
    """Return the figures that the short account has to give, as it writes them."""
    second = kept("resync", "3,111 posts, 5,600 attachments on SQLite", "counts")
    memory = kept("memory", "Most memory", "MB")
    posts = re.findall(r"([\d,]+) posts", memory.title)
    return [
        f"{second.rows['again: Graph calls'][0]:.0f}",
        f"{second.rows['again, --full: Graph calls'][0]:.0f}",
        *asked(),
        highest(memory, "daemon, "),
        *posts,
        highest(memory, "daemon, ", "scanned"),
        highest(memory, "worker, "),
        *missed(),
    ]


@pytest.mark.parametrize(
    ("readme", "begin"), [("README.md", "## How fast it is"), ("README.th.md", "## เร็วแค่ไหน")]
)
def test_the_short_account_gives_the_figures_that_were_measured(readme: str, begin: str) -> None:
    """In both languages each of them is there, in the same order."""
    text = (ROOT / readme).read_text(encoding="utf-8").partition(begin)[2].partition("\n## ")[0]
    numbers = re.findall(r"\d+(?:[.,]\d+)*", text)
    there = iter(numbers)
    assert all(figure in there for figure in told()), (told(), numbers)
