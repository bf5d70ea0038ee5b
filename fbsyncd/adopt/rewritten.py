"""Posts that a script writes anew on SQLite, by INSERT OR REPLACE: their earlier texts are kept.

That takes a row away without a word to any trigger, and with it its text, and where the script has
keys looked at, the texts before. So both are written down before any row comes whose post is there,
and put back at the next turn. PostgreSQL has no such statement.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from peewee import Database

from fbsyncd import adopted, former, migrate
from fbsyncd.models import engine, rows, session, transaction

_NAME: Final = "facebook_posts_rewriting"
#: Bytes, which other programs write too, are no JSON.
_TOLD: Final = ", ".join(
    f"CAST({column} AS TEXT)" for column in ("id", "message", "story", "created_at", "created_time")
)
#: What writes it down, also before the program itself changes a row, which lets that go at once.
TRIGGER: Final = f"""
CREATE TRIGGER {_NAME} BEFORE INSERT ON facebook_posts
    WHEN EXISTS (SELECT 1 FROM facebook_posts p WHERE p.id = NEW.id
        AND ((p.message, p.story) IS NOT (NEW.message, NEW.story)
            OR EXISTS (SELECT 1 FROM facebook_post_history h WHERE h.post_id = p.id)))
BEGIN
    INSERT INTO archive (name, value)
    SELECT '{former.NOTE}' || printf('%020d', (SELECT max(rowid) + 1 FROM archive)),
        json_array({_TOLD},
        strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now'),
        json((SELECT json_group_array(json_array(post_id, seen_from, seen_until,
                CAST(message AS TEXT), CAST(story AS TEXT)))
            FROM facebook_post_history h WHERE h.post_id = p.id)))
    FROM facebook_posts p WHERE p.id = NEW.id;
END;"""
_TRIGGERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"sqlite": (TRIGGER.strip(),), "postgresql": ()}
)


def triggers(db: Database) -> list[str]:
    """Return the SQL that lets the posts of *db* be watched; nothing where that is not needed."""
    return list(_TRIGGERS[engine(db).name])


def watch(db: Database) -> None:
    """Let a database be watched that was adopted by a program which did not know of this."""
    if triggers(db) and adopted.is_adopted(db):
        with transaction(db):
            if (_NAME,) not in rows(db, engine(db).triggers):
                migrate.execute(db, triggers(db))


def turn(db: Database) -> None:
    """Put the texts back that a script has written over. Cheap when there are none."""
    with session(db):
        if not former.notes(db):
            return
    with transaction(db):
        former.put_back(db)
