"""What else is in a database that is adopted, and cannot even be asked what it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from dump import Dump
from test_adoption import archive_on


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_broken_views_and_unknown_modules_are_left_alone(database_url: str, tmp_path: Path) -> None:
    """A view of a table that is gone, and a virtual table that only the scripts can read."""
    scripts = Dump(database_url)
    scripts.make("CREATE TABLE gone (x)", "CREATE VIEW broken AS SELECT x FROM gone")
    scripts.run(
        "DROP TABLE gone",
        "PRAGMA writable_schema = 1",
        "INSERT INTO sqlite_master (type, name, tbl_name, rootpage, sql) VALUES ('table',"
        " 'vectors', 'vectors', 0, 'CREATE VIRTUAL TABLE vectors USING vec0 (e float[3])')",
    )
    with archive_on(database_url, tmp_path) as archive:
        assert archive.take_over()
        archive.setup()
    names = "SELECT count(*) FROM sqlite_master WHERE name IN ('broken', 'vectors')"
    assert scripts.one(names) == 2
