"""The guarded port: who gets in, what is passed on, what comes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from pronote_operator.agent import allowlist
from pronote_operator.agent import server as server_module
from pronote_operator.agent import web as web_module
from pronote_operator.agent.mounted import Certificate
from tests.unit.agent.conftest import TOKEN, Agent, FakeServer, common_name_at, mount_secret, write_certificate


async def test_a_caller_with_the_token_reaches_the_server(agent: Agent, server: FakeServer) -> None:
    server.json("GET /v1/info", {"contract": "v1"})
    async with agent.call("GET", "/v1/info") as response:
        assert response.status == 200
        assert await response.json() == {"contract": "v1"}


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN[:-1], TOKEN + "0", TOKEN.upper(), "é"])
async def test_without_the_token_nothing_is_passed_on_nor_told(
    agent: Agent, server: FakeServer, token: str | None
) -> None:
    for path in ("/v1/info", "/no-such-path"):
        async with agent.call("GET", path, token=token) as response:
            assert response.status == 401
            assert response.headers["WWW-Authenticate"] == "Bearer"
    assert server.seen == []


async def test_basic_credentials_are_no_token(agent: Agent) -> None:
    async with agent.call("GET", "/v1/info", token=None, headers={"Authorization": f"Basic {TOKEN}"}) as response:
        assert response.status == 401


async def test_a_new_token_is_valid_at_once_and_the_old_one_no_more(agent: Agent, server: FakeServer) -> None:
    server.json("GET /v1/info", {})
    new = "f" * 32
    async with agent.call("GET", "/v1/info") as response:
        assert response.status == 200
    mount_secret(agent.token_file.parent, "2", lambda folder: (folder / "token").write_text(new + "\n"))
    async with agent.call("GET", "/v1/info") as response:
        assert response.status == 401
    async with agent.call("GET", "/v1/info", token=new) as response:
        assert response.status == 200


@pytest.mark.parametrize("content", [None, "", "short"])
async def test_without_a_usable_token_file_nobody_gets_in(agent: Agent, content: str | None) -> None:
    agent.token_file.unlink()
    if content is not None:
        agent.token_file.write_text(content)
    for token in ("", content or "x", TOKEN):
        async with agent.call("GET", "/v1/info", token=token) as response:
            assert response.status == 503
            assert (await response.json())["reason"] == "TokenUnavailable"


async def test_only_what_is_allowed_is_passed_on(agent: Agent, server: FakeServer) -> None:
    for path, status in (("/metrics", 404), ("/v1/connections/../info", 404), ("/v1/info?x=1", 404)):
        async with agent.call("GET", path) as response:
            assert response.status == status
    async with agent.call("PUT", "/v1/info") as response:
        assert response.status == 405
        assert response.headers["Allow"] == "GET"
    assert server.seen == []


async def test_headers_of_a_caller_stay_at_the_agent(agent: Agent, server: FakeServer) -> None:
    server.json("POST /v1/checkpoint", {"name": "c"})
    headers = {"Connection": "X-Hop", "X-Hop": "1", "Cookie": "a=b", "X-Forwarded-For": "192.0.2.7", "TE": "trailers"}
    async with agent.call("POST", "/v1/checkpoint", json={"name": "c"}, headers=headers) as response:
        assert response.status == 200
    line, seen, body = server.seen[0]
    assert line == "POST /v1/checkpoint"
    assert json.loads(body) == {"name": "c"}
    assert {name.lower() for name in seen} == {"host", "user-agent", "accept", "content-type", "content-length"}


async def test_headers_of_the_server_stay_there_but_for_two(agent: Agent, server: FakeServer) -> None:
    async def answer(_request: web.Request) -> web.Response:
        headers = {"Set-Cookie": "a=b", "X-Secret": "1", "Retry-After": "3", "Keep-Alive": "timeout=1"}
        return web.json_response({}, status=409, headers=headers)

    server.answers["POST /v1/checkpoint"] = answer
    async with agent.call("POST", "/v1/checkpoint") as response:
        assert response.status == 409
        assert response.headers["Retry-After"] == "3"
        assert response.content_type == "application/json"
        assert not {"Set-Cookie", "X-Secret", "Keep-Alive"} & set(response.headers)


async def test_a_redirection_is_never_followed(agent: Agent, server: FakeServer) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "/metrics"})

    server.answers["GET /v1/info"] = answer
    async with agent.call("GET", "/v1/info") as response:
        assert response.status == 502
    assert server.requests("GET /metrics") == 0


async def test_a_large_body_is_refused(agent: Agent, server: FakeServer) -> None:
    async with agent.call("POST", "/v1/checkpoint", data=b"x" * (allowlist.BODY_BYTES + 1)) as response:
        assert response.status == 413
    assert server.seen == []


async def test_a_body_that_does_not_come_is_not_waited_for(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_module, "BODY_SECONDS", 0.2)

    async def slow() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(30)

    async with agent.call("POST", "/v1/checkpoint", data=slow()) as response:
        assert response.status == 408


async def test_an_answer_without_end_is_cut(agent: Agent, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "ANSWER_BYTES", 1000)
    server.text("GET /v1/connections", "x" * 1001)
    async with agent.call("GET", "/v1/connections") as response:
        assert response.status == 502
        assert (await response.json())["reason"] == "ServerAnswerTooLarge"


async def test_a_server_that_hangs_costs_a_bounded_time(
    agent: Agent, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_request: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    monkeypatch.setattr(allowlist, "ANSWER_SECONDS", 0.2)
    server.answers["GET /v1/info"] = hang
    async with agent.call("GET", "/v1/info") as response:
        assert response.status == 504
        assert (await response.json())["reason"] == "ServerTimedOut"


async def test_a_stopped_server_is_told(agent: Agent, server: FakeServer) -> None:
    await server.stop()
    async with agent.call("GET", "/v1/info") as response:
        assert response.status == 503
        assert (await response.json())["reason"] == "ServerUnreachable"


async def test_answers_are_counted_by_verb_and_code(agent: Agent, server: FakeServer) -> None:
    server.json("GET /v1/info", {})
    for token in (TOKEN, TOKEN, "wrong"):
        async with agent.call("GET", "/v1/info", token=token):
            pass
    async with agent.call("PATCH", "/v1/info"):
        pass
    text = (await agent.get("/metrics"))[1]
    assert 'pronote_agent_proxy_requests_total{code="200",verb="GET"} 2.0' in text
    assert 'pronote_agent_proxy_requests_total{code="401",verb="GET"} 1.0' in text
    assert 'pronote_agent_proxy_requests_total{code="405",verb="other"} 1.0' in text


async def test_a_new_certificate_is_presented_at_the_next_connection(agent: Agent) -> None:
    assert await common_name_at(agent.admin_port) == "first"
    mount_secret(agent.tls, "2", lambda folder: write_certificate(folder, "second"))
    assert await common_name_at(agent.admin_port) == "second"


async def test_a_broken_certificate_leaves_the_last_good_one(agent: Agent) -> None:
    mount_secret(agent.tls, "2", lambda folder: (folder / "tls.crt").write_text("broken"))
    assert await common_name_at(agent.admin_port) == "first"
    mount_secret(agent.tls, "3", lambda folder: write_certificate(folder, "third"))
    assert await common_name_at(agent.admin_port) == "third"


async def test_an_open_connection_outlives_a_change_of_certificate(agent: Agent, server: FakeServer) -> None:
    server.json("GET /v1/info", {})
    async with agent.call("GET", "/v1/info"):
        pass
    mount_secret(agent.tls, "2", lambda folder: write_certificate(folder, "second"))
    async with agent.call("GET", "/v1/info") as response:
        assert response.status == 200


async def test_without_any_certificate_handshakes_fail_until_there_is_one(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    certificate = Certificate(empty)
    listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=certificate.context)
    port = listener.sockets[0].getsockname()[1]
    with pytest.raises(OSError):  # noqa: PT011 - the handshake fails in one of several ways
        await common_name_at(port)
    write_certificate(empty, "late")
    assert await common_name_at(port) == "late"
    listener.close()
