"""`kubectl pronote connections | disconnect`: what is shown, what is chosen, and what is asked first."""

from __future__ import annotations

import json

import pytest
from aiohttp import web

from pronote_operator.api.fields import ESPACES
from pronote_operator.cli import connections as commands
from tests.plugin.conftest import Plugin, school
from tests.plugin.fakepod import FakePod, connection

BROWSER = {"application": "PRONOTE.net", "mode": "consultation", "espace": "Parents", "machine": ""}


@pytest.fixture(autouse=True)
def connected(pod: FakePod) -> None:
    """Two teachers with Clients and a guardian in a browser."""
    pod.connections = [connection(1), connection(2, mode="administratif"), connection(3, **BROWSER)]


def shown(plugin: Plugin, *arguments: str) -> list[str]:
    """The users that are shown."""
    ended = plugin("connections", "jean-moulin", *arguments, "-o", "json")
    assert ended.code == 0, ended.err
    return [each["username"] for each in json.loads(ended.out)["connections"]]


def test_the_table_has_no_addresses_unless_they_are_asked_for(plugin: Plugin) -> None:
    ended = plugin("connections", "jean-moulin")
    assert ended.code == 0, ended.err
    assert "Base schools/jean-moulin: 3 connections (Client 2, PRONOTE.net 1)" in ended.out
    assert "Licences: administrative 1 of 4, 1 reserved; teachers 1 of 50" in ended.out
    assert {"user1", "PC-1", "0000000000000001"} <= set(ended.out.split())
    assert "192.0.2" not in ended.out
    assert "192.0.2.3" in plugin("connections", "jean-moulin", "-o", "wide").out


def test_programs_get_every_member_also_those_of_a_newer_server(plugin: Plugin, pod: FakePod) -> None:
    pod.connections = [connection(1, network="wifi")]
    told = json.loads(plugin("connections", "jean-moulin", "-o", "json").out)
    assert told["connections"] == [connection(1, network="wifi")]
    assert told["licences"]["administrative"] == {"used": 1, "limit": 4, "reserved": 1}


def test_filters_leave_out_all_that_does_not_fit(plugin: Plugin) -> None:
    assert shown(plugin, "--application", "client") == ["user1", "user2"]
    assert shown(plugin, "--mode", "enseignant", "--mode", "consultation") == ["user1", "user3"]
    assert shown(plugin, "--espace", "parents") == ["user3"]
    assert shown(plugin, "--espace", "Parents", "--mode", "enseignant") == []


def test_a_misspelt_espace_is_a_wrong_usage(plugin: Plugin) -> None:
    assert plugin("connections", "jean-moulin", "--espace", "Parent").code == 2
    assert tuple(commands.Espace) == ESPACES


def test_what_a_person_typed_cannot_command_the_terminal(plugin: Plugin, pod: FakePod) -> None:
    pod.connections = [connection(1, username="a\x1b[2Jb", machine="[red]x")]
    out = plugin("connections", "jean-moulin").out
    assert "a?[2Jb" in out
    assert "[red]x" in out
    assert "\x1b" not in out


def test_one_is_ended_by_id_and_several_by_what_they_have_in_common(plugin: Plugin, pod: FakePod) -> None:
    ended = plugin("disconnect", "jean-moulin", "0000000000000001", "--yes")
    assert ended.code == 0, ended.err
    assert "Ended 1 connection of base jean-moulin." in ended.err
    assert "Ended 1 connection" in plugin("disconnect", "jean-moulin", "--user", "USER2", "--yes").err
    pod.connections += [connection(number, **BROWSER) for number in range(4, 40)]
    assert "Ended 37 connections" in plugin("disconnect", "jean-moulin", "--all-of", "Parents", "--yes").err
    assert pod.connections == []
    assert "Ended 0 connections" in plugin("disconnect", "jean-moulin", "--machine", "pc-1", "--yes").err


def test_many_are_ended_over_few_connections_to_the_agent(plugin: Plugin, pod: FakePod) -> None:
    pod.connections = [connection(number, **BROWSER) for number in range(1, 101)]
    plugin("disconnect", "jean-moulin", "--all-of", "Parents", "--yes")
    assert pod.connections == []
    assert pod.forwards <= 4


def test_an_id_that_is_not_there_is_told_and_the_others_are_ended(plugin: Plugin, pod: FakePod) -> None:
    ended = plugin("disconnect", "jean-moulin", "0000000000000001", "../info", "--yes")
    assert ended.code == 1
    assert "Ended 1 connection" in ended.err
    assert "no connection ../info" in ended.err
    assert pod.asked == ["GET /v1/connections", "DELETE /v1/connections/0000000000000001"]


def test_nothing_is_ended_unasked(plugin: Plugin, pod: FakePod) -> None:
    ended = plugin("disconnect", "jean-moulin", "--user", "user1")
    assert ended.code == 1
    assert "there is no terminal to ask on: give --yes" in ended.err
    assert "user1" in ended.out
    assert len(pod.connections) == 3


@pytest.mark.parametrize(("answer", "left"), [(True, 2), (False, 3)])
def test_on_a_terminal_the_person_decides(
    plugin: Plugin, pod: FakePod, monkeypatch: pytest.MonkeyPatch, answer: bool, left: int
) -> None:
    questions: list[str] = []

    def confirm(text: str, **_options: object) -> bool:
        questions.append(text)
        return answer

    monkeypatch.setattr(commands, "on_a_terminal", lambda: True)
    monkeypatch.setattr("typer.confirm", confirm)
    assert plugin("disconnect", "jean-moulin", "--user", "user1").code == (0 if answer else 1)
    assert questions == ["End 1 connection of base jean-moulin?"]
    assert len(pod.connections) == left


@pytest.mark.parametrize("arguments", [[], ["1", "--user", "a"], ["--user", "a", "--all-of", "Parents"]])
def test_whom_to_disconnect_is_said_in_one_way(plugin: Plugin, arguments: list[str]) -> None:
    assert plugin("disconnect", "jean-moulin", *arguments, "--yes").code == 2


def test_watching_needs_a_terminal(plugin: Plugin) -> None:
    ended = plugin("connections", "jean-moulin", "--watch")
    assert ended.code == 1
    assert "on a terminal" in ended.err


def test_an_answer_that_is_not_of_the_contract_is_told_without_what_it_holds(plugin: Plugin, pod: FakePod) -> None:
    answer = {"connections": [connection(1, connectedTime="durand")]}
    pod.agent_answer = lambda _request: web.json_response(answer)
    ended = plugin("connections", "jean-moulin")
    assert ended.code == 1
    assert "not of the instance contract: connections.0.connectedTime" in ended.err
    assert "durand" not in ended.err


def test_a_stopped_base_is_told_without_asking_its_agent(plugin: Plugin, pod: FakePod) -> None:
    pod.add(school(spec={"inService": False}))
    ended = plugin("connections", "jean-moulin")
    assert ended.code == 1
    assert "is stopped (spec.inService)" in ended.err
    assert pod.forwards == 0
