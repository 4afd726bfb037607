"""The metrics of snapshots and restores, in the agent's registry. A scrape reads none of them from borg."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from pronote_operator.api.snapshots import SnapshotKind
from pronote_operator.snapshots import StoredSnapshot
from pronote_operator.snapshots.model import moment

KINDS: Final = {
    SnapshotKind.BACKUP: "backup",
    SnapshotKind.ARCHIVE: "archive",
    SnapshotKind.YEAR_END_ARCHIVE: "year-end-archive",
    SnapshotKind.SAFETY: "safety",
}
"""The values of the label ``kind``."""

VERIFICATIONS: Final = ("good", "damaged", "failed")
RESTORES: Final = ("succeeded", "failed")


class SnapshotMetrics:
    """The families; times are seconds since 1970, and 0 is never.

    Args:
        registry: the agent's.
        volume: the snapshots volume, whose free room is looked at at each scrape.
    """

    def __init__(self, registry: CollectorRegistry, volume: Path) -> None:
        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, registry=registry)

        self._success = gauge(
            "pronote_snapshot_last_success_timestamp_seconds", "Moment of the newest good snapshot; 0: none.", "kind"
        )
        self._attempt = gauge(
            "pronote_snapshot_last_attempt_timestamp_seconds", "When a snapshot was last begun; 0: never.", "kind"
        )
        self._failures = Counter(
            "pronote_snapshot_failures", "Snapshots that failed.", ["kind", "reason"], registry=registry
        )
        self._duration = gauge("pronote_snapshot_duration_seconds", "Time that storing the newest took.", "kind")
        self._size = gauge("pronote_snapshot_size_bytes", "Size of the newest, before deduplication.", "kind")
        self._kept = gauge("pronote_snapshots_kept", "Snapshots in the repository that are not damaged.", "kind")
        self._damaged = gauge("pronote_snapshots_damaged", "Snapshots in the repository that are damaged.")
        self._stored = gauge("pronote_snapshot_stored_bytes", "Size of the repository on its volume.")
        self._interval = gauge(
            "pronote_snapshot_interval_seconds", "Longest time between two slots of the policy.", "kind"
        )
        self._deadline = gauge(
            "pronote_snapshot_deadline_seconds", "How late a slot may begin before it is given up; 0: not told yet."
        )
        self._verified = gauge(
            "pronote_snapshot_verified_timestamp_seconds", "When a snapshot was last verified as good; 0: never."
        )
        self._verifications = Counter(
            "pronote_snapshot_verifications", "Verifications by what they found.", ["result"], registry=registry
        )
        free = gauge("pronote_snapshots_volume_free_bytes", "Free room on the snapshots volume.")
        free.set_function(lambda: _free_bytes(volume))
        self._restores = Counter(
            "pronote_restores", "Restores that the journal of the data volume tells.", ["result"], registry=registry
        )
        self._restored = gauge(
            "pronote_restore_last_success_timestamp_seconds", "When a restore last succeeded; 0: never."
        )
        self._restore_failed = gauge(
            "pronote_restore_last_failure_timestamp_seconds", "When a restore last failed; 0: never."
        )
        for label in KINDS.values():
            self._attempt.labels(label).set(0)
        for result in VERIFICATIONS:
            self._verifications.labels(result)
        for result in RESTORES:
            self._restores.labels(result)

    def repository(self, snapshots: Iterable[StoredSnapshot], stored_bytes: int) -> None:
        """Show what is in the repository.

        Args:
            snapshots: oldest first.
            stored_bytes: on the volume.
        """
        found = tuple(snapshots)
        for kind, label in KINDS.items():
            good = [snapshot for snapshot in found if snapshot.kind is kind and not snapshot.damaged]
            self._kept.labels(label).set(len(good))
            self._success.labels(label).set(good[-1].taken.timestamp() if good else 0)
            if good:
                self._duration.labels(label).set(good[-1].duration_seconds)
                self._size.labels(label).set(good[-1].size_bytes)
        self._damaged.set(sum(snapshot.damaged for snapshot in found))
        self._stored.set(stored_bytes)
        self._verified.set(max((snapshot.verified.timestamp() for snapshot in found if snapshot.verified), default=0))

    def attempted(self, kind: SnapshotKind, when: float) -> None:
        """A snapshot was begun."""
        self._attempt.labels(KINDS[kind]).set(when)

    def failed(self, kind: SnapshotKind, reason: str) -> None:
        """A snapshot failed. Reasons are a closed list."""
        self._failures.labels(KINDS[kind], reason).inc()

    def verification(self, result: str) -> None:
        """A verification ended with one of `VERIFICATIONS`."""
        self._verifications.labels(result).inc()

    def policy(self, intervals: dict[SnapshotKind, float], deadline: float | None) -> None:
        """Show what the operator told of the policy."""
        for kind, seconds in intervals.items():
            self._interval.labels(KINDS[kind]).set(seconds)
        if deadline is not None:
            self._deadline.set(deadline)

    def restores(self, preparation: dict[str, Any]) -> None:
        """Show what the journal tells (`prepare.report`); called once: it does not change while the agent runs."""
        for restore in preparation["restores"]:
            if restore["completedTime"] is None:
                continue
            good = restore["result"] == "Succeeded"
            self._restores.labels(RESTORES[0] if good else RESTORES[1]).inc()
            when = moment(str(restore["completedTime"])).timestamp()
            (self._restored if good else self._restore_failed).set(when)


def _free_bytes(volume: Path) -> float:
    try:
        found = os.statvfs(volume)
    except OSError:
        return float("nan")
    return float(found.f_bavail * found.f_frsize)
