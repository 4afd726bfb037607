"""The site document: what is published, and how (docs/reference/net-api.md)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from pronote_server.espaces import Espace
from pronote_server.settings import explain

if TYPE_CHECKING:
    from pathlib import Path

MAX_SITE_BYTES: Final = 1024 * 1024
"""Largest document: a ConfigMap cannot be larger."""

MAX_REVISION: Final = 2**53 - 1
"""Largest revision: beyond it JSON numbers are not exact everywhere."""

Url = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^https?://[!-~]+$")]
Espaces = Annotated[tuple[Espace, ...], Field(max_length=len(Espace))]
AttributeName = Annotated[str, Field(min_length=1, max_length=64)]


class CasProtocol(StrEnum):
    """How tickets are validated; the replica does it."""

    CAS1 = "CAS1"
    CAS2 = "CAS2"
    CAS3 = "CAS3"
    SAML1 = "SAML1"


class IdentifiedBy(StrEnum):
    """How the person of a ticket is found among the users."""

    IDENTITY = "Identity"
    PRONOTE_ID = "PronoteId"
    FIRST_LOGIN = "FirstLogin"


class _Part(BaseModel):
    # Members of a later contract are ignored, so that an older server can be put back under a newer operator.
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore", hide_input_in_errors=True
    )


class AttributeNames(_Part):
    """Names of the attributes that an ENT sends. The defaults are what Edifice's ENTs send."""

    last_name: AttributeName = "nom"
    first_name: AttributeName = "prenom"
    birth_date: AttributeName = "dateNaissance"
    postal_code: AttributeName = "codePostal"
    category: AttributeName = "categories"
    pronote_id: AttributeName = "idPronote"


class Identification(_Part):
    """How the person of a ticket is found."""

    by: IdentifiedBy = IdentifiedBy.IDENTITY
    attributes: AttributeNames = AttributeNames()


class Delegation(_Part):
    """One ENT to which logging in is left.

    Attributes:
        direct: The Espaces can also be entered by password.
    """

    name: str = Field(min_length=1, max_length=253)
    cas_url: Url
    protocol: CasProtocol = CasProtocol.CAS3
    ca_bundle: str | None = Field(None, max_length=MAX_SITE_BYTES)
    espaces: Espaces = ()
    direct: bool = Field(True, strict=True)
    identification: Identification = Identification()


class Site(_Part):
    """The whole document."""

    revision: int = Field(ge=0, le=MAX_REVISION, strict=True)
    published: bool = Field(strict=True)
    url: Url
    espaces: Espaces
    inactivity_minutes: int = Field(60, ge=1, le=1440, strict=True)
    delegations: Annotated[tuple[Delegation, ...], Field(max_length=len(Espace))] = ()

    def publishes(self, espace: Espace) -> bool:
        """Tell whether an Espace can be visited."""
        return self.published and espace in self.espaces

    def delegation_of(self, espace: Espace) -> Delegation | None:
        """Return the ENT that an Espace is left to."""
        return next((one for one in self.delegations if espace in one.espaces), None)

    def allows_password(self, espace: Espace) -> bool:
        """Tell whether an Espace can be entered by password."""
        delegation = self.delegation_of(espace)
        return delegation is None or delegation.direct


class SiteError(Exception):
    """The site document cannot be used; the message names the field and what is allowed, never the value."""


def load_site(path: Path) -> Site | None:
    """Read the site document; None when there is no file.

    Raises:
        SiteError: It cannot be read, is too large, no JSON, or a field is not allowed.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SITE_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SiteError(f"The site document cannot be read: {error.strerror}.") from None
    if len(content) > MAX_SITE_BYTES:
        raise SiteError(f"The site document is larger than {MAX_SITE_BYTES} bytes.")
    try:
        return Site.model_validate_json(content)
    except ValidationError as error:
        raise SiteError(f"The site document is not valid: {explain(error)}.") from None


class SiteInForce:
    """Chooses between what the mounted file says and what was sent."""

    def __init__(self) -> None:
        self._file: Site | None = None
        self._sent: Site | None = None

    @property
    def site(self) -> Site | None:
        """The document in force: of the two ways, the higher revision."""
        known = [site for site in (self._file, self._sent) if site is not None]
        return max(known, key=lambda site: site.revision, default=None)

    def mounted(self, found: Site | None) -> None:
        """Take what the file says now. Whoever takes the file away withdraws what it said, however it came."""
        if found is None and self._file is not None and self._sent is not None:
            self._sent = self._sent if self._sent.revision > self._file.revision else None
        self._file = found

    def sent(self, site: Site) -> None:
        """Take what was sent, unless something newer was sent before."""
        if self._sent is None or site.revision > self._sent.revision:
            self._sent = site
