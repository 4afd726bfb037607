"""What a reading makes of the operator's own metrics."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

from prometheus_client import generate_latest

from bench.counters import Reading, memory, parsed, started_cpu
from pronote_operator.metrics import IDLE, Metrics

BASES = {"ready": 7, "not_ready": 1, "stalled": 0, "serving": 7}


def reading(metrics: Metrics, *, seconds: float = 0, cpu: float = 0) -> Reading:
    return parsed(generate_latest(metrics.registry).decode(), seconds=seconds, cpu=cpu)


def a_process() -> Metrics:
    busy: dict[str, Any] = {
        "leading": True,
        "depth": 3,
        "delayed": 40,
        "running": 2,
        "streams": 18,
        "watch_restarts": 5,
    }
    return Metrics(lambda: replace(IDLE, bases=BASES, **busy))


def test_the_lease_counts_neither_as_write_nor_as_read() -> None:
    metrics = a_process()
    for verb, code in [("GET", 200), ("PUT", 200), ("GET", 404), ("PATCH", 201), ("POST", 201), ("WATCH", 200)]:
        metrics.request(verb, code)
    now = reading(metrics)
    assert (now.writes, now.renewals, now.reads) == (2, 1, 1)


def test_states_are_those_of_the_moment_and_delayed_keys_are_no_work() -> None:
    now = reading(a_process())
    assert now.bases == BASES
    assert now.busy == 5
    assert now.leading


def test_the_difference_of_two_readings_is_what_happened_in_between() -> None:
    metrics = a_process()
    metrics.request("PATCH", 200)
    metrics.reconciled("PronoteBase", 0.1, failed=False)
    before = reading(metrics, seconds=10, cpu=1)
    metrics.request("PATCH", 200)
    metrics.request("DELETE", 200)
    metrics.reconciled("PronoteBase", 0.1, failed=True)
    metrics.reconciled("VersionChannel", 0.1, failed=True)
    change = reading(metrics, seconds=70, cpu=1.5).since(before)
    assert (change.seconds, change.cpu) == (60, 0.5)
    assert (change.passes, change.errors) == (1, 1)
    assert change.writes == 2
    assert change.by_verb() == {"DELETE": 1, "PATCH": 1}


def test_a_process_that_was_started_is_counted_beside_while_it_runs_and_its_cpu_for_ever() -> None:
    burn = "sum(range(5_000_000)); print(flush=True); input()"
    before, others = started_cpu(os.getpid()), memory(os.getpid()).beside
    with subprocess.Popen([sys.executable, "-c", burn], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        started.stdout.readline()
        assert memory(os.getpid()).beside > others + 1
        running = started_cpu(os.getpid())
        started.communicate(b"\n")
    assert before < running <= started_cpu(os.getpid())
    assert memory(os.getpid()).beside < others + 1
