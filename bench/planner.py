"""(g) what planning snapshots costs, and how a large fleet gets through the hour it shares. No cluster."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from bench.figures import Figure
from bench.fleet_simulation import Fleet
from pronote_operator.api.backuppolicy import ArchiveSchedule, BackupPolicySpec, BackupSchedule
from pronote_operator.api.snapshots import SnapshotKind, snapshot_name
from pronote_operator.planning.snapshot_history import ListedSnapshot

BASES = 10_000
SCHEDULE = "0 */2 * * *"
SHORTEST, LONGEST = 6, 10
"""Seconds that a snapshot takes, by the base; 8 on average."""
COST_GOAL = 1.0
"""Milliseconds of CPU per base and hour: ten thousand bases then cost a third of a percent of one core."""
START = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
SLOT = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
"""Eight o'clock in Paris."""
HOURS = 4


def policy() -> BackupPolicySpec:
    """The default policy; archives come at night, outside of what is simulated."""
    return BackupPolicySpec(
        backups=BackupSchedule(schedule=SCHEDULE), archives=ArchiveSchedule(), spread_minutes=90, max_concurrent=20
    )


def duration(uid: str) -> timedelta:
    """How long a snapshot of a base takes."""
    number = int.from_bytes(hashlib.blake2b(uid.encode(), digest_size=4).digest(), "big")
    return timedelta(milliseconds=SHORTEST * 1000 + number % ((LONGEST - SHORTEST) * 1000))


def stored(rules: BackupPolicySpec) -> list[ListedSnapshot]:
    """What a base has that keeps all that it may."""
    kept = [(SnapshotKind.BACKUP, timedelta(hours=2), rules.backups.keep)]
    kept.append((SnapshotKind.ARCHIVE, timedelta(days=1), rules.archives.keep))
    times = [(kind, START - age * step) for kind, step, keep in kept for age in range(1, keep + 1)]
    return [ListedSnapshot(snapshot_name(kind, moment), moment) for kind, moment in times]


def measure(bases: int = BASES) -> list[Figure]:
    """Two slots of a fleet."""
    rules = policy()
    fleet = Fleet(bases, rules, START, duration, stored=stored(rules))
    fleet.run(START + timedelta(hours=HOURS))
    found = fleet.outcome
    spread = timedelta(minutes=rules.spread_minutes)
    first = [(due, done) for due, done in found.done if due < SLOT + timedelta(hours=2)]
    longest = max((done - due for due, done in found.done), default=timedelta(0))
    assert len(first) == bases, "each base has one snapshot of the first slot"
    return [
        Figure(
            "g",
            "planning snapshots: CPU per base and hour",
            found.cpu_seconds * 1000 / bases / HOURS,
            "ms",
            goal=COST_GOAL,
            note=f"{bases} bases with {SCHEDULE}, {HOURS} hours, {found.passes} passes; the simulation included",
            details={"passes": found.passes, "writes": found.writes, "cpuSeconds": round(found.cpu_seconds, 2)},
        ),
        Figure(
            "g",
            "snapshots at once, at most",
            found.peak,
            goal=rules.max_concurrent,
            note=f"simulated; each takes {SHORTEST} to {LONGEST} s",
        ),
        Figure(
            "g",
            "slot to the whole fleet done",
            (max(done for _, done in first) - SLOT) / timedelta(minutes=1),
            "min",
            goal=spread / timedelta(minutes=1),
            note=f"simulated; longest from falling due to done {longest.total_seconds():.0f} s",
        ),
    ]
