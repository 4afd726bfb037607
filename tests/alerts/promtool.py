"""Bases as their agents show them to Prometheus over some days, and `promtool test rules` as the judge of alerts."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import yaml

from local_cluster.paths import State, default_state

ROOT = Path(__file__).parents[2]
RULES = sorted((ROOT / "manifests" / "alerts").glob("*.yaml"))
"""Every rules file: they are loaded together, as Prometheus does."""

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_POD = {"namespace": "schools", "pod": "jean-moulin-0"}

Interval = tuple[float, float]
Value = Callable[[float], float | None]
"""Of a series at a moment; None: there is none."""


def promtool() -> str:
    """Path of promtool: the one on PATH, else the one that the local cluster fetched.

    Raises:
        AssertionError: there is none; the message says where to get it.
    """
    fetched = State(default_state()).bin / "promtool"
    found = shutil.which("promtool") or (str(fetched) if fetched.exists() else None)
    assert found, (
        "promtool is missing. `python -m local_cluster build` fetches it, and so does `make test`. (Debian's package "
        "prometheus has it too, and starts a server.)"
    )
    return found


Series = tuple[str, tuple[tuple[str, str], ...]]
"""A metric and its labels."""


class Shown(Protocol):
    """What Prometheus gets to see."""

    def series(self, until: float, step: int) -> list[dict[str, str]]:
        """Input of promtool: a sample every `step` seconds, up to `until`."""


@dataclass(frozen=True)
class Figures:
    """Figures of one base's server.

    Attributes:
        of: by metric and labels: a figure's value from each of these seconds on, in their order. Before the first there
            is none.
    """

    of: Mapping[Series, tuple[tuple[float, float], ...]]

    def series(self, until: float, step: int) -> list[dict[str, str]]:
        """Input of promtool."""
        moments = range(0, int(until) + step, step)
        return [
            {
                "series": _series(name, {**dict(labels), **_POD, "instance": "10.244.0.7:8080"}),
                "values": " ".join(_at(values, now) for now in moments),
            }
            for (name, labels), values in self.of.items()
        ]


@dataclass(frozen=True)
class Kind:
    """Snapshots of one kind.

    Attributes:
        every: seconds from one slot to the next, as the operator told the agent; None: it never did.
        tried: seconds at which one was tried.
        taken: seconds at which one succeeded.
    """

    every: float | None = None
    tried: tuple[float, ...] = ()
    taken: tuple[float, ...] = ()

    @property
    def first(self) -> float:
        """When the operator first asked for one."""
        return min((*self.tried, *self.taken))


@dataclass(frozen=True)
class Base:
    """A base from the beginning (0) to the end of a test.

    Attributes:
        kinds: snapshots by the label `kind`.
        deadline: seconds for which a missed slot is made up.
        down: when there is no pod, and so no series.
        pods: address of the agent from a moment on; a pod that is replaced forgets what it tried.
        restores_failed, restores_done: seconds at which one ended.
    """

    kinds: Mapping[str, Kind] = field(default_factory=dict)
    deadline: float = 2 * HOUR
    down: tuple[Interval, ...] = ()
    pods: tuple[tuple[float, str], ...] = ((0, "10.244.0.7:8080"),)
    restores_failed: tuple[float, ...] = ()
    restores_done: tuple[float, ...] = ()

    def series(self, until: float, step: int) -> list[dict[str, str]]:
        """Input of promtool: a sample every `step` seconds, up to `until`."""
        ends = [*(begin for begin, _ in self.pods[1:]), until + step]
        return [
            {
                "series": _series(name, {**labels, **_POD, "instance": address}),
                "values": self._values(range(0, int(until) + step, step), begin, end, value),
            }
            for (begin, address), end in zip(self.pods, ends, strict=True)
            for name, labels, value in self._shown(begin)
        ]

    def _shown(self, born: float) -> list[tuple[str, dict[str, str], Value]]:
        """Metric, labels and value of each series of the agent that was born then; 0 is never, as the agent has it."""
        shown: list[tuple[str, dict[str, str], Value]] = [
            ("pronote_agent_info", {"version": "0.1.0", "uai": "0750654D"}, _always(1)),
            ("pronote_restore_last_failure_timestamp_seconds", {}, _newest(self.restores_failed)),
            ("pronote_restore_last_success_timestamp_seconds", {}, _newest(self.restores_done)),
        ]
        told = min((kind.first for kind in self.kinds.values() if kind.every), default=None)
        if told is not None:
            shown.append(("pronote_snapshot_deadline_seconds", {}, _always(self.deadline, told)))
        for label, kind in self.kinds.items():
            labels = {"kind": label}
            if kind.every:
                shown.append(("pronote_snapshot_interval_seconds", labels, _always(kind.every, kind.first)))
            known = tuple(moment for moment in (*kind.tried, *kind.taken) if moment >= born)
            shown += [
                ("pronote_snapshot_last_success_timestamp_seconds", labels, _newest(kind.taken)),
                ("pronote_snapshot_last_attempt_timestamp_seconds", labels, _newest(known)),
            ]
        return shown

    def _values(self, moments: range, begin: float, end: float, value: Value) -> str:
        texts, present = [], False
        for now in moments:
            there = begin <= now < end and not any(a <= now < b for a, b in self.down)
            found = value(now) if there else None
            # Prometheus marks a series that ends as stale when its target still answers, or is gone.
            texts.append(f"{found:g}" if found is not None else "stale" if present else "_")
            present = found is not None
        return " ".join(texts)


@dataclass(frozen=True)
class Check:
    """What is expected of one alert at one moment.

    Attributes:
        at: seconds from the beginning.
        labels: besides the usual ones; None: it does not fire.
    """

    alert: str
    at: float
    labels: Mapping[str, str] | None


def fires(alert: str, at: float, **labels: str) -> Check:
    """Exactly one of that alert fires at that moment, for the base, with these labels besides the usual ones."""
    return Check(alert, at, labels)


def silent(alert: str, at: float) -> Check:
    """None of that alert fires at that moment."""
    return Check(alert, at, None)


def judge(base: Shown, folder: Path, *checks: Check) -> None:
    """Let promtool compare.

    Args:
        folder: for the test's file.
    Raises:
        AssertionError: something is otherwise, in promtool's words.
    """
    _run(base, folder, [check.at for check in checks], promql_expr_test=[_expression(check) for check in checks])


def announces(
    base: Shown, folder: Path, alert: str, at: float, *, summary: str, description: str, **labels: str
) -> None:
    """Let promtool compare the words of an alert that fires.

    Raises:
        AssertionError: it says something else, or does not fire.
    """
    (rule,) = [rule for rule in rules() if rule.get("alert") == alert]
    words = {"summary": summary, "description": description, "runbook": rule["annotations"]["runbook"]}
    expected = {"exp_labels": {**_usual(alert), **labels}, "exp_annotations": words}
    _run(
        base, folder, [at], alert_rule_test=[{"alertname": alert, "eval_time": f"{int(at)}s", "exp_alerts": [expected]}]
    )


def _run(base: Shown, folder: Path, moments: list[float], **tests: list[dict[str, Any]]) -> None:
    until = max(moments)
    # A sample and an evaluation a minute; of days, every five minutes: that is what takes the time.
    step = MINUTE if until <= DAY else 5 * MINUTE
    assert all(moment % step == 0 for moment in moments), "nothing is evaluated in between"
    test = {
        "rule_files": [str(path) for path in RULES],
        "evaluation_interval": f"{step}s",
        "tests": [{"interval": f"{step}s", "input_series": base.series(until, step), **tests}],
    }
    path = folder / "test.yaml"
    path.write_text(yaml.safe_dump(test, width=1_000_000_000))
    done = subprocess.run([promtool(), "test", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def rules() -> list[dict[str, Any]]:
    """All rules, recording and alerting."""
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def _usual(alert: str) -> dict[str, str]:
    (severity,) = [rule["labels"]["severity"] for rule in rules() if rule.get("alert") == alert]
    return {"severity": severity, **_POD, "base": "jean-moulin"}


def _expression(check: Check) -> dict[str, Any]:
    # Asked through ALERTS, which has no words: durations in them change with the moment.
    firing = {"alertname": check.alert, "alertstate": "firing"}
    samples = []
    if check.labels is not None:
        samples = [{"labels": _series("ALERTS", {**firing, **_usual(check.alert), **check.labels}), "value": 1}]
    return {"expr": _series("ALERTS", firing), "eval_time": f"{int(check.at)}s", "exp_samples": samples}


def _at(values: tuple[tuple[float, float], ...], now: float) -> str:
    found = [value for since, value in values if since <= now]
    return f"{found[-1]:g}" if found else "_"


def _always(value: float, since: float = 0) -> Value:
    return lambda now: value if now >= since else None


def _newest(moments: tuple[float, ...]) -> Value:
    return lambda now: max((moment for moment in moments if moment <= now), default=0)


def _series(name: str, labels: Mapping[str, str]) -> str:
    shown = ", ".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    return f"{name}{{{shown}}}"
