"""What the delegations of one publication come to: who is asked for whom in its site document, or why not.

A delegation that worked and whose ENT or certificates cannot be resolved now (an entry that was taken out of the
catalogue, a ConfigMap that went) stays in force as it was: a mistake elsewhere must not keep a school from logging in.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pronote_operator.api.casdelegation import CasDelegation, Identification, IdentityAttributes
from pronote_operator.api.fields import ESPACES, Espace
from pronote_operator.errors import ReferenceMissing, Unusable
from pronote_operator.planning.base_status import Verdict
from pronote_operator.planning.ent_catalogue import Catalogue

USUAL_ATTRIBUTES = {
    "lastName": "nom",
    "firstName": "prenom",
    "birthDate": "dateNaissance",
    "postalCode": "codePostal",
    "category": "categories",
    "pronoteId": "idPronote",
}
"""What ENTs send to PRONOTE unless they agreed on something else."""


@dataclass(frozen=True, slots=True)
class CasServer:
    """A CAS server, and how its certificate is judged.

    Args:
        url: https, as far as /login exclusively.
        ca_bundle: authorities, PEM; None: the well-known ones.
    """

    url: str
    ca_bundle: str | None


@dataclass(frozen=True, slots=True)
class Resolved:
    """What one delegation comes to.

    Args:
        document: its part of the site document; None: it has none.
        missing: what it refers to and is not there yet.
        stalled: what a person must mend.
        kept: whether `document` is what was in force before, not what the spec says.
    """

    document: dict[str, Any] | None
    missing: str | None = None
    stalled: Verdict | None = None
    kept: bool = False

    @property
    def server(self) -> CasServer | None:
        """The CAS server that the delegation needs."""
        if self.document is None:
            return None
        return CasServer(self.document["casUrl"], self.document["caBundle"])


Bundles = Mapping[str, str | ReferenceMissing | Unusable]
"""By the name of a delegation: the certificates that it names, or what is wrong with them."""


def resolve(
    delegations: Iterable[CasDelegation], catalogue: Catalogue, bundles: Bundles, in_force: Iterable[Mapping[str, Any]]
) -> dict[str, Resolved]:
    """What each delegation of one publication comes to, by its name.

    An Espace belongs to the elder of two delegations that name it; the younger has nothing until the elder lets it go.
    The API tells ages in whole seconds: of two of one second the one that is in force is taken for the elder, so that
    nobody loses an Espace to one that came after, and the UID decides between two that are not.

    Args:
        delegations: all that name the publication.
        bundles: of those that name certificates.
        in_force: the delegations of the site document that is in force.
    """
    before = {str(one["name"]): dict(one) for one in in_force}
    holders: dict[str, str] = {}
    resolved: dict[str, Resolved] = {}
    for delegation in sorted(delegations, key=lambda one: _age(one, before)):
        name = delegation.metadata.name
        taken = {espace: holders[espace] for espace in delegation.spec.espaces if espace in holders}
        if taken:
            resolved[name] = Resolved(None, stalled=Verdict("EspaceTaken", _taken(taken)))
            continue
        one = _alone(delegation, catalogue, bundles, before.get(name))
        if one.kept and one.document is not None and not holders.keys().isdisjoint(one.document["espaces"]):
            # What it was in force for belongs to an elder one by now.
            one = Resolved(None, one.missing, one.stalled)
        holders.update(dict.fromkeys(delegation.spec.espaces, name))
        holders.update(dict.fromkeys(one.document["espaces"] if one.document is not None else (), name))
        resolved[name] = one
    return resolved


def documents(resolved: Mapping[str, Resolved]) -> list[dict[str, Any]]:
    """The member `delegations` of the site document, by name."""
    return [one.document for _, one in sorted(resolved.items()) if one.document is not None]


def attribute_names(*said: IdentityAttributes) -> dict[str, str]:
    """The names of the attributes: the first that says one counts, and the usual name when none does."""
    names = dict(USUAL_ATTRIBUTES)
    for attributes in reversed(said):
        names.update(attributes.to_manifest())
    return names


def service_url(url: str) -> str:
    """What the ENT's people are to declare: every page that asks its CAS server for a ticket begins with it."""
    return f"{url.rstrip('/')}/"


def direct_url(url: str, espaces: Iterable[Espace], pages: Mapping[Espace, str]) -> str:
    """Where one logs in without the ENT: the page of the only Espace, or where one chooses among several.

    Args:
        url: of the publication.
        espaces: that are delegated.
        pages: addresses of the published Espaces.
    """
    wanted = list(espaces)
    page = pages.get(wanted[0]) if len(wanted) == 1 else None
    return f"{page or service_url(url)}?login=true"


def unpublished(delegation: CasDelegation, published: Sequence[str]) -> list[str]:
    """The Espaces that are delegated and not published."""
    return [espace for espace in delegation.spec.espaces if espace not in published]


def _alone(
    delegation: CasDelegation, catalogue: Catalogue, bundles: Bundles, before: dict[str, Any] | None
) -> Resolved:
    try:
        return Resolved(_document(delegation, catalogue, bundles))
    except ReferenceMissing as missing:
        return Resolved(before, missing=_told(str(missing), before), kept=before is not None)
    except Unusable as problem:
        verdict = Verdict(problem.reason, _told(problem.message, before))
        return Resolved(before, stalled=verdict, kept=before is not None)


def _document(delegation: CasDelegation, catalogue: Catalogue, bundles: Bundles) -> dict[str, Any]:
    spec = delegation.spec
    if spec.cas is not None:
        url, protocol, bundle = spec.cas.url, spec.cas.protocol, None
        if spec.cas.ca_bundle is not None:
            judged = bundles[delegation.metadata.name]
            if not isinstance(judged, str):
                raise judged
            bundle = judged
        attributes = attribute_names(spec.identification.attributes)
    else:
        assert spec.ent is not None, "the API server lets in exactly one of the two"
        ent = catalogue.entry(spec.ent)
        url, protocol, bundle = ent.cas_url, ent.protocol, ent.ca_bundle
        attributes = attribute_names(spec.identification.attributes, ent.attributes)
    return {
        "name": delegation.metadata.name,
        "casUrl": url.rstrip("/"),
        "protocol": protocol,
        "caBundle": bundle,
        "espaces": [espace for espace in ESPACES if espace in spec.espaces],
        "direct": spec.allow_direct_authentication,
        "identification": _identification(spec.identification, attributes),
    }


def _identification(wanted: Identification, attributes: dict[str, str]) -> dict[str, Any]:
    return {"by": wanted.by, "attributes": attributes}


def _told(why: str, before: object) -> str:
    return f"{why}; what was in force before stays" if before is not None else why


def _taken(taken: Mapping[Espace, str]) -> str:
    return "; ".join(
        f"spec.espaces: {espace} is delegated by CasDelegation {holder}, which is older; an Espace has one delegation"
        for espace, holder in taken.items()
    )


def _age(delegation: CasDelegation, in_force: Container[str]) -> tuple[str, bool, str]:
    """Smaller is elder."""
    metadata = delegation.metadata
    created = metadata.creation_timestamp.isoformat() if metadata.creation_timestamp is not None else ""
    return (created, metadata.name not in in_force, metadata.uid)
