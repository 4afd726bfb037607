"""One leader by a Lease: the replica that holds it works, the others wait.

The library's election runs the work while the Lease is held. Losing it ends the work with an error: a fresh start is
the one state that is known to be right.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from kubernetes.aio import client as kube
from kubernetes.aio.leaderelection.electionconfig import Config
from kubernetes.aio.leaderelection.leaderelection import LeaderElection
from kubernetes.aio.leaderelection.leaderelectionrecord import LeaderElectionRecord
from kubernetes.aio.leaderelection.resourcelock.leaselock import LeaseLock

logger = logging.getLogger(__name__)

LEASE_NAME = "pronote-operator"
STOP_SECONDS = 10.0
"""How long the work may take to stop."""


class LeadershipLostError(RuntimeError):
    """The Lease could not be renewed in time; another replica may work by now."""


class _PatientLease(LeaseLock):
    """A Lease lock for which a connection error is one failed try, not the end of the election."""

    async def get(self, name: str, namespace: str) -> Any:
        try:
            return await super().get(name, namespace)
        except (OSError, aiohttp.ClientError, TimeoutError) as error:
            return False, kube.ApiException(status=0, reason=str(error) or type(error).__name__)

    async def create(self, name: str, namespace: str, election_record: LeaderElectionRecord) -> bool:
        # Not the library's own create: its 37.0 passes `pretty=True` where its client wants a string.
        lease = kube.V1Lease(metadata=kube.V1ObjectMeta(name=name), spec=self.update_lease(election_record))
        try:
            await self.api_instance.create_namespaced_lease(namespace, lease)
        except (kube.ApiException, OSError, aiohttp.ClientError, TimeoutError) as error:
            logger.warning("The Lease could not be created: %s", error)
            return False
        return True

    async def update(self, name: str, namespace: str, updated_record: LeaderElectionRecord) -> bool:
        try:
            return bool(await super().update(name, namespace, updated_record))
        except (OSError, aiohttp.ClientError, TimeoutError):
            return False

    async def release(self) -> None:
        """Give the Lease back, so that another replica need not wait until it ends."""
        await self.get(self.name, self.namespace)
        lease = self.lease_reference
        if lease is None or lease.spec is None or lease.spec.holder_identity != self.identity:
            return
        lease.spec.holder_identity = None
        try:
            await self.api_instance.replace_namespaced_lease(self.name, self.namespace, lease)
        except (kube.ApiException, OSError, aiohttp.ClientError, TimeoutError) as error:
            logger.info("The Lease could not be given back (%s); it ends by itself.", str(error).splitlines()[0])


async def lead(
    api_client: kube.ApiClient,
    *,
    namespace: str,
    identity: str,
    lease_seconds: int,
    work: Callable[[], Awaitable[None]],
    on_leading: Callable[[bool], None],
) -> None:
    """Wait for the Lease, then run `work` until it ends, fails, or is cancelled; nothing of it runs on afterwards.

    Args:
        identity: unique among the replicas (the pod's name and a start-time suffix).
        lease_seconds: how long a silent leader keeps the Lease; it renews every fifth of that and gives up after
            seven tenths, so that it has stopped before another one can start.
        on_leading: told True when leadership begins, False when it ends.
    Raises:
        LeadershipLostError: the Lease was lost while `work` ran.
        Exception: whatever `work` raises.
    """
    lock = _PatientLease(LEASE_NAME, namespace, identity, api_client)
    outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    tasks: set[asyncio.Task[None]] = set()

    async def begin() -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        on_leading(True)
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - carried over to whoever awaits `lead`
            _end(outcome, error)
        else:
            _end(outcome, None)

    async def lose() -> None:
        _end(outcome, LeadershipLostError("the Lease could not be renewed"))

    election = LeaderElection(
        Config(
            lock,
            lease_duration=lease_seconds,
            renew_deadline=lease_seconds * 0.7,
            retry_period=max(1.0, lease_seconds * 0.2),
            onstarted_leading=begin,
            onstopped_leading=lose,
        )
    )
    candidate = asyncio.create_task(election.run(), name="leader election")
    candidate.add_done_callback(lambda task: _carry_over(task, outcome))
    tasks.add(candidate)
    lost = False
    try:
        await outcome
    except LeadershipLostError:
        lost = True
        raise
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=STOP_SECONDS)
        if len(tasks) > 1:
            on_leading(False)
            if not lost:
                await lock.release()


def _carry_over(task: asyncio.Task[None], outcome: asyncio.Future[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _end(outcome, error)


def _end(outcome: asyncio.Future[None], error: BaseException | None) -> None:
    if outcome.done():
        return
    if error is None:
        outcome.set_result(None)
    else:
        outcome.set_exception(error)
