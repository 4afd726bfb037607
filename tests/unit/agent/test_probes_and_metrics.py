"""The port of the probes: health of the agent and of the server, and one exposition for both."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from pronote_operator.agent import metrics
from tests.unit.agent.conftest import Agent, FakeServer


async def test_a_ready_server_makes_the_pod_ready(agent: Agent) -> None:
    assert (await agent.get("/livez"))[0] == 200
    assert (await agent.get("/readyz"))[0] == 200
    assert (await agent.get("/server/livez"))[0] == 200


async def test_a_stopped_server_is_not_ready_and_the_agent_lives(agent: Agent, server: FakeServer) -> None:
    await server.stop()
    assert (await agent.get("/livez"))[0] == 200
    status, text = await agent.get("/readyz")
    assert status == 503
    assert "ServerUnreachable" in text
    assert (await agent.get("/server/livez"))[0] == 503


async def test_the_reason_of_the_server_is_told(agent: Agent, server: FakeServer) -> None:
    server.json("GET /readyz", {"reason": "Draining", "message": "stopping"}, status=503)
    status, text = await agent.get("/readyz")
    assert status == 503
    assert '"Draining"' in text
    assert (await agent.get("/server/livez"))[0] == 200


async def test_a_server_that_hangs_is_reported_before_the_kubelet_gives_up(agent: Agent, server: FakeServer) -> None:
    async def hang(_request: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    server.answers["GET /readyz"] = hang
    began = time.monotonic()
    status, text = await agent.get("/readyz")
    assert status == 503
    assert "ServerTimedOut" in text
    assert time.monotonic() - began < 1


async def test_probes_that_come_together_share_one_request(agent: Agent, server: FakeServer) -> None:
    await asyncio.gather(*(agent.get("/readyz") for _ in range(20)))
    assert server.requests("GET /readyz") == 1
    await asyncio.sleep(0.6)
    await agent.get("/readyz")
    assert server.requests("GET /readyz") == 2


async def test_readiness_follows_the_server_within_its_cache(agent: Agent, server: FakeServer) -> None:
    await agent.get("/readyz")
    await server.stop()
    await asyncio.sleep(0.6)
    assert (await agent.get("/readyz"))[0] == 503
    await server.start()
    await asyncio.sleep(0.6)
    assert (await agent.get("/readyz"))[0] == 200


async def test_both_expositions_are_one(agent: Agent, server: FakeServer) -> None:
    server.text(
        "GET /metrics",
        "# HELP pronote_connections Open connections.\n"
        "# TYPE pronote_connections gauge\n"
        'pronote_connections{application="Client",mode="administratif"} 2\n'
        "# HELP pronote_logins_total Logins.\n"
        "# TYPE pronote_logins_total counter\n"
        'pronote_logins_total{result="success"} 5\n'
        "# TYPE pronote_agent_info gauge\n"
        'pronote_agent_info{version="false"} 1\n',
    )
    status, text = await agent.get("/metrics")
    assert status == 200
    families = [family.name for family in text_string_to_metric_families(text)]
    assert len(families) == len(set(families))
    assert 'pronote_connections{application="Client",mode="administratif"} 2\n' in text
    assert 'pronote_agent_info{uai="0750654D",version="1.2.3"} 1.0' in text
    assert "pronote_agent_server_up 1.0" in text
    assert "false" not in text
    assert text.endswith("\n")


@pytest.mark.parametrize("kind", ["down", "refuses", "garbage", "binary", "endless"])
async def test_without_usable_server_metrics_the_agents_own_are_there(
    agent: Agent, server: FakeServer, kind: str
) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100_000):
            await response.write(b"x 1\n" * 1000)
        return response

    if kind == "down":
        await server.stop()
    elif kind == "refuses":
        server.json("GET /metrics", {}, status=500)
    elif kind == "garbage":
        server.text("GET /metrics", "<html>no metrics</html>")
    elif kind == "binary":
        server.answers["GET /metrics"] = web.Response(body=b"\xff\xfe")
    else:
        server.answers["GET /metrics"] = endless
    status, text = await agent.get("/metrics")
    assert status == 200
    assert "pronote_agent_server_up 0.0" in text
    assert "pronote_agent_server_scrape_duration_seconds" in text
    assert all(family.name.startswith(metrics.OWN_PREFIXES) for family in text_string_to_metric_families(text))


async def test_other_paths_and_methods_do_not_exist(agent: Agent, server: FakeServer) -> None:
    for path in ("/", "/v1/info", "/server/readyz", "/server/../v1/info"):
        assert (await agent.get(path))[0] == 404
    async with agent.session.post(agent.probes + "/readyz") as response:
        assert response.status == 405
    assert server.seen == []


def test_repeated_descriptions_and_comments_are_left_out() -> None:
    text = (
        "# HELP a One.\n# TYPE a gauge\na 1\n\n# a comment\n# HELP a Again.\n# TYPE a gauge\n"
        'a{x="\u2028 #{"} 2\npronote_agent_x_total 3\n# EOF'
    )
    assert metrics.checked(text) == '# HELP a One.\n# TYPE a gauge\na 1\na{x="\u2028 #{"} 2\n'
    assert metrics.checked("") == ""


def test_callers_cannot_make_series() -> None:
    own = metrics.AgentMetrics("1", "0750654D")
    for verb in ("GET", "BREW", "X" * 500):
        own.count(verb, 404)
    text = own.exposition("")
    assert 'pronote_agent_proxy_requests_total{code="404",verb="GET"} 1.0' in text
    assert 'pronote_agent_proxy_requests_total{code="404",verb="other"} 2.0' in text
    assert "BREW" not in text
