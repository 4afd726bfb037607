"""The agent of a base, spoken to with a person's own rights: through a port-forward, with the base's token.

What that takes is asked for piece by piece, so that whoever may not is told which right is missing.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import TypeVar

import aiohttp

from pronote_operator.builders.names import AGENT_PORT, AGENT_TOKEN_KEY, Names
from pronote_operator.builders.secrets import decoded
from pronote_operator.cli.queries import NotFoundError, RefusedError, connection_parameters, one_base
from pronote_operator.cluster.agent import Agent, AgentAddress, AgentError
from pronote_operator.cluster.client import KubeClient
from pronote_operator.cluster.kinds import SECRETS
from pronote_operator.cluster.portforward import Forward, forwarded
from pronote_operator.errors import ApiError

CONNECTIONS = 4
"""To the agent at once."""

T = TypeVar("T")


@dataclass(frozen=True)
class Reached:
    """The agent of a base, and why it does not answer when it does not."""

    agent: Agent
    namespace: str
    base: str
    forward: Forward

    def explained(self, error: AgentError) -> str:
        """What a person is told of a request to the agent that failed."""
        names, failure = Names(self.base), self.forward.failure
        look = f"see kubectl pronote status {self.base} --namespace {self.namespace}"
        if error.reason != "Unreachable" or failure is None:
            return f"the agent of base {self.base} in namespace {self.namespace}: {error.message}; {look}"
        if failure.status in (401, 403):
            return (
                f"you may not reach the agent of base {self.base}: it takes the verbs get and create on the resource "
                f"pods/portforward (pod {names.pod}) in namespace {self.namespace}"
            )
        if failure.status == 404:
            return f"base {self.base} has no pod {names.pod} in namespace {self.namespace} now; {look}"
        return (
            f"the agent of base {self.base} in namespace {self.namespace} does not answer ({failure.message}); {look}"
        )


@contextlib.asynccontextmanager
async def reached(client: KubeClient, namespace: str, base: str) -> AsyncIterator[Reached]:
    """The agent of a base. Within the context, an AgentError becomes a RefusedError that says what to do about it.

    Raises:
        NotFoundError: there is no such base, or a part of it is not there.
        RefusedError: the base is stopped, a right is missing, or the agent does not answer.
    """
    found = await _may(one_base(client, namespace, base), f"pronotebases ({base})", namespace)
    if not found.spec.in_service:
        raise RefusedError(f"base {base} in namespace {namespace} is stopped (spec.inService): nobody is connected")
    names = Names(base)
    # The authority comes from what Clients are given: the Secret that also has it holds the authority's key.
    parameters = await _may(
        connection_parameters(client, namespace, base), f"configmaps ({names.parameters})", namespace
    )
    secret = await _may(
        client.get(SECRETS, namespace, names.agent_secret), f"secrets ({names.agent_secret})", namespace
    )
    token = decoded((secret or {}).get("data"), AGENT_TOKEN_KEY)
    if token is None:
        raise NotFoundError(f"Secret {names.agent_secret} in namespace {namespace} is not there or holds no token")
    authority = str(json.loads(parameters)["caCertificate"])
    server_name = f"{names.pod}.{names.agent_service}.{namespace}.svc"
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with (
        forwarded(client, namespace, names.pod, AGENT_PORT) as forward,
        aiohttp.ClientSession(connector=connector, trust_env=False) as session,
    ):
        agent = Agent(session, AgentAddress("127.0.0.1", forward.port, server_name, authority, token))
        there = Reached(agent, namespace, base, forward)
        try:
            yield there
        except AgentError as error:
            raise RefusedError(there.explained(error)) from error


async def _may(answer: Awaitable[T], resource: str, namespace: str) -> T:
    """An answer of the API server to a GET.

    Raises:
        RefusedError: the person has no right to it; the message names the right.
    """
    try:
        return await answer
    except ApiError as error:
        if error.status != 403:
            raise
        raise RefusedError(
            f"you may not reach the agent of a base: it takes the verb get on the resource {resource} in namespace "
            f"{namespace}"
        ) from error
