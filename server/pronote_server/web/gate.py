"""The first questions to every request of a visitor: from where, and whether there is anything to visit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pronote_server.addresses import Address, parse_address
from pronote_server.admission import Entry, check_address, out_of_service
from pronote_server.errors import Refusal
from pronote_server.words import Application, State

if TYPE_CHECKING:
    from starlette.requests import Request

    from pronote_server.espaces import Espace
    from pronote_server.instance import Instance
    from pronote_server.web.site import Site

MAX_ADDRESS: Final = 64
"""Longest text of an address."""


def visitor_address(request: Request) -> Address:
    """Return the visitor's address, which the replica tells.

    Raises:
        Refusal: It tells none.
    """
    text = request.headers.get("x-visitor-address", "")
    try:
        return parse_address(text[:MAX_ADDRESS])
    except ValueError:
        raise Refusal(400, "InvalidRequest", "X-Visitor-Address must be an IP address.") from None


def check_visitor(instance: Instance, request: Request) -> Address:
    """Refuse a visitor from an address that may not come; return the address of another.

    Raises:
        Refusal: The server is being stopped, or the address is prohibited or suspended.
    """
    if instance.state is not State.READY:
        raise out_of_service()
    address = visitor_address(request)
    check_address(instance, address)
    return address


def check_published(instance: Instance, espace: Espace) -> Site:
    """Return the site in force when an Espace can be visited.

    Raises:
        Refusal: Nothing is published, or not this Espace.
    """
    site = instance.sites.site
    if site is None or not site.published:
        raise Refusal(503, "NotPublished", "PRONOTE.net is not published.")
    if not site.publishes(espace):
        raise Refusal(503, "EspaceNotPublished", "This Espace is not published.")
    return site


def entry(address: Address, espace: Espace) -> Entry:
    """Return where a visitor of an Espace comes in."""
    return Entry(Application.PRONOTE_NET, espace.mode, "", address, espace)


def direct_login_not_allowed() -> Refusal:
    """Return the refusal of a password where only the ENT lets people in."""
    return Refusal(403, "DirectLoginNotAllowed", "This Espace is entered through the ENT only.")
