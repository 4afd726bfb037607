"""The operator's own metrics. Aggregates only: what concerns one base comes from that base's agent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pronote_operator.planning.rollout_figures import PHASES, RolloutFigures

_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_ROLL_BUCKETS = (30, 60, 90, 120, 180, 240, 300, 450, 600, 900, 1200, 1800, 2700, 3600, 7200)
"""An archive and a restart take minutes; the deadline of a restart, 20 minutes unless the channel says otherwise, and
the way back come last."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is read at a scrape."""

    leading: bool
    depth: int
    delayed: int
    running: int
    failing: int
    deaf: int
    streams: int
    bases: dict[str, int]
    watch_restarts: int
    snapshots_running: int
    cas_reachable: Mapping[str, bool]
    """By ENT of the catalogue."""
    cas_own_unreachable: int
    rollouts: Sequence[RolloutFigures]
    """One of each channel. Of an operator of a few namespaces, what its own bases add up to: others add theirs."""


IDLE = Snapshot(
    leading=False,
    depth=0,
    delayed=0,
    running=0,
    failing=0,
    deaf=0,
    streams=0,
    bases={},
    watch_restarts=0,
    snapshots_running=0,
    cas_reachable={},
    cas_own_unreachable=0,
    rollouts=(),
)
"""Of a replica that does not lead."""


class Metrics:
    """All metrics of one operator process.

    Args:
        read: gives the figures of the moment; called at each scrape.
    """

    def __init__(self, read: Callable[[], Snapshot]) -> None:
        self.registry = CollectorRegistry()
        self._reconciles = Counter(
            "pronote_operator_reconciles",
            "Passes over an object, by kind and result.",
            ("kind", "result"),
            registry=self.registry,
        )
        self._durations = Histogram(
            "pronote_operator_reconcile_duration_seconds",
            "Duration of a pass, by kind.",
            ("kind",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._requests = Counter(
            "pronote_operator_api_requests",
            "Requests to the API server, by verb and status code (0: no answer).",
            ("verb", "code"),
            registry=self.registry,
        )
        self._repairs = Counter(
            "pronote_operator_child_repairs",
            "Children that were changed by others and changed back, by kind.",
            ("kind",),
            registry=self.registry,
        )
        self._snapshots = Counter(
            "pronote_operator_snapshot_jobs",
            "Snapshots and restore drills (Drill) asked of agents, by kind and result; not_started: it is asked again.",
            ("kind", "result"),
            registry=self.registry,
        )
        self._rolls = Counter(
            "pronote_rollover_rolls",
            "Rolls of bases that ended, by channel and result.",
            ("channel", "result"),
            registry=self.registry,
        )
        self._roll_durations = Histogram(
            "pronote_rollover_roll_duration_seconds",
            "Duration of a roll from its beginning to its end, archive and restart, by channel.",
            ("channel",),
            buckets=_ROLL_BUCKETS,
            registry=self.registry,
        )
        self.registry.register(_Moment(read))

    def reconciled(self, kind: str, seconds: float, *, failed: bool) -> None:
        """A pass ended."""
        self._reconciles.labels(kind, "error" if failed else "success").inc()
        self._durations.labels(kind).observe(seconds)

    def request(self, verb: str, code: int) -> None:
        """A request was answered."""
        self._requests.labels(verb, str(code)).inc()

    def rolled(self, channel: str, result: str, seconds: float) -> None:
        """A roll of a base ended.

        Args:
            channel: that the base follows.
            result: `done`, or `rolled_back` to what it ran before.
            seconds: since the roll began.
        """
        self._rolls.labels(channel, result).inc()
        self._roll_durations.labels(channel).observe(seconds)

    def snapshot(self, kind: str, result: str) -> None:
        """A snapshot or a drill ended."""
        self._snapshots.labels(kind, result).inc()

    def repaired(self, kind: str) -> None:
        """A child was changed back."""
        self._repairs.labels(kind).inc()


class _Moment(Collector):
    def __init__(self, read: Callable[[], Snapshot]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        """Families of the moment."""
        now = self._read()
        build = GaugeMetricFamily("pronote_operator_build_info", "Version of the operator.", labels=["version"])
        build.add_metric([version("pronote-operator")], 1)
        yield build
        yield GaugeMetricFamily("pronote_operator_leading", "Whether this replica holds the Lease.", float(now.leading))
        queue = GaugeMetricFamily("pronote_operator_queue_objects", "Objects in the queue, by state.", labels=["state"])
        states = {"waiting": now.depth, "delayed": now.delayed, "running": now.running, "failing": now.failing}
        for state, count in states.items():
            queue.add_metric([state], count)
        yield queue
        yield GaugeMetricFamily("pronote_operator_watch_streams", "Watch streams that are open.", now.streams)
        yield GaugeMetricFamily(
            "pronote_operator_watch_streams_deaf", "Watch streams without a sign of life.", now.deaf
        )
        yield CounterMetricFamily(
            "pronote_operator_watch_restarts", "Watch streams that were opened again.", now.watch_restarts
        )
        yield GaugeMetricFamily(
            "pronote_operator_snapshot_jobs_running", "Snapshots and drills that are under way.", now.snapshots_running
        )
        bases = GaugeMetricFamily("pronote_operator_bases", "Bases, by state.", labels=["state"])
        for state, count in now.bases.items():
            bases.add_metric([state], count)
        yield bases
        cas = GaugeMetricFamily(
            "pronote_operator_cas_reachable",
            "Whether the CAS server of an ENT of the catalogue answers, for those that a delegation names.",
            labels=["ent"],
        )
        for ent, reachable in now.cas_reachable.items():
            cas.add_metric([ent], float(reachable))
        yield cas
        yield GaugeMetricFamily(
            "pronote_operator_cas_own_unreachable",
            "CAS servers that are not of the catalogue and do not answer.",
            now.cas_own_unreachable,
        )
        yield from _rollouts(now.rollouts)


def _rollouts(channels: Sequence[RolloutFigures]) -> Iterable[Metric]:
    bases = GaugeMetricFamily(
        "pronote_rollover_bases", "Bases of a channel, by how far their roll is.", labels=["channel", "state"]
    )
    phase = GaugeMetricFamily(
        "pronote_rollover_phase", "1 for the phase that a channel's rollout is in.", labels=["channel", "phase"]
    )
    oldest = GaugeMetricFamily(
        "pronote_rollover_oldest_due_timestamp_seconds",
        "Since when the base has waited for what is due, or been in flight, that has for longest.",
        labels=["channel"],
    )
    switchover = GaugeMetricFamily(
        "pronote_rollover_next_switchover_timestamp_seconds",
        "When the year of a calendar turns next that bases of a channel follow.",
        labels=["channel", "calendar"],
    )
    release = GaugeMetricFamily(
        "pronote_rollover_release_for_switchover",
        "Whether no release is missing for that turn.",
        labels=["channel", "calendar"],
    )
    for one in channels:
        for state, count in one.bases.items():
            bases.add_metric([one.channel, state], count)
        for each in PHASES:
            phase.add_metric([one.channel, each], float(each == one.phase))
        if one.oldest_due is not None:
            oldest.add_metric([one.channel], one.oldest_due.timestamp())
        for turn in one.switchovers:
            switchover.add_metric([one.channel, turn.calendar], turn.moment.timestamp())
            release.add_metric([one.channel, turn.calendar], float(turn.has_release))
    yield from (bases, phase, oldest, switchover, release)
