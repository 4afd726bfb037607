"""(k) all bases go over to another release: how close to the bound, what it costs, and what it writes.

Nodes are kwok's, which let each pod take its time to end and to be ready; one process stands in for all agents, and
takes its time over each archive. So a roll is as long as a short one is, and most of it is waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import mean, median
from typing import Any

from bench import schools, watching
from bench.counters import Reading, memory, read
from bench.errors import BenchError
from bench.figures import Figure, percentile
from bench.hand import operators_client
from bench.roll_watch import RollWatch
from bench.rolls import Roll, bound, most_at_once, rates, roll_of
from bench.stage import Stage
from local_cluster.kwok_stages import Pods
from pronote_operator.cluster.client import KubeClient
from pronote_operator.cluster.kinds import CHANNELS, STATEFUL_SETS
from tests.support.operator_process import OperatorProcess

RATIO_GOAL = 1.1
SHARE = 50
"""One base in so many may be in flight. On two cores no more: a roll costs all that takes part in it (API server,
controllers, nodes, operator) about a second of CPU."""
VERSION = "2026.2.6"
IMAGE = f"localhost/pronote-server:{VERSION}"
SINCE = "2026-01-01T00:00:00"
ARCHIVE, POD_ENDS, POD_STARTS = (2.0, 4.0), (1.0, 3.0), (4.0, 8.0)
"""Seconds, at least and at most."""
ROOT = Path(__file__).resolve().parent.parent
SAMPLE_SECONDS = 1.0


def own_address() -> str:
    """An address of this machine by which it reaches itself, and that Kubernetes allows for a pod.

    Raises:
        BenchError: it has none but loopback's, which Kubernetes does not allow in the endpoints of a Service.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        try:
            found.connect(("192.0.2.1", 9))  # nothing is sent: the kernel only chooses by which address it would be
        except OSError:
            raise BenchError("(k) needs an address of this machine besides loopback's.") from None
        address: str = found.getsockname()[0]
    return address


def prepare(stage: Stage) -> None:
    """Let the pods of bases that are to be created have an address at which their agents can be stood in for."""
    stage.cluster.play(Pods(own_address()))


async def measure(stage: Stage, operator: OperatorProcess) -> None:
    """Put another release on the list, and wait until all have gone over."""
    address, at_once = own_address(), max(1, stage.bases // SHARE)
    stage.cluster.play(Pods(address, start=POD_STARTS, end=POD_ENDS))
    async with operators_client(stage.cluster.kubeconfig) as client, _agents(stage, address) as agents:
        generations = await _generations(client)
        await watching.settle(operator, stage.bases, within=stage.within)
        async with RollWatch(client, VERSION) as bases, watching.channel_writes(client) as channel:
            samples = _Samples(operator)
            with stage.progress.step(f"(k) {stage.bases} bases roll, {at_once} at once", lambda: stage.doing):
                began = await _change(stage, at_once)
                async with samples:
                    await _until_done(stage, bases, operator)
                    current = await _until_current(stage)
                    ended = await read(operator)
                stage.note_load("k")
            settled = await watching.settle(operator, stage.bases, within=stage.within)
        restarts = [now - generations[key] for key, now in (await _generations(client)).items()]
        rolls = await asyncio.to_thread(agents.rolls)
    before = samples.readings[0]
    stage.figures += [
        *_time(stage.bases, at_once, rolls, bases, (bases.last_done - began, current - began)),
        *_load(stage.bases, samples, ended.since(before)),
        *_writes(stage.bases, settled.since(before), bases.writes, channel.writes),
        _restarts(rolls, restarts),
        Figure(
            "k",
            "in flight at once, at most",
            max(bases.most_in_flight, most_at_once((roll.asked, roll.confirmed) for roll in rolls)),
            goal=at_once,
            note=f"by their status {bases.most_in_flight}, by their agents "
            f"{most_at_once((roll.asked, roll.confirmed) for roll in rolls)}",
        ),
    ]


def _time(bases: int, at_once: int, rolls: list[Roll], told: RollWatch, took: tuple[float, float]) -> list[Figure]:
    seconds = [roll.seconds for roll in rolls]
    least = bound(bases, at_once, mean(seconds))
    parts = {name: round(median(roll.parts()[name] for roll in rolls), 2) for name in rolls[0].parts()}
    done, current = took
    return [
        Figure(
            "k",
            "time until all have gone over, over the bound",
            current / least,
            goal=RATIO_GOAL,
            note=f"{current:.0f} s until the channel says so, {done:.0f} s until the last base does; "
            f"bound {least:.0f} s: {bases} rolls of {mean(seconds):.1f} s, {at_once} at once",
            details={"seconds": round(current, 1), "untilDone": round(done, 1), "bound": round(least, 1)},
        ),
        Figure(
            "k",
            "a roll, from its archive to the server's answer, mean",
            mean(seconds),
            "s",
            note=f"median {median(seconds):.1f} s, p99 {percentile(seconds, 0.99):.1f} s; agents and nodes are told to "
            f"wait for {_told_to_wait():.1f} s of it; by the bases' status {mean(told.done.values()):.1f} s",
            details={"medians": parts},
        ),
    ]


def _told_to_wait() -> float:
    return sum(mean(pause) for pause in (ARCHIVE, POD_ENDS, POD_STARTS))


def _load(bases: int, samples: _Samples, change: Reading) -> list[Figure]:
    per_second = rates([(one.seconds, sum(one.requests.values())) for one in samples.readings])
    return [
        Figure(
            "k",
            "API requests of the operator while they roll, peak",
            max(per_second),
            "/s",
            note=f"in any second; {sum(change.requests.values()) / change.seconds:.0f}/s on average",
            details=change.by_verb(),
        ),
        Figure(
            "k",
            "operator's CPU per roll",
            change.cpu * 1000 / bases,
            "ms",
            note=f"{change.cpu:.0f} s in all, {change.cpu / change.seconds:.0%} of one core; "
            f"{change.passes / bases:.1f} passes per base, {change.errors} failed",
        ),
        Figure("k", "resident memory while they roll, peak", max(samples.resident), "MB"),
    ]


def _writes(bases: int, change: Reading, of_status: int, of_channel: int) -> list[Figure]:
    verbs = change.by_verb()
    children = verbs.get("PATCH", 0) - of_status - of_channel
    return [
        Figure(
            "k",
            "API writes per roll",
            (change.writes - of_channel) / bases,
            note=f"status {of_status / bases:.2f}, children {children / bases:.2f}, Events "
            f"{verbs.get('POST', 0) / bases:.2f}; not counted: VersionChannel {of_channel}, Lease {change.renewals}",
            details={f"{verb} {code}": count for (verb, code), count in sorted(change.requests.items()) if count},
        ),
        Figure("k", "API reads per roll", change.reads / bases),
    ]


def _restarts(rolls: list[Roll], generations: list[int]) -> Figure:
    pods = [roll.pods for roll in rolls]
    return Figure(
        "k",
        "restarts per base, at most",
        max(*pods, *generations),
        goal=1,
        note=f"new pods {min(pods)} to {max(pods)}, changes of the StatefulSet's spec {min(generations)} to "
        f"{max(generations)}",
    )


class _Samples:
    """Readings of the operator, one a second while it is entered."""

    def __init__(self, operator: OperatorProcess) -> None:
        self._operator = operator
        self.readings: list[Reading] = []
        self.resident: list[float] = []

    async def __aenter__(self) -> _Samples:
        await self._take()
        self._task = asyncio.create_task(self._go_on())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _take(self) -> None:
        self.readings.append(await read(self._operator))
        self.resident.append(memory(self._operator.pid).resident)

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(SAMPLE_SECONDS)
            await self._take()


class _Agents:
    """The process that stands in for the agents."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def wait_ready(self) -> None:
        """Wait until it listens.

        Raises:
            BenchError: it ended instead.
        """
        assert self._process.stdout is not None, "piped"
        if self._process.stdout.readline().strip() != "ready":
            raise BenchError("The process that stands in for the agents did not start; its log says why.")

    def rolls(self) -> list[Roll]:
        """End it; what it has seen.

        Raises:
            BenchError: a roll has not come to its end there, or somebody came with another's token.
        """
        self._process.terminate()
        told: dict[str, Any] = json.loads(self._process.communicate(timeout=60)[0])
        bases: dict[str, dict[str, Any]] = told["bases"]
        if refused := [base for base, record in bases.items() if record["refused"]]:
            raise BenchError(f"The agents of {', '.join(refused[:5])} were spoken to without their token.")
        found = {base: roll_of(record) for base, record in bases.items()}
        if missing := [base for base, roll in found.items() if roll is None]:
            raise BenchError(f"The agents of {len(missing)} bases saw no whole roll: {', '.join(missing[:5])}")
        return [roll for roll in found.values() if roll is not None]

    def end(self) -> None:
        """End it, if it runs still."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)


@asynccontextmanager
async def _agents(stage: Stage, address: str) -> AsyncIterator[_Agents]:
    command = [
        *(sys.executable, "-m", "bench.stub_agents", "--kubeconfig", str(stage.cluster.kubeconfig)),
        *("--address", address, "--archive", *map(str, ARCHIVE)),
    ]
    with (stage.folder / "agents.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
    agents = _Agents(process)
    try:
        await asyncio.to_thread(agents.wait_ready)
        yield agents
    finally:
        agents.end()


async def _generations(client: KubeClient) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    async for page in client.pages(STATEFUL_SETS, None, metadata_only=True):
        for item in page["items"]:
            metadata = item["metadata"]
            found[metadata["namespace"], metadata["name"]] = metadata["generation"]
    return found


async def _change(stage: Stage, at_once: int) -> float:
    """Put the release on the list; monotonic seconds of that moment."""
    listed = [{"version": schools.VERSION, "image": schools.IMAGE}, {"version": VERSION, "image": IMAGE, "from": SINCE}]
    began = time.monotonic()
    rollout = {"maxConcurrent": at_once}
    await stage.hand.merge(CHANNELS.path(None, schools.CHANNEL), {"spec": {"releases": listed, "rollout": rollout}})
    return began


async def _until_done(stage: Stage, bases: RollWatch, operator: OperatorProcess) -> None:
    async def all_done() -> bool:
        stage.tell(f"{len(bases.done)} of {stage.bases} done, {bases.in_flight} in flight")
        if bases.failed:
            raise BenchError(f"{len(bases.failed)} bases went back: {', '.join(bases.failed[:5])}")
        return len(bases.done) >= stage.bases

    within = stage.within + SHARE * 60  # a minute for each roll of a place
    await watching.eventually(all_done, within=within, every=0.25, what="all rolls done", said=operator.tail)


async def _until_current(stage: Stage) -> float:
    path = CHANNELS.path(None, schools.CHANNEL)
    found: dict[str, Any] = {}

    async def current() -> bool:
        found.update(await stage.hand.request("GET", path))
        status = found["status"]
        told = status["observedGeneration"] == found["metadata"]["generation"]
        return bool(told and status["phase"] in ("Current", "Scheduled") and status["updated"] == stage.bases)

    await watching.eventually(
        current, within=60, every=0.1, what="the channel says so", said=lambda: json.dumps(found.get("status"))
    )
    return time.monotonic()
