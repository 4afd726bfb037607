"""The site document as a replica needs it, and a copy of it that is one second old at most."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from pronote_net.espaces import ESPACES, Espace
from pronote_net.upstream import Refused, away

if TYPE_CHECKING:
    from pronote_net.upstream import Upstream

SITE_SECONDS: Final = 1.0

Url = Annotated[str, Field(max_length=2000, pattern=r"^https?://[!-~]+$")]


class _Part(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore", hide_input_in_errors=True
    )


class AttributeNames(_Part):
    """Names of the attributes of an ENT that name a person."""

    last_name: str = "nom"
    first_name: str = "prenom"


class Identification(_Part):
    """How a person is found, as far as a replica shows it."""

    attributes: AttributeNames = AttributeNames()


class Delegation(_Part):
    """One ENT to which logging in is left."""

    name: str
    cas_url: Url
    protocol: Literal["CAS1", "CAS2", "CAS3", "SAML1"] = "CAS3"
    ca_bundle: str | None = None
    espaces: tuple[str, ...] = ()
    direct: bool = True
    identification: Identification = Identification()


class Site(_Part):
    """What is published, and the base's own data."""

    published: bool
    url: Url
    espaces: tuple[str, ...]
    delegations: tuple[Delegation, ...] = ()
    display_name: str = ""
    version: str = ""
    time_zone: str = "Europe/Paris"

    @property
    def https(self) -> bool:
        """Whether visitors come over TLS."""
        return self.url.startswith("https://")

    @property
    def path(self) -> str:
        """Path of the pages as visitors see it, without a slash at its end."""
        return urlsplit(self.url).path.rstrip("/")

    @property
    def published_espaces(self) -> tuple[Espace, ...]:
        """The Espaces that can be visited."""
        return tuple(espace for espace in ESPACES if espace.name in self.espaces)

    def delegation_of(self, espace: Espace) -> Delegation | None:
        """Return the ENT that an Espace is left to."""
        return next((one for one in self.delegations if espace.name in one.espaces), None)

    def page_url(self, page: str) -> str:
        """Return the URL of a page: what an ENT knows it by, whatever the request's headers say."""
        return f"{self.url.rstrip('/')}/{page}"


class Sites:
    """The site document in force; asked for when somebody wants it, and by nobody else."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._lock = asyncio.Lock()
        self._site: Site | None = None
        self._until = 0.0

    @property
    def known(self) -> Site | None:
        """The last document that was seen, however old."""
        return self._site

    async def in_force(self) -> Site:
        """Return the document when something is published.

        Raises:
            Refused: Nothing is, or the server does not answer.
        """
        async with self._lock:
            if time.monotonic() >= self._until:
                self._site = await self._fetch()
                self._until = time.monotonic() + SITE_SECONDS
        if self._site is None or not self._site.published:
            raise Refused(503, "NotPublished", 60)
        return self._site

    async def for_espace(self, espace: Espace) -> Site:
        """Return the document when an Espace is published.

        Raises:
            Refused: It is not, or the server does not answer.
        """
        site = await self.in_force()
        if espace.name not in site.espaces:
            raise Refused(503, "EspaceNotPublished", 60)
        return site

    async def _fetch(self) -> Site | None:
        try:
            return Site.model_validate(await self._upstream.ask("GET", "/net/v1/site", None))
        except Refused as refused:
            if refused.reason == "NothingPublished":
                return None
            raise
        except ValidationError:
            raise away() from None
