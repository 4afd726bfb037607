"""Logging in and out in a browser: by password, by the one-time login of a ticket, and what tickets give."""

from __future__ import annotations

import hmac
import time
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr
from pydantic.alias_generators import to_camel
from starlette.responses import Response
from starlette.routing import Route

from pronote_server.accounts import find_account_by_id
from pronote_server.admission import Refused, count_failure, enter, record
from pronote_server.answers import Json, printable, read_model
from pronote_server.authentication import Attempt, log_in
from pronote_server.errors import Refusal
from pronote_server.espaces import Espace
from pronote_server.storage import identities
from pronote_server.web.browser_sessions import shown_token
from pronote_server.web.challenge import password_digest
from pronote_server.web.delegated import CasLogin, delegated_login
from pronote_server.web.gate import check_published, check_visitor, direct_login_not_allowed, entry
from pronote_server.web.state import Link, once_key
from pronote_server.words import Application, LoginResult

if TYPE_CHECKING:
    from starlette.requests import Request

    from pronote_server.addresses import Address
    from pronote_server.instance import Instance
    from pronote_server.sessions import Session

Secret = Annotated[str, Field(min_length=1, max_length=128)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, alias_generator=to_camel)


class PasswordLogin(_Body):
    """Body of POST /net/v1/logins."""

    espace: Espace
    username: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(printable)]
    password: SecretStr = Field(min_length=1, max_length=256)
    link: Secret | None = Field(None, repr=False)


class TicketLogin(_Body):
    """Body of POST /net/v1/one-time-logins."""

    espace: Espace
    login: Secret = Field(repr=False)
    password: Secret = Field(repr=False)


def login_routes(instance: Instance) -> list[Route]:
    """Return the routes of logging in and out."""

    async def logins(request: Request) -> Response:
        wanted = await read_model(request, PasswordLogin)
        address = check_visitor(instance, request)
        site = check_published(instance, wanted.espace)
        link = _link(instance, wanted)
        if link is None and not site.allows_password(wanted.espace):
            raise direct_login_not_allowed()
        attempt = Attempt(wanted.username, wanted.password.get_secret_value(), entry(address, wanted.espace))
        token, session = await log_in(instance, attempt)
        if link is not None and wanted.link is not None:
            await _tie(instance, link, wanted.link, session)
        return Json({"token": token, "csrf": instance.web.csrf(token)})

    async def one_time_logins(request: Request) -> Response:
        wanted = await read_model(request, TicketLogin)
        address = check_visitor(instance, request)
        check_published(instance, wanted.espace)
        token = await _enter_once(instance, wanted, address)
        return Json({"token": token, "csrf": instance.web.csrf(token)})

    async def cas_logins(request: Request) -> Response:
        wanted = await read_model(request, CasLogin)
        address = check_visitor(instance, request)
        return Json(await delegated_login(instance, wanted, address))

    async def log_out(request: Request) -> Response:
        session = instance.sessions.find(shown_token(request), time.monotonic())
        if session is not None and session.application is Application.PRONOTE_NET:
            instance.sessions.close(session.id)
        return Response(status_code=204)

    return [
        Route("/net/v1/logins", logins, methods=["POST"]),
        Route("/net/v1/one-time-logins", one_time_logins, methods=["POST"]),
        Route("/net/v1/cas-logins", cas_logins, methods=["POST"]),
        Route("/net/v1/session", log_out, methods=["DELETE"]),
    ]


def _link(instance: Instance, wanted: PasswordLogin) -> Link | None:
    if wanted.link is None:
        return None
    link = instance.web.links.peek(once_key(wanted.link), time.monotonic())
    if link is None or link.espace is not wanted.espace:
        # Too late: the person comes back through the ENT.
        raise Refusal(401, "SessionExpired", "The link has ended: log in at the ENT again.")
    return link


async def _tie(instance: Instance, link: Link, secret: str, session: Session) -> None:
    user_id = session.person.user_id
    if user_id is not None and instance.web.links.take(once_key(secret), time.monotonic()) is not None:
        await instance.base().write(identities.link_cas_user, link.cas_url, link.cas_user, user_id)


async def _enter_once(instance: Instance, wanted: TicketLogin, address: Address) -> str:
    place = entry(address, wanted.espace)
    login = instance.web.one_time_logins.take(once_key(wanted.login), time.monotonic())
    shown = password_digest("", wanted.password)
    account = None
    if login is not None and login.espace is wanted.espace and hmac.compare_digest(login.digest, shown):
        account = await find_account_by_id(instance, login.user_id)
    try:
        if account is None:
            count_failure(instance, address)
            raise Refused(Refusal(401, "WrongCredentials", "This login is not valid any more."), LoginResult.REFUSED)
        token, session = enter(instance, place, account)
    except Refused as refused:
        await record(instance, place, refused.result, refused.user_id)
        raise refused.refusal from None
    await record(instance, place, LoginResult.SUCCESS, session.person.user_id)
    return token
