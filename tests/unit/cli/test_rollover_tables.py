"""What `kubectl pronote rollover` shows: whole screens of 80 columns, and what single states say."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from pronote_operator.cli.rollover_end import expected_end
from pronote_operator.cli.rollover_tables import plan_shown, status_shown
from tests.support.rollovers import Object, at, base, channel, condition, half_done, read

GOLDEN = Path(__file__).parent / "golden"
NOW = dt.datetime(2026, 8, 26, 19, 15, tzinfo=dt.UTC)
HALTED = condition("Stalled", "True", "RolloutHalted", "3 bases failed, and 2 may (maxFailures)")


def printed(shown: RenderableType, columns: int = 80) -> str:
    """As it comes to a file of so many columns, without spaces at the ends of lines."""
    console = Console(width=columns, file=io.StringIO(), highlight=False)
    console.print(shown)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def status_of(manifest: Object, bases: list[Object] | None = None, most: int | None = None) -> str:
    rollover = read(manifest, bases)
    return printed(status_shown(rollover, expected_end(rollover, NOW), NOW, zone="Europe/Paris", most=most))


def plan_of(manifest: Object, bases: list[Object] | None = None) -> str:
    rollover = read(manifest, bases)
    return printed(plan_shown(rollover, expected_end(rollover, NOW), NOW, zone="Europe/Paris"))


def test_a_half_done_rollover_on_eighty_columns() -> None:
    assert status_of(*half_done()) == (GOLDEN / "half-done-status.txt").read_text()


def test_the_plan_of_a_half_done_rollover_on_eighty_columns() -> None:
    assert plan_of(*half_done()) == (GOLDEN / "half-done-plan.txt").read_text()


def test_a_halted_rollover_says_what_to_do() -> None:
    manifest, bases = half_done()
    manifest["status"] |= {"phase": "Halted", "conditions": [HALTED]}
    assert status_of(manifest, bases) == (GOLDEN / "halted-status.txt").read_text()


def test_nothing_of_it_is_coloured_away_from_a_terminal() -> None:
    assert "\x1b" not in status_of(*half_done())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "Nothing is planned: nobody waits for a turn, and nothing comes within 30 days."),
        ({"phase": "Progressing", "updating": ["a/b"]}, "No further wave is planned: the last bases go over now."),
        ({"phase": "Halted", "conditions": [HALTED]}, "The rollover has halted. What to do: kubectl pronote rollover"),
        ({"observedGeneration": -1}, "no operator has looked at this channel yet"),
        ({"phase": None}, "the operator of this channel serves some namespaces only"),
    ],
    ids=["current", "last", "halted", "new", "namespaced"],
)
def test_an_empty_plan_says_why(changes: Object, said: str) -> None:
    manifest = channel(**changes)
    text = plan_of(manifest)
    assert said in text
    assert "Wave" not in text


def test_the_plan_of_a_paused_channel_names_no_times() -> None:
    manifest, bases = half_done()
    manifest["spec"]["paused"] = True
    manifest["status"]["phase"] = "Paused"
    text = plan_of(manifest, bases)
    assert "None of these begins: the rollover is paused (spec.paused)." in text
    assert "kubectl pronote rollover resume stable" in text.replace("\n", " ")
    assert "21:15" not in text
    assert "not while it is paused" in text


def test_canaries_are_named_and_times_are_told_with_the_distance() -> None:
    plan = [
        {"wave": 0, "bases": 2, "startTime": "2026-08-27T18:00:00Z"},
        {"wave": 1, "bases": 5, "startTime": "2026-08-27T19:02:00Z"},
    ]
    lines = [line.split() for line in plan_of(channel(phase="Scheduled", updated=13, plan=plan)).splitlines()]
    assert ["canaries", "2", "2026-08-27", "20:00", "CEST", "in", "22h45m", "20:02"] in lines
    assert ["1", "5", "2026-08-27", "21:02", "CEST", "in", "23h47m", "21:04"] in lines


def test_a_screen_shows_as_many_rows_as_it_has_room_for() -> None:
    text = status_of(*half_done(), most=2)
    assert "schools/pasteur" in text
    assert "schools/victor-hugo  going back" not in text
    assert text.count("and 1 more") == 2


def test_figures_come_from_the_bases_where_the_operator_tells_none() -> None:
    manifest = channel(phase=None, total=0, updated=0)
    text = status_of(manifest, [base("a"), base("b"), base("c", "RollPending"), base("d", channel="preview")])
    assert "2 of 3 bases (66 %)" in text


def test_a_status_of_an_earlier_spec_is_said_to_be_one() -> None:
    assert "an earlier spec, or none" in status_of(channel(observedGeneration=3))
    assert "an earlier spec" not in status_of(channel())


def test_messages_cannot_command_the_terminal() -> None:
    manifest, bases = half_done()
    for each in bases:
        each["status"].get("roll", {})["message"] = "no \x1b[2J [red]x"
    text = status_of(manifest, bases)
    assert "no ?[2J [red]x" in text
    assert "\x1b" not in text


def test_bases_that_may_not_be_listed_leave_what_the_channel_tells() -> None:
    text = status_of(half_done()[0])
    assert "schools/pasteur      going over  -    -" in text
    assert "Waiting" not in text
    assert at("19:15") not in text
