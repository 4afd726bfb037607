"""The condition `UpToDate` of a PronoteBase: whether it runs the release and the school year that are due, or why not.

Not being up to date is no reason for `Ready=False`: the school is served.
"""

from __future__ import annotations

from pronote_operator.planning.conditions import Condition, timestamp
from pronote_operator.planning.outlook import Outlook, RollingBase
from pronote_operator.planning.release_due import ReleaseCase
from pronote_operator.planning.roll import Roll, RollPhase, further
from pronote_operator.planning.rollover import was_tried
from pronote_operator.planning.school_year import Switchover
from pronote_operator.planning.target import Target

_UNDER_WAY = {
    RollPhase.ARCHIVING: "is archived before it goes over to",
    RollPhase.RESTARTING: "is being restarted with",
    RollPhase.ROLLING_BACK: "goes back, since it could not be put in service with",
}


def up_to_date(base: RollingBase, ahead: Outlook) -> Condition:
    """The condition as it holds now.

    Args:
        base: with the roll as `rollover.step` gave it.
        ahead: what is planned for it.
    """
    roll, there = further(base.roll, base.facts.noted), base.facts.template.runs
    if roll is not None and roll.in_flight:
        reason = "RollingBack" if roll.phase is RollPhase.ROLLING_BACK else "Rolling"
        return _no(reason, f"The base {_UNDER_WAY[roll.phase]} {_words(roll.to)}{_why(roll)}")
    if was_tried(ahead.wish, base.facts, roll):
        assert ahead.due.target is not None, "something was tried"
        message = (
            f"{_words(ahead.due.target)} was tried and taken back{_why(roll)}; tried again when the channel changes"
        )
        return _no("RolledBack", message)
    if ahead.year.problem is not None:
        return _no(ahead.year.problem.reason, ahead.year.problem.message)
    if ahead.due.target is not None:
        return _no("RollPending", _pending(base, ahead.due.target))
    if ahead.release.case in (ReleaseCase.NOT_LISTED, ReleaseCase.AHEAD):
        return _no(ahead.release.case.value, ahead.release.message)
    if ahead.release.version is not None or ahead.year.turn is not None:
        assert ahead.due.comes is not None, "one part waits for the other"
        message = f"What is due waits for what comes at {timestamp(ahead.due.comes)}: both cost one restart"
        return _no("RollPending", message)
    held = ", held by a pin" if ahead.year.case is Switchover.KEEP_PINNED else ""
    return Condition("UpToDate", "True", "Current", f"{_words(there)} is what is due{held}")


def _no(reason: str, message: str) -> Condition:
    return Condition("UpToDate", "False", reason, message)


def _pending(base: RollingBase, target: Target) -> str:
    facts = base.facts
    if not facts.in_service:
        waits = "it is given to the base when that is put in service"
    elif facts.suspended:
        waits = "nothing is changed while spec.suspend is true"
    elif facts.busy:
        waits = "the base waits for the restore that is under way"
    elif not facts.ready:
        waits = "the base waits until its server is ready"
    elif facts.blocked or base.stalled:
        waits = "the base waits until what is in its way is mended"
    else:
        waits = "the base waits for its turn"
    return f"{_words(target)} is due; {waits}, with {_words(facts.template.runs)}"


def _words(target: Target) -> str:
    return f"release {target.version} with school year {target.school_year}"


def _why(roll: Roll | None) -> str:
    return f": {roll.message}" if roll is not None and roll.message else ""
