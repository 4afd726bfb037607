"""Delegations change at a real server: in the operator's order, seen from the side of the replicas."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from pronote_operator.cluster.agent import AgentError
from pronote_operator.handlers.site import Brought, bring_in_force
from pronote_operator.planning.delegation import documents, resolve
from pronote_operator.planning.ent_catalogue import read_catalogue
from tests.support.net_server import ESPACES, NetServer, site_document
from tests.unit.planning.test_ca_bundle import GOOD
from tests.unit.planning.test_delegation import delegation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pronote_operator.planning.site_order import Site

CATALOGUE = read_catalogue("my-ent: {displayName: E, casUrl: 'https://ent.example.org/cas'}")


class Hosting:
    """The operator's side, without a cluster; `seen` is what a replica is told after each step."""

    def __init__(self, server: NetServer) -> None:
        self.server = server
        self.written: dict[str, Any] | None = None
        self.seen: list[dict[str, Any]] = []
        self.silent = 0

    async def site(self) -> dict[str, Any]:
        """The agent's answer."""
        if self.silent:
            self.silent -= 1
            raise AgentError("Unreachable", "no answer in time")
        answer = await asyncio.to_thread(self.server.admin, "GET", "/v1/site")
        if answer.status == 404:
            raise AgentError(answer.json["reason"], "nothing is published")
        assert answer.status == 200, answer.json
        told: dict[str, Any] = answer.json
        return told

    async def put_site(self, document: Mapping[str, Any]) -> None:
        """Send it as the agent does."""
        answer = await asyncio.to_thread(self.server.publish, dict(document))
        assert answer.status == 200, answer.json
        told = await asyncio.to_thread(self.server.net, "GET", "/net/v1/site")
        self.seen.append(told.json)

    async def write(self, document: dict[str, Any]) -> None:
        """The ConfigMap, mounted at once."""
        self.written = document
        self.server.volume.write_mounted(self.server.volume.root / "site", {"site.json": json.dumps(document)})

    async def bring(self, wanted: Site) -> Brought:
        """One pass."""
        return await bring_in_force(
            wanted,
            written=self.written,
            agent=self,
            write=self.write,
            milliseconds=lambda: time.time_ns() // 1_000_000,
        )

    def steps(self) -> list[tuple[bool, list[str]]]:
        """Whether pages were shown, and the delegations, step by step."""
        return [(one["published"], [each["name"] for each in one["delegations"]]) for one in self.seen]


def wanted(*names: str, **changes: object) -> dict[str, Any]:
    """The document that follows from delegations, the first of which trusts certificates of its own."""
    own: dict[str, Any] = {"cas": {"url": "https://cas.example.org", "caBundle": {"configMapName": "authority"}}}
    asked = [
        delegation(name, espace, **(own if number == 0 else {}))
        for number, (name, espace) in enumerate(zip(names, ("Parents", "Eleves"), strict=False))
    ]
    bundles = dict.fromkeys(names[:1], GOOD)
    document = site_document(delegations=documents(resolve(asked, CATALOGUE, bundles, [])), **changes)
    del document["revision"]
    return document


@pytest.fixture
def hosting(new_net: Callable[..., NetServer]) -> Hosting:
    """A server, and who hosts it."""
    return Hosting(new_net())


async def test_a_delegation_comes_in_force_while_no_page_is_shown(hosting: Hosting) -> None:
    assert (await hosting.bring(wanted("a"))).waiting is None
    assert hosting.steps() == [(False, []), (False, ["a"]), (True, ["a"])]
    hosting.seen.clear()
    began = time.monotonic()
    assert (await hosting.bring(wanted("a", "b"))).waiting is None
    assert time.monotonic() - began < 3
    assert hosting.steps() == [(False, ["a"]), (False, ["a", "b"]), (True, ["a", "b"])]
    hosting.seen.clear()
    assert (await hosting.bring(wanted("a", "b"))).waiting is None
    assert hosting.seen == [], "all is in force: nothing is sent"


async def test_what_the_operator_says_of_a_delegation_is_what_replicas_are_told(hosting: Hosting) -> None:
    document = wanted("a", "b")
    await hosting.bring(document)
    assert {name: hosting.seen[-1][name] for name in document} == document


async def test_nobody_is_logged_out(hosting: Hosting) -> None:
    hosting.server.add_user("prof", "enseignant")
    token = hosting.server.enter("prof", "Professeurs").json["token"]
    await hosting.bring(wanted("a"))
    assert hosting.server.net("GET", "/net/v1/session", session=token).status == 200


async def test_what_was_left_half_done_is_finished(hosting: Hosting) -> None:
    await hosting.bring(wanted("a"))
    # Stopped, and the agent is silent when it is asked what is in force.
    answer = hosting.put_site

    async def then_silent(document: Mapping[str, Any]) -> None:
        await answer(document)
        hosting.silent = 1

    hosting.put_site = then_silent  # type: ignore[method-assign]
    brought = await hosting.bring(wanted("b"))
    assert (brought.changing, brought.waiting) == (True, "Unreachable: no answer in time")
    assert hosting.seen[-1]["published"] is False
    hosting.put_site = answer  # type: ignore[method-assign]
    hosting.silent = 0
    assert (await hosting.bring(wanted("b"))).waiting is None
    assert (hosting.seen[-1]["published"], hosting.steps()[-1][1]) == (True, ["b"])


async def test_a_server_that_was_started_anew_has_it(hosting: Hosting) -> None:
    await hosting.bring(wanted("a", espaces=list(ESPACES)[:5]))
    hosting.server.stop()
    hosting.server.start()
    hosting.seen.clear()
    assert (await hosting.bring(wanted("a", espaces=list(ESPACES)[:5]))).waiting is None
    assert hosting.seen == []
