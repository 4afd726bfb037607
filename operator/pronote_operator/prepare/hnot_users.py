"""The users of a ``.profils`` file: what they may do, and who they are."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, FailFast, Field, model_validator

from pronote_operator.api.fields import ESPACES, Espace
from pronote_operator.prepare.hnot_manifest import Strict

MAX_HASH_MEMORY_KIB: Final = 65536
"""Largest memory of a password's hash (64 MiB): each login costs the server that much."""

_ARGON2ID: Final = re.compile(
    r"\$argon2id\$v=19\$m=([1-9][0-9]{0,5}),t=([1-9]|10),p=([1-4])\$[A-Za-z0-9+/]{11,64}\$[A-Za-z0-9+/]{22,128}"
)


def _hash(text: str) -> str:
    found = _ARGON2ID.fullmatch(text)
    if found is None or int(found[1]) > MAX_HASH_MEMORY_KIB:
        raise ValueError(f"must be an argon2id hash of at most {MAX_HASH_MEMORY_KIB} KiB and 10 passes")
    return text


def _name(text: str) -> str:
    if user_key(text) is None or text != text.strip():
        raise ValueError("must have 1 to 64 printable characters")
    return text


def user_key(username: str) -> str | None:
    """What user names are compared by, None when it is none. A test compares this with the server's rule."""
    name = unicodedata.normalize("NFC", username.strip())
    if not 1 <= len(name) <= 64 or not name.isprintable():
        return None
    return unicodedata.normalize("NFC", name.casefold())


def _birth_date(text: str) -> str:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text, re.ASCII):
        raise ValueError("must be a date such as 2014-05-31")
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError("must be a date such as 2014-05-31") from None
    return text


def _printable(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise ValueError("must have printable characters only, and none at either end that shows nothing")
    return text


ClientMode = Literal["administratif", "enseignant", "vie-scolaire"]
NationalId = Annotated[str, Field(pattern=r"^[0-9A-Z]{11}$")]
Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_printable)]
LongText = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_printable)]


class User(Strict):
    """One user of the first format, which tells nothing of Espaces and identities."""

    username: Annotated[str, AfterValidator(_name)]
    modes: Annotated[tuple[ClientMode, ...], Field(min_length=1, max_length=3), FailFast()]
    superadministrator: bool
    locked: bool
    password_hash: Annotated[str, AfterValidator(_hash), Field(repr=False)]


class Person(Strict):
    """A person who is no pupil."""

    kind: Literal["guardian", "teacher", "staff"]
    last_name: Name
    first_name: Name
    birth_date: Annotated[str, AfterValidator(_birth_date)] | None = None
    external_id: LongText | None = None
    children: Annotated[tuple[NationalId, ...], Field(max_length=50), FailFast()] = ()

    @model_validator(mode="after")
    def _only_guardians_have_children(self) -> Self:
        if self.children and self.kind != "guardian":
            raise ValueError("only a guardian has children")
        return self


class Identity(Strict):
    """Who a user is: a pupil, another person, or nobody of the base."""

    pronote_id: Annotated[str, Field(pattern=r"^[0-9A-Z]{16}$")]
    pupil: NationalId | None = None
    person: Person | None = None

    @model_validator(mode="after")
    def _one_person(self) -> Self:
        if self.pupil is not None and self.person is not None:
            raise ValueError("a user is one person: a pupil, or somebody else")
        return self


class CasAccount(Strict):
    """An account of an ENT that is tied to a user."""

    cas_url: Annotated[str, Field(max_length=2000, pattern=r"^https?://[!-~]+$")]
    user: LongText


class IdentifiedUser(Strict):
    """One user of the second format."""

    username: Annotated[str, AfterValidator(_name)]
    espaces: Annotated[tuple[Espace, ...], Field(max_length=len(ESPACES)), FailFast()]
    modes: Annotated[tuple[ClientMode, ...], Field(max_length=3), FailFast()]
    superadministrator: bool
    locked: bool
    password_hash: Annotated[str, AfterValidator(_hash), Field(repr=False)]
    identity: Identity | None
    cas_accounts: Annotated[tuple[CasAccount, ...], Field(max_length=16), FailFast()]

    @model_validator(mode="after")
    def _some_right(self) -> Self:
        if not self.modes and not self.espaces:
            raise ValueError("a user needs a mode or an Espace")
        return self


def twice(users: tuple[User, ...] | tuple[IdentifiedUser, ...]) -> str | None:
    """What two users have that only one may, None when there is nothing."""
    identified = [user for user in users if isinstance(user, IdentifiedUser)]
    identities = [user.identity for user in identified if user.identity is not None]
    for what, told in (
        ("name", [user_key(user.username) for user in users]),
        ("PRONOTE identifier", [identity.pronote_id for identity in identities]),
        ("pupil", [identity.pupil for identity in identities if identity.pupil is not None]),
        ("person", [key for identity in identities if (key := _person_key(identity)) is not None]),
        ("account of an ENT", [(each.cas_url, each.user) for user in identified for each in user.cas_accounts]),
    ):
        if len(set(told)) < len(told):
            return what
    return None


def _person_key(identity: Identity) -> tuple[str, str] | None:
    person = identity.person
    return None if person is None or person.external_id is None else (person.kind, person.external_id)
