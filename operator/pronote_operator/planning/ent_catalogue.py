"""The catalogue of ENTs as it is read: each entry judged for itself, so that one that is wrong costs no other."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import yaml
from pydantic import ValidationError

from pronote_operator.api.entcatalogue import ENT_NAME, Ent
from pronote_operator.errors import BundleError, ReferenceMissing, Unusable

NEAR_NAMES = 3
SHOWN_ERRORS = 3


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What the catalogue has.

    Args:
        ents: by name; a `ca_bundle` in them is what the file says until it is `judged`.
        refused: why an entry cannot be used, by its name.
        trouble: why nothing of it can be used; None when something can.
    """

    ents: Mapping[str, Ent] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    trouble: str | None = None

    @property
    def bundles(self) -> dict[str, str]:
        """The certificates of the entries that have some, by name."""
        return {name: ent.ca_bundle for name, ent in self.ents.items() if ent.ca_bundle is not None}

    def judged(self, verdicts: Mapping[str, str | BundleError]) -> Catalogue:
        """The same with certificates as they are to be used; an entry whose certificates cannot be is refused.

        Args:
            verdicts: what each of `bundles` came to.
        """
        ents, refused = dict(self.ents), dict(self.refused)
        for name, verdict in verdicts.items():
            if isinstance(verdict, BundleError):
                del ents[name]
                refused[name] = f"caBundle: {verdict}"
            else:
                ents[name] = ents[name].model_copy(update={"ca_bundle": verdict})
        return replace(self, ents=ents, refused=refused)

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


def read_catalogue(text: str | None) -> Catalogue:
    """The catalogue in the text of its file; its certificates are yet to be judged.

    Args:
        text: YAML; None when there is no such file.
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
            ents[ENT_NAME.validate_python(name)] = Ent.model_validate(entry)
        except ValidationError as error:
            refused[str(name)[:63]] = _in_words(error)
    return Catalogue(ents, refused)


def nearest(name: str, known: Iterable[str]) -> str:
    """Words that help who mistyped a name: those that look like it, or the first of all."""
    names = sorted(known)
    if not names:
        return "there is none yet"
    near = difflib.get_close_matches(name, names, n=NEAR_NAMES, cutoff=0.5)
    return f"near it are: {', '.join(near)}" if near else f"there are {len(names)}, such as {names[0]}"


def _in_words(error: ValidationError) -> str:
    said = []
    for one in error.errors(include_url=False, include_context=False, include_input=False)[:SHOWN_ERRORS]:
        path = ".".join(str(part) for part in one["loc"])
        said.append(f"{path}: {one['msg']}" if path else one["msg"])
    return "; ".join(said)
