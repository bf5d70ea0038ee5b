"""``/openapi.json``: the operations as data, written down as OpenAPI 3.1 wants them.

What is said here of every operation is what the doors before the routes do; what is said of one is
its entry in :mod:`fbsyncd.server.operations`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from fbsyncd import __version__
from fbsyncd.server.access import is_api, is_for_every_name
from fbsyncd.server.operations import IN_PATH, JSON, Operation
from fbsyncd.server.query import Parameters
from fbsyncd.server.shapes import SCHEMAS, TEXT, Schema, of, ref

_ABOUT: Final = (
    "What the archive holds, for dashboards and scripts. HEAD is answered wherever GET is, without"
    " the body; OPTIONS says what is allowed. Every JSON answer but an error has an ETag, and"
    " If-None-Match is answered with 304 while nothing has changed. Times are UTC. A parameter"
    " without a value counts as not given; unknown parameters are refused. Errors have one shape,"
    " and their `code` is for programs. A post, a video or a row may get further members in later"
    " versions."
)
_TOLD: Final[dict[str, Schema]] = {
    "ETag": {"schema": TEXT, "required": True, "description": "Names these very bytes."},
    "Allow": {"schema": TEXT, "required": True, "description": "The methods that fit."},
    "RetryAfter": {"schema": TEXT, "required": True, "description": "Seconds to wait."},
    "WWWAuthenticate": {"schema": TEXT, "required": True, "description": "Asks for the token."},
}
_REFUSALS: Final = {
    400: "A parameter, the body or the request itself cannot be understood.",
    401: "The token is missing or wrong.",
    403: "A page of another site may not do this.",
    404: "There is none.",
    405: "The method does not fit.",
    409: "It is archived already, or made of another picture.",
    412: "What is here is another one than If-Match or If-Unmodified-Since asks for.",
    413: "The body is too large.",
    414: "Path and query are too long.",
    415: "The body is no JSON.",
    416: "The file is shorter than that.",
    421: "This server does not know itself by the name in the header Host.",
    431: "The headers are too large.",
    500: "Something went wrong in the server; its log says what.",
    501: "The body comes in a Transfer-Encoding that is not chunked.",
    503: "The archive is busy, its files cannot be read, or nothing runs that could: try later.",
    505: "This is HTTP/1.1, and HTTP/1.0.",
}
_HEADERS: Final = {
    401: {"WWW-Authenticate": "WWWAuthenticate"},
    405: {"Allow": "Allow"},
    503: {"Retry-After": "RetryAfter"},
}
_ANY: Final = (400, 405, 413, 414, 431, 500, 501, 503, 505)
_SECURITY: Final = "token"


def document(operations: Iterable[Operation], *, is_guarded: bool) -> dict[str, Any]:
    """Return the description of *operations*; *is_guarded*: the API asks for a token."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        told = _operation(operation, is_guarded=is_guarded)
        paths.setdefault(operation.path, {})[operation.method.lower()] = told
    components: dict[str, Any] = {
        "schemas": SCHEMAS,
        "headers": _TOLD,
        "responses": {f"Refused{status}": _refused(status) for status in _REFUSALS},
    }
    if is_guarded:
        scheme = {"type": "http", "scheme": "bearer", "description": "`server.auth_token`"}
        components["securitySchemes"] = {_SECURITY: scheme}
    return {
        "openapi": "3.1.0",
        "info": {"title": "fbsyncd", "version": __version__, "description": _ABOUT},
        "paths": paths,
        "components": components,
    }


def _operation(operation: Operation, *, is_guarded: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "responses": _responses(operation, is_guarded=is_guarded),
    }
    if parameters := [*_in_path(operation.path), *_in_query(operation.parameters)]:
        told["parameters"] = parameters
    if operation.body:
        shape = of(dict(operation.body)) | {"required": []}
        told["requestBody"] = {"required": False, "content": {JSON: {"schema": shape}}}
    if is_guarded and is_api(operation.path):
        told["security"] = [{_SECURITY: []}]
    return told


def _responses(operation: Operation, *, is_guarded: bool) -> dict[str, Any]:
    done: dict[str, Any] = {"description": operation.summary, "content": _content(operation)}
    if operation.is_kept:
        done["headers"] = {"ETag": {"$ref": "#/components/headers/ETag"}}
    if operation.links:
        done["links"] = dict(operation.links)
    told = {str(operation.status): done}
    if operation.is_kept and operation.method == "GET":
        told["304"] = {"description": "What you hold is still true."}
    refusals = {*_ANY, *operation.refusals}
    refusals |= {412} if "304" in told else set()
    refusals |= {403} if operation.method == "POST" else set()
    refusals |= {401} if is_guarded and is_api(operation.path) else set()
    refusals |= set() if is_for_every_name(operation.path) else {421}
    for status in sorted(refusals):
        told[str(status)] = {"$ref": f"#/components/responses/Refused{status}"}
    return told | _special(operation)


def _special(operation: Operation) -> dict[str, Any]:
    """Return what no other operation answers with."""
    if operation.id == "isReady":
        shape = {"anyOf": [ref("Readiness"), ref("Error")]}
        told: dict[str, Any] = {"description": "A part is not fit."}
        told |= {"content": {JSON: {"schema": shape}}, "headers": _refused(503)["headers"]}
        return {"503": told}
    if operation.id == "getFile":
        parts = _content(operation) | {"multipart/byteranges": {}}
        told = {"206": {"description": "The parts asked for.", "content": parts}}
        return told | {"416": {"$ref": "#/components/responses/Refused416"}}
    return {}


def _content(operation: Operation) -> dict[str, Any]:
    return {kind: {"schema": operation.answer} for kind in operation.kinds}


def _refused(status: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "description": _REFUSALS[status],
        "content": {JSON: {"schema": ref("Error")}},
    }
    headers = _HEADERS.get(status, {})
    if headers:
        told["headers"] = {
            name: {"$ref": f"#/components/headers/{known}"} for name, known in headers.items()
        }
    return told


def _in_path(path: str) -> list[dict[str, Any]]:
    told = []
    for name in re.findall(r"{(\w+)}", path):
        schema, description = IN_PATH[name]
        place = {"name": name, "in": "path", "required": True}
        told.append(place | {"description": description, "schema": schema})
    return told


def _in_query(parameters: Parameters) -> list[dict[str, Any]]:
    return [
        {
            "name": one.name,
            "in": "query",
            "required": False,
            "allowEmptyValue": True,
            "description": one.description,
            "schema": dict(one.schema),
        }
        for one in parameters.values()
    ]
