"""What the journal says of turns of the year, and which folder a failed roll has to put away."""

from __future__ import annotations

from typing import Any

import pytest

from pronote_operator.prepare.journal import History, Record, kept_records
from pronote_operator.prepare.outcome import RefusedError
from pronote_operator.prepare.plan import DataPlan, parse_plan
from pronote_operator.prepare.turns import (
    key_of,
    making_of,
    times_put_away,
    was_served,
    year_in_service,
    years_to_put_away,
)
from tests.volumes.prepare.test_plan import changed

ROLLBACK = "rollback-0001"


def plan(school_year: int, request_id: str | None = None) -> DataPlan:
    """A plan for a year, with a restore."""
    members: dict[str, Any] = {
        "plan": "v1",
        "namespace": "schools",
        "name": "jean-moulin",
        "uai": "0750654D",
        "schoolYear": school_year,
        "source": {"empty": {"slotMinutes": 60, "dayStart": "08:00", "dayEnd": "18:00"}},
    }
    if request_id is not None:
        members["restore"] = {"requestId": request_id, "snapshot": "archive-20260826T2001Z"}
    return DataPlan.model_validate(members, strict=False)


def line(event: str, step: str, key: str, year: int, **members: object) -> Record:
    """One line of a journal."""
    return {
        "v": 1,
        "time": "2026-08-26T20:00:00.000Z",
        "event": event,
        "key": key,
        "step": step,
        "schoolYear": year,
    } | (members)


def made(year: int = 2025) -> list[Record]:
    return [line("end", "empty", f"empty-{year}", year)]


def turned(year: int = 2026, suffix: str = "") -> list[Record]:
    return [
        line("begin", "newYear", f"new-year-{year}{suffix}", year),
        line("end", "newYear", f"new-year-{year}{suffix}", year),
        line("begin", "turn", f"turn-{year}{suffix}", year),
        line("end", "turn", f"turn-{year}{suffix}", year),
    ]


def gone_back(year: int = 2025, request_id: str = ROLLBACK, result: str = "Restored") -> list[Record]:
    key = f"restore-{request_id}"
    return [line("begin", "restore", key, year), line("end", "restore", key, year, result=result)]


def put_away(year: int = 2026) -> list[Record]:
    return [line("end", "putAway", f"put-away-{year}", year)]


def pinned(year: int, number: int) -> list[Record]:
    return [line("end", "year", f"year-{year}-{number}", year)]


def history(*parts: list[Record]) -> History:
    return History(tuple(record for part in parts for record in part), exists=True)


@pytest.mark.parametrize("result", ["Restored", "Failed"])
def test_the_year_of_a_turn_that_was_gone_back_from_is_put_away_once(result: str) -> None:
    told = history(made(), turned(), gone_back(result=result))
    assert years_to_put_away(plan(2025, ROLLBACK), told) == (2026,)
    done = history(made(), turned(), gone_back(result=result), put_away())
    assert years_to_put_away(plan(2025, ROLLBACK), done) == ()


def test_nothing_is_put_away_before_the_rollback_has_ended() -> None:
    told = history(made(), turned(), gone_back()[:1])
    assert years_to_put_away(plan(2025, ROLLBACK), told) == ()


def test_a_pin_to_the_past_year_puts_nothing_away() -> None:
    assert years_to_put_away(plan(2025), history(made(), turned())) == ()


def test_a_restore_that_a_person_asks_for_in_the_past_year_puts_nothing_away() -> None:
    told = history(made(), turned(), gone_back(request_id="2026-11-24-a"))
    assert years_to_put_away(plan(2025, "2026-11-24-a"), told) == ()


def test_a_pin_while_the_plan_still_has_the_rollback_of_an_earlier_roll_puts_nothing_away() -> None:
    # In October a release failed in the new year; its restore stays in the plan when the past year is pinned later.
    told = history(made(), turned(), gone_back(2026))
    assert years_to_put_away(plan(2025, ROLLBACK), told) == ()


def test_a_pin_while_the_plan_still_has_the_rollback_of_the_first_try_puts_nothing_away() -> None:
    told = history(made(), turned(), gone_back(), put_away(), pinned(2025, 1), turned(2026, "-2"))
    assert years_to_put_away(plan(2025, ROLLBACK), told) == ()


def test_a_release_that_fails_on_a_pinned_past_year_puts_the_newer_year_not_away() -> None:
    told = history(made(), turned(), pinned(2025, 1), gone_back())
    assert years_to_put_away(plan(2025, ROLLBACK), told) == ()


def test_the_rollback_of_a_release_puts_a_prepared_year_not_away() -> None:
    told = history(made(), turned()[:2], gone_back())
    assert years_to_put_away(plan(2025, ROLLBACK), told) == ()


def test_a_year_that_was_put_away_is_made_turned_to_and_served_under_further_names() -> None:
    first, second = history(made(), turned()), history(made(), turned(), put_away())
    assert [key_of(step, 2026, first) for step in ("newYear", "turn", "served", "putAway")] == [
        "new-year-2026",
        "turn-2026",
        "served-2026",
        "put-away-2026",
    ]
    assert [key_of(step, 2026, second) for step in ("newYear", "turn", "served", "putAway")] == [
        "new-year-2026-2",
        "turn-2026-2",
        "served-2026-2",
        "put-away-2026-2",
    ]
    assert times_put_away(second, 2026) == 1


def test_a_base_counts_as_made_until_it_is_put_away() -> None:
    assert making_of(history(made(), turned()), 2026) == turned()[1]
    assert making_of(history(made(), turned(), put_away()), 2026) is None
    assert making_of(history(made(), gone_back(2026, result="Failed")), 2026) is None


def test_a_year_is_served_since_its_last_turn_only() -> None:
    served = [line("end", "served", "served-2026", 2026)]
    assert was_served(history(made(), turned(), served), 2026)
    assert not was_served(history(made(), turned(), served, put_away(), turned(2026, "-2")), 2026)


def test_the_year_in_service_is_that_of_the_last_turn_or_pin() -> None:
    assert year_in_service(history(made())) is None
    assert year_in_service(history(made(), turned()[:3])) == 2026
    assert year_in_service(history(made(), turned(), pinned(2025, 1))) == 2025


def test_a_rewritten_journal_comes_to_the_same_decisions() -> None:
    restores = [gone_back(2026, f"2026-09-{day:02}") for day in range(1, 29)]
    told = history(made(), turned(), gone_back(), *restores)
    assert years_to_put_away(plan(2025, ROLLBACK), told) == (2026,)
    rewritten = History(tuple(kept_records(told.records)), exists=True)
    assert len(rewritten.records) < len(told.records)
    assert years_to_put_away(plan(2025, ROLLBACK), rewritten) == (2026,)


def test_the_passing_year_of_a_plan_is_read() -> None:
    assert parse_plan(changed("newYear", {"from": 2025})).new_year is not None


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({}, "newYear.from: Field required"),
        ({"from": "2025"}, "newYear.from: Input should be a valid integer"),
        ({"from": 1999}, "newYear.from: Input should be greater than or equal to 2000"),
        ({"from": 2026}, r"newYear.from \(2026\) must be earlier than schoolYear \(2026\)"),
        ({"from": 2027}, r"newYear.from \(2027\) must be earlier"),
    ],
)
def test_a_new_year_that_is_not_later_than_the_passing_one_is_refused(value: dict[str, Any], named: str) -> None:
    with pytest.raises(RefusedError, match=named) as refused:
        parse_plan(changed("newYear", value))
    assert refused.value.reason == "InvalidPlan"


def test_a_member_of_the_new_year_that_is_not_known_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"newYear\.keep") as refused:
        parse_plan(changed("newYear", {"from": 2025, "keep": 3}))
    assert refused.value.reason == "UnknownStep"
