"""Bringing a site document in force at the server, step by step in the order of `planning.site_order`; or out of it.

Each step is written into the ConfigMap first, where a server that restarts finds it, then sent through the agent, and
counts once the server says that it is in force. Killed anywhere, the next pass asks the server and goes on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pronote_operator.cluster.agent import AgentError
from pronote_operator.planning.site_order import Site, next_step
from pronote_operator.planning.withdrawal import revision_of, withdrawal

MOST_STEPS = 8
"""What was written before, stopped, changed, published, each looked at once more; some for what comes in between."""


class SiteAgent(Protocol):
    """What is asked of the agent of a base."""

    async def site(self) -> dict[str, Any]:
        """The site document in force; AgentError with reason `NothingPublished` when there is none."""

    async def put_site(self, document: Mapping[str, Any]) -> None:
        """Send a site document."""


@dataclass(frozen=True, slots=True)
class Brought:
    """How far it came.

    Args:
        in_force: the document that the server says is in force; None when it has none, or could not be asked.
        waiting: why what is wanted is not in force; None when it is.
        changing: whether the publication is stopped only because its delegations change.
    """

    in_force: Site | None
    waiting: str | None = None
    changing: bool = False


async def bring_in_force(
    wanted: Site,
    *,
    written: Site | None,
    agent: SiteAgent,
    write: Callable[[dict[str, Any]], Awaitable[None]],
    milliseconds: Callable[[], int],
    on_change: Callable[[Site | None], Awaitable[None]] | None = None,
) -> Brought:
    """Bring a document in force, or as far as the server lets it.

    Args:
        wanted: without `revision`.
        written: what the ConfigMap has; None when it has nothing, or nothing that makes sense.
        write: puts a document into the ConfigMap.
        milliseconds: the present, since 1970.
        on_change: told of what is in force, once, before pages are stopped because delegations change: it can then be
            said while it lasts.
    Raises:
        ApiError: from `write`, or what `on_change` raises.
    """
    in_force: Site | None = None
    step = None
    try:
        for _ in range(MOST_STEPS):
            in_force = await _in_force(agent, written)
            # An operator that was killed may have written what it did not send: a kubelet brings it at any moment.
            pending = written if written is not None and revision_of(written) > revision_of(in_force) else None
            if pending is not None and not pending.get("published"):
                await agent.put_site(pending)
                continue
            step = next_step(wanted, pending or in_force)
            if step.site is None and pending is None:
                if written != in_force and in_force is not None:
                    await write(dict(in_force))  # lost, and it must survive the server
                return Brought(in_force)
            if not step.last and on_change is not None:
                await on_change(in_force)
                on_change = None
            if step.site is not None:
                newest = max(revision_of(in_force), revision_of(written))
                written = {"revision": max(milliseconds(), newest + 1), **step.site}
                await write(written)
            assert written is not None, "pending, or just written"
            await agent.put_site(written)
    except AgentError as error:
        return Brought(in_force, f"{error.reason}: {error}", changing=step is not None and not step.last)
    return Brought(in_force, "The server does not keep what it is sent", changing=step is not None and not step.last)


async def withdraw(
    *,
    written: Site | None,
    find: Callable[[], Awaitable[SiteAgent]],
    write: Callable[[dict[str, Any]], Awaitable[None]] | None,
) -> None:
    """Have nothing published of a base: returns once its server says so.

    Args:
        written: what the ConfigMap has; None when it has nothing, or nothing that makes sense.
        find: finds the agent.
        write: puts a document into the ConfigMap, and is called before the agent is looked for. None when there is
            no ConfigMap any more: somebody else may publish the base by now, whose newer document is left alone then.
    Raises:
        AgentError: there is no agent, it does not answer, or the server does not keep what it is sent.
        ApiError: from `write`.
    """
    agent: SiteAgent | None = None
    stop = withdrawal(written, None)
    for _ in range(MOST_STEPS):
        if stop is not None and stop != written:
            if write is not None:
                await write(stop)
            written = stop
        agent = agent or await find()
        in_force = await _in_force(agent, written)
        if write is None and (in_force is None or revision_of(in_force) > revision_of(written)):
            return
        stop = withdrawal(written, in_force)
        if stop is None:
            return
        if stop == written:
            await agent.put_site(stop)
    raise AgentError("NotKept", "the server does not keep what it is sent")


async def _in_force(agent: SiteAgent, written: Site | None) -> Site | None:
    try:
        told = await agent.site()
    except AgentError as error:
        if error.reason == "NothingPublished":
            return None
        raise
    # A server of another release than the operator's leaves out what it does not know, and fills in what it does: what
    # is in force is the document of that revision, not what the server says of it.
    return written if written is not None and revision_of(written) == revision_of(told) else told
