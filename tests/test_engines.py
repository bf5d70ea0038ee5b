"""What the engines say differently means the same."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peewee import Database

from fbsyncd import models

TEXTS = st.lists(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
    | st.sampled_from(["", "NULL", "{a}", 'say "a"', "a,b", "\\", "o'k", "%s", "?", "ไทย 🎉"]),
    unique=True,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(TEXTS, TEXTS)
def test_any_of_some_texts_are_those_and_no_others(
    db: Database, there: list[str], others: list[str]
) -> None:
    """Whatever stands in them."""
    with models.transaction(db):
        models.change(db, "DELETE FROM facebook_pages")
        sql = "INSERT INTO facebook_pages (id) VALUES (?)"
        models.change_many(db, sql, [(text,) for text in {*there, *others}])
        some, params = models.engine(db).among(there)
        found = models.rows(db, f"SELECT id FROM facebook_pages WHERE id {some}", params)
    assert sorted(text for (text,) in found) == sorted(there)
