"""Accounts: of the superadministrator's files, or of the base."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pronote_server.sessions import Person
from pronote_server.storage import users
from pronote_server.words import Mode

if TYPE_CHECKING:
    from pronote_server.espaces import Espace
    from pronote_server.instance import Instance

SUPERADMIN_MODES = frozenset({Mode.ADMINISTRATIF})
"""Superadministrators of the files connect in the administrative mode (sheet 4)."""


@dataclass(frozen=True)
class Account:
    """An account that somebody may have.

    Attributes:
        modes: What a Client may connect as.
        espaces: Where a visitor of PRONOTE.net may come in.
        verifier: What the web protocol needs of the password, sealed; None when there is none yet.
    """

    person: Person
    password_hash: str = field(repr=False)
    modes: frozenset[Mode]
    espaces: frozenset[Espace]
    locked: bool
    verifier: bytes | None = field(default=None, repr=False)


async def find_account(instance: Instance, key: str | None, school_year: int | None = None) -> Account | None:
    """Return the account of a name, as names are compared; None as key is no name at all.

    Args:
        school_year: Of a past year, whose own users are meant; None for the base in service.

    The base is asked in every case, so that the time taken is the same for every name.
    """
    user = await instance.base_of(school_year).read(users.find_user, key or "")
    admin = instance.superadmin
    if admin is not None and admin.key == key:
        person = Person(admin.username, admin.key, None, True)
        return Account(person, admin.password_hash, SUPERADMIN_MODES, frozenset(), False)
    return None if user is None or key is None else account_of(user)


async def find_account_by_id(instance: Instance, user_id: int, school_year: int | None = None) -> Account | None:
    """Return the account of a user of the base; `school_year` as in `find_account`."""
    user = await instance.base_of(school_year).read(users.find_user_by_id, user_id)
    return None if user is None else account_of(user)


def account_of(user: users.User) -> Account:
    """Return the account of a user."""
    person = Person(user.username, user.key, user.id, user.superadministrator)
    return Account(person, user.password_hash, user.modes, user.espaces, user.locked, user.verifier)
