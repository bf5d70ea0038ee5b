"""How much of the budget is spent, and what follows from it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbsyncd.graph import usage
from fbsyncd.graph.pace import APP, Pace
from fbsyncd.graph.usage import UNUSED, Usage

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def pool(calls: float, time: float = 0, regain: Any = 0, kind: str = "pages") -> dict[str, Any]:
    return {
        "type": kind,
        "call_count": calls,
        "total_cputime": 1,
        "total_time": time,
        "estimated_time_to_regain_access": regain,
    }


def business(**objects: list[dict[str, Any]]) -> dict[str, str]:
    return {"X-Business-Use-Case-Usage": json.dumps(objects)}


def test_the_apps_usage_is_its_fullest_gauge() -> None:
    """Calls, time and processor time are limited each for itself."""
    headers = {"X-App-Usage": '{"call_count":28,"total_time":61,"total_cputime":25}'}
    assert usage.of_app(headers) == Usage(61)


def test_a_pages_usage_is_told_by_object_and_pool() -> None:
    """The regain time is in minutes, and budgets of other uses are not ours."""
    headers = business(p1=[pool(97, 23, 15), pool(100, 100, 60, "messenger")], p2=[pool(5)])
    assert usage.of_page(headers, "p1") == Usage(97, timedelta(minutes=15))
    assert usage.of_page(headers, "p2") == Usage(5)


def test_a_page_may_be_told_under_its_other_number() -> None:
    """An unknown key still is about the call just made."""
    assert usage.of_page(business(other=[pool(40)]), "p1") == Usage(40)


def test_the_old_header_counts_too() -> None:
    """X-Page-Usage is out of the documents and still sent."""
    headers = {**business(p1=[pool(3)]), "x-page-usage": '{"call_count":80}'}
    assert usage.of_page(headers, "p1") == Usage(80)


def test_names_of_headers_have_no_case() -> None:
    """requests knows that; the headers inside a batch are plain text."""
    headers = {"x-app-usage": '{"call_count":7}', "X-PAGE-USAGE": '{"call_count":8}'}
    assert usage.of_app(headers) == Usage(7)
    assert usage.of_page(headers, "p") == Usage(8)


@pytest.mark.parametrize(
    "told",
    [
        "",
        "{",
        "[]",
        "null",
        "7",
        '"x"',
        '{"p1":7}',
        '{"p1":[7]}',
        '{"p1":{"call_count":9}}',
        "[" * 9999,
    ],
)
def test_a_broken_header_is_no_header(told: str) -> None:
    """A sync must not die of a header it does not understand."""
    headers = dict.fromkeys(("X-App-Usage", "X-Page-Usage", "X-Business-Use-Case-Usage"), told)
    assert (usage.of_page(headers, "p1") or UNUSED) == UNUSED
    assert (usage.of_app(headers) or UNUSED) == UNUSED


@given(st.text(), st.text())
def test_no_header_raises(told: str, page_id: str) -> None:
    """Whatever text a proxy or a new version puts there."""
    usage.of_app({"X-App-Usage": told})
    usage.of_page({"X-Business-Use-Case-Usage": told}, page_id)


def test_missing_and_odd_gauges_count_as_nothing() -> None:
    """Keys may be absent or of another type."""
    gauges: list[dict[str, Any]] = [{"call_count": "55", "total_time": None, "type": None}]
    assert usage.of_page(business(p1=gauges), "p1") == Usage(55)


def test_nothing_told_is_nothing_known() -> None:
    """The headers come only after enough calls."""
    assert usage.of_app({}) is None
    assert usage.of_page({}, "p1") is None


@given(st.floats(0, 200), st.floats(0, 200))
def test_the_pause_grows_with_what_is_spent(one: float, two: float) -> None:
    """Nothing below 75 %, more with every percent, at most two minutes."""
    less, more = (usage.pause(Usage(percent)) for percent in sorted((one, two)))
    assert timedelta(0) <= less <= more <= timedelta(minutes=2)
    assert (more == timedelta(0)) == (max(one, two) <= 75)


@pytest.mark.parametrize(
    ("used", "minutes"),
    [
        (Usage(0), None),
        (Usage(94), None),
        (Usage(95), 10),
        (Usage(130), 10),
        (Usage(100, timedelta(minutes=37)), 37),
        (Usage(10, timedelta(minutes=3)), 10),
    ],
)
def test_calls_stop_before_the_limit(used: Usage, minutes: int | None) -> None:
    """From 95 % on, or when a regain time is told, for ten minutes at least."""
    assert usage.stop(used) == (minutes and timedelta(minutes=minutes))


def test_a_full_page_does_not_hold_up_another() -> None:
    """Each Page has its own budget."""
    pace = Pace()
    pace.hear("p1", business(p1=[pool(100, regain=30)]), NOW)
    assert pace.closed_until("p1", NOW) == NOW + timedelta(minutes=30)
    assert pace.closed_until("p2", NOW) is None


def test_a_full_app_holds_up_every_page() -> None:
    """The app's budget is everyone's."""
    pace = Pace()
    pace.hear("p1", {"X-App-Usage": '{"call_count":99}'}, NOW)
    assert pace.closed_until("p2", NOW) == NOW + timedelta(minutes=10)


def test_the_way_is_free_when_its_time_has_come() -> None:
    """A stop ends by itself, and the longer of two stops counts."""
    pace = Pace()
    pace.close("p1", NOW + timedelta(hours=1))
    pace.close("p1", NOW + timedelta(minutes=1))
    pace.close(APP, NOW + timedelta(minutes=5))
    assert pace.closed_until("p1", NOW) == NOW + timedelta(hours=1)
    assert pace.closed_until("p1", NOW + timedelta(hours=1)) is None


def test_nothing_is_remembered_across_a_stop() -> None:
    """After the pause the first call goes at once, and tells how things stand."""
    pace = Pace()
    pace.hear("p1", business(p1=[pool(99)]), NOW)
    pace.hear("p2", business(p2=[pool(90)]), NOW)
    pace.close("p2", NOW + timedelta(minutes=15))
    assert pace.used("p1", NOW + timedelta(minutes=10)) == UNUSED
    assert pace.used("p2", NOW + timedelta(minutes=15)) == UNUSED


def test_the_fuller_budget_sets_the_pace_and_is_forgotten_after_an_hour() -> None:
    """Percentages are of a rolling hour."""
    pace = Pace()
    pace.hear("p1", {"X-App-Usage": '{"call_count":80}', **business(p1=[pool(30)])}, NOW)
    assert pace.used("p1", NOW).percent == 80
    assert pace.used("p2", NOW).percent == 80
    pace.hear("p1", business(p1=[pool(90)]), NOW)
    assert pace.used("p1", NOW + timedelta(minutes=59)).percent == 90
    assert pace.used("p1", NOW + timedelta(minutes=60)) == UNUSED
