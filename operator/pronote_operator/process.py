"""The operator process: probes and metrics all the time, the work only while it holds the Lease.

Losing the Lease, or a part of the work that fails, ends the term; the next one starts from nothing, in the same
process, so that an API server that is away for a while costs no crash loop.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from pronote_operator import web
from pronote_operator.app import Operator
from pronote_operator.cluster.client import KubeClient
from pronote_operator.cluster.leader import LeadershipLostError, lead
from pronote_operator.cluster.transport import load_configuration, own_namespace, sessions
from pronote_operator.metrics import IDLE, Metrics, Snapshot
from pronote_operator.settings import Settings

logger = logging.getLogger(__name__)

STEADY_SECONDS = 60.0
"""A term that lasted this long was no failed start: the next one begins at once."""


class Process:
    """One operator process.

    Args:
        identity: unique among the replicas.
        claim_signals: (re-)installs the handlers of the stop signals.
    """

    def __init__(self, settings: Settings, *, identity: str, claim_signals: Callable[[], None]) -> None:
        self._settings = settings
        self._identity = identity
        self._claim_signals = claim_signals
        self._operator: Operator | None = None
        self._metrics = Metrics(self._snapshot)
        self._failed = False

    async def run(self) -> None:
        """Serve probes, wait for the Lease, work; start anew after a failure."""
        runner, port = await web.serve(
            host=self._settings.http_host,
            port=self._settings.http_port,
            registry=self._metrics.registry,
            trouble=self._trouble,
            unready=self._unready,
        )
        logger.info("Serving /healthz, /readyz and /metrics on port %d.", port)
        try:
            failures = 0
            while True:
                started = asyncio.get_running_loop().time()
                try:
                    await self._term()
                except* LeadershipLostError as lost:
                    logger.warning("The term as leader is over: %s", lost.exceptions[0])
                except* Exception as failed:
                    self._failed = True
                    logger.exception("A part of the operator failed; starting anew: %s", failed)
                lasted = asyncio.get_running_loop().time() - started
                failures = 0 if lasted > STEADY_SECONDS else failures + 1
                pause = min(30.0, 2.0**failures)
                await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - jitter, no secret
        finally:
            await runner.cleanup()

    async def _term(self) -> None:
        settings = self._settings
        configuration = await load_configuration()
        client = KubeClient(*sessions(configuration, meter=self._metrics.request, limit=settings.max_api_connections))
        namespace = own_namespace()

        async def work() -> None:
            self._operator = Operator(
                settings,
                configuration=configuration,
                client=client,
                metrics=self._metrics,
                namespace=namespace,
                identity=self._identity,
                claim_signals=self._claim_signals,
            )
            await self._operator.run()

        try:
            if settings.leader_election:
                await lead(
                    client.api_client,
                    namespace=namespace,
                    identity=self._identity,
                    lease_seconds=settings.lease_duration_seconds,
                    work=work,
                    on_leading=self._lead,
                )
            else:
                await work()
        finally:
            self._operator = None
            await client.close()

    def _lead(self, leading: bool) -> None:
        logger.info("This replica leads." if leading else "This replica leads no more.")
        if not leading:
            self._operator = None

    def _trouble(self) -> str | None:
        operator = self._operator
        if operator is None:
            return None
        deaf = operator.deaf()
        if deaf:
            return "no sign of life from: " + ", ".join(f"{name} for {age:.0f} s" for name, age in sorted(deaf.items()))
        return None

    def _unready(self) -> str | None:
        """Ready is one that waits for the Lease, and one that leads once every base had a pass."""
        operator = self._operator
        if operator is not None and operator.synced:
            self._failed = False
        elif operator is not None:
            return "the first pass over all bases is not over"
        return "a part of the operator failed; see its log" if self._failed else None

    def _snapshot(self) -> Snapshot:
        return self._operator.snapshot() if self._operator is not None else IDLE
