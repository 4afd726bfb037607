"""`kubectl pronote connections | disconnect | blocked | unblock` on a real base, with Clients that come and go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.people import Person, with_rights
from tests.cluster.schools import School
from tests.cluster.stage import Stage
from tests.cluster.webport import web_port
from tests.support.waiting import wait_until

pytestmark = pytest.mark.beside

PASSWORD = "Rentree-2026-cahier"
LICENCES = {"administrative": 2, "teachers": 3, "reservedForAdministrators": 1}

LogIn = Callable[..., int]


@pytest.fixture(scope="module")
def person(stage: Stage) -> Iterator[Person]:
    """The host of a base with few places."""
    with stage.space() as space, stage.operator(space) as process:
        process.wait_leading()
        school = School(stage.cluster, stage.kube, space, spec={"licences": LICENCES})
        school.apply().wait_ready()
        school.execute(
            *("pronote-server", "user", "add", "secretaire", "--mode", "administratif", "--password-stdin"),
            stdin=PASSWORD,
        )
        for name in ("durand", "petit"):
            school.add_user(name, PASSWORD)
        yield Person(school)


@pytest.fixture
def log_in(person: Person, tmp_path: Path) -> Iterator[LogIn]:
    """Logs a Client in, by name; the exit code of pronote-client. All connections have ended after the test."""

    def log_in(name: str, mode: str = "enseignant", *, machine: str = "PC-CDI", password: str = PASSWORD) -> int:
        folder = tmp_path / f"{name}-{machine}"
        return person.school.log_in(folder, name, password, mode, machine).returncode

    yield log_in
    if there := ids(person):
        person.pronote("disconnect", *there, "--yes")


def ids(person: Person, *filters: str) -> list[str]:
    """Ids of the connections."""
    return [str(each["id"]) for each in person.told("connections", *filters)["connections"]]


def test_who_is_connected_is_shown_and_ended(person: Person, log_in: LogIn) -> None:
    assert log_in("durand") == log_in("petit", machine="PC-SALLE-3") == 0
    assert log_in("secretaire", "administratif") == 0

    table = person.pronote("connections").stdout
    assert {"durand", "petit", "secretaire", "PC-CDI"} <= set(table.split())
    assert "Licences: administrative 1 of 2, 1 reserved; teachers 2 of 3" in table
    told = person.told("connections")
    addresses = {each["address"] for each in told["connections"]}
    assert not any(address in table for address in addresses), "addresses are shown only when asked for"
    assert all(address in person.pronote("connections", "-o", "wide").stdout for address in addresses)
    assert told["licences"]["teachers"] == {"used": 2, "limit": 3, "reserved": 0}

    assert len(ids(person, "--mode", "enseignant")) == 2
    assert len(ids(person, "--mode", "administratif", "--application", "Client")) == 1
    assert ids(person, "--application", "PRONOTE.net") == []

    assert "Ended 1 connection of base" in person.pronote("disconnect", "--machine", "pc-salle-3", "--yes").stderr
    assert "Ended 1 connection of base" in person.pronote("disconnect", "--user", "Durand", "--yes").stderr
    (left,) = ids(person)
    refused = person.pronote("disconnect", left, code=1)
    assert "no terminal to ask on" in refused.stderr
    unknown = person.pronote("disconnect", left, "0123", "--yes", code=1)
    assert "Ended 1 connection" in unknown.stderr
    assert "no connection 0123" in unknown.stderr
    assert ids(person) == []


def test_sessions_in_a_browser_are_connections_too(person: Person, log_in: LogIn) -> None:
    assert log_in("petit") == 0
    with web_port(person.school) as web:
        web.publish("Professeurs", "Parents")
        first = web.log_in("Professeurs", "durand", PASSWORD).json()["token"]
        web.log_in("Professeurs", "petit", PASSWORD, visitor="192.0.2.11").raise_for_status()
        assert web.log_in("Parents", "durand", PASSWORD).status_code in (401, 403), "a teacher is no guardian"

        told = person.told("connections", "--espace", "Professeurs")
        assert {each["application"] for each in told["connections"]} == {"PRONOTE.net"}
        assert {each["address"] for each in told["connections"]} == {"192.0.2.10", "192.0.2.11"}
        assert told["licences"]["teachers"]["used"] == 3, "they take teachers' places"
        assert ids(person, "--espace", "Parents") == []
        assert len(ids(person, "--application", "Client")) == 1

        assert web.ask("GET", "/net/v1/session", session=first).status_code == 200
        assert "Ended 2 connections" in person.pronote("disconnect", "--all-of", "Professeurs", "--yes").stderr
        assert web.ask("GET", "/net/v1/session", session=first).status_code == 401
        assert len(ids(person)) == 1, "the Client is still there"


def test_the_reserved_place_is_the_superadministrators(person: Person, log_in: LogIn) -> None:
    assert log_in("secretaire", "administratif", machine="A") == 0
    assert log_in("secretaire", "administratif", machine="B") == 4, "the last place is reserved"
    assert log_in("superadmin", "administratif", machine="C", password=person.school.password) == 0
    table = person.pronote("connections").stdout
    assert "administrative 2 of 2, 1 reserved" in table


def test_wrong_logins_suspend_an_address_until_it_is_released(person: Person, log_in: LogIn) -> None:
    assert "No address is suspended" in person.pronote("blocked").stderr
    codes = [log_in("durand", password="wrong") for _ in range(11)]
    assert codes[0] == 3
    assert codes[-1] == 5, "Medium: suspended after ten wrong logins"
    assert log_in("petit") == 5
    (blocked,) = person.told("blocked")["blockedAddresses"]
    assert blocked["address"] in person.pronote("blocked").stdout
    person.school.wait_metric("pronote_blocked_addresses", 1, 10)

    other = person.pronote("unblock", "192.0.2.1", code=1)
    assert "not suspended at base moulin: 192.0.2.1" in other.stderr
    assert "Released 1 address" in person.pronote("unblock", blocked["address"]).stderr
    assert log_in("petit") == 0
    person.school.wait_metric("pronote_blocked_addresses", 0, 10)
    assert "Released 0 addresses" in person.pronote("unblock", "--all").stderr


def test_a_disabled_client_is_disconnected_and_may_not_come_back(person: Person, log_in: LogIn) -> None:
    assert log_in("durand", machine="PC-VOLE") == 0
    person.school.apply(disabledClients=["PC-Vole"])
    # A kubelet brings a changed ConfigMap within about a minute.
    wait_until(lambda: ids(person) == [], 120, what="the disabled Client's connection has ended", every=2)
    assert log_in("durand", machine="PC-VOLE") == 6
    assert log_in("durand", machine="PC-CDI") == 0
    person.school.apply(disabledClients=None)


def test_each_missing_right_is_named(person: Person, tmp_path: Path) -> None:
    school = person.school
    rules: list[dict[str, Any]] = []

    def refused() -> str:
        poor = with_rights(school, "poor", rules, tmp_path)
        return poor.pronote("connections", code=1).stderr

    def grant(group: str, resource: str, name: str, *verbs: str) -> None:
        rules.append({"apiGroups": [group], "resources": [resource], "resourceNames": [name], "verbs": list(verbs)})

    where = f"in namespace {school.namespace}"
    assert f"the verb get on the resource pronotebases (moulin) {where}" in refused()
    grant("pronote.hosting", "pronotebases", "moulin", "get")
    assert f"the verb get on the resource configmaps (moulin-parameters) {where}" in refused()
    grant("", "configmaps", "moulin-parameters", "get")
    assert f"the verb get on the resource secrets (moulin-agent) {where}" in refused()
    grant("", "secrets", "moulin-agent", "get")
    told = refused()
    assert "the verbs get and create on the resource pods/portforward (pod moulin-0)" in told
    assert where in told
    grant("", "pods/portforward", "moulin-0", "get", "create")
    with_rights(school, "poor", rules, tmp_path).pronote("connections")


def test_what_cannot_answer_is_told(person: Person) -> None:
    school = person.school
    nobody = Person(School(school.cluster, school.kube, school.namespace, "personne"))
    assert f"base personne not found in namespace {school.namespace}" in nobody.pronote("blocked", code=1).stderr
    school.apply(inService=False)
    school.wait_no_pod()
    assert "base moulin in namespace" in (told := person.pronote("connections", code=1).stderr)
    assert "is stopped (spec.inService)" in told
    school.apply(inService=None).wait_ready()
