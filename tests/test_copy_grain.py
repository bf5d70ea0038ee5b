"""Copies into columns of PostgreSQL that round what they are given: domains, intervals, times."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dump
import psycopg
import pytest
from dump import Dump
from peewee import Database
from test_adoption import archive_on
from test_copy import ask, copy, other, other_url, post, put, written
from test_copy_terms import source

from fbsyncd import migrate, models
from fbsyncd.adopted import limits
from fbsyncd.models import from_text, to_text
from fbsyncd.transfer import show
from fbsyncd.transfer.grain import grain

__all__ = ["other", "other_url", "source"]

TIMES = ("created_at", "updated_at", "created_time", "updated_time")
STAMP = "2026-03-01 12:00:00.{}+00:00"


@contextmanager
def adopted(url: str, folder: Path, before: str = "", **types: str) -> Iterator[Database]:
    """Let scripts make their tables with columns of other *types*, and fbsyncd take over."""
    scripts = Dump(url)
    for statement in filter(None, before.split(";")):
        scripts.run(statement)
    tables = {
        name: "\n".join(_line(line, types) for line in sql.splitlines())
        for name, sql in dump.TABLES.items()
    }
    scripts.make(tables=tables)
    with archive_on(url, folder) as archive:
        archive.take_over()
        archive.setup()
    db = models.connect(url)
    try:
        yield db
    finally:
        models.close(db)


def _line(line: str, types: dict[str, str]) -> str:
    name, _, rest = line.strip().partition(" ")
    if name not in types:
        return line
    default = " DEFAULT CURRENT_TIMESTAMP" if "DEFAULT" in rest else ""
    return f"    {name} {types[name]}{default}{',' if rest.endswith(',') else ''}"


def fill(db: Database) -> None:
    for number, length in enumerate((12.345678, 3600.5, 2.5, 59.9999999, 0.0000635, None)):
        put(db, "facebook_video_posts", video_id=f"{number}", page_id="1", length=length)
    for number, fraction in enumerate(("000000", "499999", "500000", "123456", "999999")):
        at = STAMP.format(fraction)
        times = {"created_at": at, "updated_at": at, "updated_time": at}
        post(db, f"1_{number}", message=f"text {number}", permalink_url="https://x/1", **times)


OWN = "CREATE DOMAIN own AS {}"
COLUMNS: list[tuple[str, dict[str, str]]] = [
    (OWN.format("INTEGER"), {"length": "own"}),
    (OWN.format("REAL"), {"length": "own"}),
    (OWN.format("VARCHAR(4)"), {"message": "own"}),
    (OWN.format("TIMESTAMP(0)"), {"updated_time": "own", "updated_at": "own"}),
    (OWN.format("INTERVAL(1)"), {"length": "own"}),
    (f"CREATE DOMAIN inmost AS NUMERIC(8,2); {OWN.format('inmost')}", {"length": "own"}),
    ("", {"length": "INTERVAL HOUR TO MINUTE", **dict.fromkeys(TIMES, "TIMESTAMP(0)")}),
    ("", {"length": "INTERVAL(0)", **dict.fromkeys(TIMES, "TIMESTAMP(3) WITH TIME ZONE")}),
    ("", {"length": "NUMERIC(38,30)", "created_at": "DATE", "updated_at": "DATE"}),
    ("", {"length": "NUMERIC(4,-1)"}),
]


@pytest.mark.postgresql
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("before", "types"), COLUMNS, ids=[made or ", ".join(told.values()) for made, told in COLUMNS]
)
def test_what_a_column_rounds_is_written_once_and_whole_where_it_was(
    database_url: str, source: Database, tmp_path: Path, before: str, types: dict[str, str]
) -> None:
    """The second copy writes nothing, and a copy back takes nothing off."""
    asked = (
        "SELECT video_id, length FROM facebook_video_posts ORDER BY 1",
        "SELECT id, message, created_at, updated_at, created_time, updated_time"
        " FROM facebook_posts ORDER BY 1",
    )
    fill(source)
    was = [ask(source, sql) for sql in asked]
    with adopted(database_url, tmp_path, before, **types) as target:
        first, second = copy(source, target), copy(source, target)
        assert (written(first), written(second)) == (11, 0)
        assert (show.fault(first), show.fault(second)) == (None, None)
        back = copy(target, source)
        assert (written(back), show.fault(back)) == (0, None)
    assert [ask(source, sql) for sql in asked] == was


@pytest.mark.postgresql
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_an_edit_goes_over_a_stamp_that_is_rounded(
    database_url: str, source: Database, tmp_path: Path
) -> None:
    """Both ways, and each of them once; the other rows keep their stamps."""
    fill(source)
    asked = "SELECT message FROM facebook_posts WHERE id = '1_2'"
    types = dict.fromkeys(("created_at", "updated_at"), "TIMESTAMP(0)")
    edit = "UPDATE facebook_posts SET message = ?, updated_at = ? WHERE id = '1_2'"
    with adopted(database_url, tmp_path, **types) as target:
        copy(source, target)
        for one, two, day in ((source, target, 2), (target, source, 3)):
            with models.transaction(one):
                models.change(one, edit, [f"day {day}", f"2026-04-0{day} 12:00:00.000000+00:00"])
            # The post, and its earlier text, which goes back too.
            assert [written(copy(*way)) for way in ((one, two), (one, two), (two, one))] == [
                2,
                0,
                1,
            ]
            assert written(copy(one, two)) == written(copy(two, one)) == 0
            assert ask(two, asked) == [(f"day {day}",)]


RANDOM = random.Random(7)
NUMBERS = [
    *(RANDOM.uniform(-1, 1) * 10 ** RANDOM.randint(-3, 4) for _ in range(200)),
    *(step / 8 for step in range(-80, 80)),
    *(step * 45.5 for step in range(-80, 80)),
    12.345678,
    3600.5,
]
NUMBERED = [
    *("smallint", "integer", "bigint", "real", "numeric", "numeric(8,2)", "numeric(38,30)"),
    *("numeric(8,-1)", "interval", "interval(0)", "interval(3)", "interval second(1)"),
    *("interval day to second", "interval hour to minute", "interval day to hour", "interval day"),
    *("interval minute", "interval year to month"),
]
MOMENTS = [
    datetime(year, 6, 30, 23, 59, 59, micro, tzinfo=UTC)
    for year in (1, 1969, 1970, 1999, 2000, 2026, 9998)
    for micro in (0, 1, 499, 500, 501, 4999, 50_000, 123_456, 499_999, 500_000, 999_500, 999_999)
]
TIMED = [f"timestamp({digits}) with{out} time zone" for digits in range(7) for out in ("", "out")]


@pytest.mark.postgresql
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_columns_are_known_to_round_as_the_server_does(database_url: str) -> None:
    """Some five hundred numbers in each type of numbers, and some eighty times in each of times."""
    url = database_url.replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("SET TIME ZONE 'UTC'")
        for type_ in NUMBERED:
            rule = grain(type_)
            assert rule
            told = [f"{one:.9f}" for one in NUMBERS] if type_.startswith("interval") else NUMBERS
            for one, there in zip(told, _stored(server, type_, told), strict=True):
                is_span = isinstance(there, timedelta)
                held = there.total_seconds() if is_span else float(there)
                assert (type_, one, float(rule(one))) == (type_, one, held)
        for type_ in (*TIMED, "date"):
            rule = grain(type_) or str
            texts = [to_text(one) for one in MOMENTS]
            for text, there in zip(texts, _stored(server, type_, texts), strict=True):
                moment = from_text(there)
                assert moment
                assert (type_, text, rule(text)) == (type_, text, to_text(moment))


def _stored(server: psycopg.Connection, type_: str, values: Any) -> list[Any]:
    # Another table each time: the server remembers what it was asked.
    (name,) = server.execute("SELECT 'kept' || count(*) FROM pg_class").fetchall()[0]
    server.execute(f"CREATE TABLE {name} (n SERIAL, value {type_})".encode())
    with server.cursor() as cursor:
        insert = f"INSERT INTO {name} (value) VALUES (%s)".encode()
        cursor.executemany(insert, [(one,) for one in values])
    return [value for (value,) in server.execute(f"SELECT value FROM {name} ORDER BY n".encode())]


@pytest.mark.postgresql
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("type_", ["NUMERIC(5,2)", "INTEGER", "VARCHAR(4)"])
def test_a_length_without_end_is_left_out(
    database_url: str, tmp_path: Path, type_: str, other_url: str
) -> None:
    """The video comes without it, that is told, and a second copy is quiet."""
    with adopted(database_url, tmp_path, length=type_) as target:
        source = models.connect(other_url)
        migrate.apply(source)
        put(source, "facebook_video_posts", video_id="v", page_id="1", length=float("inf"))
        copied = copy(source, target)
        assert (written(copied), written(copy(source, target))) == (1, 0)
        assert show.fault(copied) is None
        says = "left out to fit there: 1 value of facebook_video_posts"
        assert says in show.report(copied, "URL", "ROOT").splitlines()
        assert ask(target, "SELECT video_id, length FROM facebook_video_posts") == [("v", None)]
        models.close(source)


@pytest.mark.postgresql
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_number_that_is_none_is_left_out_of_a_server(
    database_url: str, tmp_path: Path, other_url: str
) -> None:
    """Out of PostgreSQL, which keeps NaN, into a file and back."""
    source = models.connect(database_url)
    migrate.apply(source)
    target = models.connect(other_url)
    put(source, "facebook_video_posts", video_id="v", page_id="1", length=float("nan"))
    assert (written(copy(source, target)), written(copy(source, target))) == (1, 0)
    assert written(copy(target, source)) == 0
    assert ask(target, "SELECT length FROM facebook_video_posts") == [(None,)]
    models.close(source)
    models.close(target)


@pytest.mark.postgresql
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_length_is_made_as_short_as_a_column_of_texts(
    database_url: str, source: Database, tmp_path: Path
) -> None:
    """In as many decimals as there is room for; what is longer still is left out, and told."""
    lengths = {"a": 12.345678, "b": 3600.5, "c": 12345.0, "d": 7.0, "e": 1234.0}
    for id_, length in lengths.items():
        put(source, "facebook_video_posts", video_id=id_, page_id="1", length=length)
    asked = "SELECT video_id, length FROM facebook_video_posts ORDER BY 1"
    was = ask(source, asked)
    with adopted(database_url, tmp_path, length="VARCHAR(4)") as target:
        copied = copy(source, target)
        assert (written(copied), show.fault(copied)) == (5, None)
        told = {"a": "12.3", "b": "3600", "c": None, "d": "7", "e": "1234"}
        assert dict(ask(target, asked)) == told
        lines = show.report(copied, "URL", "ROOT").splitlines()
        assert [line for line in lines if "to fit there" in line] == [
            "left out to fit there: 1 value of facebook_video_posts",
            "rounded to fit there: 2 values of facebook_video_posts",
        ]
        assert written(copy(source, target)) == written(copy(target, source)) == 0
    assert ask(source, asked) == was


@pytest.mark.parametrize("length", ["", "abc", "00:01:02"])
def test_a_text_that_is_no_length_is_none(
    database_url: str, other_url: str, tmp_path: Path, length: str
) -> None:
    """Its video is copied all the same; what is not just empty is told, and stays where it was."""
    with adopted(database_url, tmp_path, length="TEXT") as source:
        Dump(database_url).run(
            "INSERT INTO facebook_video_posts (video_id, page_id, length, created_at, updated_at)"
            f" VALUES ('v', '1', '{length}', '2026-03-01', '2026-03-01')"
        )
        target = models.connect(other_url)
        copied = copy(source, target)
        assert (written(copied), show.fault(copied)) == (1, None)
        lines = show.report(copied, "URL", "ROOT").splitlines()
        told = ["left out to fit there: 1 value of facebook_video_posts"] if length.strip() else []
        assert [line for line in lines if "to fit there" in line] == told
        assert written(copy(source, target)) == written(copy(target, source)) == 0
        assert ask(target, "SELECT length FROM facebook_video_posts") == [(None,)]
        assert ask(source, "SELECT length FROM facebook_video_posts") == [(length,)]
        models.close(target)


@pytest.mark.postgresql
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_column_that_rounds_to_tens_takes_numbers(database_url: str, tmp_path: Path) -> None:
    """Its largest is told when a length is larger."""
    with adopted(database_url, tmp_path, length="NUMERIC(4,-1)") as db:
        assert limits(db)["facebook_video_posts"]["length"].largest == 99990
