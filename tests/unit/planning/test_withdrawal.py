"""A base that is published no more is told so with the next revision, whoever made the last one."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_operator.planning.site_order import Site, delegations_of
from pronote_operator.planning.withdrawal import HOLD, LET_GO, Patience, patience, revision_of, withdrawal
from tests.unit.planning.test_site_order import site

NOW = dt.datetime(2026, 11, 24, 8, tzinfo=dt.UTC)
documents = st.builds(
    lambda revision, published, names: {"revision": revision, **site(published, *names)},
    st.integers(0, 8),
    st.booleans(),
    st.sampled_from([(), ("a1",), ("a2", "b1")]),
)


def newest(*known: Site | None) -> Site | None:
    """What is in force of what a server was brought: the higher revision."""
    return max(known, key=revision_of)


def published(document: Site | None) -> bool:
    return bool((document or {}).get("published"))


def test_the_last_document_is_stopped_with_the_next_revision() -> None:
    last = {"revision": 7, **site(True, "a1")}
    assert withdrawal(last, last) == {**last, "revision": 8, "published": False}


def test_nothing_is_withdrawn_where_nothing_is_published() -> None:
    stopped = {"revision": 7, **site(False)}
    assert withdrawal(None, None) is None
    assert withdrawal(stopped, stopped) is None
    assert withdrawal(None, stopped) is None


def test_a_stop_that_was_written_and_not_sent_is_sent_as_it_is() -> None:
    stopped = {"revision": 8, **site(False)}
    assert withdrawal(stopped, {"revision": 7, **site(True)}) == stopped
    assert withdrawal(stopped, None) == stopped


def test_what_is_in_force_is_stopped_also_where_what_was_written_is_lost() -> None:
    assert withdrawal(None, {"revision": 7, **site(True)}) == {"revision": 8, **site(False)}


@given(st.none() | documents, st.none() | documents, st.booleans())
def test_once_it_is_in_force_nothing_is_published_whatever_a_kubelet_brings(
    written: dict[str, Any] | None, in_force: dict[str, Any] | None, asked: bool
) -> None:
    stop = withdrawal(written, in_force if asked else None)
    if stop is None:
        assert not published(newest(written, in_force if asked else None))
        return
    assert not stop["published"]
    assert revision_of(stop) >= max(revision_of(written), revision_of(in_force) if asked else 0)
    assert withdrawal(stop, stop) is None
    if asked:
        assert not published(newest(newest(written, in_force), stop))
        # What is written already comes as it is, by a kubelet if not by us.
        made = stop != written
        assert not (made and published(in_force)) or delegations_of(stop) == delegations_of(in_force)


@given(documents, st.none() | documents)
def test_whoever_is_killed_half_way_makes_the_same_document_again(
    written: dict[str, Any], in_force: dict[str, Any] | None
) -> None:
    stop = withdrawal(written, in_force)
    if stop is not None:
        assert withdrawal(stop, in_force) == stop


@pytest.mark.parametrize(
    ("waited", "borne"),
    [
        (dt.timedelta(0), Patience.HOLD),
        (HOLD, Patience.GO_ON),
        (LET_GO - dt.timedelta(seconds=1), Patience.GO_ON),
        (LET_GO, Patience.LET_GO),
    ],
)
def test_a_former_base_holds_up_the_next_one_for_half_a_minute_and_is_let_go_after_three(
    waited: dt.timedelta, borne: Patience
) -> None:
    assert patience(NOW, NOW + waited) is borne
