"""The settings file: what the school decides and may change while the server runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, IPvAnyNetwork, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from pronote_server.words import IpControl

if TYPE_CHECKING:
    from pathlib import Path

MAX_FILE_BYTES = 1024 * 1024
"""Largest settings file: a ConfigMap cannot be larger."""

Networks = Annotated[tuple[IPvAnyNetwork, ...], Field(max_length=1000)]
MachineName = Annotated[str, Field(min_length=1, max_length=64)]


class _Part(BaseModel):
    # Members of a later contract are ignored, so that an older server can be put back under a newer operator.
    model_config = ConfigDict(alias_generator=to_camel, frozen=True, extra="ignore", strict=False)


class Licences(_Part):
    """How many may be connected at the same time.

    Attributes:
        administrative: Places in mode administratif.
        teachers: Places in mode enseignant.
        reserved_for_administrators: Of the administrative places, those that only superadministrators may take.
    """

    administrative: int = Field(4, ge=0, le=10000, strict=True)
    teachers: int = Field(50, ge=0, le=100000, strict=True)
    reserved_for_administrators: int = Field(1, ge=0, le=10000, strict=True)

    @model_validator(mode="after")
    def _reserved_places_exist(self) -> Self:
        if self.reserved_for_administrators > self.administrative:
            raise ValueError("reservedForAdministrators must not exceed administrative")
        return self


class Security(_Part):
    """Suspension of addresses after wrong logins; lists of addresses and networks (CIDR)."""

    ip_control: IpControl = IpControl.MEDIUM
    preferred_addresses: Networks = ()
    prohibited_addresses: Networks = ()


class Settings(_Part):
    """The whole file."""

    display_name: str = Field("", max_length=200)
    time_zone: str = Field("Europe/Paris", max_length=64)
    managed_uais: tuple[str, ...] = Field((), max_length=50)
    licences: Licences = Licences()
    security: Security = Security()
    disabled_clients: tuple[MachineName, ...] = Field((), max_length=1000)

    def is_disabled(self, machine: str) -> bool:
        """Tell whether a Client on this machine may not connect; the case of letters does not count."""
        return machine.casefold() in {name.casefold() for name in self.disabled_clients}


class SettingsError(Exception):
    """The settings file cannot be used; the message names the field and what is allowed, never the value."""


def load_settings(path: Path) -> Settings:
    """Read the settings file.

    Raises:
        SettingsError: It is missing, too large, no JSON, or a field is not allowed.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"The settings file cannot be read: {error.strerror}.") from None
    if len(content) > MAX_FILE_BYTES:
        raise SettingsError(f"The settings file is larger than {MAX_FILE_BYTES} bytes.")
    try:
        return Settings.model_validate_json(content)
    except ValidationError as error:
        raise SettingsError(f"The settings are not valid: {explain(error)}.") from None


def explain(error: ValidationError) -> str:
    """Name each wrong field and what is allowed, without the value that was given."""
    parts = [
        f"{'.'.join(str(place) for place in one['loc']) or 'document'}: {one['msg']}"
        for one in error.errors(include_input=False, include_url=False, include_context=False)
    ]
    return "; ".join(parts[:10])
