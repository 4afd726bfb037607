"""The site document, pages, and messages of the web protocol."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict
from starlette.responses import Response
from starlette.routing import Route

from pronote_server.addresses import group_of
from pronote_server.answers import Json, read_body, read_model
from pronote_server.errors import Refusal
from pronote_server.espaces import BY_ID, Espace
from pronote_server.web import protocol
from pronote_server.web.calls import answer
from pronote_server.web.gate import check_published, check_visitor, direct_login_not_allowed

if TYPE_CHECKING:
    from starlette.requests import Request

    from pronote_server.addresses import Address
    from pronote_server.instance import Instance

MAX_NUMBER_DIGITS = 16
"""Digits of the largest number of a session."""


class PageRequest(BaseModel):
    """Body of POST /net/v1/pages."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    espace: Espace


def page_routes(instance: Instance) -> list[Route]:
    """Return the routes of the site and of the web protocol."""

    async def site(_request: Request) -> Response:
        document = site_document(instance)
        if document is None:
            raise Refusal(404, "NothingPublished", "No site document has come yet.")
        return Json(document)

    async def pages(request: Request) -> Response:
        wanted = await read_model(request, PageRequest)
        address = check_visitor(instance, request)
        if not check_published(instance, wanted.espace).allows_password(wanted.espace):
            raise direct_login_not_allowed()
        return Json(open_page(instance, wanted.espace, address))

    async def calls(request: Request) -> Response:
        address = check_visitor(instance, request)
        espace_id, number, order = (request.path_params[name] for name in ("espace", "session", "order"))
        espace = BY_ID.get(int(espace_id)) if _is_number(espace_id) else None
        if espace is None or not _is_number(number):
            return Json(protocol.error_message(protocol.ErrorCode.PAGE_EXPIRED))
        check_published(instance, espace)
        body = await read_body(request)
        found = await answer(instance, espace, int(number), order, body, address)
        return Response(found, media_type="application/json")

    return [
        Route("/net/v1/site", site, methods=["GET"]),
        Route("/net/v1/pages", pages, methods=["POST"]),
        Route("/net/v1/calls/{espace}/{session}/{order}", calls, methods=["POST"]),
    ]


def site_document(instance: Instance) -> dict[str, object] | None:
    """Return the site document in force, with what replicas show of the base."""
    site, base = instance.sites.site, instance.config.base
    if site is None:
        return None
    return {
        **site.model_dump(mode="json", by_alias=True),
        "uai": base.uai,
        "displayName": instance.settings.display_name,
        "timeZone": instance.settings.time_zone,
        "schoolYear": base.school_year,
        "version": base.version,
    }


def open_page(instance: Instance, espace: Espace, address: Address) -> dict[str, Any]:
    """Open a session of the web protocol; return what its page must say."""
    coding = instance.web.coding
    dialogue = instance.web.dialogues.open(espace, coding, str(address), group_of(address), time.monotonic())
    return {
        # Text: some JSON readers take no integer of this size exactly.
        "session": str(dialogue.number),
        "espaceId": espace.id,
        "encrypted": coding.encrypted,
        "compressed": coding.compressed,
    }


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= MAX_NUMBER_DIGITS
