"""The visitor's address: only trusted proxies have a say in it."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pronote_net.visitor import visitor_address
from pronote_server.addresses import is_in

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
VISITOR = "198.51.100.7"

anything = st.lists(
    st.one_of(
        st.text(st.characters(max_codepoint=255), max_size=40),
        st.sampled_from(["10.1.2.3", "192.0.2.1", "10.0.0.1, 192.0.2.1", "::ffff:10.0.0.1", "[fd00::1]:80", "unknown"]),
        st.ip_addresses().map(str),
    ),
    max_size=6,
)
untrusted = st.ip_addresses().filter(
    lambda address: not is_in(getattr(address, "ipv4_mapped", None) or address, TRUSTED)
)


@given(untrusted, anything, st.integers(1, 8))
@settings(max_examples=80, deadline=None)
def test_who_is_no_proxy_is_taken_by_their_own_address(peer: object, forwarded: list[str], hops: int) -> None:
    assert visitor_address(str(peer), forwarded, TRUSTED, hops) == visitor_address(str(peer), [], TRUSTED, hops)


@given(anything, st.integers(1, 8), st.integers(0, 3))
@settings(max_examples=80, deadline=None)
def test_what_a_visitor_writes_left_of_their_address_has_no_influence(forged: list[str], hops: int, inner: int) -> None:
    # The outermost trusted proxy appends the visitor's address, each further one the address of the one before.
    written = [VISITOR, *[f"10.0.0.{number}" for number in range(1, inner + 1)]]
    honest = visitor_address("10.9.9.9", [", ".join(written)], TRUSTED, hops)
    assert visitor_address("10.9.9.9", [*forged, ", ".join(written)], TRUSTED, hops) == honest
    assert visitor_address("10.9.9.9", [", ".join([*forged, *written])], TRUSTED, hops) == honest


@pytest.mark.parametrize(
    ("peer", "forwarded", "hops", "found"),
    [
        ("10.0.0.1", [], 1, "10.0.0.1"),
        ("10.0.0.1", [VISITOR], 1, VISITOR),
        ("::ffff:10.0.0.1", [VISITOR], 1, VISITOR),
        ("fd00::1", ["::ffff:198.51.100.7"], 1, VISITOR),
        ("10.0.0.1", [f"{VISITOR}:4711"], 1, VISITOR),
        ("10.0.0.1", ["[2001:db8::7]:4711"], 1, "2001:db8::7"),
        ("10.0.0.1", ["[2001:db8::7]"], 1, "2001:db8::7"),
        ("10.0.0.1", ["192.0.2.9", f"192.0.2.8, {VISITOR}"], 1, VISITOR),
        ("10.0.0.1", [f"192.0.2.9, {VISITOR}, 10.0.0.2"], 2, VISITOR),
        ("10.0.0.1", [f"192.0.2.9, {VISITOR}"], 2, VISITOR),
        ("10.0.0.1", [f"{VISITOR}, 10.0.0.2"], 1, "10.0.0.2"),
        ("10.0.0.1", [f"{VISITOR}, rubbish"], 2, "10.0.0.1"),
        ("10.0.0.1", ["fe80::1%eth0"], 1, "10.0.0.1"),
        ("10.0.0.1", [""], 1, "10.0.0.1"),
        ("10.0.0.1", ["," * 10000 + VISITOR], 3, VISITOR),
        (VISITOR, ["10.0.0.1"], 1, VISITOR),
    ],
)
def test_the_address_behind_proxies(peer: str, forwarded: list[str], hops: int, found: str) -> None:
    assert str(visitor_address(peer, forwarded, TRUSTED, hops)) == found


def test_without_trusted_networks_no_header_counts() -> None:
    assert str(visitor_address("10.0.0.1", [VISITOR], (), 1)) == "10.0.0.1"
