"""(i) PRONOTE.net under load: sessions that poll, bursts of logins, and what they cost. No cluster."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bench.counters import memory
from bench.figures import Figure, percentile
from bench.machine import load
from bench.web_search import Search
from bench.web_stage import WebStage, web_stage
from bench.web_visitors import Times, Visitors
from local_cluster.progress import Progress

KEY = "i"
SESSIONS = 1500
RATE, BURST_SECONDS = 50.0, 60.0
QUIET_SECONDS = 15.0
FORM_SECONDS, FORMS_AT_ONCE = 15.0, 4
HIGHEST, STEP = 150.0, 5.0
"""Logins a second: no higher rate is looked for, and no closer."""
TRY_SECONDS, SEARCH_SECONDS = 20.0, 300.0
"""One burst of the search, and all of it; a burst that has begun is ended."""
SLOWEST = 1.0
"""Seconds that a login may take at p99."""
QUICK, SETTLE_SECONDS = 0.5, 30.0
"""A burst has settled once a login takes no longer than that; and how long it is waited for."""


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
            idle = phases.cpu.per(phases.seconds)
            await phases.run("logins by forms", visitors.flow(FORMS_AT_ONCE, FORM_SECONDS, visitors.log_in_by_form))
            await _settle(visitors)
            logins = visitors.burst(RATE, BURST_SECONDS, visitors.log_in)
            burst = await phases.run(f"{RATE:g} logins/s for {BURST_SECONDS:g} s", logins)
            costs = _costs(phases.cpu.less(idle, phases.seconds), burst)
            largest = await _largest(visitors, phases, burst)
        finally:
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)
    note = f"{len(stage.accounts)} accounts shared; {arrived.failed} of {sessions} sessions failed to log in"
    megabytes = [f"{memory(pid).peak:.0f}" for pid in stage.pids]
    resident = memory(stage.pids[0]).resident
    return [
        *phases.figures,
        *costs,
        largest,
        Figure(KEY, "memory of the server", resident, "MB", note=f"{note}; peaks (server, replicas): {megabytes}"),
    ]


def _costs(cpu: _Cpu, burst: Times) -> list[Figure]:
    count = len(burst.seconds) + burst.failed
    note = f"of the burst of {RATE:g}/s; what the polls alone take is not in it; all share {cpu.cores} cores"
    each = (("server", cpu.server), ("replicas", cpu.replicas), ("visitors, who are no part of it", cpu.visitors))
    return [Figure(KEY, f"CPU of a login: {who}", used / count * 1000, "ms", note=note) for who, used in each]


async def _largest(visitors: Visitors, phases: _Phases, burst: Times) -> Figure:
    search = Search(RATE if _carried(burst) else 0, HIGHEST, STEP)
    end = time.monotonic() + SEARCH_SECONDS
    tries = 0
    while (rate := search.rate) is not None and time.monotonic() < end:
        tries += 1
        await _settle(visitors)
        found = await phases.run(f"search: {rate:g} logins/s", visitors.burst(rate, TRY_SECONDS, visitors.log_in))
        search.told(rate, carried=_carried(found))
    note = (
        f"no login failed, the polls went on; {tries} bursts of {TRY_SECONDS:g} s; {search.bad:g}/s is too much or was "
        f"not tried{'' if rate is None else '; ended by its time'}"
    )
    return Figure(KEY, f"largest burst of logins with p99 under {SLOWEST:g} s", search.good, "/s", note=note)


def _carried(burst: Times) -> bool:
    return not burst.failed and percentile(burst.seconds, 0.99) < SLOWEST


async def _settle(visitors: Visitors) -> None:
    """See the burst's visitors out, and wait until nothing of it is under way any more: each burst meets the same."""
    await visitors.see_out()
    end = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < end:
        probe = Times()
        await probe.of(visitors.log_in())
        if not probe.failed and probe.seconds[0] <= QUICK:
            return
        await asyncio.sleep(1)


@dataclass(frozen=True)
class _Cpu:
    """Seconds of CPU, or seconds a second."""

    server: float
    replicas: float
    visitors: float

    @property
    def cores(self) -> int:
        """Of the machine."""
        return os.cpu_count() or 1

    def less(self, other: _Cpu, times: float = 1.0) -> _Cpu:
        """Return what is left without another's, so many times."""
        return _Cpu(
            self.server - other.server * times,
            self.replicas - other.replicas * times,
            self.visitors - other.visitors * times,
        )

    def per(self, seconds: float) -> _Cpu:
        """Return the share of each second."""
        return _Cpu(self.server / seconds, self.replicas / seconds, self.visitors / seconds)


class _Phases:
    """Runs one phase after the other, and keeps its figures.

    Args:
        cpu: of the last phase.
        seconds: that the last phase took.
    """

    def __init__(self, stage: WebStage, visitors: Visitors, progress: Progress) -> None:
        self._stage, self._visitors, self._progress = stage, visitors, progress
        self.figures: list[Figure] = []
        self.cpu = _Cpu(0, 0, 0)
        self.seconds = 0.0

    async def run(self, name: str, work: Awaitable[Times]) -> Times:
        polls = self._visitors.polls = Times()
        before, began = self._used(), time.monotonic()
        logins = await work
        self.seconds, self.cpu = time.monotonic() - began, self._used().less(before)
        cpu = f"server {self.cpu.server:.1f}, replicas {self.cpu.replicas:.1f}, visitors {self.cpu.visitors:.1f}"
        note = f"{self.seconds:.0f} s; CPU s of {cpu}; load {load():.1f}"
        for what, times in (("login", logins), ("poll", polls)):
            if times.seconds or times.failed:
                self.figures.append(_figure(f"{name}: {what}, p99", times, note))
                self._progress.say(f"{self.figures[-1].name} {self.figures[-1].value:.3f} s; {self.figures[-1].note}")
        return logins

    def _used(self) -> _Cpu:
        server, *replicas = self._stage.cpu_seconds()
        return _Cpu(server, sum(replicas), time.process_time())


def _figure(name: str, times: Times, note: str) -> Figure:
    if not times.seconds:
        return Figure(KEY, name, float("inf"), "s", note=f"all {times.failed} failed; {note}")
    middle = f"p50 {percentile(times.seconds, 0.5):.3f} s; {len(times.seconds)} answered, {times.failed} failed"
    late = f"; begun up to {times.late:.2f} s late" if times.late > 0.1 else ""
    return Figure(KEY, name, percentile(times.seconds, 0.99), "s", note=f"{middle}{late}; {note}")
