"""All children of a base from one description, with nothing left to chance: what the golden files and tests build."""

from __future__ import annotations

import copy
from typing import Any

from pronote_operator.api.pronotebase import PronoteBase
from pronote_operator.builders.certificates import Certificates
from pronote_operator.builders.configmaps import parameters_configmap, settings_configmap
from pronote_operator.builders.context import BuildContext, BuilderOptions, Manifest, Release
from pronote_operator.builders.networkpolicy import network_policy
from pronote_operator.builders.secrets import (
    agent_secret,
    net_secret,
    snapshot_key_secret,
    superadmin_secret,
    tls_secret,
)
from pronote_operator.builders.services import agent_service, client_service
from pronote_operator.builders.statefulset import statefulset
from pronote_operator.builders.volumes import data_claim, snapshots_claim

CERTIFICATES = Certificates(
    leaf="LEAF CERTIFICATE\n", leaf_key="LEAF KEY\n", authority="AUTHORITY\n", authority_key="AUTHORITY KEY\n"
)
"""Stands for PEM text: builders carry it without reading it."""

MINIMAL: dict[str, Any] = {
    "metadata": {"name": "jean-moulin", "namespace": "schools", "uid": "6f9d1c1e-0000-4000-8000-000000000001"},
    "spec": {"uai": "0750654D", "displayName": "Collège Jean Moulin", "source": {"empty": {}}},
}


def context(
    spec: dict[str, Any] | None = None,
    *,
    school_year: int = 2026,
    version: str = "2026.2.5",
    options: dict[str, Any] | None = None,
    metadata: dict[str, str] | None = None,
) -> BuildContext:
    """A context for the minimal base with `spec`, `metadata` and `options` merged in."""
    described = copy.deepcopy(MINIMAL)
    described["spec"] |= spec or {}
    described["metadata"] |= metadata or {}
    chosen = BuilderOptions(**({"operator_image": "localhost/pronote-operator:dev"} | (options or {})))
    release = Release(version=version, image=f"localhost/pronote-server:{version}")
    base = PronoteBase.model_validate(described)
    return BuildContext(base, chosen, release, school_year, chosen.operator_image)


def children(ctx: BuildContext, existing: Manifest | None = None) -> list[Manifest]:
    """Every child of the base, in the order of the documentation; `existing` is the StatefulSet that is there."""
    wanted = [
        data_claim(ctx),
        snapshots_claim(ctx),
        superadmin_secret(ctx, None, lambda below: below // 2),
        tls_secret(ctx, CERTIFICATES),
        agent_secret(ctx, None, lambda count: bytes(range(count))),
        snapshot_key_secret(ctx, None, lambda count: bytes(reversed(range(count)))),
        net_secret(ctx, None, lambda count: bytes(range(count, 2 * count))),
        settings_configmap(ctx),
        parameters_configmap(ctx, CERTIFICATES.authority),
        client_service(ctx),
        agent_service(ctx),
        network_policy(ctx),
        statefulset(ctx, existing),
    ]
    return [manifest for manifest in wanted if manifest is not None]
