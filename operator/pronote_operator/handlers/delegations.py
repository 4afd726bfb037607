"""All delegations, by the publication that they name, with what they refer to: the catalogue, and certificates."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from pronote_operator.api.casdelegation import CasDelegation
from pronote_operator.api.entcatalogue import CATALOGUE_KEY
from pronote_operator.cluster.client import Object
from pronote_operator.errors import BundleError, ReferenceMissing, Unusable
from pronote_operator.handlers.keys import Key, delegation_key, publication_key
from pronote_operator.planning.ca_bundle import bundle_in, refused_bundle
from pronote_operator.planning.delegation import Resolved, resolve
from pronote_operator.planning.delegation_status import Told
from pronote_operator.planning.ent_catalogue import Catalogue, read_catalogue

logger = logging.getLogger(__name__)

Certificates = str | ReferenceMissing | Unusable


class Delegations:
    """What is known of delegations, and of how far their publications are.

    Args:
        configmap: reads a ConfigMap by namespace and name; None when there is none.
        judge: gives the certificates in a text that can be used at an instant, or raises BundleError or CertifierError.
        clock: the present, aware.
    """

    def __init__(
        self,
        *,
        configmap: Callable[[str, str], Awaitable[Object | None]],
        judge: Callable[[str, dt.datetime], Awaitable[str]],
        clock: Callable[[], dt.datetime],
    ) -> None:
        self._configmap = configmap
        self._judge = judge
        self._clock = clock
        self._known: dict[Key, CasDelegation] = {}
        self._of: dict[Key, set[Key]] = {}
        self._certificates: dict[Key, Certificates] = {}
        self._told: dict[Key, Told] = {}
        self._catalogue: Catalogue | None = None

    @property
    def catalogue_known(self) -> bool:
        """Whether it was looked for the catalogue."""
        return self._catalogue is not None

    def can_tell(self, publication: Key) -> bool:
        """Whether what the delegations of a publication come to is known: the catalogue was read, or none needs it."""
        return self.catalogue_known or all(self._known[key].spec.ent is None for key in self.keys_of(publication))

    def put(self, body: dict[str, Any]) -> set[Key]:
        """Keep a delegation; the publications that are concerned, none when nothing changed that counts."""
        key = delegation_key(body["metadata"]["namespace"], body["metadata"]["name"])
        before = self._known.get(key)
        try:
            delegation = CasDelegation.model_validate(body)
        except ValidationError as error:
            logger.error("%s cannot be used: %s", key, error)
            return self.remove(key)
        if delegation.metadata.deletion_timestamp is not None:
            return self.remove(key)
        self._known[key] = delegation
        if before is not None and before.spec == delegation.spec and before.metadata.uid == delegation.metadata.uid:
            return set()
        concerned = {_publication(key, one) for one in (before, delegation) if one is not None}
        if before is not None:
            self._of[_publication(key, before)].discard(key)
            if before.spec.cas != delegation.spec.cas:
                self._certificates.pop(key, None)
        self._of.setdefault(_publication(key, delegation), set()).add(key)
        return concerned

    def remove(self, key: Key) -> set[Key]:
        """Forget a delegation; the publication that is concerned."""
        before = self._known.pop(key, None)
        self._certificates.pop(key, None)
        if before is None:
            return set()
        publication = _publication(key, before)
        self._of[publication].discard(key)
        if not self._of[publication]:
            del self._of[publication]
        return {publication}

    def get(self, key: Key) -> CasDelegation | None:
        """A delegation as it was last seen."""
        return self._known.get(key)

    def keys_of(self, publication: Key) -> set[Key]:
        """The delegations that name a publication, which need not exist."""
        return set(self._of.get(publication, ()))

    async def read_catalogue(self, configmap: Mapping[str, Any] | None) -> set[Key]:
        """Take the catalogue over; the publications that are concerned.

        Args:
            configmap: as the API gave it; None when there is none.
        Raises:
            CertifierError: its certificates could not be judged; what was known stays.
        """
        text = ((configmap or {}).get("data") or {}).get(CATALOGUE_KEY)
        read = read_catalogue(text)
        verdicts = {name: await self._verdict(bundle) for name, bundle in read.bundles.items()}
        before, self._catalogue = self._catalogue, read.judged(verdicts)
        for name, why in self._catalogue.refused.items():
            logger.error("The entry %s of the catalogue of ENTs cannot be used: %s", name, why)
        if self._catalogue.trouble is not None:
            logger.error("ENTs cannot be named: %s", self._catalogue.trouble)
        if before == self._catalogue:
            return set()
        return {_publication(key, one) for key, one in self._known.items() if one.spec.ent is not None}

    async def read_certificates(self, key: Key) -> bool:
        """Read the certificates that a delegation names; whether they are others than before.

        Raises:
            ApiError: the API server refused.
            CertifierError: the certificates could not be judged.
        """
        delegation = self._known.get(key)
        if delegation is None or delegation.spec.cas is None or delegation.spec.cas.ca_bundle is None:
            return False
        wanted = delegation.spec.cas.ca_bundle
        configmap = await self._configmap(key.namespace, wanted.config_map_name)
        found: Certificates
        try:
            verdict = await self._verdict(bundle_in(configmap, wanted))
            found = verdict if isinstance(verdict, str) else refused_bundle(wanted, verdict)
        except (ReferenceMissing, Unusable) as problem:
            found = problem
        before = self._certificates.get(key)
        if self._known.get(key) is delegation:
            self._certificates[key] = found
        return _words(before) != _words(found)

    async def resolve(self, publication: Key, in_force: Iterable[Mapping[str, Any]]) -> dict[str, Resolved]:
        """What the delegations of a publication come to, by their names.

        Args:
            in_force: the delegations of the site document that is in force.
        Raises:
            ApiError: the API server refused to give certificates.
            CertifierError: they could not be judged.
        """
        # Until all is known at one moment: while one is read, another may come or change, and none may be left out.
        while unread := [key for key in self.keys_of(publication) if self._lacks_certificates(key)]:
            await self.read_certificates(unread[0])
        keys = self.keys_of(publication)
        bundles = {key.name: self._certificates[key] for key in keys if key in self._certificates}
        delegations = [self._known[key] for key in keys]
        return resolve(delegations, self._catalogue or Catalogue(), bundles, in_force)

    async def _verdict(self, text: str) -> str | BundleError:
        try:
            return await self._judge(text, self._clock())
        except BundleError as error:
            return error

    def _lacks_certificates(self, key: Key) -> bool:
        cas = self._known[key].spec.cas
        return cas is not None and cas.ca_bundle is not None and key not in self._certificates

    def certificates_trouble(self, key: Key) -> bool:
        """Whether the certificates that a delegation names were read and cannot be used."""
        return isinstance(self._certificates.get(key), Exception)

    def tell(self, publication: Key, told: Told | None) -> bool:
        """Note what a pass over a publication came to (None: it is gone); whether its delegations want a pass."""
        before = self._told.get(publication)
        if told is None:
            self._told.pop(publication, None)
        else:
            self._told[publication] = told
        return before != told

    def told(self, publication: Key) -> Told | None:
        """What the last pass over a publication came to; None before there was one."""
        return self._told.get(publication)


def _publication(key: Key, delegation: CasDelegation) -> Key:
    return publication_key(key.namespace, delegation.spec.publication)


def _words(certificates: Certificates | None) -> str | None:
    return certificates if certificates is None or isinstance(certificates, str) else str(certificates)
