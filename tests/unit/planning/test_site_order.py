"""A publication whose delegations change is stopped, changed and published again, whatever happens on the way."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pronote_operator.planning.site_order import Site, delegations_of, next_step


def site(published: bool, *delegations: str, espaces: tuple[str, ...] = ("Parents",)) -> dict[str, Any]:
    return {
        "published": published,
        "espaces": list(espaces),
        "delegations": [{"name": name[0], "casUrl": f"https://{name}.example.org"} for name in delegations],
    }


@dataclass
class Server:
    """What is in force, and every document that ever was."""

    history: list[Site] = field(default_factory=list)

    @property
    def in_force(self) -> Site | None:
        return self.history[-1] if self.history else None

    def passes(self, wanted: Site, limit: int = 10) -> int:
        """Carry out whole passes until nothing is left; how many documents that took."""
        for count in itertools.count():
            step = next_step(wanted, self.in_force)
            if step.site is None:
                return count
            assert count < limit, "it never ends"
            self.history.append({"revision": len(self.history), **step.site})
        raise AssertionError


def test_a_changed_delegation_takes_three_documents() -> None:
    server = Server()
    server.passes(site(True, "a1"))
    seen = len(server.history)
    assert server.passes(site(True, "a2")) == 3
    assert [(one["published"], one["delegations"]) for one in server.history[seen:]] == [
        (False, site(True, "a1")["delegations"]),
        (False, site(True, "a2")["delegations"]),
        (True, site(True, "a2")["delegations"]),
    ]


def test_the_last_step_alone_is_the_last() -> None:
    server, told = Server([site(True, "a1")]), []
    while (step := next_step(site(True, "a2"), server.in_force)).site is not None:
        told.append(step.last)
        server.history.append(step.site)
    assert told == [False, False, True]


def test_a_change_of_nothing_but_espaces_stops_nobody() -> None:
    server = Server([site(True, "a1")])
    assert server.passes(site(True, "a1", espaces=("Parents", "Eleves"))) == 1
    assert all(one["published"] for one in server.history)


def test_an_espace_is_taken_out_at_once_while_delegations_change() -> None:
    step = next_step(site(True, "a2", espaces=("Eleves",)), site(True, "a1"))
    assert step.site is not None
    assert step.site["espaces"] == ["Eleves"]


def test_what_its_owner_stopped_stays_stopped() -> None:
    server = Server([site(True, "a1")])
    server.passes(site(False, "a2"))
    seen = len(server.history)
    server.passes(site(False, "a3", "b1"))
    assert not any(one["published"] for one in server.history[seen:])
    assert server.history[-1]["delegations"] == site(False, "a3", "b1")["delegations"]


def test_the_order_of_delegations_is_no_change_of_them() -> None:
    server = Server([site(True, "a1", "b1")])
    assert server.passes(site(True, "b1", "a1")) <= 1
    assert all(one["published"] for one in server.history)


def test_a_server_that_has_nothing_is_never_shown_delegations_and_pages_together() -> None:
    server = Server()
    server.passes(site(True, "a1"))
    assert [one["published"] for one in server.history] == [False, True]


sites = st.builds(
    site,
    st.booleans(),
    st.sampled_from(["a1", "a2"]),
    st.sampled_from(["b1", "b2", "c1"]),
    espaces=st.sampled_from([("Parents",), ("Parents", "Eleves")]),
) | st.builds(site, st.booleans())
happenings = st.lists(
    st.tuples(sites, st.lists(st.sampled_from(["done", "answer lost", "killed before", "server forgot"]), max_size=4)),
    min_size=1,
    max_size=6,
)


@given(happenings)
def test_whatever_is_changed_killed_or_lost_it_ends_as_wanted_and_keeps_the_order(
    changes: list[tuple[dict[str, Any], list[str]]],
) -> None:
    server = Server()
    for wanted, what_happens in changes:
        for happening in what_happens:
            step = next_step(wanted, server.in_force)
            # Killed before it was sent, or after it was and before the answer came: the next pass looks anew.
            if step.site is not None and happening in ("done", "answer lost"):
                server.history.append(step.site)
            if happening == "server forgot" and server.in_force is not None:
                server.history.append(dict(server.in_force))
        server.passes(wanted)
        assert server.in_force is not None
        assert {k: v for k, v in server.in_force.items() if k != "revision"} == wanted
    for before, after in itertools.pairwise([site(False), *server.history]):
        if delegations_of(before) != delegations_of(after):
            assert not before["published"]
            assert not after["published"]
