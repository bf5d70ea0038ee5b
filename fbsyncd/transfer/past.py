"""What a union of two archives would lose, since of a row that both have only one can stay.

Decides only; reads and writes nothing. The text of a post that gives way to another one becomes an
earlier text of it, and the pictures that only the row that gives way names become former ones. All
of it follows from the rows alone, so it comes to the same whichever way they are copied, and a
second copy finds it there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from fbsyncd.models import Row, to_text
from fbsyncd.transfer.shapes import ATTACHMENTS, EPOCH, HISTORY, POSTS, VIDEOS, Shape
from fbsyncd.transfer.union import Entry, Judged, Verdict

_STEP: Final = timedelta(microseconds=1)
#: Whose the pictures are that a row names.
_OWNERS: Final = {POSTS.name: "id", ATTACHMENTS.name: "post_id", VIDEOS.name: "video_id"}


@dataclass(frozen=True, slots=True)
class Text:
    """A text that a post had; both times as both engines store them."""

    post_id: str
    since: str
    until: str
    message: str | None
    story: str | None

    @property
    def said(self) -> tuple[str | None, str | None]:
        # Older programs write no text as an empty one.
        return self.message or None, self.story or None

    def meets(self, other: Text) -> bool:
        """Tell whether *other* says the same of a time that is not all before or after."""
        return self.said == other.said and self.since <= other.until and self.until >= other.since


#: The earlier texts of posts, by the posts' ids.
Texts = Mapping[str, Sequence[Text]]


@dataclass(frozen=True, slots=True)
class Album:
    """Attachments as they are *judged*, and the target's *gone* ones that nothing came in for."""

    judged: Sequence[Judged]
    gone: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Way:
    """One row that gives way to another one; *stays* is of the target, or else *goes* is."""

    goes: Row
    stays: Row
    is_held: bool

    @classmethod
    def of(cls, judged: Iterable[Judged]) -> Iterator[Way]:
        """Yield where two rows were not the same."""
        for one in judged:
            if one.held is not None and one.verdict is Verdict.NEWER:
                yield cls(one.held.row, one.entry.row, is_held=True)
            elif one.held is not None and one.verdict is Verdict.KEPT:
                yield cls(one.entry.row, one.held.row, is_held=False)


def former(shape: Shape, judged: Iterable[Judged]) -> list[tuple[str, str]]:
    """Return owners and ids of the pictures that only the rows that give way name."""
    if shape.name not in _OWNERS:
        return []
    owner = shape.at[_OWNERS[shape.name]]
    return sorted(
        {
            (way.goes[owner], way.goes[place])
            for way in Way.of(judged)
            for place in shape.references
            if way.goes[owner] and way.goes[place] not in {None, *_named(shape, way.stays)}
        }
    )


def disputed(shape: Shape, judged: Iterable[Judged]) -> list[Way]:
    """Return where one text of a post gives way to another one."""
    if shape.name not in {POSTS.name, HISTORY.name}:
        return []
    return [way for way in Way.of(judged) if _said(shape, way.goes) != _said(shape, way.stays)]


def earlier(shape: Shape, ways: Iterable[Way], here: Texts, there: Texts) -> list[Text]:
    """Return the texts that give way and that neither history holds, with a time of their own.

    *here* is what the source remembers of these posts, *there* what the target does.
    """
    found: list[Text] = []
    for way in ways:
        sides = (there, here) if way.is_held else (here, there)
        text = _past(shape, way, *sides)
        # A row of the history is no witness of itself.
        known = [one for side in sides for one in side.get(text.post_id, ()) if one != text]
        known += [one for one in found if one.post_id == text.post_id]
        if not any(text.meets(one) for one in known):
            found.append(_placed(text, {one.since for one in known}))
    return found


def taken_off(batch: Sequence[Entry], judged: Sequence[Judged], held: Sequence[Entry]) -> Album:
    """Return *judged* attachments with those that the other archive found gone marked so.

    An archive that first saw the attachments of a post when another one last wrote of one, and does
    not know that one, came too late for it: it was taken off in between.
    """
    if not held:
        return Album(judged, [])
    ours, theirs = _first_seen(batch), _first_seen(held)
    paired = {id(one.held) for one in judged}
    told = [
        replace(one, entry=_off(one.entry, theirs)) if one.held is None else one for one in judged
    ]
    alone = [entry for entry in held if id(entry) not in paired]
    marked = [(entry, _off(entry, ours)) for entry in alone]
    return Album(told, [after.row for before, after in marked if after is not before])


def _off(entry: Entry, since: Mapping[str, str]) -> Entry:
    row, at = entry.row, ATTACHMENTS.at
    seen = since.get(row[at["post_id"]])
    marks = ("attachment_key", "removed_at", "duplicate_of")
    is_shown = [row[at[name]] is not None for name in marks] == [True, False, False]
    if seen is None or not is_shown or row[at["updated_at"]] >= seen:
        return entry
    told = list(row)
    told[at["removed_at"]] = told[at["updated_at"]] = seen
    return Entry(tuple(told), entry.number)


def _first_seen(entries: Iterable[Entry]) -> dict[str, str]:
    """Return by post when its attachments were first written."""
    at, found = ATTACHMENTS.at, defaultdict[str, list[str]](list)
    for entry in entries:
        if entry.row[at["attachment_key"]] and not entry.row[at["duplicate_of"]]:
            found[entry.row[at["post_id"]]].append(entry.row[at["created_at"]])
    return {post: min(stamps) for post, stamps in found.items() if post}


def _past(shape: Shape, way: Way, going: Texts, staying: Texts) -> Text:
    if shape.name == HISTORY.name:
        return Text(*way.goes)
    id_ = way.goes[0]
    since = _since(way.goes, going.get(id_, ()))
    until = max(_since(way.stays, staying.get(id_, ())), _after(since))
    return Text(id_, since, until, *_texts(shape, way.goes))


def _since(row: Row, texts: Iterable[Text]) -> str:
    """Return since when an archive has had the text of this post."""
    at = POSTS.at
    # Older programs' rows may not say when they were made.
    made = row[at["created_at"]]
    first = (made if made != EPOCH else row[at["created_time"]]) or made
    return max((one.until for one in texts), default=first)


def _placed(text: Text, taken: set[str]) -> Text:
    """Return *text* from a moment at which no other one begins: that is what it goes by."""
    since = text.since
    while since in taken:
        since = _after(since)
    # Whatever comes next begins at the latest end, where none may begin yet.
    return replace(text, since=since, until=max(text.until, _after(since)))


def _after(stamp: str) -> str:
    return to_text(datetime.fromisoformat(stamp) + _STEP)


def _named(shape: Shape, row: Row) -> set[str]:
    return {row[place] for place in shape.references}


def _texts(shape: Shape, row: Row) -> tuple[str | None, str | None]:
    return row[shape.at["message"]], row[shape.at["story"]]


def _said(shape: Shape, row: Row) -> tuple[str | None, str | None]:
    message, story = _texts(shape, row)
    return message or None, story or None
