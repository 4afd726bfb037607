"""What a builder needs to know, and the metadata that all children share."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pronote_operator.api.constants import API_VERSION
from pronote_operator.api.pronotebase import PronoteBase
from pronote_operator.builders.names import Names, child_labels

Manifest = dict[str, Any]
"""A manifest for server-side apply: what we set, in the form in which the API server gives it back."""


@dataclass(frozen=True, slots=True)
class Release:
    """The release that the base is to run."""

    version: str
    image: str


@dataclass(frozen=True, slots=True)
class Restore:
    """A restore that the data plan asks for (ouvrir cette archive)."""

    request_id: str
    snapshot: str


@dataclass(frozen=True, slots=True)
class BuilderOptions:
    """What the operator's own configuration contributes. None of it may restart a school (see `pinning`)."""

    operator_image: str
    """Image of the operator; what new pods use for prepare and agent."""
    image_pull_policy: str | None = None
    client_host_template: str = "{name}-client.{namespace}.svc"
    client_service_type: str = "ClusterIP"
    publication_host_template: str = "{uai}.pronote.example.org"
    trusted_proxies: tuple[str, ...] = ()
    """Networks (CIDR) of proxies that tell the visitor's address."""
    trusted_proxy_hops: int = 1
    operator_namespace: str = "pronote-system"
    operator_pod_labels: dict[str, str] = field(default_factory=lambda: {"app.kubernetes.io/name": "pronote-operator"})
    """Labels of the operator's pod: only it may speak to the agents."""


@dataclass(frozen=True)
class BuildContext:
    """One base and everything that its children follow from."""

    base: PronoteBase
    options: BuilderOptions
    release: Release
    school_year: int
    """The school year to serve: 2026 for 2026-2027."""
    agent_image: str
    """Image for prepare and agent in a new pod template, usually `options.operator_image`."""
    archive: str | None = None
    """The archive that `prepare` takes of what was in service before it does anything else. It stays in the plan, as a
    restore does; the volume knows that it was taken."""
    new_year: int | None = None
    """The passing school year (2025 for a turn to 2026): beside its base, that of `school_year` may be made new. None
    before the first turn. It stays in the plan until the next one: to take it out would be a restart for nothing.
    Without effect while a year is served that is not later (a pin, a roll that is gone back from)."""
    roll: str = ""
    """The roll to note beside the pod template, as JSON; empty for none."""
    restore: Restore | None = None
    """The restore in force: the one that the spec asks for, else the one last asked for. It stays in the plan, because
    to take it out would be a change of plan, and so a restart for nothing; the volume knows that it is done."""
    restored: str | None = None
    """How the last restore ended, as the snapshots volume's claim notes it."""
    loaded: bool = False
    """Whether a server was ever in service on the data volume: only until then are the files of the source mounted."""

    @cached_property
    def name(self) -> str:
        return self.base.metadata.name

    @cached_property
    def namespace(self) -> str:
        return self.base.metadata.namespace

    @cached_property
    def names(self) -> Names:
        return Names(self.name)

    @cached_property
    def superadmin_secret(self) -> str:
        """The Secret with the superadministrator: the one that the spec names, or the generated one."""
        return self.base.spec.super_admin.secret_name or self.names.superadmin_secret

    @cached_property
    def deletes_data(self) -> bool:
        """Whether the volumes and the snapshots' key go with the base."""
        return self.base.spec.deletion_policy == "Delete"

    def owner_reference(self) -> dict[str, Any]:
        """The reference that makes the base the controller of a child."""
        return {
            "apiVersion": API_VERSION,
            "kind": "PronoteBase",
            "name": self.name,
            "uid": self.base.metadata.uid,
            "controller": True,
        }

    def metadata(self, name: str, *, owned: bool = True, annotations: dict[str, str] | None = None) -> dict[str, Any]:
        """The metadata of the child `name`; `owned` children go with the base."""
        metadata: dict[str, Any] = {"name": name, "namespace": self.namespace, "labels": child_labels(self.name)}
        if annotations:
            metadata["annotations"] = annotations
        if owned:
            metadata["ownerReferences"] = [self.owner_reference()]
        return metadata
