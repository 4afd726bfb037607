"""The turn of a school year, as the journal tells it. Pure: decisions from plan and journal.

A *turn* puts the base of a year in service that was made beside the one before. The journal has a ``turn`` for each,
and from then on a ``year`` whenever the plan changes to another year and back (`spec.schoolYear.pin`). A roll that went
back from a turn is known by the request of its restore; what the turn had put in service is then *put away*, after
which the same year may be made, and turned to, again: with a further number in its keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from pronote_operator.api.constants import ROLLBACK_PREFIX
from pronote_operator.prepare.journal import History, Record, restore_key

if TYPE_CHECKING:
    # The agent, which is small, uses this module too.
    from pronote_operator.prepare.plan import DataPlan

NEW_YEAR: Final = "newYear"
TURN: Final = "turn"
YEAR: Final = "year"
PUT_AWAY: Final = "putAway"
SERVED: Final = "served"

STEPS: Final = (NEW_YEAR, TURN, YEAR, PUT_AWAY, SERVED)

_MAKING: Final = ("empty", "hnot", "snapshot", NEW_YEAR, "restore")

_WORDS: Final = {NEW_YEAR: "new-year", TURN: "turn", PUT_AWAY: "put-away", SERVED: "served"}


def times_put_away(history: History, school_year: int) -> int:
    """How often the base of a year was put away."""
    return sum(
        record["event"] == "end" and record.get("step") == PUT_AWAY and record.get("schoolYear") == school_year
        for record in history.records
    )


def key_of(step: Literal["newYear", "turn", "putAway", "served"], school_year: int, history: History) -> str:
    """What a step of a year is called in the journal: ``turn-2026``, and ``turn-2026-2`` once it was put away."""
    number = 1 + times_put_away(history, school_year)
    return f"{_WORDS[step]}-{school_year}" + ("" if number == 1 else f"-{number}")


def making_of(history: History, school_year: int) -> Record | None:
    """The line that tells of the making of the base of a year that the volume must hold; None when it holds none."""
    found = None
    for record in history.records:
        if record["event"] != "end" or record.get("schoolYear") != school_year:
            continue
        if record.get("step") == PUT_AWAY:
            found = None
        elif found is None and record.get("step") in _MAKING and record.get("result") != "Failed":
            found = record
    return found


def is_turned_to(history: History, school_year: int) -> bool:
    """Whether a year was put in service by a turn, and not put away since."""
    return history.begun(key_of(TURN, school_year, history))


def was_served(history: History, school_year: int) -> bool:
    """Whether a server was ready on the base that a turn put in service: anybody may have worked in it."""
    return history.end_of(key_of(SERVED, school_year, history)) is not None


def years_to_put_away(plan: DataPlan, history: History) -> tuple[int, ...]:
    """The year that a failed roll had turned to, once the roll was gone back from; as a rule none.

    It is one whose turn is the last change of the year in service, after which a rollback to the year of the plan was
    carried out. So neither a pin to a past year, nor the rollback of a roll that turned no year, puts anything away.
    """
    restore = plan.restore
    last = _last_change(history)
    if restore is None or not restore.request_id.startswith(ROLLBACK_PREFIX) or last is None:
        return ()
    number, record = last
    key, school_year = restore_key(restore.request_id), record.get("schoolYear")
    gone_back = any(
        later["event"] == "end" and later["key"] == key and later.get("schoolYear") == plan.school_year
        for later in history.records[number:]
    )
    if record.get("step") != TURN or not isinstance(school_year, int) or school_year <= plan.school_year:
        return ()
    if not gone_back or not is_turned_to(history, school_year):
        return ()
    return (school_year,)


def year_in_service(history: History) -> int | None:
    """The year that was last put in service; None when no year was ever turned on this volume."""
    last = _last_change(history)
    year = last[1].get("schoolYear") if last is not None else None
    return year if isinstance(year, int) else None


def _last_change(history: History) -> tuple[int, Record] | None:
    for number in reversed(range(len(history.records))):
        record = history.records[number]
        event, step = record["event"], record.get("step")
        if (event, step) in (("begin", TURN), ("end", YEAR)):
            return number, record
    return None
