"""Pauses after failures."""

from __future__ import annotations

from pronote_operator.planning.backoff import pause_after


def test_pauses_double_up_to_the_longest() -> None:
    assert [pause_after(count, first=1.0, last=5.0) for count in (1, 2, 3, 4, 5)] == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_failures_without_end_are_no_overflow() -> None:
    assert pause_after(10**6, first=0.5, last=120.0) == 120.0
