"""The volume claims of a base: kept ones are taken up again, growth where the class allows it, never a shrink."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from pronote_operator.api.pronotebase import PronoteBase
from pronote_operator.builders.context import BuildContext
from pronote_operator.builders.names import Names
from pronote_operator.builders.volumes import data_claim, snapshots_claim
from pronote_operator.cluster.client import KubeClient
from pronote_operator.cluster.kinds import STORAGE_CLASSES
from pronote_operator.errors import Unusable
from pronote_operator.handlers.children import Children, NotYet, Wanted
from pronote_operator.planning.facts import ClaimFacts, claim_facts
from pronote_operator.planning.storage import StorageAction, StorageDecision, storage_decision

_CLAIM = "PersistentVolumeClaim"


@dataclass(frozen=True, slots=True)
class Claims:
    """The two claims as they are, and what is to become of them.

    Args:
        data: facts of the data claim; None when there is none.
        snapshots: likewise.
        refused: why a wanted size or class cannot be, or None.
    """

    data: ClaimFacts | None
    snapshots: ClaimFacts | None
    data_decision: StorageDecision | None
    snapshots_decision: StorageDecision | None
    refused: str | None
    leaving: tuple[str, ...] = ()
    """Claims that somebody deleted: Kubernetes keeps them for as long as the server's pod uses them."""

    def check_not_leaving(self, *, served: bool, in_service: bool) -> None:
        """End the pass when a claim is on its way out and the server is to run.

        Args:
            served: whether a pod may be using the claim.
            in_service: whether the spec wants one. When it does not, the pass must go on: stopping the server is what
                lets the claim go, and it is made anew then.

        Raises:
            Unusable: the claim goes when the pod ends, and nobody can call that off.
            NotYet: no pod holds it: it will be gone in a moment, and is made anew.
        """
        if not self.leaving or not in_service:
            return
        names = ", ".join(self.leaving)
        if not served:
            raise NotYet(f"PersistentVolumeClaim {names} is still being deleted")
        raise Unusable(
            "VolumeBeingDeleted",
            f"PersistentVolumeClaim {names} was deleted; it lasts only until the server's pod ends, and what it holds "
            "goes with it: copy it, or set the reclaim policy of its PersistentVolume to Retain, then set "
            "spec.inService to false and to true again, for a new and empty volume",
        )


async def judge(children: Children, client: KubeClient, base: PronoteBase) -> Claims:
    """Look at the claims and decide about their sizes.

    Raises:
        Unusable: a claim belongs to somebody else, or holds the data of another school.
        NotYet: a claim of a deleted base of this name is being deleted.
    """
    names = Names(base.metadata.name)
    storage = base.spec.storage
    data = await _facts(children, names.data_claim)
    snapshots = await _facts(children, names.snapshots_claim)
    for name, facts in ((names.data_claim, data), (names.snapshots_claim, snapshots)):
        if facts is not None and facts.uai not in (None, base.spec.uai):
            raise Unusable(
                "UaiMismatch",
                f"spec.uai is {base.spec.uai}, but the kept volume {name} holds the data of {facts.uai}: make the base "
                f"anew under another name, or with spec.uai {facts.uai}",
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
        snapshots=snapshots,
        data_decision=data_decision,
        snapshots_decision=snapshots_decision,
        refused="; ".join(refusals) or None,
        leaving=tuple(
            name
            for name, facts in ((names.data_claim, data), (names.snapshots_claim, snapshots))
            if facts is not None and facts.leaving
        ),
    )


def wanted(ctx: BuildContext, claims: Claims) -> list[Wanted]:
    """The claims as children, but for those on their way out."""
    data = data_claim(ctx, claims.data_decision)
    snapshots = snapshots_claim(ctx, claims.snapshots_decision)
    both = [
        Wanted(_CLAIM, ctx.names.data_claim, data, lambda _: data, claim_facts),
        Wanted(_CLAIM, ctx.names.snapshots_claim, snapshots, lambda _: snapshots, claim_facts),
    ]
    return [claim for claim in both if claim.name not in claims.leaving]


async def _facts(children: Children, name: str) -> ClaimFacts | None:
    facts: ClaimFacts | None = await children.peek(_CLAIM, name, claim_facts)
    return facts


async def _decision(
    client: KubeClient, field: str, size: str, storage_class: str | None, facts: ClaimFacts | None
) -> StorageDecision | None:
    if facts is None:
        return None
    decide = partial(
        storage_decision,
        field,
        size,
        storage_class,
        facts.size,
        facts.storage_class,
        class_was_set=facts.class_was_set,
    )
    decision = decide(None)
    if decision.action is not StorageAction.ASK_CLASS:
        return decision
    found = None
    if facts.storage_class is not None:
        found = await client.get(STORAGE_CLASSES, None, facts.storage_class)
    allows = bool(found and found.get("allowVolumeExpansion"))
    return decide(allows)
