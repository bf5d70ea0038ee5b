"""What each answer of the Graph API means: the code decides, in a fixed order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbsyncd.errors import (
    CallRefused,
    GraphError,
    GraphUnavailable,
    ObjectMissing,
    Throttled,
    TokenRefused,
    TooMuchData,
)
from fbsyncd.graph.verdict import is_batch, is_listing, is_object, judge

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
REDUCE = "Please reduce the amount of data you're asking for, then retry your request"


def body(code: int | None = None, message: str = "m", **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "OAuthException", "code": code, **more}}


def verdict(status: int, answer: object, regain: int = 0) -> GraphError:
    error = judge(status, answer, now=NOW, regain=timedelta(minutes=regain))
    assert error is not None
    return error


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        # The request was too large, whatever else is said of it.
        (500, body(1, REDUCE), TooMuchData),
        (400, body(1, REDUCE.upper(), is_transient=True), TooMuchData),
        # Tokens.
        (400, body(190, error_subcode=463), TokenRefused),
        (401, body(190, "The access token could not be decrypted"), TokenRefused),
        (400, body(102), TokenRefused),
        (400, body(104, "An access token is required to request this resource."), TokenRefused),
        (400, body(450), TokenRefused),
        (400, body(452), TokenRefused),
        (400, body(2500, "An active access token must be used to query"), TokenRefused),
        (400, body(None, "Error validating access token: Session has expired"), TokenRefused),
        (500, body(190, is_transient=True), TokenRefused),
        # Limits, though they call themselves transient.
        (403, body(4, error_subcode=1349210, is_transient=True), Throttled),
        (400, body(17), Throttled),
        (400, body(32), Throttled),
        (400, body(None, "(#341) Feed action request limit reached"), Throttled),
        (400, body(613), Throttled),
        (400, body(80001), Throttled),
        (400, body(80014), Throttled),
        (400, body(368), Throttled),
        (429, body(None, "Slow down"), Throttled),
        # What passes.
        (500, body(2, is_transient=True), GraphUnavailable),
        (400, body(1, "An unknown error occurred", error_subcode=99), GraphUnavailable),
        (400, body(324, is_transient=True), GraphUnavailable),
        (400, body(960), GraphUnavailable),
        (400, body(100, is_transient=True), GraphUnavailable),
        (503, body(-1), GraphUnavailable),
        # What never will, even as HTTP 500.
        (500, body(100, "The ids query parameter is deprecated in v26.0+."), CallRefused),
        (400, body(100, "(#100) Tried accessing nonexisting field (x)"), CallRefused),
        (400, body(12, "(#12) deprecate_post_aggregated_fields"), CallRefused),
        (403, body(10), CallRefused),
        (400, body(3), CallRefused),
        (500, body(803), CallRefused),
        (400, body(None, "(#200) Permissions error"), CallRefused),
        (500, body(299), CallRefused),
        (400, body(2500, "Unknown path components: /bogus"), CallRefused),
        (400, body(506, is_transient=False), CallRefused),
        (404, {}, CallRefused),
        (500, body(100, error_subcode=33), ObjectMissing),
        # What is not Facebook's answer at all.
        (400, None, GraphUnavailable),
        (200, None, GraphUnavailable),
        (302, None, GraphUnavailable),
        (200, [], GraphUnavailable),
        (200, "ok", GraphUnavailable),
        (200, {"error": "down"}, GraphUnavailable),
        (400, {"error": ["down"]}, GraphUnavailable),
        (502, {}, GraphUnavailable),
        (200, {"error": {}}, CallRefused),
    ],
)
def test_every_answer_has_its_error(
    status: int, answer: object, expected: type[GraphError]
) -> None:
    """Each shape of error known, and each that only resembles one, has exactly one meaning."""
    assert type(verdict(status, answer)) is expected


@pytest.mark.parametrize(
    ("answer", "shape"),
    [({"id": "1"}, is_object), ({"data": []}, is_listing), ([None, {}], is_batch)],
)
def test_data_is_no_error(answer: object, shape: Any) -> None:
    """An answer of the expected shape is one to read."""
    assert judge(200, answer, now=NOW, expected=shape) is None


@pytest.mark.parametrize(
    ("answer", "shape"), [([], is_listing), ({"data": {}}, is_listing), ({"data": []}, is_batch)]
)
def test_data_of_another_shape_is_a_fault_that_passes(answer: object, shape: Any) -> None:
    """An array for an object and the reverse have been seen, and went by themselves."""
    assert isinstance(judge(200, answer, now=NOW, expected=shape), GraphUnavailable)


def test_an_error_in_the_place_of_a_batch_is_judged() -> None:
    """A batch that fails as a whole is answered with an object."""
    error = judge(400, body(190), now=NOW, expected=is_batch)
    assert isinstance(error, TokenRefused)


@pytest.mark.parametrize(
    ("code", "regain", "minutes"),
    [(80001, 0, 15), (80001, 5, 15), (80001, 42, 42), (4, 0, 15), (368, 0, 360), (17, 9999, 1440)],
)
def test_a_limit_says_until_when(code: int, regain: int, minutes: int) -> None:
    """The header's minutes, but no less than a quarter of an hour and no more than a day."""
    error = verdict(400, body(code), regain)
    assert isinstance(error, Throttled)
    assert error.until == NOW + timedelta(minutes=minutes)
    assert f"{error.until:%H:%M} UTC" in str(error)


@pytest.mark.parametrize(
    ("subcode", "word"),
    [
        (458, "app was removed"),
        (459, "log in"),
        (460, "password"),
        (463, "expired"),
        (464, "confirm"),
        (467, "made invalid"),
        (492, "role"),
        (2069032, "A Page access token is needed"),
        (None, "new Page access token"),
        (999, "new Page access token"),
    ],
)
def test_a_dead_token_comes_with_a_remedy(subcode: int | None, word: str) -> None:
    """The subcode says what the user must do."""
    error = verdict(400, body(190, error_subcode=subcode))
    assert isinstance(error, TokenRefused)
    assert word in error.remedy
    assert error.subcode == subcode


def test_a_token_of_the_wrong_kind_is_told_by_its_text_too() -> None:
    """The subcode is not always there."""
    error = verdict(400, body(190, "(#190) This method must be called with a Page Access Token"))
    assert isinstance(error, TokenRefused)
    assert "A Page access token is needed" in error.remedy


def test_a_message_has_our_words_then_facebooks_then_the_numbers() -> None:
    """A person reads what happened, a search engine finds the rest."""
    error = verdict(400, body(10, "(#10) Not\n  allowed", error_subcode=7, fbtrace_id="AbC"))
    assert str(error) == (
        "The app or its token lacks a permission; reading a Page takes pages_read_engagement and"
        " pages_read_user_content."
        ' Facebook said: "(#10) Not allowed" (code 10/7, HTTP 400, trace AbC)'
    )
    assert (error.code, error.subcode, error.trace) == (10, 7, "AbC")


def test_no_message_holds_a_token() -> None:
    """Facebook repeats tokens in its texts, and texts go to logs and rows."""
    token = "EAAB" + "x" * 40
    error = verdict(400, body(190, f"Malformed access token {token} access_token={token}"))
    assert token not in str(error)


def test_an_endless_message_is_cut() -> None:
    """One line stays one line."""
    assert len(str(verdict(400, body(100, "x" * 9000)))) < 500


@given(
    st.integers(100, 599),
    st.fixed_dictionaries(
        {
            "error": st.dictionaries(
                st.sampled_from(["code", "message", "is_transient"]),
                st.text() | st.integers() | st.booleans() | st.none() | st.floats(),
            )
        }
    ),
)
def test_any_error_is_judged(status: int, answer: object) -> None:
    """No shape of error raises, or passes for data."""
    assert isinstance(judge(status, answer, now=NOW), GraphError)
