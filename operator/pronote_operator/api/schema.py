"""What a pydantic model says about itself to the CRD generator, beyond what JSON Schema has words for.

Three annotations, all without effect on a model's attributes:

- `Text(...)`: a bounded string; its pattern is checked by pydantic and by the API server, with a message in words.
- `Kube(...)`: keywords of Kubernetes (`x-kubernetes-list-type`, …) and CEL rules of a field.
- a class variable `RULES` of a model: CEL rules of that object.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

VALIDATIONS = "x-kubernetes-validations"


@dataclass(frozen=True, slots=True)
class Rule:
    """One CEL rule. The API server puts the path before what the rule says."""

    rule: str
    message: str
    """What is allowed, in words."""
    message_expression: str = ""
    """CEL that says it better, with the value at hand; `message` is for the reference page then."""
    field_path: str = ""
    """The field to blame, relative to the object that carries the rule, as `.storage.size`."""

    def as_json(self) -> dict[str, str]:
        """Return the rule as it stands under `x-kubernetes-validations`."""
        parts = {
            "rule": self.rule,
            "message": self.message,
            "messageExpression": self.message_expression,
            "fieldPath": self.field_path,
        }
        return {name: value for name, value in parts.items() if value}


def one_of(*members: str) -> Rule:
    """Return the rule that exactly one of the optional `members` of an object is set."""
    present = ", ".join(f"has(self.{member})" for member in members)
    return Rule(
        f"[{present}].filter(set, set).size() == 1",
        f"must have exactly one of: {', '.join(members)}",
    )


UNCHANGED = "self == oldSelf"


class Kube:
    """Schema keywords and CEL rules of a field, as `Kube({"x-kubernetes-list-type": "set"})`."""

    def __init__(self, keywords: Mapping[str, Any] | None = None, *rules: Rule) -> None:
        self.keywords = dict(keywords or {})
        self.rules = rules

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = {**handler(core), **self.keywords}
        if self.rules:
            schema[VALIDATIONS] = [*schema.get(VALIDATIONS, []), *(rule.as_json() for rule in self.rules)]
        return schema


class Text:
    """A string of at most `longest` characters that matches `pattern`; `allowed` says so in words to who got it wrong.

    The words are a CEL rule that takes the pattern's place in a CRD: the API server would only quote the pattern.
    """

    def __init__(
        self, longest: int, pattern: str | None = None, allowed: str = "", *rules: Rule, shortest: int = 1
    ) -> None:
        self.longest = longest
        self.shortest = shortest
        self.pattern = pattern
        self.rules = rules
        if pattern and allowed:
            self.rules = (Rule(f"self.matches(r'{pattern}')", f"must be {allowed}"), *rules)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.str_schema(pattern=self.pattern, min_length=self.shortest, max_length=self.longest)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core)
        if self.rules:
            schema[VALIDATIONS] = [rule.as_json() for rule in self.rules]
        return schema


SET = Kube({"x-kubernetes-list-type": "set"})
ATOMIC = Kube({"x-kubernetes-list-type": "atomic"})


def list_map(*keys: str) -> Kube:
    """Return the annotation of a list whose items are told apart by their members `keys`."""
    return Kube({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)})
