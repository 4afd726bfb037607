"""The operator's side of the agent's API (docs/reference/agent-api.md): one base's agent, spoken to over TLS.

The agent's certificate is signed by an authority of that base alone, and the token is that base's: one school's agent
can neither pose as another's nor be spoken to with another's token.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
import yarl

ANSWER_SECONDS = 40.0
"""The agent answers within 20 s, if only to say how far it is."""
CONNECT_SECONDS = 5.0
WORK_SECONDS = 6 * 3600.0
"""After so long without an end, work under way is given up here; the agent's own bounds are tighter."""
ANSWER_BYTES = 4 << 20
NOT_TRIED = frozenset({"Unreachable", "ServerNotReady", "Busy", "TokenUnavailable", "Cancelled"})
"""Reasons that mean: nothing was tried, or an agent that had to end gave it up; ask again later."""

Json = dict[str, Any]


class AgentError(Exception):
    """The agent refused, failed, or did not answer.

    Args:
        reason: CamelCase: the agent's own, or `Unreachable`, `AnswerInvalid`.
        message: one sentence for people.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message

    @property
    def not_tried(self) -> bool:
        """Whether nothing was tried at all."""
        return self.reason in NOT_TRIED


@dataclass(frozen=True, slots=True)
class AgentAddress:
    """How the agent of one base is reached.

    Args:
        host: address of the pod.
        port: of the guarded API.
        server_name: the name that its certificate must bear.
        authority: certificate of the authority, PEM.
        token: bearer token.
    """

    host: str
    port: int
    server_name: str
    authority: str
    token: str


class Agent:
    """One base's agent. The session is shared by all and outlives them."""

    def __init__(self, session: aiohttp.ClientSession, address: AgentAddress) -> None:
        self._session = session
        self._address = address
        self._trust = ssl.create_default_context(cadata=address.authority)

    async def snapshots(self) -> Json:
        """What is kept. Raises AgentError."""
        return await self._once("GET", "/v1/snapshots")

    async def preparation(self) -> Json:
        """What `prepare` did to the data volume. Raises AgentError."""
        return await self._once("GET", "/v1/preparation")

    async def years(self) -> list[Json]:
        """The bases on the data volume, oldest first. Raises AgentError; its reason is `NotFound` for an older agent.

        Returns:
            `schoolYear`, `state` (`InService`, `Prepared` or `Kept`) and `createdTime` (None: not known) of each, as in
            the `bases` of a PronoteBase's status.
        """
        found = (await self._once("GET", "/v1/years")).get("years")
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise AgentError("AnswerInvalid", "the agent's answer lists no years")
        return found

    async def prepare_year(self, school_year: int, passing: int) -> Json:
        """Have the coming year's empty base made beside the one in service, unless it is there. Raises AgentError.

        Reasons that ask for a person: `SchoolYearMissing`, `SchoolYearDamaged`. An older agent answers `NotFound`: the
        base is made at the turn then.

        Args:
            school_year: that is made; the same request again is answered alike.
            passing: the year in service.

        Returns:
            `schoolYear`, `state` and `createdTime` of the base.
        """
        return (await self._ask("PUT", f"/v1/years/{school_year}", {"from": passing}))[1]

    async def info(self) -> tuple[str, int]:
        """Version and school year that the server itself answers. Raises AgentError."""
        answer = await self._once("GET", "/v1/info")
        version, year = answer.get("version"), answer.get("schoolYear")
        if not isinstance(version, str) or not isinstance(year, int):
            raise AgentError("AnswerInvalid", "the server does not say its version and school year")
        return version, year

    async def site(self) -> Json:
        """The site document in force. Raises AgentError; its reason is `NothingPublished` when there is none."""
        return await self._once("GET", "/v1/site")

    async def put_site(self, document: Mapping[str, Any]) -> None:
        """Send a site document; it is in force unless a newer one is. Raises AgentError.

        Args:
            document: of at most 512 KiB as JSON (docs/reference/net-api.md).
        """
        await self._ask("PUT", "/v1/site", document)

    async def connections(self) -> Json:
        """Who is connected, and the places of the licences. Raises AgentError."""
        return await self._once("GET", "/v1/connections")

    async def disconnect(self, connection: str) -> bool:
        """End a connection by its id; whether there was one. Raises AgentError."""
        return await self._removed(f"/v1/connections/{quote(connection, safe='')}")

    async def blocked_addresses(self) -> Json:
        """The addresses that are suspended. Raises AgentError."""
        return await self._once("GET", "/v1/blocked-addresses")

    async def release(self, address: str) -> bool:
        """Release an address; whether it was suspended. Raises AgentError."""
        return await self._removed(f"/v1/blocked-addresses/{quote(address, safe='')}")

    async def take(self, order: Mapping[str, Any], progress: Callable[[Json], None] = lambda _: None) -> Json:
        """Take a snapshot and return once it is kept. Raises AgentError.

        Args:
            order: `name`, `kind`, and what the agent's metrics are to tell of the schedule.
            progress: told how far it is.
        """
        return await self._to_the_end("/v1/snapshots", order, progress)

    async def verify(self, name: str) -> Json:
        """Restore a snapshot aside and check it. Raises AgentError."""
        return await self._to_the_end(f"/v1/snapshots/{name}/verification", {})

    async def delete(self, names: Sequence[str]) -> Json:
        """Delete snapshots; the answer tells what is kept. Raises AgentError."""
        return await self._to_the_end("/v1/deletions", {"names": list(names)})

    async def _to_the_end(
        self, path: str, body: Mapping[str, Any], progress: Callable[[Json], None] = lambda _: None
    ) -> Json:
        try:
            async with asyncio.timeout(WORK_SECONDS):
                while True:
                    status, answer = await self._ask("POST", path, body)
                    if status != 202:
                        return answer
                    progress(answer)
        except TimeoutError:
            raise AgentError("TimedOut", f"no end after {WORK_SECONDS / 3600:g} hours") from None

    async def _once(self, method: str, path: str) -> Json:
        return (await self._ask(method, path))[1]

    async def _removed(self, path: str) -> bool:
        try:
            await self._ask("DELETE", path)
        except AgentError as error:
            if error.reason == "NotFound":
                return False
            raise
        return True

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Json]:
        host = f"[{self._address.host}]" if ":" in self._address.host else self._address.host
        try:
            async with self._session.request(
                method,
                # Paths are encoded by whoever makes them, and sent as they are.
                yarl.URL(f"https://{host}:{self._address.port}{path}", encoded=True),
                json=body,
                headers={"Authorization": f"Bearer {self._address.token}"},
                ssl=self._trust,
                server_hostname=self._address.server_name,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS, sock_connect=CONNECT_SECONDS),
            ) as response:
                content = b"".join([part async for part in _bounded(response)])
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # The text of the error names address and port, no secret.
            said = "no answer in time" if isinstance(error, TimeoutError) else str(error)
            raise AgentError("Unreachable", f"the agent of the base does not answer: {said}") from error
        if response.status == 204:
            return response.status, {}
        try:
            answer = json.loads(content)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise AgentError("AnswerInvalid", f"the agent answered {response.status} without a JSON object")
        if response.status not in (200, 202):
            reason = str(answer.get("reason") or f"Status{response.status}")[:64]
            raise AgentError(reason, str(answer.get("message") or f"the agent answered {response.status}")[:600])
        return response.status, answer


async def _bounded(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > ANSWER_BYTES:
            raise AgentError("AnswerInvalid", f"the agent's answer has more than {ANSWER_BYTES} bytes")
        yield part


def agent_session() -> aiohttp.ClientSession:
    """A session for all agents.

    It has no bound of its own: whoever asks has one, by workers and by places for long work. With one for all, archives
    of many bases, each of which holds a connection for as long as an agent waits, would hold up every short question.
    """
    # Each agent is spoken to rarely: a connection kept open would cost both sides memory for nothing.
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    return aiohttp.ClientSession(connector=connector, trust_env=False)
