"""The errors of the Graph API, word for word where they are known from public sources."""

from __future__ import annotations

import secrets
from typing import Any


class Refusal(Exception):
    """An answer that holds an ``error`` object; *status* is the HTTP status it comes with.

    *headers* are added to the answer (usage headers of a throttled one).
    """

    def __init__(
        self, status: int, code: int, message: str, *, subcode: int | None = None, **more: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers: dict[str, str] = more.pop("headers", {})
        error = {"message": message, "type": "OAuthException", "code": code, **more}
        if subcode is not None:
            error["error_subcode"] = subcode
        error["fbtrace_id"] = "A" + secrets.token_urlsafe(16)
        self.body = {"error": error}


TOKEN_MESSAGES = {
    None: "Invalid OAuth access token - Cannot parse access token",
    458: "Error validating access token: The user has not authorized application 1234567890.",
    459: "Error validating access token: You cannot access the app till you log in to "
    "www.facebook.com and follow the instructions given.",
    460: "Error validating access token: The session has been invalidated because the user "
    "changed their password or Facebook has changed the session for security reasons.",
    463: "Error validating access token: Session has expired on Wednesday, 02-Sep-26 07:00:00 "
    "PDT. The current time is Sunday, 06-Sep-26 07:55:10 PDT.",
    464: "Error validating access token: Sessions for the user are not allowed because the user "
    "is not a confirmed user.",
    467: "Error validating access token: The access token is invalid since the user has "
    "engaged the app in a logout flow.",
    492: "Error validating access token: The user must be an administrator, editor, or moderator "
    "of the page in order to impersonate it.",
    2069032: "A Page access token is required for this call for the new Pages experience.",
}
LIMIT_MESSAGES = {
    4: "Application request limit reached",
    17: "(#17) User request limit reached",
    32: "(#32) Page request limit reached",
    341: "(#341) Feed action request limit reached",
    368: "The action attempted has been deemed abusive or is otherwise disallowed",
    613: "(#613) Calls to this api have exceeded the rate limit.",
    80001: "(#80001) There have been too many calls to this Page account. Wait a bit and try "
    "again. For more info, please refer to "
    "https://developers.facebook.com/docs/graph-api/overview/rate-limiting.",
}


def token_refused(subcode: int | None = None) -> Refusal:
    """The access token is dead or wrong (190)."""
    message = TOKEN_MESSAGES.get(subcode) or TOKEN_MESSAGES[460]
    return Refusal(400, 190, message, subcode=subcode)


def wrong_app(code: int, message: str) -> Refusal:
    """The app is unknown (101), or its secret is wrong (1)."""
    return Refusal(400, code, message)


def token_missing() -> Refusal:
    """No token was given (104)."""
    return Refusal(400, 104, "An access token is required to request this resource.")


def signature_refused() -> Refusal:
    """An app's own token whose secret is not the app's."""
    return Refusal(400, 190, "Invalid OAuth access token signature.")


def proof_refused(given: bool) -> Refusal:
    """The app demands ``appsecret_proof`` and got none, or a wrong one."""
    if given:
        return Refusal(400, 100, "Invalid appsecret_proof provided in the API argument")
    return Refusal(400, 100, "API calls from the server require an appsecret_proof argument")


def object_missing(node_id: str) -> Refusal:
    """The node does not exist or may not be seen (100/33)."""
    return Refusal(
        400,
        100,
        f"Unsupported get request. Object with ID '{node_id}' does not exist, cannot be loaded "
        "due to missing permissions, or does not support this operation. Please read the Graph "
        "API documentation at https://developers.facebook.com/docs/graph-api",
        subcode=33,
        type="GraphMethodException",
    )


def unknown_path(path: str) -> Refusal:
    """The path names nothing the API knows (2500)."""
    return Refusal(400, 2500, f"Unknown path components: /{path}")


def unknown_field(name: str, kind: str) -> Refusal:
    """A field no node of that kind has (100)."""
    return Refusal(
        400, 100, f"(#100) Tried accessing nonexisting field ({name}) on node type ({kind})"
    )


def wrong_fields(text: str) -> Refusal:
    """The fields parameter cannot be parsed (2500)."""
    return Refusal(400, 2500, f"Syntax error in fields: {text[:80]!r}")


def deprecated_field() -> Refusal:
    """A field that was removed with v3.3 (12); the typing error is Facebook's."""
    return Refusal(
        400,
        12,
        "(#12) deprecate_post_aggregated_fields_for_attachement is deprecated for versions v3.3 "
        "and higher",
    )


def ids_removed() -> Refusal:
    """``GET /?ids=`` went with v26.0, and answers with a 500 that no retry cures."""
    return Refusal(500, 100, "The ids query parameter is deprecated in v26.0+.")


def wrong_parameter(message: str) -> Refusal:
    """A parameter has a value that is not allowed (100)."""
    return Refusal(400, 100, f"(#100) {message}")


def too_much() -> Refusal:
    """The answer would be too large (1)."""
    return Refusal(
        500, 1, "Please reduce the amount of data you're asking for, then retry your request"
    )


def transient() -> Refusal:
    """A passing fault (2)."""
    return Refusal(
        500,
        2,
        "An unexpected error has occurred. Please retry your request later.",
        is_transient=True,
    )


def no_permission() -> Refusal:
    """The token is another page's (10)."""
    return Refusal(
        400,
        10,
        "(#10) This endpoint requires the 'pages_read_engagement' permission or the 'Page Public "
        "Content Access' feature.",
    )


def edge_refused() -> Refusal:
    """The app has no capability for this edge (3)."""
    return Refusal(400, 3, "(#3) Application does not have the capability to make this API call.")


def over_limit(code: int, headers: dict[str, str]) -> Refusal:
    """A budget of calls is used up; *headers* tell which and for how long."""
    message = LIMIT_MESSAGES.get(code, f"(#{code}) There have been too many calls. Wait a bit.")
    if code == 4:
        return Refusal(403, 4, message, subcode=1349210, is_transient=True, headers=headers)
    return Refusal(400, code, message, headers=headers)
