"""A base whose pages are published, and what can be done about that."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from tests.cluster.gateways import DOMAIN, GATEWAY, TLS_SECRET
from tests.cluster.people import Person
from tests.cluster.schools import School
from tests.support.cas_server import CasServer
from tests.support.kube import Object, condition_of

PUBLISHED_SECONDS = 90.0
"""From apply to Published at the longest: the replicas' image is there, and their pods start."""

COPY_SECONDS = 1.1
"""Replicas keep a copy of what is in force for a second: afterwards every visitor sees it."""

HTTP_ROUTE = {"httpRoute": {"parentRefs": [{"name": GATEWAY}]}}
INGRESS = {"ingress": {"className": "traefik", "tlsSecretName": TLS_SECRET}}

API_VERSION = "pronote.hosting/v1alpha1"


@dataclass
class Published:
    """A Publication of a base, of the same name.

    Args:
        spec: what it asks for beside the defaults of these tests.
    """

    school: School
    spec: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.school.name

    @property
    def host(self) -> str:
        """Below the domain that the gateway has a certificate for; no two in the cluster are alike."""
        return f"{self.school.uai.lower()}.{DOMAIN}"

    @property
    def manifest(self) -> dict[str, Any]:
        """What is applied."""
        metadata = {"name": self.name, "namespace": self.school.namespace}
        spec = {"base": self.school.name, "host": self.host, "exposure": HTTP_ROUTE, **self.spec}
        return {"apiVersion": API_VERSION, "kind": "Publication", "metadata": metadata, "spec": spec}

    def apply(self, **spec: Any) -> Published:
        """Apply it, with these changes to its spec from now on (None takes a member away)."""
        changed = {**self.spec, **spec}
        self.spec = {name: value for name, value in changed.items() if value is not None}
        self.school.kube.apply(self.manifest)
        return self

    def get(self) -> Object:
        """The object as it is."""
        found = self.school.kube.get("Publication", self.name, self.school.namespace)
        assert found is not None, f"there is no publication {self.name}"
        return found

    def wait(
        self,
        status: str = "True",
        reason: str | None = None,
        timeout: float = PUBLISHED_SECONDS,
        kind: str = "Published",
    ) -> Object:
        """Wait for a condition about the present generation."""
        return self.school.kube.wait_for_condition(
            "Publication", self.name, kind, self.school.namespace, status=status, reason=reason, timeout=timeout
        )

    @property
    def url(self) -> str:
        """Under which the pages are."""
        return str(self.get()["status"]["url"]).rstrip("/")

    @property
    def condition(self) -> Object:
        """Whether it is published, and why not."""
        return condition_of(self.get(), "Published")

    # Delegations.

    def delegate(self, cas: CasServer, *espaces: str, name: str = "ent", **spec: Any) -> None:
        """Leave Espaces to an ENT, and wait until that is in force."""
        space = self.school.namespace
        bundle = {"name": f"{name}-ca", "namespace": space}
        data = {"ca.crt": cas.ca_file.read_text()}
        self.school.kube.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": bundle, "data": data})
        wanted = {
            "publication": self.name,
            "cas": {"url": cas.url, "caBundle": {"configMapName": bundle["name"]}},
            "espaces": list(espaces),
            **spec,
        }
        metadata = {"name": name, "namespace": space}
        self.school.kube.apply(
            {"apiVersion": API_VERSION, "kind": "CasDelegation", "metadata": metadata, "spec": wanted}
        )
        self.school.kube.wait_for_condition("CasDelegation", name, "Ready", space, timeout=PUBLISHED_SECONDS)

    # What people of the hosting do: see `tests.espaces.site.Hosting`.

    def publish(self, *espaces: str) -> None:
        self.apply(published=True, espaces=list(espaces)).wait()
        time.sleep(COPY_SECONDS)

    def stop(self) -> None:
        self.apply(published=False).wait("False")
        time.sleep(COPY_SECONDS)

    def end_sessions(self) -> None:
        person = Person(self.school)
        ids = [str(each["id"]) for each in person.told("connections")["connections"]]
        if ids:
            person.pronote("disconnect", *ids, "--yes")

    def release_addresses(self) -> None:
        person = Person(self.school)
        for each in person.told("blocked")["blockedAddresses"]:
            person.pronote("unblock", str(each["address"]))
