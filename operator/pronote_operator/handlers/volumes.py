"""The volume claims of a base: kept ones are taken up again, growth where the class allows it, never a shrink."""

from __future__ import annotations

from dataclasses import dataclass

from pronote_operator.api.pronotebase import PronoteBase
from pronote_operator.builders.context import BuildContext
from pronote_operator.builders.names import Names
from pronote_operator.builders.volumes import data_claim, snapshots_claim
from pronote_operator.cluster.client import KubeClient
from pronote_operator.cluster.kinds import STORAGE_CLASSES
from pronote_operator.errors import Unusable
from pronote_operator.handlers.children import Children, Wanted
from pronote_operator.planning.facts import ClaimFacts, claim_facts
from pronote_operator.planning.storage import StorageAction, StorageDecision, storage_decision

_CLAIM = "PersistentVolumeClaim"


@dataclass(frozen=True, slots=True)
class Claims:
    """The two claims as they are, and what is to become of them.

    Args:
        data: facts of the data claim; None when there is none.
        refused: why a wanted size or class cannot be, or None.
    """

    data: ClaimFacts | None
    data_decision: StorageDecision | None
    snapshots_decision: StorageDecision | None
    refused: str | None


async def judge(children: Children, client: KubeClient, base: PronoteBase) -> Claims:
    """Look at the claims and decide about their sizes.

    Raises:
        Unusable: a claim belongs to somebody else, or holds the data of another school.
        NotYet: a claim is being deleted.
    """
    names = Names(base.metadata.name)
    storage = base.spec.storage
    data = await _facts(children, names.data_claim)
    snapshots = await _facts(children, names.snapshots_claim)
    for name, facts in ((names.data_claim, data), (names.snapshots_claim, snapshots)):
        if facts is not None and facts.uai not in (None, base.spec.uai):
            raise Unusable(
                "UaiMismatch",
                f"spec.uai is {base.spec.uai}, but the kept volume {name} holds the data of {facts.uai}: give the base "
                f"another name, or set spec.uai to {facts.uai}",
            )
    data_decision = await _decision(client, "spec.storage.size", storage.size, storage.storage_class_name, data)
    snapshots_decision = await _decision(
        client,
        "spec.storage.snapshots.size",
        storage.snapshots.size,
        storage.snapshots.storage_class_name,
        snapshots,
    )
    refusals = [d.message for d in (data_decision, snapshots_decision) if d is not None and d.message is not None]
    return Claims(
        data=data,
        data_decision=data_decision,
        snapshots_decision=snapshots_decision,
        refused="; ".join(refusals) or None,
    )


def wanted(ctx: BuildContext, claims: Claims) -> list[Wanted]:
    """Both claims as children."""
    data = data_claim(ctx, claims.data_decision)
    snapshots = snapshots_claim(ctx, claims.snapshots_decision)
    return [
        Wanted(_CLAIM, ctx.names.data_claim, data, lambda _: data, claim_facts),
        Wanted(_CLAIM, ctx.names.snapshots_claim, snapshots, lambda _: snapshots, claim_facts),
    ]


async def _facts(children: Children, name: str) -> ClaimFacts | None:
    facts: ClaimFacts | None = await children.peek(_CLAIM, name, claim_facts)
    return facts


async def _decision(
    client: KubeClient, field: str, size: str, storage_class: str | None, facts: ClaimFacts | None
) -> StorageDecision | None:
    if facts is None:
        return None
    decision = storage_decision(field, size, storage_class, facts.size, facts.storage_class, None)
    if decision.action is not StorageAction.ASK_CLASS:
        return decision
    found = None
    if facts.storage_class is not None:
        found = await client.get(STORAGE_CLASSES, None, facts.storage_class)
    allows = bool(found and found.get("allowVolumeExpansion"))
    return storage_decision(field, size, storage_class, facts.size, facts.storage_class, allows)
