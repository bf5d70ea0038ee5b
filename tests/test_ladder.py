"""How much is asked for at once."""

from __future__ import annotations

from fbsyncd.graph.ladder import LIMITS, Ladder, Rung


def descent(ladder: Ladder) -> list[Rung]:
    rungs = [ladder.rung]
    while ladder.step_down():
        rungs.append(ladder.rung)
    return rungs


def test_down_to_one_object_and_then_to_its_bare_fields() -> None:
    """Less is asked for until there is no less."""
    assert descent(Ladder("id,x", ("id",))) == [
        *(Rung(limit, "id,x") for limit in (50, 25, 12, 6, 3, 1)),
        Rung(1, "id"),
    ]
    assert descent(Ladder("id,x"))[-1] == Rung(1, "id,x")


def test_more_is_asked_for_after_three_answers() -> None:
    """Climbing after each answer would fail every second call."""
    ladder = Ladder("id")
    ladder.step_down()
    ladder.step_down()
    limits = []
    for _ in range(8):
        ladder.answered()
        limits.append(ladder.rung.limit)
    assert limits == [12, 12, 25, 25, 25, 50, 50, 50]
    for _ in range(9):
        ladder.answered()
    assert ladder.rung.limit == 100


def test_bare_fields_are_for_one_object_only() -> None:
    """The next post is asked for whole again."""
    ladder = Ladder("id,x", ("id",))
    descent(ladder)
    ladder.answered()
    assert ladder.rung == Rung(1, "id,x")


def test_no_more_than_facebook_allows_is_asked_for() -> None:
    """A limit above 100 is an error there, not a wish."""
    ladder = Ladder("id")
    for _ in range(20):
        ladder.answered()
    assert ladder.rung.limit == max(LIMITS) <= 100
