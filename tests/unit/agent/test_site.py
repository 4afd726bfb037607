"""The site document's way through the agent: as large as it may be, and nothing but a JSON object."""

from __future__ import annotations

import json

import pytest

from pronote_operator.agent.allowlist import SITE_BYTES
from tests.unit.agent.conftest import Agent, FakeServer

DOCUMENT = {"revision": 1, "published": True, "espaces": ["Parents"]}


async def test_a_document_goes_through_both_ways(agent: Agent, server: FakeServer) -> None:
    server.json("PUT /v1/site", DOCUMENT)
    server.json("GET /v1/site", DOCUMENT)
    async with agent.call("PUT", "/v1/site", json=DOCUMENT) as response:
        assert response.status == 200
    assert json.loads(server.seen[0][2]) == DOCUMENT
    async with agent.call("GET", "/v1/site") as response:
        assert await response.json() == DOCUMENT


async def test_the_servers_refusal_is_passed_back(agent: Agent, server: FakeServer) -> None:
    server.json("PUT /v1/site", {"reason": "InvalidRequest", "message": "espaces.0"}, status=400)
    async with agent.call("PUT", "/v1/site", json=DOCUMENT) as response:
        assert response.status == 400
        assert (await response.json())["message"] == "espaces.0"


async def test_a_document_may_be_half_a_mebibyte(agent: Agent, server: FakeServer) -> None:
    server.json("PUT /v1/site", {})
    largest = b'{"caBundle":"' + b"x" * (SITE_BYTES - 15) + b'"}'
    headers = {"Content-Type": "application/json"}
    async with agent.call("PUT", "/v1/site", data=largest, headers=headers) as response:
        assert response.status == 200
    assert server.seen[0][2] == largest
    async with agent.call("PUT", "/v1/site", data=largest + b" ", headers=headers) as response:
        assert response.status == 413
    assert server.requests("PUT /v1/site") == 1


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000])
async def test_what_is_no_json_object_is_refused(agent: Agent, server: FakeServer, body: bytes) -> None:
    async with agent.call("PUT", "/v1/site", data=body, headers={"Content-Type": "application/json"}) as response:
        assert response.status == 400
        assert (await response.json())["reason"] == "InvalidRequest"
    assert server.seen == []


async def test_another_media_type_is_refused(agent: Agent, server: FakeServer) -> None:
    async with agent.call("PUT", "/v1/site", data=b"{}", headers={"Content-Type": "text/plain"}) as response:
        assert response.status == 400
    assert server.seen == []


async def test_without_the_token_nothing_is_published(agent: Agent, server: FakeServer) -> None:
    async with agent.call("PUT", "/v1/site", token="wrong", json=DOCUMENT) as response:
        assert response.status == 401
    assert server.seen == []
