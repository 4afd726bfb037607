"""Who may come in, from where, and whether a place is free: the same for Clients and for PRONOTE.net."""

from __future__ import annotations

import logging
import sqlite3
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pronote_server.addresses import Address, group_of, is_in
from pronote_server.clock import now_utc, rfc3339
from pronote_server.errors import Refusal
from pronote_server.licences import admit
from pronote_server.sessions import Session, TooManySessions
from pronote_server.storage.audit import Login
from pronote_server.words import Application, LoginResult, Mode, State

if TYPE_CHECKING:
    from pronote_server.accounts import Account
    from pronote_server.espaces import Espace
    from pronote_server.instance import Instance

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """Where somebody wants to come in.

    Attributes:
        machine: Name of a Client's machine, for `disabledClients`; empty when not told.
        address: The Client's or the visitor's address.
        espace: Of PRONOTE.net; None for a Client.
        school_year: Of a past year's base; None for the base in service.
    """

    application: Application
    mode: Mode
    machine: str
    address: Address
    espace: Espace | None = None
    school_year: int | None = None


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """A login that is refused, and what it counts as."""

    def __init__(self, refusal: Refusal, result: LoginResult, user_id: int | None = None) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal
        self.result = result
        self.user_id = user_id


def enter(instance: Instance, entry: Entry, account: Account) -> tuple[str, Session]:
    """Open the session of somebody who has proved who it is. Without an await: nobody takes the same place.

    Raises:
        Refused: The account is locked or may not come in here, no place is free, or the server is being stopped.
    """
    user_id = account.person.user_id
    if account.locked:
        raise Refused(Refusal(403, "AccountLocked", "This account is locked."), LoginResult.REFUSED, user_id)
    _check_right(entry, account)
    if instance.state is not State.READY:
        raise Refused(out_of_service(), LoginResult.REFUSED, user_id)
    # The settings may have changed while the password was checked.
    check_place(instance, entry)
    instance.sessions.expire(time.monotonic())
    admission = admit(
        instance.settings.licences, instance.sessions.usage(), entry.mode, account.person.superadministrator
    )
    if not admission.granted:
        message = f"All {admission.limit} places in mode {entry.mode.value} are taken."
        details: dict[str, object] = {"mode": entry.mode.value, "limit": admission.limit}
        raise Refused(Refusal(409, "LicenceFull", message, details), LoginResult.LICENCE, user_id)
    try:
        return instance.sessions.open(
            entry.application,
            entry.mode,
            account.person,
            entry.machine,
            str(entry.address),
            now_utc(),
            time.monotonic(),
            entry.espace,
            entry.school_year,
        )
    except TooManySessions:
        raise Refused(busy(), LoginResult.REFUSED, user_id) from None


def _check_right(entry: Entry, account: Account) -> None:
    if entry.espace is None:
        if entry.mode not in account.modes:
            refusal = Refusal(403, "ModeNotAllowed", f"This account may not connect in mode {entry.mode.value}.")
            raise Refused(refusal, LoginResult.REFUSED, account.person.user_id)
    elif entry.espace not in account.espaces:
        refusal = Refusal(403, "WrongEspace", "This account has another Espace.")
        raise Refused(refusal, LoginResult.REFUSED, account.person.user_id)


def check_place(instance: Instance, entry: Entry) -> None:
    """Refuse a prohibited or suspended address and a disabled machine, before any work is spent on them.

    Raises:
        Refused: It is one.
    """
    try:
        check_address(instance, entry.address)
    except Refusal as refusal:
        raise Refused(refusal, LoginResult.BLOCKED) from None
    if instance.settings.is_disabled(entry.machine):
        raise Refused(Refusal(403, "MachineDisabled", "Clients on this machine are disabled."), LoginResult.DISABLED)


def check_address(instance: Instance, address: Address) -> None:
    """Refuse a prohibited or suspended address.

    Raises:
        Refusal: It is one.
    """
    security = instance.settings.security
    if is_in(address, security.prohibited_addresses):
        raise address_prohibited()
    if not is_in(address, security.preferred_addresses):
        until = instance.suspensions.until(group_of(address), time.time())
        if until is not None:
            raise _suspended(until)


def count_failure(instance: Instance, address: Address) -> None:
    """Count a wrong login of an address, which may suspend it."""
    security = instance.settings.security
    if not is_in(address, security.preferred_addresses):
        until = instance.suspensions.record_failure(group_of(address), security.ip_control, time.time())
        if until is not None:
            log.warning("Address suspended", extra={"data": {"until": rfc3339(datetime.fromtimestamp(until, UTC))}})


async def record(instance: Instance, entry: Entry, result: LoginResult, user_id: int | None) -> None:
    """Count a login, and write it into the log and into the audit."""
    instance.metrics.count_login(entry.application, entry.mode, entry.espace, result)
    log.info("Login", extra={"data": {"mode": entry.mode.value, "espace": entry.espace, "result": result.value}})
    if result is LoginResult.BLOCKED:
        # An address that hammers while it is suspended must not push everyone else out of the audit, nor cost a write.
        return
    try:
        # The audit is the base in service's, where a past year's user is nobody or somebody else.
        known = user_id if entry.school_year is None else None
        await instance.audit.record(
            instance.base(),
            Login(int(time.time()), known, entry.application, entry.mode, result, str(entry.address), entry.espace),
        )
    except sqlite3.Error:
        # A full volume must not keep the people out who would make room.
        instance.metrics.audit_failures.inc()
        log.exception("Login not written into the audit")


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
