"""Batches: up to fifty calls in one POST, answered in order, each item counted as a call."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from fbsyncd.simulator import refusals
from fbsyncd.simulator.messages import Answer, Request, as_json
from fbsyncd.simulator.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fbsyncd.simulator.access import Access
    from fbsyncd.simulator.faults import Faults

HIGHEST = 50


class Callable(Protocol):
    """What answers a single call."""

    def call(self, request: Request) -> Answer:
        """Answer one call."""


def batch(graph: Callable, request: Request, access: Access, faults: Faults) -> Answer:
    """Answer a batch: an array in request order, or one error object for the whole of it."""
    try:
        access.holder(request)
        form = _form(request)
        items = _items(form)
        _check_poison(items, faults)
    except Refusal as refusal:
        return as_json(refusal.body, refusal.status)
    told = str(form.get("include_headers", "true")).lower() not in ("false", "0")
    nulls = faults.take("batch_nulls")
    answers: list[dict[str, Any] | None] = []
    for item in items:
        if nulls and (nulls["ids"] is None or any(known in _url(item) for known in nulls["ids"])):
            answers.append(None)
        else:
            answers.append(_told(graph.call(_sub_request(item, request, access)), told))
    return as_json(answers)


def _form(request: Request) -> Mapping[str, Any]:
    text = request.body.decode("utf-8", "replace")
    if "json" not in request.headers.get("content-type", ""):
        return {**request.query, **dict(parse_qsl(text, keep_blank_values=True))}
    try:
        form = json.loads(text)
    except ValueError:
        raise refusals.wrong_parameter("The body is not JSON") from None
    return form if isinstance(form, dict) else {"batch": form}


def _items(form: Mapping[str, Any]) -> list[Any]:
    items = form.get("batch", "")
    if isinstance(items, str):
        try:
            items = json.loads(items)
        except ValueError:
            raise refusals.wrong_parameter("batch parameter must be a JSON array") from None
    if not isinstance(items, list) or not items:
        raise refusals.wrong_parameter("batch parameter must be a JSON array")
    if len(items) > HIGHEST:
        raise Refusal(
            400, 100, f"Too many requests in batch message. Maximum batch size is {HIGHEST}"
        )
    return items


def _check_poison(items: list[Any], faults: Faults) -> None:
    urls = [_url(item) for item in items]
    if faults.peek("poison", lambda fault: any(bad in url for bad in fault["ids"] for url in urls)):
        raise refusals.transient()


def _url(item: Any) -> str:
    return unquote(str(item.get("relative_url", ""))) if isinstance(item, dict) else ""


def _sub_request(item: Any, outer: Request, access: Access) -> Request:
    target = urlsplit("/" + str(item.get("relative_url", "")).lstrip("/"))
    version = outer.path.strip("/")
    path = unquote(target.path)
    if version and not path.startswith(f"/{version}/"):
        path = f"/{version}{path}"
    query, headers = target.query, dict(outer.headers)
    if "access_token=" in query:
        headers.pop("authorization", None)
    else:
        headers["authorization"] = f"Bearer {access.token_of(outer)}"
        if proof := access.proof_of(outer):
            query += f"&appsecret_proof={proof}"
    return Request(str(item.get("method", "GET")), path, query, headers)


def _told(answer: Answer, headers: bool) -> dict[str, Any]:
    item: dict[str, Any] = {"code": HTTPStatus(answer.status).value}
    if headers:
        item["headers"] = [{"name": name, "value": text} for name, text in answer.headers.items()]
    item["body"] = answer.body.decode()
    return item
