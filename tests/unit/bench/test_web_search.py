"""The search for the largest rate that is carried."""

from __future__ import annotations

import pytest

from bench.web_search import Search


def found(search: Search, limit: float, spoilt: tuple[int, ...] = ()) -> list[float]:
    """What is tried when all up to a limit are carried, but for the tries of those numbers."""
    tried: list[float] = []
    while (rate := search.rate) is not None:
        tried.append(rate)
        search.told(rate, carried=rate <= limit and len(tried) not in spoilt)
    return tried


@pytest.mark.parametrize("limit", [0, 1, 37, 50, 62, 99, 150])
def test_the_largest_rate_is_found_to_a_step(limit: float) -> None:
    search = Search(0, 150, 5)
    found(search, limit)
    assert search.good <= limit
    assert search.bad - search.good <= 5
    assert search.bad >= min(limit, 150)


def test_each_rate_that_is_missed_is_tried_twice_and_the_others_once() -> None:
    assert found(Search(50, 150, 5), 80) == [100, 100, 75, 88, 88, 82, 82, 78]


def test_one_spoilt_burst_does_not_count() -> None:
    search = Search(0, 100, 5)
    found(search, 80, spoilt=(1,))
    assert 75 < search.good <= 80


def test_nothing_is_tried_where_nothing_is_open() -> None:
    assert Search(50, 54, 5).rate is None
