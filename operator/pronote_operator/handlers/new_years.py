"""Having the empty base of the coming year (base vide) made by the agents of many bases, some at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiohttp

from pronote_operator.cluster.agent import AgentError
from pronote_operator.errors import ApiError
from pronote_operator.handlers.agents import Agents
from pronote_operator.handlers.keys import Key
from pronote_operator.planning.school_year import DueNewBase

logger = logging.getLogger(__name__)

AT_ONCE = 50
"""Bases that are prepared at the same time: on one night thousands fall due in the same second."""
BUSY_SECONDS = 5.0
REFUSED_SECONDS = 3600.0
"""How soon one is asked for again that could not be begun, or that the agent refused."""


class NewYears:
    """See the module.

    Args:
        mark: has a base looked at again.
        refused: told of (base, year, reason, message) when an agent refuses, each time.
    """

    def __init__(
        self, agents: Agents, *, mark: Callable[[Key], None], refused: Callable[[Key, int, str, str], Awaitable[None]]
    ) -> None:
        self._agents = agents
        self._mark = mark
        self._refused = refused
        self._wanted: dict[Key, DueNewBase] = {}
        self._made: dict[Key, Mapping[str, Any]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._places = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> None:
        """Make what is wanted, until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            await asyncio.Event().wait()

    def want(self, key: Key, due: DueNewBase) -> None:
        """Have a base made; to be said at every pass until it is there, which is the same as once."""
        if self._group is not None and key not in self._wanted:
            self._wanted[key] = due
            self._group.create_task(self._make(key, due), name=f"base {key} of {due.year}")

    def made(self, key: Key) -> Mapping[str, Any] | None:
        """The base that was made for a school, as `GET /v1/years` tells it; None when there is no news."""
        return self._made.get(key)

    def told(self, key: Key, made: Mapping[str, Any] | None) -> None:
        """The status tells of a base that was made."""
        if made is not None and self._made.get(key) is made:
            del self._made[key]

    def forget(self, key: Key) -> None:
        """A base is gone."""
        self._made.pop(key, None)
        self._wanted.pop(key, None)

    async def _make(self, key: Key, due: DueNewBase) -> None:
        pause = 0.0
        try:
            async with self._places:
                self._made[key] = await (await self._agents.of(key)).prepare_year(due.year, due.from_)
        except AgentError as error:
            # An older agent knows no such request: that base is made when the year turns.
            pause = BUSY_SECONDS if error.not_tried else REFUSED_SECONDS
            logger.info("%s: the base of %d is not made: %s; again in %g s", key, due.year, error, pause)
            if not error.not_tried and error.reason != "NotFound":
                await self._refused(key, due.year, error.reason, error.message)
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            pause = BUSY_SECONDS
            logger.info("%s: the base of %d is not made: %s; again in %g s", key, due.year, error, pause)
        if pause:
            await asyncio.sleep(pause)
        self._wanted.pop(key, None)
        self._mark(key)
