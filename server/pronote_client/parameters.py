"""Connection parameters: the file that a school's administrator is given for its Clients (paramètres de connexion)."""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from pronote_client.errors import ClientError, ExitCode

if TYPE_CHECKING:
    from pathlib import Path

MAX_FILE_BYTES: Final = 64 * 1024
"""Largest parameters file; a real one has some two thousand bytes."""

UAI_LETTERS: Final = "ABCDEFGHJKLMNPRSTUVWXYZ"
"""Check letters of a UAI, in the order of the remainder by 23."""


def check_uai(text: str) -> str:
    """Return a valid UAI in capitals.

    Raises:
        ValueError: It is not seven digits and their check letter.
    """
    uai = text.strip().upper()
    if not re.fullmatch(r"[0-9]{7}[A-Z]", uai) or UAI_LETTERS[int(uai[:7]) % 23] != uai[7]:
        raise ValueError("must be seven digits and their check letter, such as 0750654D")
    return uai


def _check_host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:]{2,45}", text):
        raise ValueError("must be a host name or an IP address")
    return text


def _check_certificate(text: str) -> str:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        raise ValueError("must be a certificate in PEM") from None
    return text


class Parameters(BaseModel):
    """The content of a parameters file.

    Attributes:
        host: Name that the server's certificate must bear.
        port: TCP port for Clients.
        ca_certificate: The only authority that is trusted, PEM.
    """

    # Members of a later writer are ignored; another format is refused.
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)

    format: Literal["pronote-parameters/1"]
    uai: Annotated[str, AfterValidator(check_uai)]
    display_name: str = Field("", max_length=200)
    host: Annotated[str, AfterValidator(_check_host)]
    port: int = Field(49300, ge=1, le=65535)
    ca_certificate: Annotated[str, Field(max_length=32 * 1024), AfterValidator(_check_certificate)]

    @property
    def label(self) -> str:
        """Name of the school for people; control characters that a file may hold are left out."""
        name = "".join(letter for letter in self.display_name if letter.isprintable())
        return f"{name} ({self.uai})" if name else self.uai


def read_parameters(path: Path) -> Parameters:
    """Read and check a parameters file.

    Raises:
        ClientError: It cannot be read or is not valid; names the fields.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ClientError(f"{path} cannot be read: {error.strerror}.", ExitCode.PARAMETERS) from None
    if len(content) > MAX_FILE_BYTES:
        raise ClientError(f"{path} is no parameters file: it is too large.", ExitCode.PARAMETERS)
    try:
        return Parameters.model_validate_json(content)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(place) for place in one['loc']) or 'the file'}: {one['msg']}"
            for one in error.errors(include_url=False, include_context=False, include_input=False)
        )
        raise ClientError(f"{path} is no valid parameters file: {wrong}.", ExitCode.PARAMETERS) from None
