"""Who a user is, as files bear it: by what holds in every base of the school, and not by rows of one."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, FailFast, Field, model_validator
from pydantic.alias_generators import to_camel

MAX_NAME: Final = 100
"""Longest last or first name, characters: that of the imports and of `user add`."""

MAX_EXTERNAL_ID: Final = 256
"""Longest number of a person in a national file, characters."""

MAX_CHILDREN: Final = 50
"""Children by whom a guardian is found."""

MAX_CAS_ACCOUNTS: Final = 16
"""Accounts of ENTs of one user."""

MAX_CAS_USER: Final = 256
"""Longest name of an account of an ENT, characters: that of a login through one."""


def _birth_date(text: str) -> str:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text, re.ASCII):
        raise ValueError("must be a date such as 2014-05-31")
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError("must be a date such as 2014-05-31") from None


def _printable(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise ValueError("must have printable characters only, and none at either end that shows nothing")
    return text


NationalId = Annotated[str, Field(pattern=r"^[0-9A-Z]{11}$")]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(_printable)]
BirthDate = Annotated[str, AfterValidator(_birth_date)]


class _Record(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, hide_input_in_errors=True
    )


class PersonRecord(_Record):
    """A person who is no pupil.

    Attributes:
        external_id: Number of the person in the national file that the person was imported from.
        children: National numbers of the pupils whose guardian the person is.
    """

    kind: Literal["guardian", "teacher", "staff"]
    last_name: Name
    first_name: Name
    birth_date: BirthDate | None = None
    external_id: Annotated[str, Field(min_length=1, max_length=MAX_EXTERNAL_ID), AfterValidator(_printable)] | None = (
        None
    )
    children: Annotated[tuple[NationalId, ...], Field(max_length=MAX_CHILDREN), FailFast()] = ()

    @model_validator(mode="after")
    def _only_guardians_have_children(self) -> Self:
        if self.children and self.kind != "guardian":
            raise ValueError("only a guardian has children")
        return self


class IdentityRecord(_Record):
    """Who a user is: a pupil, another person, or nobody of the base.

    Attributes:
        pronote_id: PRONOTE-ENT identifier.
        pupil: National number of the pupil who the user is.
    """

    pronote_id: Annotated[str, Field(pattern=r"^[0-9A-Z]{16}$")]
    pupil: NationalId | None = None
    person: PersonRecord | None = None

    @model_validator(mode="after")
    def _one_person(self) -> Self:
        if self.pupil is not None and self.person is not None:
            raise ValueError("a user is one person: a pupil, or somebody else")
        return self


class CasAccount(_Record):
    """An account of an ENT that is tied to a user (Id. CAS)."""

    cas_url: Annotated[str, Field(max_length=2000, pattern=r"^https?://[!-~]+$")]
    user: Annotated[str, Field(min_length=1, max_length=MAX_CAS_USER), AfterValidator(_printable)]
