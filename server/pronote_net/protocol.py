"""What public clients ask for beside the pages: messages of the web protocol, and the document of mobile clients."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response
from starlette.routing import Route

from pronote_net.bodies import read_body
from pronote_net.upstream import Refused

if TYPE_CHECKING:
    from starlette.requests import Request

    from pronote_net.desk import Desk
    from pronote_net.site import Site

CAS_PROTOCOL: Final = "CAS"

_CALL: Final = re.compile(r"[0-9]{1,3}/[0-9]{1,20}/[0-9A-Fa-f]{1,128}")
_VERSION: Final = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4}){0,3}")


def protocol_routes(desk: Desk) -> list[Route]:
    """Return the routes."""

    async def call(request: Request) -> Response:
        path = "/".join(request.path_params[name] for name in ("number", "session", "order"))
        if not _CALL.fullmatch(path):
            raise Refused(404, "NotFound")
        body = await read_body(request)
        found = await desk.upstream.call(f"/net/v1/calls/{path}", desk.visit(request), body)
        return Response(found, media_type="application/json")

    async def mobile(_request: Request) -> Response:
        return Response(json.dumps(mobile_document(await desk.sites.in_force())), media_type="application/json")

    return [
        Route("/appelfonction/{number}/{session}/{order}", call, methods=["POST"]),
        Route("/InfoMobileApp.json", mobile, methods=["GET"]),
    ]


def mobile_document(site: Site) -> dict[str, Any]:
    """Return what a mobile client asks a site for before anything else. Pure.

    `jetonCAS` is empty: the token of mobile clients is not taken for anything here, so none is given out.
    """
    match = _VERSION.match(site.version)
    numbers = [int(part) for part in match[0].split(".")] if match else []
    delegated = {espace.name: site.delegation_of(espace) for espace in site.published_espaces}
    first = next((one for one in delegated.values() if one is not None), None)
    return {
        "version": [*numbers, 0, 0, 0, 0][:4],
        "nomEtab": site.display_name,
        "CAS": {"actif": first is not None, "casURL": "" if first is None else first.cas_url, "jetonCAS": ""},
        "espaces": [
            {
                "nom": espace.title,
                "URL": f"mobile.{espace.page}",
                "genreEspace": espace.number,
                "avecDelegation": delegated[espace.name] is not None,
                "protocole": "" if delegated[espace.name] is None else CAS_PROTOCOL,
            }
            for espace in site.published_espaces
        ],
    }
