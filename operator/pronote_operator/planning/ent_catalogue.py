"""The catalogue of ENTs as it is read: each entry judged for itself, so that one that is wrong costs no other."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import yaml
from pydantic import ValidationError

from pronote_operator.api.entcatalogue import ENT_NAME, Ent
from pronote_operator.errors import ReferenceMissing, Unusable
from pronote_operator.planning.ca_bundle import BundleError, certificates

NEAR_NAMES = 3
SHOWN_ERRORS = 3


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What the catalogue has.

    Args:
        ents: by name; a `ca_bundle` in them is judged.
        refused: why an entry cannot be used, by its name.
        trouble: why nothing of it can be used; None when something can.
    """

    ents: Mapping[str, Ent] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    trouble: str | None = None

    def entry(self, name: str) -> Ent:
        """The entry of that name.

        Raises:
            ReferenceMissing: there is none; the message has the names that are nearest.
            Unusable: there is one that makes no sense.
        """
        if (found := self.ents.get(name)) is not None:
            return found
        if (why := self.refused.get(name)) is not None:
            raise Unusable("InvalidEnt", f"spec.ent: the catalogue's entry {name} cannot be used: {why}")
        if self.trouble is not None:
            raise ReferenceMissing(f"spec.ent: {name} is not known: {self.trouble}")
        raise ReferenceMissing(f"spec.ent: the catalogue has no ENT {name}; {nearest(name, self.ents)}")


def read_catalogue(text: str | None, now: datetime) -> Catalogue:
    """The catalogue in the text of its file.

    Args:
        text: YAML; None when there is no such file.
        now: aware; certificates that ended before it are refused.
    """
    if text is None:
        return Catalogue(trouble="there is no catalogue of ENTs")
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark is not None else ""
        return Catalogue(trouble=f"the catalogue of ENTs is not valid YAML{where}")
    if document is None:
        document = {}
    if not isinstance(document, dict):
        return Catalogue(trouble="the catalogue of ENTs is not a mapping of names to entries")
    ents: dict[str, Ent] = {}
    refused: dict[str, str] = {}
    for name, entry in document.items():
        try:
            ents[ENT_NAME.validate_python(name)] = _judged(Ent.model_validate(entry), now)
        except ValidationError as error:
            refused[str(name)[:63]] = _in_words(error)
        except BundleError as error:
            refused[str(name)[:63]] = f"caBundle: {error}"
    return Catalogue(ents, refused)


def nearest(name: str, known: Iterable[str]) -> str:
    """Words that help who mistyped a name: those that look like it, or the first of all."""
    names = sorted(known)
    if not names:
        return "there is none yet"
    near = difflib.get_close_matches(name, names, n=NEAR_NAMES, cutoff=0.5)
    return f"near it are: {', '.join(near)}" if near else f"there are {len(names)}, such as {names[0]}"


def _judged(ent: Ent, now: datetime) -> Ent:
    if ent.ca_bundle is None:
        return ent
    return ent.model_copy(update={"ca_bundle": certificates(ent.ca_bundle, now)})


def _in_words(error: ValidationError) -> str:
    said = []
    for one in error.errors(include_url=False, include_context=False, include_input=False)[:SHOWN_ERRORS]:
        path = ".".join(str(part) for part in one["loc"])
        said.append(f"{path}: {one['msg']}" if path else one["msg"])
    return "; ".join(said)
