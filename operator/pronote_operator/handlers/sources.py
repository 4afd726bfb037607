"""What a first base is made from must be there: an upload, or the snapshots of another base of the same school."""

from __future__ import annotations

from pronote_operator.api.pronotebase import PronoteBase
from pronote_operator.builders.names import ANNOTATION_UAI, Names
from pronote_operator.cluster.client import KubeClient
from pronote_operator.cluster.kinds import SECRETS, VOLUME_CLAIMS
from pronote_operator.errors import ReferenceMissing, Unusable


async def check(client: KubeClient, base: PronoteBase) -> None:
    """Look for what `spec.source` names.

    Raises:
        ReferenceMissing: it is not there yet.
        Unusable: it is the data of another school.
    """
    namespace, source = base.metadata.namespace, base.spec.source
    if source.hnot is not None:
        claim = await client.get(VOLUME_CLAIMS, namespace, source.hnot.claim_name)
        if claim is None:
            raise ReferenceMissing(
                f"spec.source.hnot.claimName: PersistentVolumeClaim {source.hnot.claim_name} does not exist"
            )
    if source.snapshot is None or source.snapshot.base == base.metadata.name:
        return
    other = Names(source.snapshot.base)
    claim = await client.get(VOLUME_CLAIMS, namespace, other.snapshots_claim)
    key = await client.get(SECRETS, namespace, other.snapshot_key_secret)
    if claim is None or key is None:
        lacking = (
            f"PersistentVolumeClaim {other.snapshots_claim}"
            if claim is None
            else f"Secret {other.snapshot_key_secret}, without which its snapshots cannot be read,"
        )
        raise ReferenceMissing(f"spec.source.snapshot.base: {lacking} does not exist")
    uai = (claim["metadata"].get("annotations") or {}).get(ANNOTATION_UAI)
    if uai != base.spec.uai:
        # Also the guard between schools: nobody gets at another school's data by naming its base.
        raise Unusable(
            "UaiMismatch",
            f"spec.source.snapshot.base: the snapshots of {source.snapshot.base} are of "
            f"{uai or 'an unknown establishment'}, spec.uai is {base.spec.uai}",
        )
