"""The requests that the agent passes on, and the ones that do not exist for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_operator.agent.allowlist import Allowed, MethodNotAllowed, decide


@pytest.mark.parametrize(
    ("method", "target", "sent"),
    [
        ("GET", "/v1/info", "/v1/info"),
        ("POST", "/v1/checkpoint", "/v1/checkpoint"),
        ("DELETE", "/v1/checkpoint/sauvegarde-20261124T0800Z", "/v1/checkpoint/sauvegarde-20261124T0800Z"),
        ("GET", "/v1/connections", "/v1/connections"),
        ("DELETE", "/v1/connections/7f3a", "/v1/connections/7f3a"),
        ("GET", "/v1/blocked-addresses", "/v1/blocked-addresses"),
        ("GET", "/v1/site", "/v1/site"),
        ("PUT", "/v1/site", "/v1/site"),
        ("DELETE", "/v1/blocked-addresses/192.0.2.7", "/v1/blocked-addresses/192.0.2.7"),
        ("DELETE", "/v1/blocked-addresses/2001:db8::7", "/v1/blocked-addresses/2001%3Adb8%3A%3A7"),
        ("DELETE", "/v1/blocked-addresses/2001%3Adb8%3A%3A7", "/v1/blocked-addresses/2001%3Adb8%3A%3A7"),
    ],
)
def test_the_contract_is_passed_on(method: str, target: str, sent: str) -> None:
    decided = decide(method, target)
    assert isinstance(decided, Allowed)
    assert (decided.method, decided.path) == (method, sent)


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/metrics",
        "/livez",
        "/v1",
        "/v1/",
        "/v1/info/",
        "/v1/info?x=1",
        "/v1/info#x",
        "/V1/info",
        "//v1/info",
        "/v1//info",
        "/v1/./info",
        "/v1/connections/../info",
        "/v1/connections/..",
        "/v1/connections/.",
        "/v1/connections/",
        "/v1/connections/..%2Finfo",
        "/v1/connections/%2e%2e",
        "/v1/connections/a%2Fb",
        "/v1/connections/a%252Fb",
        "/v1/connections/a/b",
        "/v1/connections/a%00",
        "/v1/connections/a%0d%0aX",
        "/v1/connections/a;b",
        "/v1/connections/a?x",
        "/v1/connections/" + "a" * 129,
        "/v1/connections/%C3%A9",
        "/v1/blocked-addresses/evil.example.org",
        "/v1/blocked-addresses/192.0.2.7%2F..",
        "http://127.0.0.1:8081/v1/info",
        "*",
        "127.0.0.1:8081",
    ],
)
def test_everything_else_does_not_exist(target: str) -> None:
    for method in ("GET", "POST", "DELETE", "PUT", "CONNECT", "OPTIONS"):
        assert decide(method, target) is None


def test_a_known_path_tells_its_methods() -> None:
    assert decide("POST", "/v1/info") == MethodNotAllowed(("GET",))
    assert decide("HEAD", "/v1/info") == MethodNotAllowed(("GET",))
    assert decide("GET", "/v1/connections/7f3a") == MethodNotAllowed(("DELETE",))


def test_only_a_checkpoint_may_take_minutes() -> None:
    checkpoint, info = decide("POST", "/v1/checkpoint"), decide("GET", "/v1/info")
    assert isinstance(checkpoint, Allowed)
    assert isinstance(info, Allowed)
    assert checkpoint.seconds > 600
    assert info.seconds < 60


def test_only_a_site_document_may_be_large() -> None:
    site, checkpoint = decide("PUT", "/v1/site"), decide("POST", "/v1/checkpoint")
    assert isinstance(site, Allowed)
    assert isinstance(checkpoint, Allowed)
    assert (site.body_bytes, site.document) == (512 << 10, True)
    assert (checkpoint.body_bytes, checkpoint.document) == (64 << 10, False)


@given(st.text(max_size=40))
def test_no_last_segment_leaves_its_folder(segment: str) -> None:
    decided = decide("DELETE", f"/v1/checkpoint/{segment}")
    if isinstance(decided, Allowed):
        assert decided.path.count("/") == 3
        assert decided.path.rpartition("/")[2] not in ("", ".", "..")
        assert decided.path.isascii()
        assert "%" not in decided.path
