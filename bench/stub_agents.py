"""A process that stands in for the agents of all bases of a control plane: `python -m bench.stub_agents`.

All pods have one address, and it listens there. Which base is meant is told by the name that the operator asks for in
its handshake: the answer is given with the certificate of that base's own Secret, and takes only that base's token.

It says `ready` once it listens. At SIGTERM it says what it has seen of each base's roll, as JSON, and ends.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import ssl
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from aiohttp import web

from bench.hand import operators_client
from bench.stub_agent import StubAgent
from pronote_operator.builders.names import AGENT_PORT, AGENT_TOKEN_KEY, LABEL_BASE, Names
from pronote_operator.builders.secrets import decoded
from pronote_operator.cluster.client import KubeClient
from pronote_operator.cluster.kinds import PODS, SECRETS
from pronote_operator.errors import ApiError

WATCH_SECONDS = 600
Base = tuple[str, str]
"""Namespace and name."""


class StubAgents:
    """The agents of all bases.

    Args:
        archive: seconds that an archive takes, at least and at most.
    """

    def __init__(self, archive: tuple[float, float]) -> None:
        self._archive = archive
        self.agents: dict[Base, StubAgent] = {}
        self._pairs: dict[str, tuple[Base, str]] = {}
        self._contexts: dict[Base, ssl.SSLContext] = {}
        self._bases: dict[ssl.SSLContext, Base] = {}
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        """Give this one to the listener: it passes each handshake on to the context of the base that is asked for."""
        self.context.sni_callback = self._choose

    async def learn(self, client: KubeClient) -> None:
        """Read the certificates and tokens of all bases that there are."""
        async for page in client.pages(SECRETS, None, selector=LABEL_BASE):
            for body in page["items"]:
                metadata = body["metadata"]
                base = (metadata["namespace"], metadata["labels"][LABEL_BASE])
                names = Names(base[1])
                if metadata["name"] == names.tls_secret:
                    pair = "\n".join(decoded(body["data"], key) or "" for key in ("tls.crt", "tls.key"))
                    self._pairs[f"{names.pod}.{names.agent_service}.{base[0]}.svc"] = (base, pair)
                elif metadata["name"] == names.agent_secret:
                    token = decoded(body["data"], AGENT_TOKEN_KEY) or ""
                    self.agents[base] = StubAgent(token, self._archive)

    async def follow_pods(self, client: KubeClient, listed: asyncio.Event) -> None:
        """See the pods of all bases, until cancelled."""
        since = ""
        while True:
            if not since:
                async for page in client.pages(PODS, None, selector=LABEL_BASE):
                    since = page["metadata"]["resourceVersion"]
                    for body in page["items"]:
                        self._on_pod("ADDED", body)
                listed.set()
            try:
                async for event in client.watch(PODS, None, selector=LABEL_BASE, since=since, seconds=WATCH_SECONDS):
                    since = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        self._on_pod(event["type"], event["object"])
            except ApiError as error:
                if error.status != 410:
                    raise
                since = ""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        assert request.transport is not None, "it is being answered"
        base = self._bases[request.transport.get_extra_info("ssl_object").context]
        authorization = request.headers.get("Authorization", "")
        return await self.agents[base].answer(request.method, request.path, authorization, await request.read())

    def report(self) -> str:
        """What was seen, as JSON."""
        records = {
            "/".join(base): {**asdict(agent.record), "refused": agent.refused} for base, agent in self.agents.items()
        }
        return json.dumps({"cpu": time.process_time(), "bases": records})

    def _on_pod(self, kind: str, body: dict[str, object]) -> None:
        metadata = body["metadata"]
        assert isinstance(metadata, dict), "as the API gives it"
        agent = self.agents.get((metadata["namespace"], metadata["labels"][LABEL_BASE]))
        if agent is not None:
            agent.gone(metadata["uid"]) if kind == "DELETED" else agent.seen(body)

    def _choose(self, connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        if name not in self._pairs:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        base, pair = self._pairs[name]
        if base not in self._contexts:
            self._contexts[base] = context = _context_of(pair)
            self._bases[context] = base
        connection.context = self._contexts[base]
        return None


def _context_of(pair: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.num_tickets = ssl.TLSVersion.TLSv1_3, 0
    # The ssl module loads a key from files only.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(pair)
        file.flush()
        context.load_cert_chain(file.name)
    return context


async def serve(kubeconfig: Path, address: str, archive: tuple[float, float]) -> None:
    """See the module.

    Args:
        kubeconfig: an administrator's.
        address: to listen on.
        archive: seconds that an archive takes, at least and at most.
    """
    ended, listed = asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    agents = StubAgents(archive)
    async with operators_client(kubeconfig) as client:
        await agents.learn(client)
        pods = asyncio.create_task(agents.follow_pods(client, listed))
        end = asyncio.create_task(ended.wait())
        await listed.wait()
        runner = web.ServerRunner(web.Server(agents.handle, access_log=None), shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, address, AGENT_PORT, ssl_context=agents.context, backlog=1024).start()
            print("ready", flush=True)
            await asyncio.wait({pods, end}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await runner.cleanup()
            pods.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await pods
    print(agents.report(), flush=True)


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description="Stand in for the agents of all bases of a control plane.")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--address", required=True)
    parser.add_argument("--archive", type=float, nargs=2, required=True, metavar="SECONDS")
    given = parser.parse_args()
    asyncio.run(serve(given.kubeconfig, given.address, tuple(given.archive)))


if __name__ == "__main__":
    main()
