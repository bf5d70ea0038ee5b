"""What becomes of a row that two archives have: decided the same whichever way it goes."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fbsyncd.models import Row
from fbsyncd.transfer.shapes import SHAPES, Shape
from fbsyncd.transfer.union import Entry, Verdict, judge

MEDIA, ATTACHMENTS = (
    next(shape for shape in SHAPES if shape.name == name)
    for name in ("media_storage", "facebook_post_attachments")
)
stamps = st.sampled_from([f"2026-01-0{day} 00:00:00.000000+00:00" for day in (1, 2, 3)])


def row(shape: Shape, **values: Any) -> Row:
    return tuple(values.get(name) for name in shape.columns)


pictures = st.builds(
    lambda **values: row(MEDIA, id="1", asset_key="k", **values),
    download_status=st.sampled_from(["pending", "failed", "success"]),
    error_message=st.sampled_from([None, "cut"]),
    updated_at=stamps,
)
attached = st.lists(
    st.builds(
        lambda **values: Entry(row(ATTACHMENTS, post_id="p", **values), 1),
        attachment_key=st.sampled_from([None, "a", "b", "c"]),
        type=st.sampled_from(["photo", "video"]),
        media_url=st.sampled_from([None, "x", "y"]),
        updated_at=stamps,
    ),
    max_size=6,
    unique_by=lambda entry: entry.row[1] or object(),
)


def merged(shape: Shape, row: Row, held: Row) -> Row:
    """Return what the target has afterwards."""
    (one,) = judge(shape, [Entry(row)], [Entry(held)])
    return held if one.verdict in {Verdict.KEPT, Verdict.SAME} else one.entry.row


@given(pictures, pictures)
def test_archived_comes_before_newer(one: Row, other: Row) -> None:
    """The result is archived when either is, and otherwise the newer of the two."""
    result = merged(MEDIA, one, other)
    status, updated = MEDIA.at["download_status"], MEDIA.at["updated_at"]
    assert result in (one, other)
    archived = [some for some in (one, other) if some[status] == "success"]
    assert result[updated] == max(some[updated] for some in archived or (one, other))
    assert (result[status] == "success") is bool(archived)


@given(pictures, pictures)
def test_a_row_once_merged_stays(one: Row, other: Row) -> None:
    """Neither another copy nor one back changes anything."""
    result = merged(MEDIA, one, other)
    assert merged(MEDIA, one, result) == result
    assert merged(MEDIA, result, merged(MEDIA, result, one)) == result


@given(attached, attached)
def test_each_attachment_is_paired_once(incoming: list[Entry], held: list[Entry]) -> None:
    """Keys first, then links; no row of the target stands for two, and every one stays."""
    judged = judge(ATTACHMENTS, incoming, held)
    assert len(judged) == len(incoming)
    taken = [id(one.held) for one in judged if one.held is not None]
    assert len(taken) == len(set(taken))
    for entry, one in zip(incoming, judged, strict=True):
        key = entry.row[1]
        there = [some.row for some in held if some.row[1] == key is not None]
        if there:
            assert one.held is not None
            assert one.held.row == there[0]
        elif one.held is not None:
            assert entry.row[0] == one.held.row[0]
            link = [ATTACHMENTS.at[name] for name in ("type", "media_url")]
            assert [entry.row[at] for at in link] == [one.held.row[at] for at in link]
    written = [one.entry.row for one in judged if one.verdict is not Verdict.KEPT]
    kept = [one.held.row for one in judged if one.verdict is Verdict.KEPT and one.held]
    keys = [some[1] for some in written + kept if some[1] is not None]
    assert len(keys) == len(set(keys)), "two attachments of one key"


@given(attached, attached)
def test_attachments_once_merged_stay(incoming: list[Entry], held: list[Entry]) -> None:
    """A second copy finds every one of the first, and writes none."""
    judged = judge(ATTACHMENTS, incoming, held)
    taken = [one.held for one in judged if one.held is not None]
    after = [some for some in held if not any(some is one for one in taken)]
    after += [one.held if one.verdict is Verdict.KEPT and one.held else one.entry for one in judged]
    again = judge(ATTACHMENTS, incoming, after)
    assert not any(one.verdict is Verdict.NEW for one in again)
