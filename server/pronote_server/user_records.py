"""Users as files bear them: `.profils`, written by an export, and `new-users.json`, which a base takes over."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from pronote_server.espaces import Espace
from pronote_server.identity_records import MAX_CAS_ACCOUNTS, CasAccount, IdentityRecord
from pronote_server.usernames import username_key
from pronote_server.words import CLIENT_MODES, Mode, client_mode

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_USERS: Final = 20_000
"""Users of one file."""

MAX_HASH_MEMORY_KIB: Final = 65536
"""Largest memory of a hash that is taken over (64 MiB, RFC 9106's second choice): a login costs that much."""

_ARGON2ID: Final = re.compile(
    r"\$argon2id\$v=19\$m=([1-9][0-9]{0,5}),t=([1-9]|10),p=([1-4])\$[A-Za-z0-9+/]{11,64}\$[A-Za-z0-9+/]{22,128}"
)
"""An argon2id hash as PHC string, with bounds on what checking it costs."""


def _hash(text: str) -> str:
    found = _ARGON2ID.fullmatch(text)
    if found is None or int(found[1]) > MAX_HASH_MEMORY_KIB:
        raise ValueError(f"must be an argon2id hash of at most {MAX_HASH_MEMORY_KIB} KiB and 10 passes")
    return text


def _name(text: str) -> str:
    if username_key(text) is None or text != text.strip():
        raise ValueError("must have 1 to 64 printable characters")
    return text


ClientMode = Annotated[Mode, AfterValidator(client_mode)]


class UserRecord(BaseModel):
    """One user, what the user may do (autorisations), and who the user is.

    A file may tell nothing of Espaces, of the identity or of accounts of ENTs: what a base knows of them then stays.

    Attributes:
        espaces: Where the user may come in on PRONOTE.net; None when it is not told.
        modes: What the user may connect as; without any the user must have an Espace.
        identity: None when the user has none, and when it is not told.
        cas_accounts: None when they are not told.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    username: Annotated[str, AfterValidator(_name)]
    # Before the modes, whose validation looks at it.
    espaces: Annotated[tuple[Espace, ...], Field(max_length=len(Espace))] | None = None
    modes: Annotated[tuple[ClientMode, ...], Field(max_length=len(CLIENT_MODES))]
    superadministrator: Annotated[bool, Field(strict=True)]
    locked: Annotated[bool, Field(strict=True)]
    password_hash: Annotated[str, AfterValidator(_hash), Field(repr=False)]
    identity: IdentityRecord | None = None
    cas_accounts: Annotated[tuple[CasAccount, ...], Field(max_length=MAX_CAS_ACCOUNTS)] | None = None

    @field_validator("modes")
    @classmethod
    def _some_right(cls, modes: tuple[Mode, ...], info: ValidationInfo) -> tuple[Mode, ...]:
        if not modes and not info.data.get("espaces"):
            raise ValueError("a user needs a mode or an Espace")
        return modes

    @property
    def key(self) -> str:
        """What the name is compared by."""
        return username_key(self.username) or ""

    @property
    def tells_identity(self) -> bool:
        """Whether the file says who the user is, be it nobody."""
        return "identity" in self.model_fields_set

    def document(self) -> dict[str, Any]:
        """Return the user as JSON, with what is told and no more."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


class NewUsers(BaseModel):
    """The file `new-users.json`."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, hide_input_in_errors=True)

    uai: str
    school_year: int
    users: Annotated[tuple[UserRecord, ...], Field(max_length=MAX_USERS)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for what, told in (
            ("name", [user.key for user in self.users]),
            ("PRONOTE identifier", [identity.pronote_id for identity in self._identities()]),
            ("pupil", [identity.pupil for identity in self._identities() if identity.pupil is not None]),
            ("account of an ENT", [account for user in self.users for account in user.cas_accounts or ()]),
        ):
            if len(set(told)) < len(told):
                raise ValueError(f"two users have the same {what}")
        return self

    def _identities(self) -> Iterator[IdentityRecord]:
        return (user.identity for user in self.users if user.identity is not None)
