"""The yardstick of creation: a loop that server-side-applies the very same manifests and does nothing else."""

from __future__ import annotations

import datetime as dt
import secrets
import time
from typing import Any

from bench.hand import CONNECTIONS, Hand, each, operators_client
from bench.plane import create_bases, furnish
from bench.schools import IMAGE, VERSION, School
from local_cluster import Cluster
from pronote_operator.api.pronotebase import PronoteBase
from pronote_operator.builders.configmaps import parameters_configmap, settings_configmap
from pronote_operator.builders.context import BuildContext, BuilderOptions, Release
from pronote_operator.builders.endpoints import server_names
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
from pronote_operator.certification.issuing import issued

OPTIONS = BuilderOptions(operator_image="localhost/pronote-operator:dev", image_pull_policy="IfNotPresent")
SCHOOL_YEAR = 2026


def children(base: PronoteBase, now: dt.datetime) -> list[dict[str, Any]]:
    """All children of a base, from the operator's own builders, in the order in which the operator applies them."""
    ctx = BuildContext(
        base=base,
        options=OPTIONS,
        release=Release(version=VERSION, image=IMAGE),
        school_year=SCHOOL_YEAR,
        agent_image=OPTIONS.operator_image,
    )
    certificates = issued(ctx.name, ctx.namespace, server_names(ctx), now)
    superadmin = superadmin_secret(ctx, None, secrets.randbelow)
    assert superadmin is not None, "these bases name no Secret of their own"
    return [
        tls_secret(ctx, certificates),
        agent_secret(ctx, None, secrets.token_bytes),
        snapshot_key_secret(ctx, None, secrets.token_bytes),
        net_secret(ctx, None, secrets.token_bytes),
        superadmin,
        data_claim(ctx, None),
        snapshots_claim(ctx, None),
        settings_configmap(ctx),
        parameters_configmap(ctx, certificates.authority),
        client_service(ctx),
        agent_service(ctx),
        network_policy(ctx),
        statefulset(ctx),
    ]


async def seconds_of_bare_loop(cluster: Cluster, hand: Hand, wanted: list[School]) -> float:
    """Create the bases and build their manifests (not counted), then apply all, 32 requests at a time (counted)."""
    await furnish(hand)
    uids = await create_bases(hand, wanted)
    now = dt.datetime.now(dt.UTC)
    manifests: list[dict[str, Any]] = []
    for one in wanted:
        base = one.manifest()
        base["metadata"]["uid"] = uids[one.namespace, one.name]
        manifests += children(PronoteBase.model_validate(base), now)
    async with operators_client(cluster.kubeconfig) as client:
        started = time.monotonic()
        await each(manifests, client.apply, at_once=CONNECTIONS)
        return time.monotonic() - started
