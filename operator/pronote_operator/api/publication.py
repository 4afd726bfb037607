"""Publication: PRONOTE.net in front of a base, and which Espaces it shows."""

from typing import Annotated, Literal

from pydantic import Field

from .common import Part, Resource, Status
from .fields import ESPACES, BaseName, Espace, LabelName, ObjectName
from .kind import NAME_RULES, Column, Kind, ready_column, reason_column
from .schema import ATOMIC, SET, Kube, Rule, Text, list_map, one_of

HostName = Annotated[
    str,
    Text(
        253,
        r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)+$",
        "a host name in lower case, such as jean-moulin.pronote.example.org",
    ),
]
UrlPath = Annotated[
    str,
    Text(
        128,
        "^/([A-Za-z0-9_][A-Za-z0-9._~-]*(/[A-Za-z0-9_][A-Za-z0-9._~-]*)*)?$",
        "a path that begins with '/' and does not end with one, such as /pronote",
    ),
]
Url = Annotated[str, Text(2048)]


class ParentRef(Part):
    """A Gateway, or another parent of a route."""

    group: Annotated[str, Text(253, shortest=0)] | None = Field(
        default=None, description="API group of the parent; absent: gateway.networking.k8s.io."
    )
    kind: Annotated[str, Text(63, "^[A-Z][A-Za-z0-9]*$")] | None = Field(
        default=None, description="Kind of the parent; absent: Gateway."
    )
    namespace: LabelName | None = Field(default=None, description="Namespace of the parent; absent: this one.")
    name: ObjectName = Field(description="Name of the parent.")
    section_name: ObjectName | None = Field(default=None, description="Listener of the Gateway; absent: all that fit.")
    port: int | None = Field(default=None, ge=1, le=65535, description="Port of the parent; absent: all that fit.")


class HttpRouteExposure(Part):
    """Exposure by an HTTPRoute of the Gateway API."""

    parent_refs: Annotated[tuple[ParentRef, ...], Field(min_length=1, max_length=8), ATOMIC] = Field(
        description="The Gateways that carry the route."
    )


class IngressExposure(Part):
    """Exposure by an Ingress."""

    class_name: ObjectName | None = Field(default=None, description="The IngressClass; absent: the cluster's default.")
    annotations: Annotated[
        dict[str, Annotated[str, Text(4096, shortest=0)]],
        Field(max_length=32),
        Kube(
            None,
            Rule(
                "self.all(name, name.size() <= 317 && "
                "name.matches('^([a-z0-9.-]+/)?[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?$'))",
                "every key must be the name of an annotation, such as nginx.ingress.kubernetes.io/proxy-body-size",
            ),
        ),
    ] = Field(default={}, description="Annotations of the Ingress, for its controller.")
    tls_secret_name: ObjectName | None = Field(
        default=None, description="Secret with tls.crt and tls.key, in this namespace; absent: the controller's own."
    )


class ServiceExposure(Part):
    """Exposure by the Service alone."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = Field(default="ClusterIP", description="Its type.")


class Exposure(Part):
    """How visitors reach the pages."""

    http_route: HttpRouteExposure | None = Field(default=None, description="An HTTPRoute of the Gateway API.")
    ingress: IngressExposure | None = Field(default=None, description="An Ingress.")
    service: ServiceExposure | None = Field(default=None, description="The Service alone.")
    RULES = (one_of("httpRoute", "ingress", "service"),)


class PublicationSpec(Part):
    """What is to be published, and where."""

    base: BaseName = Field(description="The PronoteBase, in the same namespace, that is published.")
    published: bool = Field(
        default=True, description="Whether the pages are published; a visitor gets HTTP 503 when they are not."
    )
    host: HostName | None = Field(
        default=None, description="Host name of the pages; absent: made by the operator's domain template."
    )
    path: UrlPath = Field(default="/pronote", description="Path under which the pages are found.")
    exposure: Exposure | None = Field(
        default=None, description="How visitors reach the pages, exactly one member; absent: a ClusterIP Service."
    )
    espaces: Annotated[tuple[Espace, ...], Field(min_length=1, max_length=9), SET] = Field(
        default=ESPACES, description="The Espaces that are published; absent: all nine."
    )
    replicas: int = Field(default=2, ge=1, le=20, description="How many pods serve the pages.")
    inactivity_minutes: int = Field(
        default=60, ge=5, le=1440, description="Minutes without activity after which a visitor is logged out."
    )


class EspaceStatus(Part):
    """An Espace that is published."""

    name: Espace = Field(description="The Espace.")
    url: Url = Field(description="Its address.")


class PublicationStatus(Status):
    """What the operator found and did."""

    url: Url | None = Field(default=None, description="Address of the pages.")
    espaces: Annotated[tuple[EspaceStatus, ...], Field(max_length=9), list_map("name")] = Field(
        default=(), description="The Espaces that are published, each with its address."
    )


class Publication(Resource):
    """The web pages of a base (PRONOTE.net) and the Espaces they show."""

    kind: Literal["Publication"] = "Publication"
    spec: PublicationSpec = Field(description="What is to be published, and where.")
    status: PublicationStatus = Field(default=PublicationStatus(), description="What the operator found and did.")
    RULES = NAME_RULES


KIND = Kind(
    model=Publication,
    plural="publications",
    short_names=("pnpub",),
    namespaced=True,
    columns=(
        ready_column(),
        Column("Base", ".spec.base", "The base that is published."),
        Column("Published", '.status.conditions[?(@.type=="Published")].status', "Whether the pages are published."),
        Column("URL", ".status.url", "Address of the pages."),
        reason_column(),
        Column("Age", ".metadata.creationTimestamp", "Age of the object.", type="date"),
    ),
)
