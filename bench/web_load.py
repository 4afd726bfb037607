"""(i) PRONOTE.net under load: sessions that poll, bursts of logins, and what they cost. No cluster."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path

import aiohttp

from bench.counters import memory
from bench.figures import Figure, percentile
from bench.machine import load
from bench.web_stage import WebStage, web_stage
from bench.web_visitors import Times, Visitors
from local_cluster.progress import Progress

KEY = "i"
SESSIONS = 1500
RATE, BURST_SECONDS = 50.0, 60.0
QUIET_SECONDS = 15.0
FORM_SECONDS, FORMS_AT_ONCE = 15.0, 4
SEARCH_SECONDS, SEARCHES = 10.0, 4
SLOWEST = 1.0
"""Seconds that a login may take at p99."""


def measure(progress: Progress, sessions: int = SESSIONS) -> list[Figure]:
    """Measure on processes of its own, which share the cores with the visitors."""
    with (
        progress.step("(i) a server and two replicas with a seeded school"),
        tempfile.TemporaryDirectory() as folder,
        web_stage(Path(folder)) as stage,
    ):
        return asyncio.run(_measure(stage, progress, sessions))


async def _measure(stage: WebStage, progress: Progress, sessions: int) -> list[Figure]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as http:
        visitors = Visitors(stage, http)
        phases = _Phases(stage, visitors, progress)
        arrived = await phases.run(f"{sessions} sessions log in", visitors.arrive(sessions))
        polling = asyncio.create_task(visitors.poll())
        try:
            await phases.run("polls alone", asyncio.sleep(QUIET_SECONDS, Times()))
            await phases.run("logins by forms", visitors.flow(FORMS_AT_ONCE, FORM_SECONDS, visitors.log_in_by_form))
            largest = await _largest(visitors, phases)
            await phases.run(f"{RATE:g} logins/s", visitors.burst(RATE, BURST_SECONDS, visitors.log_in))
        finally:
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)
    note = f"{len(stage.accounts)} accounts shared; {arrived.failed} of {sessions} sessions failed to log in"
    limit = f"bursts of {SEARCH_SECONDS:g} s, none failed, with the polls; 0: not even the lowest rate tried"
    megabytes = [f"{memory(pid).peak:.0f}" for pid in stage.pids]
    resident = memory(stage.pids[0]).resident
    return [
        *phases.figures,
        Figure(KEY, "largest burst of logins with p99 under 1 s", largest, "/s", note=limit),
        Figure(KEY, "memory of the server", resident, "MB", note=f"{note}; peaks (server, replicas): {megabytes}"),
    ]


async def _largest(visitors: Visitors, phases: _Phases) -> float:
    good, bad = 0.0, 2 * RATE
    for _ in range(SEARCHES):
        rate = (good + bad) / 2
        found = await phases.run(f"search: {rate:g} logins/s", visitors.burst(rate, SEARCH_SECONDS, visitors.log_in))
        if not found.failed and percentile(found.seconds, 0.99) < SLOWEST:
            good = rate
        else:
            bad = rate
    return good


class _Phases:
    def __init__(self, stage: WebStage, visitors: Visitors, progress: Progress) -> None:
        self._stage, self._visitors, self._progress = stage, visitors, progress
        self.figures: list[Figure] = []

    async def run(self, name: str, work: Awaitable[Times]) -> Times:
        polls = self._visitors.polls = Times()
        before, own, began = self._stage.cpu_seconds(), time.process_time(), time.monotonic()
        logins = await work
        seconds, own = time.monotonic() - began, time.process_time() - own
        used = [after - earlier for after, earlier in zip(self._stage.cpu_seconds(), before, strict=True)]
        cpu = ", ".join(f"{each:.1f}" for each in used)
        note = f"{seconds:.0f} s; CPU s of server, replicas: {cpu}; of the visitors {own:.1f}; load {load():.1f}"
        for what, times in (("login", logins), ("poll", polls)):
            if times.seconds or times.failed:
                self.figures.append(_figure(f"{name}: {what}, p99", times, note))
                self._progress.say(f"{self.figures[-1].name} {self.figures[-1].value:.3f} s; {self.figures[-1].note}")
        return logins


def _figure(name: str, times: Times, note: str) -> Figure:
    if not times.seconds:
        return Figure(KEY, name, float("inf"), "s", note=f"all {times.failed} failed; {note}")
    middle = f"p50 {percentile(times.seconds, 0.5):.3f} s; {len(times.seconds)} answered, {times.failed} failed"
    return Figure(KEY, name, percentile(times.seconds, 0.99), "s", note=f"{middle}; {note}")
