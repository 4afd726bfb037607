"""Logging in, and recognising a session: who may connect, from where, and whether a place is free."""

from __future__ import annotations

import logging
import sqlite3
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pronote_server.addresses import Address, group_of, is_in, parse_address
from pronote_server.clock import now_utc, rfc3339
from pronote_server.errors import Refusal
from pronote_server.licences import admit
from pronote_server.passwords import Busy
from pronote_server.sessions import Person, Session, TooManySessions
from pronote_server.storage import users
from pronote_server.usernames import username_key
from pronote_server.words import Application, LoginResult, Mode, State

if TYPE_CHECKING:
    from starlette.requests import Request

    from pronote_server.instance import Instance

log = logging.getLogger(__name__)

SUPERADMIN_MODES = frozenset({Mode.ADMINISTRATIF})
"""Superadministrators of the files connect in the administrative mode (sheet 4)."""


@dataclass(frozen=True)
class Attempt:
    """What a person asks for.

    Attributes:
        machine: Name of the machine, for `disabledClients`; empty when not told.
        address: The peer's address.
    """

    username: str
    password: str = field(repr=False)
    mode: Mode
    machine: str
    address: Address


@dataclass(frozen=True)
class Account:
    """An account that an attempt may be for: of the files or of the base."""

    person: Person
    password_hash: str = field(repr=False)
    modes: frozenset[Mode]
    locked: bool


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """A login that is refused, and what it counts as."""

    def __init__(self, refusal: Refusal, result: LoginResult, user_id: int | None = None) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal
        self.result = result
        self.user_id = user_id


async def log_in(instance: Instance, attempt: Attempt) -> tuple[str, Session]:
    """Log a person in; return the session's token and the session.

    Raises:
        Refusal: Not admitted; says why.
    """
    try:
        token, session = await _admit(instance, attempt)
    except Refused as refused:
        await _record(instance, attempt, refused.result, refused.user_id)
        raise refused.refusal from None
    await _record(instance, attempt, LoginResult.SUCCESS, session.person.user_id)
    return token, session


async def _admit(instance: Instance, attempt: Attempt) -> tuple[str, Session]:
    _check_place(instance, attempt)
    account = await _check_password(instance, attempt)
    user_id = account.person.user_id
    if account.locked:
        raise Refused(Refusal(403, "AccountLocked", "This account is locked."), LoginResult.REFUSED, user_id)
    if attempt.mode not in account.modes:
        message = f"This account may not connect in mode {attempt.mode.value}."
        raise Refused(Refusal(403, "ModeNotAllowed", message), LoginResult.REFUSED, user_id)
    if instance.state is not State.READY:
        raise Refused(out_of_service(), LoginResult.REFUSED, user_id)
    # The settings may have changed while the password was checked. No await from here on: nobody takes the same place.
    _check_place(instance, attempt)
    instance.sessions.expire(time.monotonic())
    admission = admit(
        instance.settings.licences, instance.sessions.usage(), attempt.mode, account.person.superadministrator
    )
    if not admission.granted:
        message = f"All {admission.limit} places in mode {attempt.mode.value} are taken."
        details: dict[str, object] = {"mode": attempt.mode.value, "limit": admission.limit}
        raise Refused(Refusal(409, "LicenceFull", message, details), LoginResult.LICENCE, user_id)
    try:
        return instance.sessions.open(
            Application.CLIENT,
            attempt.mode,
            account.person,
            attempt.machine,
            str(attempt.address),
            now_utc(),
            time.monotonic(),
        )
    except TooManySessions:
        raise Refused(busy(), LoginResult.REFUSED, user_id) from None


def _check_place(instance: Instance, attempt: Attempt) -> None:
    """Refuse a prohibited or suspended address and a disabled machine, before any work is spent on them."""
    security = instance.settings.security
    if is_in(attempt.address, security.prohibited_addresses):
        raise Refused(address_prohibited(), LoginResult.BLOCKED)
    if not is_in(attempt.address, security.preferred_addresses):
        until = instance.suspensions.until(group_of(attempt.address), time.time())
        if until is not None:
            raise Refused(_suspended(until), LoginResult.BLOCKED)
    if instance.settings.is_disabled(attempt.machine):
        raise Refused(Refusal(403, "MachineDisabled", "Clients on this machine are disabled."), LoginResult.DISABLED)


async def _check_password(instance: Instance, attempt: Attempt) -> Account:
    account = await _find(instance, username_key(attempt.username))
    try:
        right = await instance.passwords.check(account.password_hash if account else None, attempt.password)
        if account is not None and right and instance.passwords.is_outdated(account.password_hash):
            await _renew_hash(instance, account, attempt.password)
    except Busy:
        raise Refused(busy(), LoginResult.REFUSED) from None
    if account is None or not right:
        _count_failure(instance, attempt.address)
        refusal = Refusal(401, "WrongCredentials", "User name or password is wrong.")
        raise Refused(refusal, LoginResult.REFUSED, account.person.user_id if account else None)
    return account


async def _find(instance: Instance, key: str | None) -> Account | None:
    # The base is asked in every case, so that the time taken is the same for every name.
    user = await instance.base().read(users.find_user, key or "")
    admin = instance.superadmin
    if admin is not None and admin.key == key:
        return Account(Person(admin.username, admin.key, None, True), admin.password_hash, SUPERADMIN_MODES, False)
    if user is None or key is None:
        return None
    person = Person(user.username, key, user.id, user.superadministrator)
    return Account(person, user.password_hash, user.modes, user.locked)


async def _renew_hash(instance: Instance, account: Account, password: str) -> None:
    if account.person.user_id is not None:
        renewed = await instance.passwords.hash(password)
        await instance.base().write(users.replace_hash, account.person.user_id, account.password_hash, renewed)


def _count_failure(instance: Instance, address: Address) -> None:
    security = instance.settings.security
    if not is_in(address, security.preferred_addresses):
        until = instance.suspensions.record_failure(group_of(address), security.ip_control, time.time())
        if until is not None:
            log.warning("Address suspended", extra={"data": {"until": rfc3339(datetime.fromtimestamp(until, UTC))}})


async def _record(instance: Instance, attempt: Attempt, result: LoginResult, user_id: int | None) -> None:
    instance.metrics.count_login(Application.CLIENT, attempt.mode, result)
    log.info("Login", extra={"data": {"mode": attempt.mode.value, "result": result.value}})
    if result is LoginResult.BLOCKED:
        # An address that hammers while it is suspended must not push everyone else out of the audit, nor cost a write.
        return
    try:
        await instance.base().write(
            users.record_login,
            int(time.time()),
            user_id,
            Application.CLIENT,
            attempt.mode,
            result,
            str(attempt.address),
        )
    except sqlite3.Error:
        # A full volume must not keep the people out who would make room.
        instance.metrics.audit_failures.inc()
        log.exception("Login not written into the audit")


async def recognise(instance: Instance, token: str | None, address_text: str) -> Session:
    """Return the session of a request and count the request.

    Raises:
        Refusal: No such session any more, its user was deleted, locked or lost the mode, or the address is prohibited.
    """
    if is_in(parse_address(address_text), instance.settings.security.prohibited_addresses):
        raise address_prohibited()
    ended = Refusal(401, "SessionExpired", "The session has ended: log in again.")
    session = instance.sessions.touch(token, now_utc(), time.monotonic()) if token else None
    if session is None:
        raise ended
    if session.person.user_id is not None:
        user = await instance.base().read(users.find_user_by_id, session.person.user_id)
        if user is None or user.locked or session.mode not in user.modes:
            instance.sessions.close(session.id)
            raise ended
    return session


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


def address_prohibited() -> Refusal:
    """Return the refusal of a prohibited address."""
    return Refusal(403, "AddressProhibited", "This address may not connect.")


def busy() -> Refusal:
    """Return the refusal of a server that has too much to do at this moment."""
    return Refusal(503, "Busy", "The server is busy: try again in a moment.", retry_after=2)


def out_of_service() -> Refusal:
    """Return the refusal of a server that is being stopped."""
    return Refusal(503, "OutOfService", "The server is being stopped.", retry_after=10)


def _suspended(until: float) -> Refusal:
    instant = datetime.fromtimestamp(until, UTC)
    wait = max(1, int(until - time.time()) + 1)
    return Refusal(
        429,
        "AddressSuspended",
        f"This address is suspended until {rfc3339(instant)} after too many wrong logins.",
        {"until": rfc3339(instant)},
        retry_after=wait,
    )
