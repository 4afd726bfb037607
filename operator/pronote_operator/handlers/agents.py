"""Finding the agent of a base: the pod's address, the base's own authority, the base's own token."""

from __future__ import annotations

import asyncio

import aiohttp

from pronote_operator.builders.names import AGENT_PORT, AGENT_TOKEN_KEY, AUTHORITY_KEY, Names
from pronote_operator.builders.secrets import decoded
from pronote_operator.cluster.agent import Agent, AgentAddress, AgentError
from pronote_operator.cluster.client import KubeClient
from pronote_operator.cluster.kinds import PODS, SECRETS
from pronote_operator.handlers.book import ChildBook
from pronote_operator.handlers.credentials import TlsFacts
from pronote_operator.handlers.keys import Key


class Agents:
    """Agents by base. Nothing is kept: addresses change with each pod, and a token in memory could leak."""

    def __init__(self, client: KubeClient, session: aiohttp.ClientSession, book: ChildBook) -> None:
        self._client = client
        self._session = session
        self._book = book

    async def of(self, base: Key) -> Agent:
        """The agent of a base.

        Raises:
            AgentError: there is no pod to speak to, or what it takes to trust it is not there.
            ApiError: the API server refused.
        """
        names = Names(base.name)
        tls = self._book.of(base).get(("Secret", names.tls_secret))
        authority = tls.facts.authority if tls is not None and isinstance(tls.facts, TlsFacts) else None
        if authority is None:
            # In the first pass of an operator the certificates are not judged yet.
            held = await self._client.get(SECRETS, base.namespace, names.tls_secret)
            authority = decoded((held or {}).get("data"), AUTHORITY_KEY)
        pod, secret = await asyncio.gather(
            self._client.get(PODS, base.namespace, names.pod),
            self._client.get(SECRETS, base.namespace, names.agent_secret),
        )
        host = ((pod or {}).get("status") or {}).get("podIP")
        if not host or not authority or (pod or {}).get("metadata", {}).get("deletionTimestamp"):
            raise AgentError("Unreachable", "the base has no pod that could answer")
        token = decoded((secret or {}).get("data"), AGENT_TOKEN_KEY)
        if token is None:
            raise AgentError("Unreachable", f"Secret {names.agent_secret} holds no token")
        server_name = f"{names.pod}.{names.agent_service}.{base.namespace}.svc"
        return Agent(self._session, AgentAddress(host, AGENT_PORT, server_name, authority, token))
