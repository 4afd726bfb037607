"""How the snapshots of a base went, as `status.snapshots` holds it: all that the schedule goes on from.

A history is a value. What happens gives the next one, and an equal one where nothing that is told has changed, so that
nothing is written then. Times are whole seconds in UTC, as the API keeps them: a history that was written and read
again is equal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from pronote_operator.api.base_status import SnapshotsStatus
from pronote_operator.api.snapshots import SnapshotKind, parsed_name
from pronote_operator.planning.conditions import timestamp
from pronote_operator.planning.snapshot_job import SnapshotJob, Why

MAX_NAMES = 256
"""Names kept, the newest; a bound of the API."""
CLOCK_SLACK = timedelta(hours=1)
"""What lies further in the future was written by a clock that has gone back since."""
MAX_FAILURES = 1_000_000
MAX_KEPT = 1000
_ORDER = {kind: position for position, kind in enumerate(SnapshotKind)}


@dataclass(frozen=True, slots=True)
class KindHistory:
    """One kind of snapshot.

    Args:
        kind: of snapshot.
        last_slot: the newest slot that is settled: taken, failed, missed or skipped.
        last_attempt: when one was last tried.
        last_success: when the newest good one that there is was taken.
        failures: how many failed or were missed since the last good one.
        kept: good ones that there are.
    """

    kind: SnapshotKind
    last_slot: datetime | None = None
    last_attempt: datetime | None = None
    last_success: datetime | None = None
    failures: int = 0
    kept: int = 0


@dataclass(frozen=True, slots=True)
class SnapshotHistory:
    """All kinds of a base; see SnapshotsStatus for the members.

    Args:
        names: of all that exist, oldest first.
        kinds: those that there is anything to tell of, in the order of SnapshotKind.
    """

    names: tuple[str, ...] = ()
    last_backup: datetime | None = None
    last_archive: datetime | None = None
    last_verified: datetime | None = None
    last_drill: datetime | None = None
    last_request: str | None = None
    next_time: datetime | None = None
    kinds: tuple[KindHistory, ...] = field(default=())

    @property
    def failures(self) -> int:
        """Failures of all kinds, each since its last good one: an archive that fails is not hidden by good backups."""
        return min(sum(one.failures for one in self.kinds), MAX_FAILURES)

    def of(self, kind: SnapshotKind) -> KindHistory:
        """The history of one kind, empty when there is none."""
        return next((one for one in self.kinds if one.kind == kind), KindHistory(kind))


@dataclass(frozen=True, slots=True)
class ListedSnapshot:
    """A snapshot that exists, as the agent lists it."""

    name: str
    taken: datetime
    """The moment that it shows, aware."""
    damaged: bool = False
    """Whether it failed a verification: it is there, and it does not count as a snapshot."""


@lru_cache(maxsize=4096)
def kind_of(name: str) -> SnapshotKind | None:
    """The kind that a name tells; None when it is no name of a snapshot. Thousands of bases share their names."""
    try:
        return parsed_name(name)[0]
    except ValueError:
        return None


def history_of(status: SnapshotsStatus) -> SnapshotHistory:
    """What `status.snapshots` tells."""
    kinds = (
        KindHistory(
            SnapshotKind(one.kind),
            _seconds(one.last_slot_time),
            _seconds(one.last_attempt_time),
            _seconds(one.last_success_time),
            one.failures,
            one.kept,
        )
        for one in status.kinds
    )
    return SnapshotHistory(
        names=tuple(status.names),
        last_backup=_seconds(status.last_backup_time),
        last_archive=_seconds(status.last_archive_time),
        last_verified=_seconds(status.last_verified_time),
        last_drill=_seconds(status.last_drill_time),
        last_request=status.last_request,
        next_time=_seconds(status.next_time),
        kinds=_ordered(kinds),
    )


def manifest_of(history: SnapshotHistory) -> dict[str, Any]:
    """`status.snapshots` as it stands in a manifest; without members that have nothing to tell."""
    members: dict[str, Any] = {
        "names": list(history.names),
        "lastBackupTime": _text(history.last_backup),
        "lastArchiveTime": _text(history.last_archive),
        "lastVerifiedTime": _text(history.last_verified),
        "lastDrillTime": _text(history.last_drill),
        "lastRequest": history.last_request,
        "nextTime": _text(history.next_time),
        "kinds": [_kind_manifest(one) for one in history.kinds],
    }
    present = {name: value for name, value in members.items() if value}
    return {**present, "failures": history.failures} if present else {}


def after_good(history: SnapshotHistory, job: SnapshotJob, taken: datetime, now: datetime) -> SnapshotHistory:
    """A snapshot was taken, or was found to be there already.

    Args:
        history: as it was.
        job: that was done.
        taken: the moment that the snapshot shows, aware.
        now: when it was done, aware.
    """
    kind = _attempted(history.of(job.kind), job, now)
    new = job.name not in history.names
    kind = replace(
        kind,
        last_success=_newest(kind.last_success, taken, now),
        failures=0,
        kept=min(kind.kept + new, MAX_KEPT),
    )
    return _with_kind(
        replace(
            history,
            names=_sorted_names((*history.names, job.name)) if new else history.names,
            last_backup=_newest(history.last_backup, taken, now),
            last_archive=_newest(history.last_archive, taken, now) if job.kind.with_annexes else history.last_archive,
            last_request=_request(history, job),
        ),
        kind,
    )


def after_failure(history: SnapshotHistory, job: SnapshotJob, now: datetime) -> SnapshotHistory:
    """A snapshot was tried and failed: its slot is settled, and the next one comes in its own time.

    Not for a job that was never begun (the agent unreachable, the server not ready): that one is still to be done.
    """
    kind = _attempted(history.of(job.kind), job, now)
    kind = replace(kind, failures=min(kind.failures + 1, MAX_FAILURES))
    return _with_kind(replace(history, last_request=_request(history, job)), kind)


def after_missed(history: SnapshotHistory, kind: SnapshotKind, slot: datetime, *, failed: bool) -> SnapshotHistory:
    """A slot passed without a try.

    Args:
        history: as it was.
        kind: of snapshot.
        slot: its nominal time.
        failed: whether that counts as a failure: not where it was skipped on purpose.
    """
    before = history.of(kind)
    failures = min(before.failures + failed, MAX_FAILURES)
    return _with_kind(history, replace(before, last_slot=_latest(before.last_slot, slot), failures=failures))


def after_listing(history: SnapshotHistory, existing: Iterable[ListedSnapshot], now: datetime) -> SnapshotHistory:
    """The snapshots that exist were listed: what they tell counts, whatever was known before.

    A volume that was lost takes its snapshots' times along; a status that was lost gets them back; a good one that
    nobody had heard of yet ends a row of failures. Slots are not in a list, and stay. Left out are names that are no
    snapshot's, and times that a clock ahead of `now` gave.
    """
    good: dict[SnapshotKind, list[datetime]] = {}
    names: list[str] = []
    for one in existing:
        kind = kind_of(one.name)
        if kind is None:
            continue
        names.append(one.name)
        if not one.damaged:
            good.setdefault(kind, []).append(one.taken)
    newest = {kind: max((at for at in times if at <= now + CLOCK_SLACK), default=None) for kind, times in good.items()}
    return replace(
        history,
        names=_sorted_names(names),
        last_backup=_seconds(max((at for at in newest.values() if at), default=None)),
        last_archive=_seconds(max((at for kind, at in newest.items() if at and kind.with_annexes), default=None)),
        kinds=_ordered(
            _listed(history.of(kind), len(good.get(kind, ())), _seconds(newest.get(kind))) for kind in SnapshotKind
        ),
    )


def _listed(kind: KindHistory, kept: int, newest: datetime | None) -> KindHistory:
    unheard = newest is not None and (kind.last_success is None or newest > kind.last_success)
    failures = 0 if unheard else kind.failures
    return replace(kind, last_success=newest, failures=failures, kept=min(kept, MAX_KEPT))


def after_drill(history: SnapshotHistory, now: datetime, *, good: bool) -> SnapshotHistory:
    """A restore drill was carried out to its end."""
    moment = _seconds(now)
    return replace(history, last_drill=moment, last_verified=moment if good else history.last_verified)


def with_next_time(history: SnapshotHistory, moment: datetime | None) -> SnapshotHistory:
    """The same, with the time at which the next snapshot is due."""
    known = _seconds(moment)
    return history if known == history.next_time else replace(history, next_time=known)


def _attempted(kind: KindHistory, job: SnapshotJob, now: datetime) -> KindHistory:
    # An extra one settles no slot: what the schedule asks for is still taken.
    extra = job.why in (Why.REQUESTED, Why.ROLLOVER)
    slot = kind.last_slot if extra else _latest(kind.last_slot, job.slot)
    return replace(kind, last_slot=slot, last_attempt=_seconds(now))


def _request(history: SnapshotHistory, job: SnapshotJob) -> str | None:
    return job.name if job.why is Why.REQUESTED else history.last_request


def _with_kind(history: SnapshotHistory, kind: KindHistory) -> SnapshotHistory:
    others = (one for one in history.kinds if one.kind != kind.kind)
    return replace(history, kinds=_ordered((*others, kind)))


def _ordered(kinds: Iterable[KindHistory]) -> tuple[KindHistory, ...]:
    told = (one for one in kinds if one != KindHistory(one.kind))
    return tuple(sorted(told, key=lambda one: _ORDER[one.kind]))


def _sorted_names(names: Iterable[str]) -> tuple[str, ...]:
    """Each name once, oldest first by the time in it; the newest where there are too many."""
    return tuple(sorted(set(names), key=_age)[-MAX_NAMES:])


def _age(name: str) -> tuple[str, str]:
    # The time as digits, with seconds; hundreds of names are sorted at each snapshot, so none is parsed.
    return name.rpartition("-")[2].removesuffix("Z").ljust(15, "0"), name


def _latest(known: datetime | None, moment: datetime) -> datetime:
    rounded = moment.astimezone(UTC).replace(microsecond=0)
    return rounded if known is None else max(known, rounded)


def _newest(known: datetime | None, taken: datetime, now: datetime) -> datetime:
    """The later of two, where the known one is no invention of a clock that has gone back since."""
    return _latest(None if known is not None and known > now + CLOCK_SLACK else known, taken)


def _seconds(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC).replace(microsecond=0)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else timestamp(moment)


def _kind_manifest(one: KindHistory) -> dict[str, Any]:
    members = {
        "kind": one.kind.value,
        "lastSlotTime": _text(one.last_slot),
        "lastAttemptTime": _text(one.last_attempt),
        "lastSuccessTime": _text(one.last_success),
        "failures": one.failures,
        "kept": one.kept,
    }
    return {name: value for name, value in members.items() if value is not None}
