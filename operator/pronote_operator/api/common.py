"""What the five kinds share: metadata, conditions, the base classes of specs and statuses, references."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from .constants import API_VERSION
from .fields import Quantity, Time
from .schema import VALIDATIONS, Kube, Rule, Text, list_map


class Part(BaseModel):
    """An object of the API: snake_case in Python, camelCase in a manifest, immutable, unknown members ignored.

    Unknown members of a spec never arrive here: the API server prunes them, and refuses them to `kubectl apply`. Those
    of a status may come from a newer operator.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, alias_generator=to_camel)
    RULES: ClassVar[tuple[Rule, ...]] = ()

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler, /) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core))
        if cls.RULES:
            schema[VALIDATIONS] = [rule.as_json() for rule in cls.RULES]
        return schema

    def to_manifest(self, only: set[str] | None = None) -> dict[str, Any]:
        """Return the object as it stands in a manifest: camelCase, no absent members, times in UTC to the second.

        Args:
            only: the fields to return, by their names in Python; None for all.
        """
        return self.model_dump(mode="json", by_alias=True, exclude_none=True, include=only)


class ObjectMeta(Part):
    """The members of `metadata` that the operator reads."""

    name: str
    namespace: str = ""
    """Empty for a cluster-scoped kind."""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None


class Condition(Part):
    """One aspect of the object's state (a metav1.Condition)."""

    type: Annotated[str, Text(64, "^[A-Z][A-Za-z0-9]*$"), Field(description="Which aspect of the state this is.")]
    status: Literal["True", "False", "Unknown"] = Field(description="Whether the condition holds.")
    reason: Annotated[
        str,
        Text(128, "^[A-Z][A-Za-z0-9]*$"),
        Field(description="Why, in one CamelCase word for machines."),
    ]
    message: Annotated[str, Text(32768, shortest=0), Field(description="Why, in a sentence for people.")] = ""
    observed_generation: Annotated[int, Kube({"minimum": 0, "format": "int64"})] | None = Field(
        default=None, description="The metadata.generation that this condition was computed from."
    )
    last_transition_time: Time = Field(description="When status last changed.")


Conditions = Annotated[tuple[Condition, ...], Field(max_length=16), list_map("type")]


class Status(Part):
    """What every kind's status begins with."""

    observed_generation: Annotated[int, Kube({"minimum": -1, "format": "int64"})] = Field(
        default=-1,
        description="The metadata.generation that this status answers; -1 as long as nobody has looked at the object.",
    )
    conditions: Conditions = Field(default=(), description="The state of the object, one condition an aspect.")

    def condition(self, kind: str) -> Condition | None:
        """Return the condition of type `kind`, or None when the status has none."""
        return next((condition for condition in self.conditions if condition.type == kind), None)


class Resource(Part):
    """An object of one of the five kinds, as the API server returns it."""

    api_version: str = API_VERSION
    metadata: ObjectMeta


class LabelSelectorRequirement(Part):
    """One requirement of a label selector."""

    key: Annotated[str, Text(317), Field(description="The label's name.")]
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"] = Field(description="How the label relates to values.")
    values: Annotated[
        tuple[Annotated[str, Text(63, shortest=0)], ...],
        Field(max_length=64),
        Kube({"x-kubernetes-list-type": "atomic"}),
    ] = Field(default=(), description="The values for In and NotIn; none for Exists and DoesNotExist.")
    RULES = (
        Rule(
            "(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)",
            "values must be given for In and NotIn, and only for them",
        ),
    )


class LabelSelector(Part):
    """A label selector: every requirement must hold."""

    match_labels: Annotated[dict[str, Annotated[str, Text(63, shortest=0)]], Field(max_length=16)] = Field(
        default={}, description="Labels that must have exactly these values."
    )
    match_expressions: Annotated[
        tuple[LabelSelectorRequirement, ...],
        Field(max_length=16),
        Kube({"x-kubernetes-list-type": "atomic"}),
    ] = Field(default=(), description="Further requirements.")
    RULES = (
        Rule(
            "(has(self.matchLabels) && self.matchLabels.size() > 0)"
            " || (has(self.matchExpressions) && self.matchExpressions.size() > 0)",
            "must have matchLabels or matchExpressions: an empty selector would take every base",
        ),
    )


class ResourceAmounts(Part):
    """Amounts of the resources of a container."""

    cpu: Quantity | None = Field(default=None, description="Processors, such as 500m or 2.")
    memory: Quantity | None = Field(default=None, description="Memory, such as 512Mi.")
    ephemeral_storage: Quantity | None = Field(
        default=None, alias="ephemeral-storage", description="Space on the node's disk, such as 1Gi."
    )


class ResourceRequirements(Part):
    """Requests and limits of a container; `to_manifest()` is what a pod template takes."""

    requests: ResourceAmounts = Field(default=ResourceAmounts(), description="What is set aside for the container.")
    limits: ResourceAmounts = Field(default=ResourceAmounts(), description="What the container may not exceed.")
    RULES = tuple(
        Rule(
            f"!(has(self.requests) && has(self.limits) && has(self.requests.{member}) && has(self.limits.{member}))"
            f" || !isQuantity(string(self.requests.{member})) || !isQuantity(string(self.limits.{member}))"
            f" || quantity(string(self.requests.{member})).compareTo(quantity(string(self.limits.{member}))) <= 0",
            f"requests.{name} must not exceed limits.{name}",
        )
        for member, name in (
            ("cpu", "cpu"),
            ("memory", "memory"),
            ("ephemeral__dash__storage", "ephemeral-storage"),
        )
    )
