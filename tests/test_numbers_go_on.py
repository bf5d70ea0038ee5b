"""Numbers of attachments on PostgreSQL: a copy lets them go on, wherever they come from."""

from __future__ import annotations

import pytest
from dump import Dump
from peewee import Database
from test_adoption_remedies import another_role

from fbsyncd import models
from fbsyncd.errors import SchemaError
from fbsyncd.transfer.room import make_room

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.parametrize("database_url", ["postgresql"], indirect=True),
]
_FREE = "ALTER TABLE facebook_post_attachments ALTER id DROP IDENTITY IF EXISTS"
_GIVEN = "ALTER TABLE facebook_post_attachments ALTER id SET DEFAULT nextval({})"
SOURCES = {
    "an identity": [],
    "an identity that is always asked": [
        "ALTER TABLE facebook_post_attachments ALTER id SET GENERATED ALWAYS"
    ],
    "a sequence of its own": [
        _FREE,
        "CREATE SEQUENCE own OWNED BY facebook_post_attachments.id",
        _GIVEN.format("'own'"),
    ],
    "a sequence that nothing owns": [
        _FREE,
        """CREATE SEQUENCE "It's 100% free?" """,
        _GIVEN.format("""'"It''s 100% free?"'"""),
    ],
    "a sequence of another schema": [
        _FREE,
        "CREATE SCHEMA elsewhere",
        "CREATE SEQUENCE elsewhere.numbers",
        _GIVEN.format("'elsewhere.numbers'"),
    ],
    "a sequence that is looked up each time": [
        _FREE,
        """CREATE SEQUENCE "It's late" """,
        _GIVEN.format("""'"It''s late"'::text"""),
    ],
    "another sequence than its own": [
        _FREE,
        "CREATE SEQUENCE own OWNED BY facebook_post_attachments.id",
        "CREATE SEQUENCE shared",
        _GIVEN.format("'shared'"),
    ],
}


def added(db: Database) -> int:
    """Return the number that a script's new attachment gets."""
    sql = "INSERT INTO facebook_post_attachments (type) VALUES ('photo') RETURNING id"
    with models.transaction(db):
        return int(models.rows(db, sql)[0][0])


@pytest.mark.parametrize("source", SOURCES)
def test_a_number_above_all_that_were_copied_comes_next(db: Database, source: str) -> None:
    """Or a script's next attachment would meet one of them; none is given back later."""
    with models.transaction(db):
        models.literally(db, "ALTER TABLE facebook_post_attachments ALTER post_id DROP NOT NULL")
        for statement in SOURCES[source]:
            models.literally(db, statement)
    first = added(db)
    make_room(db, 1000)
    assert added(db) > 1000 > first
    make_room(db, 7)
    assert added(db) > 1001


def test_what_is_no_sequence_is_left_alone(db: Database) -> None:
    """A column that is given its numbers by something else is whoever made it so's."""
    with models.transaction(db):
        models.literally(db, _FREE)
        models.literally(
            db, "ALTER TABLE facebook_post_attachments ALTER id SET DEFAULT (random() * 1e9)::int"
        )
    make_room(db, 1000)


def test_a_role_that_may_only_ask_for_the_next_number_is_told_what_it_needs(
    db: Database, database_url: str
) -> None:
    """Another number would stay free only until a script's next attachment takes it."""
    with models.transaction(db):
        for sql in SOURCES["a sequence that nothing owns"]:
            models.change(db, sql)
    name = """ "It's 100% free?" """
    with another_role(Dump(database_url), f"GRANT USAGE ON SEQUENCE {name} TO {{}}") as url:
        theirs = models.connect(url)
        with pytest.raises(SchemaError, match=r"GRANT USAGE, UPDATE ON that SEQUENCE TO the role"):
            make_room(theirs, 7)
        models.close(theirs)
