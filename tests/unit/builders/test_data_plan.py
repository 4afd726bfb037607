"""The data plan as the operator writes it, and as prepare reads it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pronote_operator.builders.context import Restore
from pronote_operator.builders.dataplan import data_plan, data_plan_json
from pronote_operator.builders.pinning import roll_inputs
from pronote_operator.prepare.plan import parse_plan
from tests.unit.builders.children import context


def test_prepare_reads_a_plan_with_a_new_year_and_a_restore() -> None:
    restore = Restore("rollback-0001", "archive-20260826T2001Z")
    plan = parse_plan(data_plan_json(replace(context(school_year=2026), new_year=2025, restore=restore)))
    assert plan.new_year is not None
    assert (plan.school_year, plan.new_year.past) == (2026, 2025)
    assert plan.restore is not None
    assert (plan.restore.request_id, plan.restore.snapshot) == ("rollback-0001", "archive-20260826T2001Z")


def test_prepare_reads_a_plan_with_an_archive_to_take_first() -> None:
    asked = replace(context(), archive="archive-annuelle-20260826T180005Z")
    plan = parse_plan(data_plan_json(asked))
    assert plan.archive is not None
    assert plan.archive.name == "archive-annuelle-20260826T180005Z"
    assert "archive" not in data_plan(context())
    assert roll_inputs(asked) != roll_inputs(context())


def test_a_base_that_never_turned_keeps_its_plan_word_for_word() -> None:
    assert "newYear" not in data_plan(context())


@pytest.mark.parametrize("passing", [2026, 2027])
def test_a_year_that_is_not_later_than_the_passing_one_is_served_without_a_new_year(passing: int) -> None:
    pinned = replace(context(school_year=2026), new_year=passing)
    assert data_plan(pinned) == data_plan(context(school_year=2026))
    assert roll_inputs(pinned) == roll_inputs(context(school_year=2026))
