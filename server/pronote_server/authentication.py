"""Logging in by password, and recognising a session."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pronote_server.accounts import Account, find_account, find_account_by_id
from pronote_server.addresses import is_in, parse_address
from pronote_server.admission import (
    Entry,
    Refused,
    address_prohibited,
    busy,
    check_place,
    count_failure,
    enter,
    record,
)
from pronote_server.clock import now_utc
from pronote_server.errors import Refusal
from pronote_server.passwords import Busy
from pronote_server.storage import users, verifiers
from pronote_server.storage.kept import KeptBaseUnusable
from pronote_server.usernames import username_key
from pronote_server.words import LoginResult

if TYPE_CHECKING:
    from starlette.requests import Request

    from pronote_server.instance import Instance
    from pronote_server.sessions import Session


log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attempt:
    """A login by password."""

    username: str
    password: str = field(repr=False)
    entry: Entry


async def log_in(instance: Instance, attempt: Attempt) -> tuple[str, Session]:
    """Log a person in; return the session's token and the session.

    Raises:
        Refusal: Not admitted; says why.
    """
    try:
        check_place(instance, attempt.entry)
        await _check_year(instance, attempt.entry.school_year)
        account = await _check_password(instance, attempt)
        token, session = enter(instance, attempt.entry, account)
    except Refused as refused:
        await record(instance, attempt.entry, refused.result, refused.user_id)
        raise refused.refusal from None
    await record(instance, attempt.entry, LoginResult.SUCCESS, session.person.user_id)
    return token, session


async def _check_year(instance: Instance, school_year: int | None) -> None:
    if school_year is None:
        return
    if school_year not in instance.kept:
        refusal = Refusal(404, "UnknownSchoolYear", f"No base of the school year {school_year} is kept.")
        raise Refused(refusal, LoginResult.REFUSED)
    try:
        await instance.kept[school_year].open()
    except KeptBaseUnusable as error:
        log.warning("Kept base unusable", extra={"data": {"schoolYear": school_year, "reason": str(error)}})
        refusal = Refusal(409, "SchoolYearUnavailable", f"The base of the school year {school_year} cannot be opened.")
        raise Refused(refusal, LoginResult.REFUSED) from None


async def _check_password(instance: Instance, attempt: Attempt) -> Account:
    year = attempt.entry.school_year
    account = await find_account(instance, username_key(attempt.username), year)
    try:
        right = await instance.passwords.check(account.password_hash if account else None, attempt.password)
        if account is not None and right and year is None:
            account = await _renew_hash(instance, account, attempt.password)
    except Busy:
        raise Refused(busy(), LoginResult.REFUSED) from None
    if account is None or not right:
        count_failure(instance, attempt.entry.address)
        refusal = Refusal(401, "WrongCredentials", "User name or password is wrong.")
        raise Refused(refusal, LoginResult.REFUSED, account.person.user_id if account else None)
    if year is None:
        await _renew_verifier(instance, account, attempt.password)
    return account


async def _renew_hash(instance: Instance, account: Account, password: str) -> Account:
    user_id, outdated = account.person.user_id, account.password_hash
    if user_id is None or not instance.passwords.is_outdated(outdated):
        return account
    renewed = await instance.passwords.hash(password)
    await instance.base().write(users.replace_hash, user_id, outdated, renewed)
    return replace(account, password_hash=renewed)


async def _renew_verifier(instance: Instance, account: Account, password: str) -> None:
    """Keep what the web protocol needs of a password that was just shown to be right."""
    user_id, sealer, name = account.person.user_id, instance.sealer, account.person.key
    if user_id is None or sealer is None:
        return
    if account.verifier is not None and sealer.open(name, account.password_hash, account.verifier) is not None:
        return
    verifier = sealer.seal(name, account.password_hash, password)
    await instance.base().write(verifiers.replace_verifier, user_id, account.password_hash, verifier)


async def recognise(instance: Instance, token: str | None, address_text: str) -> Session:
    """Return the session of a Client's request and count the request.

    Raises:
        Refusal: No such session any more, its user was deleted, locked or lost the mode, or the address is prohibited.
    """
    if is_in(parse_address(address_text), instance.settings.security.prohibited_addresses):
        raise address_prohibited()
    ended = session_expired()
    session = instance.sessions.touch(token, now_utc(), time.monotonic()) if token else None
    if session is None or session.espace is not None:
        raise ended
    if not await _may_stay(instance, session):
        instance.sessions.close(session.id)
        raise ended
    return session


async def _may_stay(instance: Instance, session: Session) -> bool:
    """Tell whether the account of a Client's session may still come in as it did."""
    if session.person.user_id is None:
        return True
    account = await find_account_by_id(instance, session.person.user_id, session.school_year)
    return account is not None and not account.locked and session.mode in account.modes


async def session_of(instance: Instance, request: Request) -> Session:
    """Return the session that a request names in its `Authorization`.

    Raises:
        Refusal: As `recognise`.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return await recognise(instance, token.strip() if scheme.lower() == "bearer" else None, peer(request))


def peer(request: Request) -> str:
    """Return the address that a request came from."""
    return str(parse_address(request.client.host)) if request.client else "127.0.0.1"


def session_expired() -> Refusal:
    """Return the refusal of a session that is no more."""
    return Refusal(401, "SessionExpired", "The session has ended: log in again.")
