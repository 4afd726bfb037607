"""The agent's endpoints for school years, on volumes as prepare makes them; and the note of a first ready server."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from pronote_operator.prepare.volume import Layout, lock
from tests.conformance import harness
from tests.unit.agent.conftest import Agent, FakeServer, running_agent
from tests.volumes.prepare.conftest import PLAN, Volume, make_volume
from tests.volumes.prepare.killing import Killer, points_of, tree
from tests.volumes.prepare.test_new_year import served

TURNED = {**PLAN, "schoolYear": 2026, "newYear": {"from": 2025}}


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    """A volume with the base of 2025 in service."""
    made = make_volume(tmp_path / "pod")
    served(made)
    return made


@pytest.fixture
async def school(volume: Volume, server: FakeServer, tmp_path: Path) -> AsyncIterator[Agent]:
    """Its agent; the server is scripted."""
    server.json("GET /v1/info", {"contract": "v1", "schoolYear": 2025})
    async with running_agent(tmp_path, f"http://127.0.0.1:{server.port}", volume.root) as agent:
        yield agent


async def ask(agent: Agent, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """A request to the guarded port, and its JSON."""
    data = json.dumps(body) if body is not None else b""
    async with agent.call(method, path, data=data) as response:
        return response.status, await response.json()


async def test_the_coming_year_is_made_beside_the_one_in_service_once(school: Agent, volume: Volume) -> None:
    status, made = await ask(school, "PUT", "/v1/years/2026", {"from": 2025})
    assert (status, made["schoolYear"], made["state"]) == (200, 2026, "Prepared")
    request = json.loads((volume.root / "years/2026/new-base.json").read_text())
    assert (request["schoolYear"], request["slotMinutes"], request["dayEnd"]) == (2026, 55, "17:30")
    assert volume.events[-2:] == ["begin new-year-2026", "end new-year-2026"]
    before = tree(volume.root)
    assert await ask(school, "PUT", "/v1/years/2026", {"from": 2025}) == (200, made)
    assert tree(volume.root) == before
    status, listed = await ask(school, "GET", "/v1/years")
    assert status == 200
    assert [(year["schoolYear"], year["state"]) for year in listed["years"]] == [
        (2025, "InService"),
        (2026, "Prepared"),
    ]
    assert made == listed["years"][1]
    assert all(year["createdTime"] for year in listed["years"])
    # The turn finds it, and does not make it again.
    assert volume.prepare(TURNED) == 0
    assert volume.events[-2:] == ["begin turn-2026", "end turn-2026"]


async def test_two_callers_at_once_get_the_same_base(school: Agent, volume: Volume) -> None:
    answers = await asyncio.gather(*(ask(school, "PUT", "/v1/years/2026", {"from": 2025}) for _ in range(4)))
    assert len({json.dumps(answer) for answer in answers}) == 1
    assert volume.events.count("end new-year-2026") == 1


async def test_years_are_told_by_the_one_in_service(school: Agent, server: FakeServer, volume: Volume) -> None:
    volume.with_year(2023, "base.sqlite-wal")
    volume.with_year(2024)
    server.json("GET /v1/info", {"contract": "v1", "schoolYear": 2025})
    _, listed = await ask(school, "GET", "/v1/years")
    assert listed["years"][0] == {"schoolYear": 2024, "state": "Kept", "createdTime": None}
    assert [year["schoolYear"] for year in listed["years"]] == [2024, 2025]


async def test_what_a_snapshot_is_writing_stays(school: Agent, volume: Volume) -> None:
    (volume.root / "checkpoints/.being-written").mkdir()
    (volume.root / ".prepare/staging-2026").mkdir()
    (volume.root / ".prepare/staging-2026/new-base.json").write_text("half")
    assert (await ask(school, "PUT", "/v1/years/2026", {"from": 2025}))[0] == 200
    assert (volume.root / "checkpoints/.being-written").exists()
    assert json.loads((volume.root / "years/2026/new-base.json").read_text())["schoolYear"] == 2026


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/v1/years/2026", {}, "from is a school year"),
        ("/v1/years/2026", {"from": "2025"}, "from is a school year"),
        ("/v1/years/2026", {"from": True}, "from is a school year"),
        ("/v1/years/2026", {"from": 2026}, "must be later than from"),
        ("/v1/years/2026", {"from": 2027}, "must be later than from"),
        ("/v1/years/2024", {"from": 2023}, "no earlier one is made"),
        ("/v1/years/3000", {"from": 2025}, "must be later than from"),
        ("/v1/years/2026", {"from": 2025, "grid": {}}, "unknown members: grid"),
        ("/v1/years/2026", [], "no JSON object"),
    ],
)
async def test_a_request_that_cannot_be_meant_is_refused(
    school: Agent, volume: Volume, path: str, body: object, said: str
) -> None:
    before = tree(volume.root)
    status, answer = await ask(school, "PUT", path, body)
    assert (status, answer["reason"]) == (400, "InvalidRequest")
    assert said in answer["message"]
    assert tree(volume.root) == before


async def test_a_year_that_cannot_be_made_is_refused_with_the_reason_of_prepare(school: Agent, volume: Volume) -> None:
    status, answer = await ask(school, "PUT", "/v1/years/2026", {"from": 2024})
    assert (status, answer["reason"]) == (409, "SchoolYearMissing")
    volume.with_year(2026, "base.sqlite-wal")
    status, answer = await ask(school, "PUT", "/v1/years/2026", {"from": 2025})
    assert (status, answer["reason"]) == (409, "SchoolYearDamaged")


async def test_a_volume_of_another_school_is_refused(school: Agent, volume: Volume) -> None:
    volume.journal.write_text(volume.journal.read_text().replace("0750654D", "0210066H"))
    status, answer = await ask(school, "PUT", "/v1/years/2026", {"from": 2025})
    assert (status, answer["reason"]) == (409, "UaiMismatch")


async def test_a_volume_that_another_process_works_on_is_busy(school: Agent, volume: Volume) -> None:
    held = lock(Layout(str(volume.root)))
    try:
        status, answer = await ask(school, "PUT", "/v1/years/2026", {"from": 2025})
    finally:
        os.close(held)
    assert (status, answer["reason"]) == (409, "Busy")


async def test_without_a_server_nothing_is_told_and_nothing_made(
    school: Agent, server: FakeServer, volume: Volume
) -> None:
    before = tree(volume.root)
    await server.stop()
    for method, path, body in (("GET", "/v1/years", None), ("PUT", "/v1/years/2026", {"from": 2025})):
        status, answer = await ask(school, method, path, body)
        assert (status, answer["reason"]) == (503, "ServerNotReady")
    assert tree(volume.root) == before


async def test_whoever_has_no_token_learns_and_makes_nothing(school: Agent, volume: Volume) -> None:
    for method, path in (("GET", "/v1/years"), ("PUT", "/v1/years/2026")):
        async with school.call(method, path, token="wrong", data=b'{"from": 2025}') as response:
            assert response.status == 401
    assert not (volume.root / "years/2026").exists()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("DELETE", "/v1/years/2025", 405),
        ("POST", "/v1/years", 405),
        ("GET", "/v1/years/2025", 405),
        ("PUT", "/v1/years/../../etc", 404),
        ("PUT", "/v1/years/26", 404),
        ("PUT", "/v1/years/2026/", 404),
    ],
)
async def test_no_other_request_about_years_exists(school: Agent, method: str, path: str, status: int) -> None:
    assert (await ask(school, method, path))[0] == status


async def test_a_running_server_goes_on_while_the_coming_year_is_made(tmp_path: Path) -> None:
    pod = harness.Volume(tmp_path / "pod")
    pod.root.mkdir()
    pod.prepare()
    data = pod.root / "data"
    shutil.rmtree(data)
    data.mkdir()
    # As prepare leaves it for the first start.
    grid = {"slotMinutes": 50, "dayStart": "07:30", "dayEnd": "17:30"}
    assert Volume(data, tmp_path / "termination").prepare(source={"empty": grid}) == 0
    server = harness.Server("pronote-server serve", pod)
    try:
        await asyncio.to_thread(server.start)
        async with running_agent(tmp_path, f"http://127.0.0.1:{server.admin_port}", data) as agent:
            status, made = await ask(agent, "PUT", "/v1/years/2027", {"from": 2026})
            assert (status, made["state"]) == (200, "Prepared"), made
            request = json.loads((data / "years/2027/new-base.json").read_text())
            assert (request["slotMinutes"], request["dayStart"]) == (50, "07:30")
            assert (await asyncio.to_thread(server.log_in)).status == 200
        assert server.stop() == 0
    finally:
        server.kill()
    assert sorted(path.name for path in pod.year_folder.iterdir()) == [".server.lock", "base.sqlite"]


def test_a_making_that_is_killed_or_fails_anywhere_is_finished_by_asking_again(tmp_path: Path) -> None:
    model = make_volume(tmp_path / "model")
    served(model, log=True)
    killer = Killer()

    def new(name: str) -> tuple[Volume, dict[str, str]]:
        shutil.copytree(model.root, tmp_path / name / "volume")
        made = Volume(tmp_path / name / "volume", tmp_path / name / "termination-log")
        return made, {"PRONOTE_VOLUME": str(made.root), "MAKE_YEAR": "2026 2025"}

    try:
        reference, environment = new("reference")
        uninterrupted = killer.run(environment)
        assert uninterrupted.exit_code == 0
        made = tree(reference.root / "years/2026")
        for number, point in enumerate(points_of(uninterrupted, ("after", "torn", "ENOSPC"))):
            found, environment = new(str(number))
            run = killer.run(environment, point)
            assert run.killed or run.exit_code in (0, 74), point
            assert tree(found.root / "years/2026") in ({}, made), point
            assert killer.run(environment).exit_code == 0, point
            assert tree(found.root / "years/2026") == made, point
            assert found.events.count("end new-year-2026") == 1, point
            # The reserve of the journal may have been given up for a line of it.
            assert {path.name for path in (found.root / ".prepare").iterdir()} <= {"journal.jsonl", "reserve"}, point
            shutil.rmtree(found.root)
    finally:
        killer.close()


async def test_a_ready_server_on_a_base_that_was_turned_to_is_noted_before_the_pod_is_ready(
    school: Agent, server: FakeServer, volume: Volume
) -> None:
    volume.prepare(TURNED)
    server.json("GET /v1/info", {"contract": "v1", "schoolYear": 2026})
    server.json("GET /readyz", {"reason": "Starting"}, status=503)
    assert (await school.get("/readyz"))[0] == 503
    assert volume.events[-1] == "end turn-2026"
    await asyncio.sleep(0.6)
    server.json("GET /readyz", {"ready": True})
    assert (await school.get("/readyz"))[0] == 200
    assert volume.events[-1] == "end served-2026"
    before = volume.journal.read_text()
    await asyncio.sleep(0.6)
    assert (await school.get("/readyz"))[0] == 200
    assert volume.journal.read_text() == before
    assert server.requests("GET /v1/info") == 1


async def test_a_year_without_a_turn_is_not_noted(school: Agent, volume: Volume) -> None:
    before = tree(volume.root)
    assert (await school.get("/readyz"))[0] == 200
    assert tree(volume.root) == before


async def test_a_note_that_cannot_be_written_keeps_no_school_out_of_service(
    school: Agent, server: FakeServer, volume: Volume
) -> None:
    volume.prepare(TURNED)
    server.json("GET /v1/info", {"contract": "v1", "schoolYear": 2026})
    held = lock(Layout(str(volume.root)))
    try:
        assert (await school.get("/readyz"))[0] == 200
        assert volume.events[-1] == "end turn-2026"
    finally:
        os.close(held)
    assert (await school.get("/readyz"))[0] == 200
    assert volume.events[-1] == "end served-2026"
