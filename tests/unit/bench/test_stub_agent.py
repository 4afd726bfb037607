"""What stands in for an agent answers as one does, and notes the roll of its base."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench.rolls import roll_of
from bench.stub_agent import StubAgent
from pronote_operator.agent.work import Desk

TOKEN = "0123456789abcdef"
NAME = "archive-20260901T2000Z"
ORDER = {"name": NAME, "kind": "Archive"}


def pod(uid: str, version: str, *, ready: bool = True) -> dict[str, Any]:
    plan = json.dumps({"schoolYear": 2026})
    return {
        "metadata": {"uid": uid, "labels": {"pronote.hosting/version": version}},
        "spec": {"initContainers": [{"name": "prepare", "env": [{"name": "PRONOTE_DATA_PLAN", "value": plan}]}]},
        "status": {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]},
    }


async def asked(agent: StubAgent, method: str, path: str, body: Any = None, token: str = TOKEN) -> tuple[int, Any]:
    sent = b"" if body is None else json.dumps(body).encode()
    answer = await agent.answer(method, path, f"Bearer {token}", sent)
    assert isinstance(answer.body, bytes)
    return answer.status, json.loads(answer.body)


@pytest.fixture
async def agent() -> StubAgent:
    made = StubAgent(TOKEN, archive=(0.5, 0.5), desk=Desk(join_seconds=0.02))
    made.seen(pod("old", "2026.2.5"))
    return made


async def test_whoever_brings_another_token_learns_nothing_and_is_counted(agent: StubAgent) -> None:
    status, _ = await asked(agent, "GET", "/v1/info", token="another")
    assert (status, agent.refused) == (401, 1)


async def test_an_archive_is_joined_until_it_is_taken_and_is_listed_then(agent: StubAgent) -> None:
    answers = [await asked(agent, "POST", "/v1/snapshots", ORDER)]
    assert answers[0] == (202, {"phase": "Store", "doneBytes": 0, "totalBytes": 0})
    assert (await asked(agent, "POST", "/v1/snapshots", {**ORDER, "name": "archive-20260901T2001Z"}))[0] == 409
    while answers[-1][0] == 202:
        answers.append(await asked(agent, "POST", "/v1/snapshots", ORDER))
    status, taken = answers[-1]
    assert (status, taken["name"], len(answers) > 2) == (200, NAME, True)
    assert await asked(agent, "POST", "/v1/snapshots", ORDER) == (200, taken), "a name is never there twice"
    assert (await asked(agent, "GET", "/v1/snapshots"))[1]["snapshots"] == [taken]
    deleted = (await asked(agent, "POST", "/v1/deletions", {"names": [NAME, "archive-x"]}))[1]
    assert (deleted["deleted"], deleted["snapshots"]) == ([NAME], [])


async def test_a_roll_is_noted_from_the_archive_to_the_answer_of_the_pod_that_came_after(agent: StubAgent) -> None:
    assert (await asked(agent, "GET", "/v1/info"))[1] == {"version": "2026.2.5", "schoolYear": 2026}
    while (await asked(agent, "POST", "/v1/snapshots", ORDER))[0] == 202:
        pass
    await asked(agent, "GET", "/v1/info")
    agent.gone("old")
    agent.seen(pod("new", "2026.2.6", ready=False))
    assert (await asked(agent, "GET", "/v1/info"))[0] == 503
    assert roll_of(vars(agent.record)) is None
    agent.seen(pod("new", "2026.2.6"))
    assert (await asked(agent, "GET", "/v1/info"))[1] == {"version": "2026.2.6", "schoolYear": 2026}
    found = roll_of(vars(agent.record))
    assert found is not None
    assert found.pods == 1
    assert found.asked < found.archived <= found.ended <= found.ready <= found.confirmed


async def test_years_are_listed_with_the_one_that_was_made(agent: StubAgent) -> None:
    made = {"schoolYear": 2027, "state": "Prepared", "createdTime": None}
    assert await asked(agent, "PUT", "/v1/years/2027", {"from": 2026}) == (200, made)
    years = (await asked(agent, "GET", "/v1/years"))[1]["years"]
    assert [(one["schoolYear"], one["state"]) for one in years] == [(2026, "InService"), (2027, "Prepared")]
    assert (await asked(agent, "GET", "/v1/other"))[0] == 404
