"""The operator's requests to an agent, over real TLS, with certificates as the operator issues them."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from pronote_operator.builders.certificates import Certificates, issued
from pronote_operator.cluster.agent import ANSWER_BYTES, Agent, AgentAddress, AgentError, agent_session

NAME = "jean-moulin-0.jean-moulin-agent.schools.svc"
TOKEN = "0123456789abcdef"
ORDER = {"name": "archive-20261124T0130Z", "kind": "Archive"}
Handler = Callable[[web.Request], Awaitable[web.Response]]


class Script:
    """An agent that answers what a test scripts."""

    def __init__(self) -> None:
        self.answers: list[Callable[[], web.Response]] = []
        self.seen: list[tuple[str, str, Any, str]] = []

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else None
        self.seen.append((request.method, request.path, body, request.headers.get("Authorization", "")))
        return self.answers.pop(0)()

    def say(self, status: int, body: Any) -> None:
        self.answers.append(lambda: web.json_response(body, status=status))


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    return issued("jean-moulin", "schools", (NAME,), dt.datetime.now(dt.UTC))


@pytest.fixture
async def script() -> Script:
    return Script()


@pytest.fixture
async def port(script: Script, certificates: Certificates, tmp_path: Path) -> AsyncIterator[int]:
    (tmp_path / "tls.crt").write_text(certificates.leaf + certificates.authority)
    (tmp_path / "tls.key").write_text(certificates.leaf_key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    application = web.Application()

    async def handle(request: web.Request) -> web.Response:
        return await script.handle(request)

    application.router.add_route("*", "/{anything:.*}", handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with agent_session() as made:
        yield made


@pytest.fixture
def agent(port: int, session: aiohttp.ClientSession, certificates: Certificates) -> Agent:
    return Agent(session, AgentAddress("127.0.0.1", port, NAME, certificates.authority, TOKEN))


async def test_work_is_asked_for_until_it_is_done(agent: Agent, script: Script) -> None:
    script.say(202, {"phase": "Checkpoint", "doneBytes": 0, "totalBytes": 10})
    script.say(202, {"phase": "Store", "doneBytes": 5, "totalBytes": 10})
    script.say(200, {"name": ORDER["name"], "takenTime": "2026-11-24T01:31:00Z"})
    progress: list[Any] = []
    answer = await agent.take(ORDER, progress.append)
    assert answer["takenTime"] == "2026-11-24T01:31:00Z"
    assert [step["phase"] for step in progress] == ["Checkpoint", "Store"]
    assert script.seen == [("POST", "/v1/snapshots", ORDER, f"Bearer {TOKEN}")] * 3


async def test_no_archive_that_takes_long_holds_up_a_question(agent: Agent, script: Script) -> None:
    ends, asked = asyncio.Event(), asyncio.Semaphore(0)

    async def archives_take_long(request: web.Request) -> web.Response:
        if request.method == "POST":
            asked.release()
            await ends.wait()
        return web.json_response({"version": "2026.2.6", "schoolYear": 2026})

    script.handle = archives_take_long  # type: ignore[method-assign]
    archives = [asyncio.create_task(agent.take(ORDER)) for _ in range(50)]
    for _ in archives:
        await asyncio.wait_for(asked.acquire(), 20)
    assert await asyncio.wait_for(agent.info(), 5) == ("2026.2.6", 2026)
    ends.set()
    await asyncio.gather(*archives)


async def test_the_years_of_a_volume_are_listed_and_the_coming_one_is_made(agent: Agent, script: Script) -> None:
    prepared = {"schoolYear": 2027, "state": "Prepared", "createdTime": "2027-08-15T00:00:00.000Z"}
    script.say(200, prepared)
    script.say(200, {"years": [prepared]})
    assert await agent.prepare_year(2027, 2026) == prepared
    assert await agent.years() == [prepared]
    assert [(method, path, body) for method, path, body, _ in script.seen] == [
        ("PUT", "/v1/years/2027", {"from": 2026}),
        ("GET", "/v1/years", None),
    ]


@pytest.mark.parametrize("answer", [{}, {"years": None}, {"years": ["2026"]}])
async def test_an_answer_that_lists_no_years_is_none(agent: Agent, script: Script, answer: Any) -> None:
    script.say(200, answer)
    with pytest.raises(AgentError) as raised:
        await agent.years()
    assert raised.value.reason == "AnswerInvalid"


async def test_a_year_that_cannot_be_made_is_told_with_the_agents_reason(agent: Agent, script: Script) -> None:
    script.say(409, {"reason": "SchoolYearMissing", "message": "2025 is not on the volume"})
    with pytest.raises(AgentError) as raised:
        await agent.prepare_year(2026, 2025)
    assert (raised.value.reason, raised.value.not_tried) == ("SchoolYearMissing", False)


async def test_each_question_has_its_place(agent: Agent, script: Script) -> None:
    for _ in range(6):
        script.say(200, {})
    await agent.snapshots()
    await agent.preparation()
    await agent.verify("archive-20261124T0130Z")
    await agent.delete(["a", "b"])
    await agent.site()
    await agent.put_site({"revision": 1})
    assert [(method, path, body) for method, path, body, _ in script.seen] == [
        ("GET", "/v1/snapshots", None),
        ("GET", "/v1/preparation", None),
        ("POST", "/v1/snapshots/archive-20261124T0130Z/verification", {}),
        ("POST", "/v1/deletions", {"names": ["a", "b"]}),
        ("GET", "/v1/site", None),
        ("PUT", "/v1/site", {"revision": 1}),
    ]


async def test_an_answer_without_content_is_one(agent: Agent, script: Script) -> None:
    script.answers.append(lambda: web.Response(status=204))
    await agent.put_site({"revision": 1})


@pytest.mark.parametrize(
    ("status", "reason", "not_tried"),
    [
        (503, "ServerNotReady", True),
        (503, "Cancelled", True),
        (409, "Busy", True),
        (507, "VolumeFull", False),
        (500, "CheckpointFailed", False),
    ],
)
async def test_a_refusal_is_told_with_its_reason(
    agent: Agent, script: Script, status: int, reason: str, not_tried: bool
) -> None:
    script.say(status, {"reason": reason, "message": "why"})
    with pytest.raises(AgentError, match="why") as refused:
        await agent.take(ORDER)
    assert (refused.value.reason, refused.value.not_tried) == (reason, not_tried)


@pytest.mark.parametrize("text", ["", "[]", "<html>", "{"])
async def test_an_answer_that_is_no_object_is_no_answer(agent: Agent, script: Script, text: str) -> None:
    script.answers.append(lambda: web.Response(text=text))
    with pytest.raises(AgentError) as refused:
        await agent.snapshots()
    assert refused.value.reason == "AnswerInvalid"


async def test_an_endless_answer_is_cut_off(agent: Agent, script: Script) -> None:
    script.answers.append(lambda: web.Response(body=b"x" * (ANSWER_BYTES + 1)))
    with pytest.raises(AgentError) as refused:
        await agent.snapshots()
    assert refused.value.reason == "AnswerInvalid"


async def test_another_schools_agent_is_not_spoken_to(
    port: int, session: aiohttp.ClientSession, script: Script, certificates: Certificates
) -> None:
    others = issued("autre", "schools", (NAME,), dt.datetime.now(dt.UTC))
    wrong = (
        AgentAddress("127.0.0.1", port, NAME, others.authority, TOKEN),
        AgentAddress("127.0.0.1", port, "autre-0.autre-agent.schools.svc", certificates.authority, TOKEN),
    )
    for address in wrong:
        with pytest.raises(AgentError) as refused:
            await Agent(session, address).snapshots()
        assert refused.value.reason == "Unreachable"
    assert script.seen == [], "the token never went out"


async def test_nobody_there_is_told_as_such(session: aiohttp.ClientSession, certificates: Certificates) -> None:
    nobody = Agent(session, AgentAddress("127.0.0.1", 9, NAME, certificates.authority, TOKEN))
    with pytest.raises(AgentError) as refused:
        await nobody.take(ORDER)
    assert refused.value.not_tried
