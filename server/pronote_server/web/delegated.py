"""What a validated ticket of an ENT gives: a one-time login, a link to a first login, or nothing."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from pronote_server.accounts import find_account_by_id
from pronote_server.errors import Refusal
from pronote_server.espaces import Espace
from pronote_server.storage import identities
from pronote_server.web.challenge import password_digest
from pronote_server.web.finding import find_person
from pronote_server.web.gate import check_published
from pronote_server.web.page_api import open_page
from pronote_server.web.site import Delegation, IdentifiedBy
from pronote_server.web.state import Link, OneTimeLogin, once_key

if TYPE_CHECKING:
    from pronote_server.addresses import Address
    from pronote_server.instance import Instance

SECRET_BYTES: Final = 24
"""Random bytes of one-time logins, their passwords and links: 192 bits."""

Text = Annotated[str, Field(max_length=1000)]


class CasLogin(BaseModel):
    """Body of POST /net/v1/cas-logins: what the replica has validated."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    espace: Espace
    delegation: str = Field(min_length=1, max_length=253)
    ticket: str = Field(min_length=1, max_length=1000, repr=False)
    user: str = Field(min_length=1, max_length=256, repr=False)
    attributes: Annotated[dict[Text, Annotated[list[Text], Field(max_length=100)]], Field(max_length=100, repr=False)]


async def delegated_login(instance: Instance, login: CasLogin, address: Address) -> dict[str, Any]:
    """Return what a ticket gives.

    Raises:
        Refusal: The Espace or the delegation is not in force, or the ticket was shown before.
    """
    site = check_published(instance, login.espace)
    delegation = site.delegation_of(login.espace)
    if delegation is None or delegation.name != login.delegation:
        raise Refusal(503, "NotPublished", "This delegation is not in force.")
    _use_ticket(instance, delegation, login.ticket)
    user_id = await _find_user(instance, delegation, login)
    if user_id is not None:
        return _known(instance, login.espace, user_id, address)
    if delegation.identification.by is IdentifiedBy.FIRST_LOGIN:
        return {"outcome": "FirstLogin", "link": _new_link(instance, delegation, login)}
    return {"outcome": "Unknown"}


def _use_ticket(instance: Instance, delegation: Delegation, ticket: str) -> None:
    key, now = once_key(delegation.cas_url, ticket), time.monotonic()
    if instance.web.tickets.peek(key, now) is not None:
        raise Refusal(409, "TicketUsed", "This ticket was shown before.")
    instance.web.tickets.put(key, True, now)


async def _find_user(instance: Instance, delegation: Delegation, login: CasLogin) -> int | None:
    """Return who the ticket is for, when that user may come into the Espace."""
    base = instance.base()
    user_id = await base.read(identities.find_cas_user, delegation.cas_url, login.user)
    is_new = user_id is None
    if is_new:
        establishments = frozenset({instance.config.base.uai, *instance.settings.managed_uais})
        user_id = await base.read(find_person, delegation.identification, login.attributes, establishments)
    account = None if user_id is None else await find_account_by_id(instance, user_id)
    if user_id is None or account is None or login.espace not in account.espaces:
        return None
    if is_new:
        await base.write(identities.link_cas_user, delegation.cas_url, login.user, user_id)
    return user_id


def _known(instance: Instance, espace: Espace, user_id: int, address: Address) -> dict[str, Any]:
    login, password = secrets.token_hex(SECRET_BYTES), secrets.token_hex(SECRET_BYTES)
    given = OneTimeLogin(user_id, espace, password_digest("", password))
    instance.web.one_time_logins.put(once_key(login), given, time.monotonic())
    return {"outcome": "Known", "login": login, "password": password, **open_page(instance, espace, address)}


def _new_link(instance: Instance, delegation: Delegation, login: CasLogin) -> str:
    link = secrets.token_urlsafe(SECRET_BYTES)
    waiting = Link(login.espace, delegation.cas_url, login.user)
    instance.web.links.put(once_key(link), waiting, time.monotonic())
    return link
