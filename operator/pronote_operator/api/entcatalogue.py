"""The catalogue of ENTs: a file in a ConfigMap of the operator's namespace; the chart ships it, its values add to it.

Only the name of an ENT stands in a CasDelegation; where its CAS server is and what it calls things is said once, here.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel

from .casdelegation import CasUrl, IdentityAttributes, Protocol
from .common import Part
from .fields import LabelName
from .schema import Text

CATALOGUE_KEY = "ents.yaml"
"""Key of the catalogue's ConfigMap."""

MAX_BUNDLE_CHARACTERS = 48 * 1024
"""Longest PEM text of certificates. A publication has at most nine delegations (one an Espace), and the site document
with the certificates of all of them has at most 512 KiB."""


class EntAttributes(IdentityAttributes):
    """Names of the attributes in this ENT's answers."""

    # A person writes it: a misspelt member must not pass for an absent one.
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, alias_generator=to_camel)


class Ent(Part):
    """One ENT: where its CAS server is, and what its answers call things."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, alias_generator=to_camel)

    display_name: Annotated[str, Text(128)] = Field(description="The name that people know it by.")
    cas_url: CasUrl = Field(description="Address of its CAS server, as far as /login exclusively.")
    protocol: Protocol = Field(default="CAS3", description="Protocol of ticket validation.")
    ca_bundle: Annotated[str, Text(MAX_BUNDLE_CHARACTERS)] | None = Field(
        default=None, description="Certificates (PEM) that sign the server's own; absent: the well-known authorities."
    )
    family: Literal["Kosmos", "Edifice", "Wayf", "Other"] = Field(
        default="Other", description="The software that the ENT is made with, as far as known; for people only."
    )
    attributes: EntAttributes = Field(
        default=EntAttributes(), description="Names of the attributes in its answers; absent: the usual ones."
    )


ENT_NAME: TypeAdapter[str] = TypeAdapter(LabelName)
"""What the name of an entry must be: what `spec.ent` of a delegation can say."""
