"""Users as files bear them: `.profils`, written by an export, and `new-users.json`, which a base takes over."""

from __future__ import annotations

import re
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from pronote_server.usernames import username_key
from pronote_server.words import CLIENT_MODES, Mode, client_mode

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
    """One user and what the user may do (autorisations)."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    username: Annotated[str, AfterValidator(_name)]
    modes: Annotated[tuple[ClientMode, ...], Field(min_length=1, max_length=len(CLIENT_MODES))]
    superadministrator: Annotated[bool, Field(strict=True)]
    locked: Annotated[bool, Field(strict=True)]
    password_hash: Annotated[str, AfterValidator(_hash), Field(repr=False)]

    @property
    def key(self) -> str:
        """What the name is compared by."""
        return username_key(self.username) or ""


class NewUsers(BaseModel):
    """The file `new-users.json`."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, hide_input_in_errors=True)

    uai: str
    school_year: int
    users: Annotated[tuple[UserRecord, ...], Field(max_length=MAX_USERS)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len({user.key for user in self.users}) < len(self.users):
            raise ValueError("two users have the same name")
        return self
