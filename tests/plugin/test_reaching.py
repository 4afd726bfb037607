"""The way to a base's agent with a person's own rights, and what is told when a piece of it is missing."""

from __future__ import annotations

import datetime as dt

import pytest
from aiohttp import web

from pronote_operator.certification.issuing import issued
from tests.plugin.conftest import Plugin
from tests.plugin.fakepod import PREFIX, SERVER_NAME, FakePod

BASE = "/apis/pronote.hosting/v1alpha1/namespaces/schools/pronotebases/jean-moulin"


@pytest.mark.parametrize(
    ("path", "right"),
    [
        (BASE, "the verb get on the resource pronotebases (jean-moulin) in namespace schools"),
        (
            f"{PREFIX}/configmaps/jean-moulin-parameters",
            "the verb get on the resource configmaps (jean-moulin-parameters) in namespace schools",
        ),
        (
            f"{PREFIX}/secrets/jean-moulin-agent",
            "the verb get on the resource secrets (jean-moulin-agent) in namespace schools",
        ),
        (
            f"{PREFIX}/pods/jean-moulin-0/portforward",
            "the verbs get and create on the resource pods/portforward (pod jean-moulin-0) in namespace schools",
        ),
    ],
)
def test_a_missing_right_is_named(plugin: Plugin, pod: FakePod, path: str, right: str) -> None:
    pod.refusals[path] = 403
    ended = plugin("connections", "jean-moulin")
    assert ended.code == 1
    assert right in ended.err
    assert pod.asked == []


def test_a_base_that_is_not_there_is_told(plugin: Plugin) -> None:
    ended = plugin("connections", "personne")
    assert ended.code == 1
    assert "base personne not found in namespace schools" in ended.err


def test_a_base_without_a_pod_is_told(plugin: Plugin, pod: FakePod) -> None:
    pod.refusals[f"{PREFIX}/pods/jean-moulin-0/portforward"] = 404
    ended = plugin("connections", "jean-moulin")
    assert ended.code == 1
    assert "has no pod jean-moulin-0 in namespace schools now" in ended.err


def test_a_port_that_nobody_listens_on_is_told(plugin: Plugin, pod: FakePod) -> None:
    pod.port_refuses = True
    ended = plugin("connections", "jean-moulin")
    assert ended.code == 1
    assert "does not answer (connection refused); see kubectl pronote status jean-moulin" in ended.err


def test_the_agents_own_words_are_told(plugin: Plugin, pod: FakePod) -> None:
    answer = {"reason": "ServerUnreachable", "message": "the server does not listen"}
    pod.agent_answer = lambda _request: web.json_response(answer, status=503)
    ended = plugin("blocked", "jean-moulin")
    assert ended.code == 1
    assert "the server does not listen" in ended.err


def test_the_token_goes_to_no_agent_but_the_bases(plugin: Plugin, pod: FakePod) -> None:
    pod.authority = issued("autre", "schools", (SERVER_NAME,), dt.datetime.now(dt.UTC)).authority
    ended = plugin("connections", "jean-moulin")
    assert ended.code == 1
    assert "certificate verify failed" in ended.err.lower()
    assert pod.asked == []
