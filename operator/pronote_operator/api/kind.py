"""What a CustomResourceDefinition says of a kind beside its schema: names, scope, printer columns."""

from dataclasses import dataclass
from typing import Literal

from .common import Resource
from .constants import MAX_NAME_LENGTH
from .fields import BASE_NAME_PATTERN
from .schema import Rule


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`; one of priority 1 is shown with `-o wide` only."""

    name: str
    json_path: str
    description: str
    type: Literal["string", "integer", "date", "boolean"] = "string"
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of the API."""

    model: type[Resource]
    plural: str
    short_names: tuple[str, ...]
    namespaced: bool
    columns: tuple[Column, ...]

    @property
    def name(self) -> str:
        """The kind's name in manifests, such as PronoteBase."""
        return self.model.__name__


def ready_column() -> Column:
    """Return the column of the condition Ready."""
    return Column("Ready", '.status.conditions[?(@.type=="Ready")].status', "Whether the object is as wanted.")


def reason_column() -> Column:
    """Return the wide column with the reason of the condition Ready."""
    return Column("Reason", '.status.conditions[?(@.type=="Ready")].reason', "Why it is ready or not.", priority=1)


NAME_RULES = (
    Rule(
        f"self.metadata.name.size() <= {MAX_NAME_LENGTH}",
        f"metadata.name must be at most {MAX_NAME_LENGTH} characters long: names of its children are made from it",
    ),
    Rule(
        f"self.metadata.name.matches(r'{BASE_NAME_PATTERN}')",
        "metadata.name must be lower-case letters, digits and '-', beginning with a letter"
        " and ending with a letter or digit: Services are named after it",
    ),
)
"""For kinds that children are named after."""

LABEL_NAME_RULES = (
    Rule(
        "self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
        "metadata.name must be at most 63 lower-case letters, digits and '-': bases refer to it by that name",
    ),
)
"""For kinds that are only referred to."""
