"""What the operator remembers of a child once its body was judged: small, immutable, without secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pronote_operator.builders.names import (
    ANNOTATION_LOADED,
    ANNOTATION_RESTORE,
    ANNOTATION_RESTORED,
    ANNOTATION_ROLL,
    ANNOTATION_ROLL_INPUTS,
    ANNOTATION_SCHOOL_YEAR,
    ANNOTATION_UAI,
    DATA_PLAN_VARIABLE,
    LABEL_VERSION,
    NET_PORT,
)
from pronote_operator.builders.pinning import stored_template
from pronote_operator.planning.dropped import is_our_apply, ours_in
from pronote_operator.planning.target import Target

_OUR_GROUP = "pronote.hosting/"


class Ownership(StrEnum):
    """Whose an object under a child's name is."""

    OURS = "Ours"
    KEPT = "Kept"
    """Left behind by an earlier base of this name (`deletionPolicy: Retain`): taken up again if the UAI is the same."""
    LEAVING = "Leaving"
    """Belongs to a deleted base of this name and is about to be collected."""
    FOREIGN = "Foreign"


@dataclass(frozen=True, slots=True)
class StatefulSetFacts:
    """Of the StatefulSet: what is asked and how far it is."""

    replicas: int
    ready: bool
    """One pod of the latest revision is ready and nothing is under way."""
    rolling: bool
    """A pod of an earlier revision is being replaced."""
    gone: bool
    """No pod is left."""
    version: str | None
    image: str | None
    roll_inputs: str | None
    restore: tuple[str, str] | None = None
    """Request id and snapshot of the restore that the pod template asks for."""
    revision: str | None = None
    """Of the pod template in force: changes with each roll."""
    school_year: int | None = None
    """That the data plan of the pod template serves."""
    new_year_from: int | None = None
    """Member `newYear.from` of the data plan."""
    archive: str | None = None
    """Member `archive.name` of the data plan."""
    roll: str = ""
    """The roll that is noted beside the pod template, as JSON; empty for none."""
    net: bool = False
    """The server has a port for PRONOTE.net: templates of earlier operators, which are kept until a roll, have none."""

    @property
    def runs(self) -> Target | None:
        """Release and school year of the pod template; None where it tells none (it is not ours, or was edited)."""
        if not self.version or not self.image or self.school_year is None:
            return None
        return Target(self.version, self.image, self.school_year)


@dataclass(frozen=True, slots=True)
class ClaimFacts:
    """Of a volume claim."""

    size: str | None
    storage_class: str | None
    uai: str | None
    school_year: int | None
    created: str
    phase: str
    leaving: bool
    """Somebody deleted it: it lasts only as long as a pod uses it."""
    loaded: bool = False
    """A server was in service on it."""
    restored: str = ""
    """How the last restore ended (see `restore.EndedRestore`)."""
    class_was_set: bool = False
    """The class is one that we applied, not the cluster's default."""


def ownership(metadata: Mapping[str, Any], uid: str, kind: str = "PronoteBase") -> Ownership:
    """Whose the object with this metadata is, for the object of ours with this kind and UID.

    An owner reference decides. Without one it is ours if it says so and our field manager wrote it: someone removed the
    reference, or it is a volume or key that outlives its base. Anything else belongs to somebody else, also what
    belongs to an object of ours of another kind.
    """
    owners = [o for o in metadata.get("ownerReferences") or () if str(o.get("apiVersion", "")).startswith(_OUR_GROUP)]
    if any(owner.get("uid") == uid for owner in owners):
        return Ownership.OURS
    if any(owner.get("kind") == kind for owner in owners):
        return Ownership.LEAVING
    if metadata.get("ownerReferences"):
        return Ownership.FOREIGN
    written = any(is_our_apply(entry) for entry in metadata.get("managedFields") or ())
    return Ownership.KEPT if written else Ownership.FOREIGN


def statefulset_facts(body: Mapping[str, Any]) -> StatefulSetFacts:
    """Facts of a StatefulSet as the API gave it."""
    metadata, spec, status = body["metadata"], body["spec"], body.get("status") or {}
    annotations = metadata.get("annotations") or {}
    # What was last given counts, not what somebody has made of it since: that is drift, and changed back.
    template = stored_template(annotations) or spec["template"]
    seen = status.get("observedGeneration", 0) >= metadata.get("generation", 0)
    rolling = bool(status.get("updateRevision")) and status.get("updateRevision") != status.get("currentRevision")
    replicas = int(spec.get("replicas", 1))
    updated = not rolling and status.get("updatedReplicas", 0) == status.get("replicas", 0)
    server: Mapping[str, Any] = next((c for c in template["spec"]["containers"] if c["name"] == "server"), {})
    plan = _data_plan(template)
    return StatefulSetFacts(
        replicas=replicas,
        ready=bool(seen and updated and replicas > 0 and status.get("readyReplicas", 0) >= replicas),
        rolling=bool(not seen or rolling),
        gone=bool(seen and status.get("replicas", 0) == 0),
        version=(template["metadata"].get("labels") or {}).get(LABEL_VERSION),
        image=server.get("image"),
        roll_inputs=annotations.get(ANNOTATION_ROLL_INPUTS),
        restore=_restore(annotations.get(ANNOTATION_RESTORE, "")),
        revision=status.get("updateRevision"),
        school_year=_year(plan.get("schoolYear")),
        new_year_from=_year((plan.get("newYear") or {}).get("from")),
        archive=_name((plan.get("archive") or {}).get("name")),
        roll=annotations.get(ANNOTATION_ROLL, ""),
        net=any(port.get("containerPort") == NET_PORT for port in server.get("ports") or ()),
    )


def claim_facts(body: Mapping[str, Any]) -> ClaimFacts:
    """Facts of a volume claim as the API gave it."""
    metadata, spec = body["metadata"], body["spec"]
    annotations = metadata.get("annotations") or {}
    year = annotations.get(ANNOTATION_SCHOOL_YEAR, "")
    return ClaimFacts(
        size=spec.get("resources", {}).get("requests", {}).get("storage"),
        storage_class=spec.get("storageClassName"),
        uai=annotations.get(ANNOTATION_UAI),
        school_year=int(year) if year.isdecimal() else None,
        created=metadata.get("creationTimestamp", ""),
        phase=(body.get("status") or {}).get("phase", ""),
        leaving=bool(metadata.get("deletionTimestamp")),
        loaded=annotations.get(ANNOTATION_LOADED) == "true",
        restored=annotations.get(ANNOTATION_RESTORED, ""),
        class_was_set="f:storageClassName" in ours_in(metadata.get("managedFields")).get("f:spec", {}),
    )


def _data_plan(template: Mapping[str, Any]) -> Mapping[str, Any]:
    """The data plan in the environment of `prepare`; nothing where somebody made it unreadable."""
    containers = template["spec"].get("initContainers") or ()
    prepare: Mapping[str, Any] = next((one for one in containers if one["name"] == "prepare"), {})
    texts = (one.get("value", "") for one in prepare.get("env") or () if one.get("name") == DATA_PLAN_VARIABLE)
    try:
        plan = json.loads(next(texts, ""))
    except ValueError:
        return {}
    return plan if isinstance(plan, dict) else {}


def _year(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _name(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _restore(text: str) -> tuple[str, str] | None:
    request_id, _, snapshot = text.partition(" ")
    return (request_id, snapshot) if request_id and snapshot else None
