"""Posts that a script writes anew on SQLite, by INSERT OR REPLACE: their earlier texts are kept.

That takes a row away without a word to any trigger, and with it its text, and where the script has
keys looked at, the texts before. So both are written down before any row comes whose post is there,
and put back at the next turn. PostgreSQL has no such statement.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

from peewee import Database

from fbsyncd import adopted, borne, migrate
from fbsyncd.models import (
    Row,
    change_many,
    engine,
    readable,
    rows,
    session,
    to_text,
    transaction,
)

#: A text was there for so long at least.
_LEAST: Final = timedelta(milliseconds=1)
_NAME: Final = "facebook_posts_rewriting"
_FACT: Final = "rewritten:"
_LATEST: Final = (
    "SELECT message, story FROM facebook_post_history WHERE post_id = ?"
    " ORDER BY seen_until DESC LIMIT 1"
)
#: Bytes, which other programs write too, are no JSON.
_TOLD: Final = ", ".join(
    f"CAST({column} AS TEXT)" for column in ("id", "message", "story", "created_at", "created_time")
)
#: What writes it down, also before the program itself changes a row: that is found to be kept.
TRIGGER: Final = f"""
CREATE TRIGGER {_NAME} BEFORE INSERT ON facebook_posts
    WHEN EXISTS (SELECT 1 FROM facebook_posts p WHERE p.id = NEW.id
        AND ((p.message, p.story) IS NOT (NEW.message, NEW.story)
            OR EXISTS (SELECT 1 FROM facebook_post_history h WHERE h.post_id = p.id)))
BEGIN
    INSERT INTO archive (name, value)
    SELECT '{_FACT}' || printf('%020d', (SELECT max(rowid) + 1 FROM archive)), json_array({_TOLD},
        strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now'),
        json((SELECT json_group_array(json_array(post_id, seen_from, seen_until,
                CAST(message AS TEXT), CAST(story AS TEXT)))
            FROM facebook_post_history h WHERE h.post_id = p.id)))
    FROM facebook_posts p WHERE p.id = NEW.id;
END;"""
_TRIGGERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"sqlite": (TRIGGER.strip(),), "postgresql": ()}
)
_KEEP: Final = (
    "INSERT INTO facebook_post_history (post_id, seen_from, seen_until, message, story)"
    " SELECT ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM facebook_posts WHERE id = ?)"
    " ON CONFLICT DO NOTHING"
)


def triggers(db: Database) -> list[str]:
    """Return the SQL that lets the posts of *db* be watched; nothing where that is not needed."""
    return list(_TRIGGERS[engine(db).name])


def watch(db: Database) -> None:
    """Let a database be watched that was adopted by a program which did not know of this."""
    if triggers(db) and adopted.is_adopted(db):
        with transaction(db):
            if not rows(db, "SELECT 1 FROM sqlite_master WHERE name = ?", [_NAME]):
                migrate.execute(db, triggers(db))


def turn(db: Database) -> None:
    """Put the texts back that a script has written over. Cheap when there are none."""
    sql = "SELECT name, value FROM archive WHERE name > ? AND name < ? ORDER BY name"
    span = [_FACT, f"{_FACT}~"]
    with session(db):
        if not rows(db, sql, span):
            return

    def leave(saved: Row, why: str) -> None:
        borne.warn(db, "posts", str(json.loads(saved[1])[0]), why)

    with transaction(db):
        saved = rows(db, sql, span)
        list(borne.by_halves(db, saved, lambda some: _put_back(db, some), leave))
        change_many(db, "DELETE FROM archive WHERE name = ?", [(name,) for name, _ in saved])


def _put_back(db: Database, saved: Sequence[Row]) -> None:
    told = [json.loads(value) for _, value in saved]
    earlier = [row for *_, texts in told for row in texts]
    change_many(db, _KEEP, [(*row, row[0]) for row in earlier])
    for number, one in enumerate(told):
        _keep(db, one, next((then for then in told[number + 1 :] if then[0] == one[0]), None))


def _keep(db: Database, one: Sequence[Any], then: Sequence[Any] | None) -> None:
    """Keep the text of a post that had another one afterwards, unless that is done."""
    id_, message, story, created_at, created_time, until, _ = one
    text = (message, story)
    now = rows(db, "SELECT message, story FROM facebook_posts WHERE id = ?", [id_])
    after = [tuple(then[1:3])] if then else now
    if not after or after[0] == text or text in rows(db, _LATEST, [id_]):
        return
    known = rows(db, "SELECT max(seen_until) FROM facebook_post_history WHERE post_id = ?", [id_])
    times = [*map(readable, [known[0][0], created_at, created_time, until])]
    since = next(filter(None, times))
    # By a clock that was set back, or twice at once, one of two texts would have no time.
    end = max(since + _LEAST, *filter(None, times[-1:]))
    change_many(db, _KEEP, [(id_, to_text(since), to_text(end), message, story, id_)])
