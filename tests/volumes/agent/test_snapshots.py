"""The agent's endpoints for snapshots, over HTTPS: against the reference server, and against one that fails."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from pronote_operator.prepare.journal import History, Journal
from pronote_operator.snapshots import Repository
from tests.conformance import harness
from tests.unit.agent.conftest import Agent, FakeServer, running_agent

MORNING, NOON, NIGHT = "sauvegarde-20261124T0800Z", "sauvegarde-20261124T1200Z", "archive-20261124T0130Z"


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[harness.Server]:
    """The reference server on the volume of a new school."""
    volume = harness.Volume(tmp_path / "pod")
    volume.root.mkdir()
    volume.prepare()
    (volume.year_folder / "annexes" / "photos").mkdir(parents=True)
    (volume.year_folder / "annexes" / "photos" / "élève.jpg").write_bytes(b"jpeg" * 1000)
    server = harness.Server("pronote-server serve", volume)
    try:
        await asyncio.to_thread(server.start)
        yield server
    finally:
        server.kill()


@pytest.fixture
async def school(real: harness.Server, tmp_path: Path) -> AsyncIterator[Agent]:
    """An agent in front of the reference server."""
    async with running_agent(tmp_path, f"http://127.0.0.1:{real.admin_port}", real.volume.root / "data") as agent:
        yield agent


async def ask(agent: Agent, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """A request to the guarded port, and its JSON."""
    async with agent.call(method, path, data=json.dumps(body) if body is not None else b"") as response:
        return response.status, await response.json()


async def take(agent: Agent, name: str, kind: str = "Backup", **members: object) -> tuple[int, Any]:
    """Ask for a snapshot."""
    return await ask(agent, "POST", "/v1/snapshots", {"name": name, "kind": kind, **members})


async def metric(agent: Agent, line: str) -> float:
    """The value of a sample, given as it is written."""
    _, text = await agent.get("/metrics")
    return next(float(found.rsplit(" ", 1)[1]) for found in text.splitlines() if found.startswith(line + " "))


def scripted(server: FakeServer, agent: Agent, *, seconds: float = 0.0) -> None:
    """Let the scripted server make checkpoints, of a base of its own, and remove them."""
    made = 0

    async def checkpoint(_request: web.Request) -> web.Response:
        nonlocal made
        made += 1
        await asyncio.sleep(seconds)
        folder = agent.volume / "checkpoints" / f"cp{made}"
        folder.mkdir(parents=True)
        connection = sqlite3.connect(folder / "base.sqlite")
        connection.execute("CREATE TABLE pupils (id)")
        connection.executemany("INSERT INTO pupils VALUES (?)", [(number,) for number in range(600)])
        connection.commit()
        connection.close()

        async def removed(_request: web.Request) -> web.Response:
            (folder / "base.sqlite").unlink()
            folder.rmdir()
            return web.Response(status=204)

        server.answers[f"DELETE /v1/checkpoint/{folder.name}"] = removed
        said = {"name": folder.name, "schoolYear": 2026, "version": "1", "createdTime": "2026-11-24T08:00:01Z"}
        return web.json_response(said)

    server.answers["POST /v1/checkpoint"] = checkpoint


async def test_a_running_school_is_taken_listed_verified_and_deleted(school: Agent, real: harness.Server) -> None:
    status, made = await take(school, NIGHT, "Archive", intervalSeconds=86400, deadlineSeconds=7200)
    assert status == 200, made
    assert (made["name"], made["kind"], made["schoolYear"], made["version"]) == (NIGHT, "Archive", 2026, "2026.2.5")
    assert made["sizeBytes"] > 4000
    assert dt.datetime.fromisoformat(made["takenTime"]).timestamp() == pytest.approx(time.time(), abs=30)
    assert list(real.volume.checkpoints.iterdir()) == [], "the checkpoint was removed"

    assert await take(school, NIGHT, "Archive") == (200, made)
    status, listing = await ask(school, "GET", "/v1/snapshots")
    assert (status, listing["snapshots"]) == (200, [made])
    assert listing["repositoryBytes"] > 0
    assert listing["volumeFreeBytes"] > 0

    status, verified = await ask(school, "POST", f"/v1/snapshots/{NIGHT}/verification")
    assert (status, verified["name"]) == (200, NIGHT)
    assert list((school.volume / ".agent").iterdir()) == [], "nothing readable is left"

    assert await metric(school, 'pronote_snapshots_kept{kind="archive"}') == 1
    assert await metric(school, 'pronote_snapshot_last_success_timestamp_seconds{kind="archive"}') > 1
    assert await metric(school, 'pronote_snapshot_last_success_timestamp_seconds{kind="backup"}') == 0
    assert await metric(school, 'pronote_snapshot_last_attempt_timestamp_seconds{kind="archive"}') > 1
    assert await metric(school, 'pronote_snapshot_size_bytes{kind="archive"}') == made["sizeBytes"]
    assert await metric(school, 'pronote_snapshot_interval_seconds{kind="archive"}') == 86400
    assert await metric(school, "pronote_snapshot_deadline_seconds") == 7200
    assert await metric(school, 'pronote_snapshot_verifications_total{result="good"}') == 1
    assert await metric(school, "pronote_snapshot_verified_timestamp_seconds") > 1
    assert await metric(school, "pronote_snapshot_stored_bytes") > 0
    assert await metric(school, "pronote_snapshots_volume_free_bytes") > 0

    out = school.volume / "out"
    Repository(school.snapshots_volume / "repository", school.snapshots_volume.parent / "key").extract(NIGHT, out)
    assert (out / "annexes" / "photos" / "élève.jpg").read_bytes() == b"jpeg" * 1000

    status, deleted = await ask(school, "POST", "/v1/deletions", {"names": [NIGHT, MORNING]})
    assert (status, deleted["deleted"], deleted["snapshots"]) == (200, [NIGHT, MORNING], [])
    assert await metric(school, 'pronote_snapshots_kept{kind="archive"}') == 0


async def test_metrics_are_the_same_after_a_restart(server: FakeServer, tmp_path: Path) -> None:
    url, volume = f"http://127.0.0.1:{server.port}", tmp_path / "data"
    shown = (
        'pronote_snapshot_last_success_timestamp_seconds{kind="backup"}',
        'pronote_snapshot_last_attempt_timestamp_seconds{kind="backup"}',
        'pronote_snapshots_kept{kind="backup"}',
        'pronote_snapshot_interval_seconds{kind="backup"}',
        'pronote_snapshot_size_bytes{kind="backup"}',
        "pronote_snapshot_stored_bytes",
        "pronote_snapshot_deadline_seconds",
    )
    async with running_agent(tmp_path, url, volume) as agent:
        scripted(server, agent)
        assert (await take(agent, MORNING, intervalSeconds=7200, deadlineSeconds=600))[0] == 200
        before = [await metric(agent, line) for line in shown]
    async with running_agent(tmp_path, url, volume) as agent:
        assert [await metric(agent, line) for line in shown] == before


async def test_long_work_is_joined_and_other_work_is_told_what_runs(server: FakeServer, tmp_path: Path) -> None:
    async with running_agent(tmp_path, f"http://127.0.0.1:{server.port}", tmp_path / "data", 0.2) as agent:
        scripted(server, agent, seconds=1.0)
        status, progress = await take(agent, MORNING)
        assert (status, progress["phase"]) == (202, "Checkpoint")
        status, busy = await take(agent, NOON)
        assert (status, busy["reason"]) == (409, "Busy")
        assert MORNING in busy["message"]
        assert (await ask(agent, "GET", "/v1/snapshots"))[1]["snapshots"] == []
        phases = set()
        while status != 200:
            status, answer = await take(agent, MORNING)
            phases.add(answer.get("phase"))
        assert answer["name"] == MORNING
        assert "Store" in phases
        assert server.requests("POST /v1/checkpoint") == 1


async def test_probes_are_answered_while_borg_works(server: FakeServer, agent: Agent) -> None:
    scripted(server, agent)
    work = asyncio.create_task(take(agent, MORNING))
    slowest = 0.0
    while not work.done():
        began = time.monotonic()
        assert (await agent.get("/livez"))[0] == 200
        slowest = max(slowest, time.monotonic() - began)
        await asyncio.sleep(0.02)
    assert (await work)[0] == 200
    assert slowest < 0.8, "the kubelet waits a second"


@pytest.mark.parametrize(
    ("status", "said", "expected"),
    [
        (503, "NotReady", (503, "ServerNotReady")),
        (409, "Busy", (409, "Busy")),
        (507, "InsufficientStorage", (500, "CheckpointFailed")),
        (500, "InternalError", (500, "CheckpointFailed")),
    ],
)
async def test_a_checkpoint_that_fails_is_a_failed_snapshot(
    server: FakeServer, agent: Agent, status: int, said: str, expected: tuple[int, str]
) -> None:
    server.json("POST /v1/checkpoint", {"reason": said, "message": "no"}, status)
    code, answer = await take(agent, MORNING)
    assert (code, answer["reason"]) == expected
    assert (await ask(agent, "GET", "/v1/snapshots"))[1]["snapshots"] == []
    _, text = await agent.get("/metrics")
    counted = 'pronote_snapshot_failures_total{kind="backup",reason="CheckpointFailed"} 1.0' in text
    assert counted == (expected[1] == "CheckpointFailed")


async def test_a_server_that_is_not_ready_is_told_and_nothing_is_tried(server: FakeServer, agent: Agent) -> None:
    server.json("GET /readyz", {"reason": "Draining"}, 503)
    status, answer = await take(agent, MORNING)
    assert (status, answer["reason"]) == (503, "ServerNotReady")
    assert server.requests("POST /v1/checkpoint") == 0
    await server.stop()
    status, answer = await take(agent, NOON)
    assert (status, answer["reason"]) == (503, "ServerNotReady")


async def test_a_failure_is_told_once_and_then_tried_afresh(server: FakeServer, tmp_path: Path) -> None:
    async with running_agent(tmp_path, f"http://127.0.0.1:{server.port}", tmp_path / "data", 0.05) as agent:

        async def fails(_request: web.Request) -> web.Response:
            await asyncio.sleep(0.5)
            return web.json_response({"reason": "Disk", "message": "broken"}, status=500)

        server.answers["POST /v1/checkpoint"] = fails
        assert (await take(agent, MORNING))[0] == 202
        await asyncio.sleep(1.0)
        status, answer = await take(agent, MORNING)
        assert (status, answer["reason"]) == (500, "CheckpointFailed")
        assert "broken" in answer["message"]
        assert server.requests("POST /v1/checkpoint") == 1
        assert (await take(agent, MORNING))[0] == 202
        await asyncio.sleep(0.2)
        assert server.requests("POST /v1/checkpoint") == 2


async def test_the_checkpoint_is_removed_also_when_borg_fails_or_is_ended(server: FakeServer, agent: Agent) -> None:
    scripted(server, agent)
    key = agent.snapshots_volume.parent / "key"
    assert (await take(agent, MORNING))[0] == 200
    key.write_text("wrong horse")
    status, answer = await take(agent, NOON)
    assert (status, answer["reason"]) == (500, "KeyWrong")
    assert server.requests("DELETE /v1/checkpoint/cp2") == 1
    key.write_text("correct horse battery staple")
    work = asyncio.create_task(take(agent, NOON))
    while not (agent.volume / "checkpoints" / "cp3").exists():
        await asyncio.sleep(0.01)
    agent.snapshots.cancel()
    status, answer = await work
    assert (status, answer["reason"]) == (503, "Cancelled")
    assert list((agent.volume / "checkpoints").iterdir()) == []


async def test_checkpoints_of_an_agent_that_was_killed_are_removed(server: FakeServer, tmp_path: Path) -> None:
    (tmp_path / "data" / "checkpoints" / "old").mkdir(parents=True)
    (tmp_path / "data" / "checkpoints" / "being.written").mkdir()
    (tmp_path / "data" / ".agent" / "verification").mkdir(parents=True)
    await asyncio.sleep(0.05)
    async with running_agent(tmp_path, f"http://127.0.0.1:{server.port}", tmp_path / "data") as agent:
        assert not (tmp_path / "data" / ".agent" / "verification").exists()
        scripted(server, agent)
        await take(agent, MORNING)
        assert server.requests("DELETE /v1/checkpoint/old") == 1
        assert server.requests("DELETE /v1/checkpoint/being.written") == 0


async def test_a_damaged_snapshot_is_told_by_its_verification_and_in_the_list(server: FakeServer, agent: Agent) -> None:
    scripted(server, agent)
    await take(agent, MORNING)
    data = [path for path in (agent.snapshots_volume / "repository" / "data").rglob("*") if path.is_file()]
    largest = max(data, key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 0x55
    largest.write_bytes(content)
    status, answer = await ask(agent, "POST", f"/v1/snapshots/{MORNING}/verification")
    assert (status, answer["reason"]) == (500, "SnapshotDamaged")
    assert (await ask(agent, "GET", "/v1/snapshots"))[1]["snapshots"][0]["damaged"] is True
    assert await metric(agent, 'pronote_snapshot_verifications_total{result="damaged"}') == 1
    assert await metric(agent, 'pronote_snapshots_kept{kind="backup"}') == 0
    assert await metric(agent, "pronote_snapshots_damaged") == 1
    status, answer = await ask(agent, "POST", f"/v1/snapshots/{NOON}/verification")
    assert (status, answer["reason"]) == (404, "SnapshotMissing")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/snapshots", "{"),
        ("/v1/snapshots", "[]"),
        ("/v1/snapshots", json.dumps({"name": "../../etc", "kind": "Backup"})),
        ("/v1/snapshots", json.dumps({"name": MORNING, "kind": "Archive"})),
        ("/v1/snapshots", json.dumps({"name": MORNING, "kind": "Backup", "misspelt": 1})),
        ("/v1/snapshots", json.dumps({"name": MORNING, "kind": "Backup", "intervalSeconds": -1})),
        ("/v1/snapshots/sauvegarde-2026/verification", ""),
        ("/v1/deletions", json.dumps({"names": []})),
        ("/v1/deletions", json.dumps({"names": ["--help"]})),
        ("/v1/deletions", json.dumps({"names": MORNING})),
    ],
)
async def test_what_cannot_be_understood_is_refused(agent: Agent, path: str, body: str) -> None:
    async with agent.call("POST", path, data=body) as response:
        assert response.status == 400
        assert (await response.json())["reason"] == "InvalidRequest"


async def test_without_the_token_nobody_learns_which_paths_there_are(agent: Agent) -> None:
    for path in ("/v1/snapshots", "/v1/preparation", "/v1/deletions", "/v1/nothing"):
        async with agent.call("GET", path, token="wrong-wrong-wrong-wrong") as response:
            assert response.status == 401
    async with agent.call("DELETE", "/v1/snapshots") as response:
        assert (response.status, response.headers["Allow"]) == (405, "GET, POST")
    async with agent.call("GET", "/v1/snapshots/x/y") as response:
        assert response.status == 404


async def test_what_prepare_did_is_told_and_counted(server: FakeServer, tmp_path: Path) -> None:
    folder = tmp_path / "data" / ".prepare"
    folder.mkdir(parents=True)
    journal = Journal(str(folder / "journal.jsonl"), History(), lambda: "2026-11-24T09:00:00.000Z")
    journal.append("identity", uai="0750654D", namespace="n", name="b")
    journal.append("begin", key="empty-2026", step="empty", schoolYear=2026)
    journal.append("end", key="empty-2026", step="empty", schoolYear=2026, message="made")
    for request, result in (("a", "Restored"), ("b", "Failed")):
        members = {"key": f"restore-{request}", "step": "restore", "requestId": request, "snapshot": MORNING}
        journal.append("begin", **members, schoolYear=2026, safetySnapshot="securite-20261124T081530Z")
        ended = {"result": result, "reason": "SnapshotMissing", "message": "m", "startedTime": "2026-11-24T09:00:00Z"}
        journal.append("end", **members, safetySnapshot=None, **ended)
    journal.close()
    async with running_agent(tmp_path, f"http://127.0.0.1:{server.port}", tmp_path / "data") as agent:
        status, told = await ask(agent, "GET", "/v1/preparation")
        assert status == 200
        assert [(restore["requestId"], restore["result"]) for restore in told["restores"]] == [
            ("a", "Succeeded"),
            ("b", "Failed"),
        ]
        assert told["source"]["kind"] == "empty"
        assert await metric(agent, 'pronote_restores_total{result="failed"}') == 1
        assert await metric(agent, 'pronote_restores_total{result="succeeded"}') == 1
        assert await metric(agent, "pronote_restore_last_failure_timestamp_seconds") > 1
