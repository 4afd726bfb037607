"""CasDelegation: who logs in to some Espaces is identified by an ENT's CAS server."""

from typing import Annotated, Literal

from pydantic import Field

from .common import Part, Resource, Status
from .fields import BaseName, Espace, LabelName, ObjectName
from .kind import NAME_RULES, Column, Kind, ready_column, reason_column
from .publication import Url
from .schema import SET, Text, one_of

AttributeName = Annotated[
    str, Text(64, "^[A-Za-z_][A-Za-z0-9_.:-]*$", "the name of an attribute: a letter, then letters, digits and '_.:-'")
]

CasUrl = Annotated[
    str,
    Text(
        2000,
        r"^https://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[A-Za-z0-9._~%/-]*)?$",
        "an https URL without a query, such as https://cas.example.org/cas",
    ),
]
Protocol = Literal["CAS3", "CAS2", "SAML1"]


class CaBundle(Part):
    """Certificates that sign the CAS server's own."""

    config_map_name: ObjectName = Field(description="ConfigMap, in this namespace, with the certificates.")
    key: Annotated[str, Text(253, "^[-._a-zA-Z0-9]+$", "a key of a ConfigMap: letters, digits and '-._'")] = Field(
        default="ca.crt", description="Key in the ConfigMap; PEM."
    )


class Cas(Part):
    """A CAS server that the catalogue does not have."""

    url: CasUrl = Field(description="Address of the CAS server, as far as /login exclusively.")
    protocol: Protocol = Field(default="CAS3", description="Protocol of ticket validation.")
    ca_bundle: CaBundle | None = Field(
        default=None, description="Certificates that sign the server's own; absent: the well-known authorities."
    )


class IdentityAttributes(Part):
    """Names of the attributes in a CAS answer; absent: what the catalogue's entry says, else the usual name."""

    last_name: AttributeName | None = Field(default=None, description="Last name; usually nom.")
    first_name: AttributeName | None = Field(default=None, description="First name; usually prenom.")
    birth_date: AttributeName | None = Field(default=None, description="Date of birth; usually dateNaissance.")
    postal_code: AttributeName | None = Field(default=None, description="Postal code; usually codePostal.")
    category: AttributeName | None = Field(default=None, description="Category of the person; usually categories.")
    pronote_id: AttributeName | None = Field(
        default=None, description="PRONOTE's own identifier, for identification by PronoteId; usually idPronote."
    )


class Identification(Part):
    """How a person of the ENT is found among the base's people."""

    by: Literal["Identity", "PronoteId", "FirstLogin"] = Field(
        default="Identity",
        description="By identity (names, birth date), by PRONOTE's own identifier, or by a login asked for once.",
    )
    attributes: IdentityAttributes = Field(
        default=IdentityAttributes(), description="Names of the attributes in the CAS server's answer."
    )


class CasDelegationSpec(Part):
    """Which Espaces are delegated, and to whom."""

    publication: BaseName = Field(description="The Publication, in the same namespace, whose Espaces are delegated.")
    ent: LabelName | None = Field(default=None, description="A name in the operator's catalogue of ENTs; or give cas.")
    cas: Cas | None = Field(default=None, description="A CAS server that the catalogue does not have; or give ent.")
    espaces: Annotated[tuple[Espace, ...], Field(min_length=1, max_length=9), SET] = Field(
        description="The Espaces that are delegated; an Espace has at most one delegation."
    )
    allow_direct_authentication: bool = Field(
        default=True, description="Whether one may also log in without the ENT, at status.directUrl."
    )
    identification: Identification = Field(
        default=Identification(), description="How a person of the ENT is found among the base's people."
    )
    RULES = (one_of("ent", "cas"),)


class CasDelegationStatus(Status):
    """What the operator found and did."""

    service_url: Url | None = Field(default=None, description="The service address to declare at the CAS server.")
    direct_url: Url | None = Field(default=None, description="The address for logging in without the ENT.")


class CasDelegation(Resource):
    """Authentication to some Espaces, delegated to an ENT's CAS server."""

    kind: Literal["CasDelegation"] = "CasDelegation"
    spec: CasDelegationSpec = Field(description="Which Espaces are delegated, and to whom.")
    status: CasDelegationStatus = Field(default=CasDelegationStatus(), description="What the operator found and did.")
    RULES = NAME_RULES


KIND = Kind(
    model=CasDelegation,
    plural="casdelegations",
    short_names=("pncas",),
    namespaced=True,
    columns=(
        ready_column(),
        Column("Publication", ".spec.publication", "The publication whose Espaces are delegated."),
        Column("ENT", ".spec.ent", "The ENT, when it is of the catalogue."),
        Column("Service URL", ".status.serviceUrl", "What to declare at the CAS server.", priority=1),
        reason_column(),
        Column("Age", ".metadata.creationTimestamp", "Age of the object.", type="date"),
    ),
)
