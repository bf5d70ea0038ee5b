"""What is asked about accounts: the pages of a user, the state of a token, a page's avatar."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from fbsyncd.simulator import fields as asked
from fbsyncd.simulator import nodes, refusals
from fbsyncd.simulator.access import APP_ID
from fbsyncd.simulator.cast import avatar
from fbsyncd.simulator.messages import Answer

if TYPE_CHECKING:
    from fbsyncd.simulator.access import Access
    from fbsyncd.simulator.faults import Faults
    from fbsyncd.simulator.messages import Request
    from fbsyncd.simulator.signing import Signer
    from fbsyncd.simulator.values import Page
    from fbsyncd.simulator.world import World

_APP = "fbsyncd demo"
_SCOPES = ["pages_show_list", "pages_read_engagement", "pages_read_user_content"]


def accounts(world: World, access: Access, request: Request) -> dict[str, Any]:
    """The pages of the user, with their tokens; paged like everything else."""
    if access.token_of(request) != access.user_token:
        raise refusals.wrong_parameter(
            "Tried accessing nonexisting field (accounts) on node type (Page)"
        )
    query = request.query
    limit = int(query.get("limit", "25"))
    start = int(query.get("after", "MDAw")[4:] or 0)
    pages = list(world.pages.values())
    fields = asked.parse(query.get("fields", "access_token,category,name,id"))
    some = [{**nodes.page_node(page), "access_token": page.token} for page in pages[start:][:limit]]
    end = start + len(some)
    paging: dict[str, Any] = {"cursors": {"before": f"MDAw{start}", "after": f"MDAw{end}"}}
    if end < len(pages):
        paging["next"] = f"https://graph.facebook.com/me/accounts?after=MDAw{end}"
    return {"data": [asked.cut(node, "Page", fields) for node in some], "paging": paging}


def app() -> dict[str, Any]:
    """The app that a token was made for."""
    return {"category": "Business", "name": _APP, "id": APP_ID}


def debug_token(access: Access, request: Request, faults: Faults) -> dict[str, Any]:
    """What the token in ``input_token`` is worth; only the app itself and its people may ask."""
    if access.page_id_of(request):
        raise refusals.no_permission()
    given = request.query.get("input_token", "")
    page = access.page_of(given)
    if page is None and given != access.user_token:
        raise refusals.wrong_parameter(
            "The App_id in the input_token did not match the Viewing App"
        )
    data: dict[str, Any] = {
        "app_id": APP_ID,
        "type": "PAGE" if page else "USER",
        "application": _APP,
        "is_valid": access.alive(given),
        "issued_at": 1_760_000_000,
        "expires_at": 0,
        "data_access_expires_at": 0,
        "scopes": _SCOPES,
        "granular_scopes": [{"scope": scope, "target_ids": access.pages()} for scope in _SCOPES],
        "user_id": "122100000000000001",
    }
    if page:
        data["profile_id"] = page.id
    if terms := faults.peek(
        "token_terms", lambda fault: fault["page"] in (None, data.get("profile_id"))
    ):
        data |= {name: value for name, value in terms.values.items() if name != "page"}
    if not data["is_valid"]:
        data["error"] = {"code": 190, "message": "Error validating access token", "subcode": 463}
    return {"data": data}


def picture(page: Page, request: Request, signer: Signer) -> Any:
    """A redirect to the avatar, or with ``redirect=0`` where it is."""
    link = avatar(page).link("dst-jpg_s200x200_tt6")
    if request.query.get("redirect") in ("0", "false"):
        return {"data": {"height": 200, "is_silhouette": False, "url": link, "width": 200}}
    return Answer(302, b"", {"Location": signer.sign(link, secrets.token_urlsafe(16))})
