"""Carrying out one job of the snapshot schedule with a base's agent: a snapshot with its retention, or a drill."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from pronote_operator.cluster.agent import Agent, AgentError
from pronote_operator.errors import ApiError
from pronote_operator.handlers.agents import Agents
from pronote_operator.handlers.keys import Key
from pronote_operator.planning.snapshot_history import ListedSnapshot
from pronote_operator.planning.snapshot_job import SnapshotJob

Prune = Callable[[Key, SnapshotJob, tuple[ListedSnapshot, ...]], tuple[str, ...]]
"""Names to delete once a job succeeded, given what exists."""


@dataclass(frozen=True, slots=True)
class DrillJob:
    """A restore drill of one snapshot."""

    name: str


Job = SnapshotJob | DrillJob


@dataclass(frozen=True, slots=True)
class Done:
    """The end of one job.

    Args:
        job: that was carried out.
        ended: when, aware.
        seconds: how long it took.
        taken: the moment that the snapshot shows; None for a drill and for a failure.
        listed: what exists afterwards; None where it was not learnt.
        failure: reason and message; None when it succeeded.
        not_tried: nothing was tried, it is still to be done.
        told: what else there is to say, in words.
    """

    job: Job
    ended: dt.datetime
    seconds: float
    taken: dt.datetime | None = None
    listed: tuple[ListedSnapshot, ...] | None = None
    failure: tuple[str, str] | None = None
    not_tried: bool = False
    told: str = ""


def listed_in(answer: Mapping[str, Any]) -> tuple[ListedSnapshot, ...]:
    """The snapshots in an agent's answer.

    Raises:
        AgentError: `AnswerInvalid`.
    """
    try:
        return tuple(
            ListedSnapshot(
                name=str(entry["name"]), taken=_moment(entry["takenTime"]), damaged=bool(entry.get("damaged"))
            )
            for entry in answer["snapshots"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise AgentError("AnswerInvalid", f"the agent's list of snapshots cannot be read ({error})") from error


class SnapshotWork:
    """Carries out jobs.

    Args:
        prune: says what is to be deleted after a good snapshot.
        clock: the present, aware.
    """

    def __init__(self, agents: Agents, *, prune: Prune, clock: Callable[[], dt.datetime]) -> None:
        self._agents = agents
        self._prune = prune
        self._clock = clock

    async def __call__(self, key: Key, job: Job) -> Done:
        """Carry out a job to its end, good or bad. Raises nothing but what cancels it."""
        began = asyncio.get_running_loop().time()

        def done(**members: Any) -> Done:
            return Done(job, self._clock(), asyncio.get_running_loop().time() - began, **members)

        try:
            agent = await self._agents.of(key)
            if isinstance(job, DrillJob):
                return done(**await self._drill(agent, job))
            return done(**await self._take(agent, key, job))
        except AgentError as error:
            return done(failure=(error.reason, error.message), not_tried=error.not_tried)
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            # The API server, without which the agent is not found: nothing was tried.
            return done(failure=("Unreachable", f"the API server did not answer: {error}"), not_tried=True)

    async def _take(self, agent: Agent, key: Key, job: SnapshotJob) -> dict[str, Any]:
        order: dict[str, Any] = {"name": job.name, "kind": job.kind.value}
        if job.interval_seconds is not None:
            order["intervalSeconds"] = job.interval_seconds
        if job.deadline_seconds is not None:
            order["deadlineSeconds"] = job.deadline_seconds
        answer = await agent.take(order)
        try:
            taken = _moment(answer["takenTime"])
        except (KeyError, TypeError, ValueError) as error:
            raise AgentError("AnswerInvalid", f"the agent does not say when {job.name} was taken") from error
        try:
            # The snapshot is good whatever becomes of the older ones: they are looked at again after the next one.
            listed = listed_in(await agent.snapshots())
            if doomed := self._prune(key, job, listed):
                listed = listed_in(await agent.delete(doomed))
        except AgentError as error:
            return {"taken": taken, "told": f"older snapshots were not looked through: {error.message}"}
        return {"taken": taken, "listed": listed}

    async def _drill(self, agent: Agent, job: DrillJob) -> dict[str, Any]:
        try:
            answer = await agent.verify(job.name)
        except AgentError as error:
            if error.not_tried:
                raise
            return {"failure": (error.reason, error.message), "listed": await self._still_good(agent)}
        pupils = answer.get("pupils")
        counted = f", {pupils} pupils" if isinstance(pupils, int) else ""
        return {"told": f"{job.name} was restored aside and is sound{counted}"}

    async def _still_good(self, agent: Agent) -> tuple[ListedSnapshot, ...] | None:
        """What exists after a drill that failed: what is damaged must not be told as a snapshot any longer."""
        try:
            return listed_in(await agent.snapshots())
        except AgentError:
            return None


def _moment(text: Any) -> dt.datetime:
    moment = dt.datetime.fromisoformat(str(text))
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return moment
