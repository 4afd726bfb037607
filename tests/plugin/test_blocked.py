"""`kubectl pronote blocked | unblock`: addresses, and whole sites of IPv6."""

from __future__ import annotations

import json

import pytest

from tests.plugin.conftest import Plugin
from tests.plugin.fakepod import FakePod

ONE = {"address": "192.0.2.7", "prefixLength": 32, "until": "2100-01-01T00:00:00Z"}
SITE = {"address": "2001:db8::", "prefixLength": 64, "until": "2100-01-02T00:00:00Z"}


@pytest.fixture(autouse=True)
def suspended(pod: FakePod) -> None:
    pod.blocked = [SITE, ONE]


def test_they_are_shown_by_the_time_of_their_release(plugin: Plugin) -> None:
    ended = plugin("blocked", "jean-moulin")
    assert ended.code == 0, ended.err
    assert [line.split()[0] for line in ended.out.splitlines()] == ["Address", "192.0.2.7", "2001:db8::/64"]
    told = json.loads(plugin("blocked", "jean-moulin", "-o", "json").out)
    assert told == {"blockedAddresses": [ONE, SITE]}


def test_none_is_told(plugin: Plugin, pod: FakePod) -> None:
    pod.blocked = []
    ended = plugin("blocked", "jean-moulin")
    assert (ended.code, ended.out) == (0, "")
    assert "No address is suspended" in ended.err


def test_an_address_is_released_as_it_was_shown(plugin: Plugin, pod: FakePod) -> None:
    ended = plugin("unblock", "jean-moulin", "2001:db8::/64", "192.0.2.7")
    assert ended.code == 0, ended.err
    assert "Released 2 addresses of base jean-moulin." in ended.err
    assert pod.blocked == []
    assert pod.asked == ["DELETE /v1/blocked-addresses/2001%3Adb8%3A%3A", "DELETE /v1/blocked-addresses/192.0.2.7"]


def test_all_are_released(plugin: Plugin, pod: FakePod) -> None:
    assert "Released 2 addresses" in plugin("unblock", "jean-moulin", "--all").err
    ended = plugin("unblock", "jean-moulin", "--all")
    assert ended.code == 0
    assert "Released 0 addresses" in ended.err


def test_an_address_that_is_not_suspended_is_told(plugin: Plugin) -> None:
    ended = plugin("unblock", "jean-moulin", "192.0.2.8", "192.0.2.7")
    assert ended.code == 1
    assert "Released 1 address of" in ended.err
    assert "not suspended at base jean-moulin: 192.0.2.8" in ended.err


def test_what_is_no_address_is_never_sent(plugin: Plugin, pod: FakePod) -> None:
    ended = plugin("unblock", "jean-moulin", "192.0.2.7", "../site")
    assert ended.code == 1
    assert "'../site' is no IP address" in ended.err
    assert pod.forwards == 0


@pytest.mark.parametrize("arguments", [[], ["192.0.2.7", "--all"]])
def test_either_addresses_or_all(plugin: Plugin, arguments: list[str]) -> None:
    assert plugin("unblock", "jean-moulin", *arguments).code == 2
