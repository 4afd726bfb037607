"""How one base rolls from what it runs to what is due: the next step, whatever was seen and done before.

Archive of what is in service, then one restart with the new image and the new data plan, then the server's own answer
confirms. Not ready in time, or started on something else: back, once, to what was before and to the archive.

`step` is called at every pass with what is known now. It names one action, and the roll as it is to be noted. Both are
safe to repeat: an archive is asked for under its name, a template is what it is. So a pass may be killed between any
two of them. The roll is noted in `status.roll`, and as an annotation of the StatefulSet: in one write with each change
of template, and again when it has ended (see `to_annotate`). Either may be lost.

A base out of service takes no roll. When it is put in service, it starts at once with what is due, outside of waves and
windows: nobody is disturbed. No agent is there that could archive what was in service, so `prepare` does, before it
touches anything, or refuses the plan; then the roll goes back to data that are as they were.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from pronote_operator.api.snapshots import SnapshotKind, snapshot_name
from pronote_operator.planning.roll import Roll, RollPhase, further, goes_back_from, roll_id
from pronote_operator.planning.target import Target

ARCHIVE_TIME = timedelta(hours=1)
"""How long the archive may take, and a template be refused; then the roll has failed, and nothing was changed. Nobody
is restarted on an older archive: what was entered since would be in none."""


class ArchiveState(StrEnum):
    """How the archive that the roll in flight asked for is."""

    MISSING = "Missing"
    """Not asked for yet, under way, or failed so far: to be asked for (again)."""
    TAKEN = "Taken"


@dataclass(frozen=True, slots=True)
class Template:
    """What the pod template of a base says of these things.

    Args:
        runs: image and school year.
        new_year_from: member `newYear.from` of the data plan: `runs.school_year` may be made new beside the base of
            this year; None where it must be there.
        restore: request id and snapshot of the restore in the data plan; in an action None leaves it as it is.
        archive: member `archive.name` of the data plan: what `prepare` is to archive first, once, under this name.
    """

    runs: Target
    new_year_from: int | None = None
    restore: tuple[str, str] | None = None
    archive: str | None = None


@dataclass(frozen=True, slots=True)
class RollFacts:
    """What is seen of one base.

    Args:
        template: in force, by the StatefulSet and its annotations.
        in_service: whether the spec wants the server to run.
        has_pod: whether the StatefulSet asks for a pod (replicas above 0).
        suspended: whether nothing may be touched.
        ready: whether one pod of the template in force is ready and nothing is under way.
        answer: version and school year that the server itself answers; None while unknown.
        archive: state of the archive of the roll in flight.
        busy: whether something else is under way that a roll must not meet, such as a restore that a person asked for.
        refused: why `prepare` could not carry out the plan in force, in words; None when it could, or is not known.
        noted: the roll in the StatefulSet's annotation.
        blocked: whether something is in the way of any change of the template, by what the status tells: what the spec
            refers to is missing, or a person must mend it.
        archive_asked: since when this operator asks for that archive without a pause; None: it does not.
        unanswered: whether this operator has asked for the template of the roll in flight, and was given no answer: it
            may be in force all the same.
        not_restored: why the restore by which the roll in flight goes back was not carried out, in words; None when it
            was, or is not known.
    """

    template: Template
    in_service: bool = True
    has_pod: bool = True
    suspended: bool = False
    ready: bool = True
    answer: tuple[str, int] | None = None
    archive: ArchiveState = ArchiveState.MISSING
    busy: bool = False
    refused: str | None = None
    noted: Roll | None = None
    blocked: bool = False
    archive_asked: datetime | None = None
    unanswered: bool = False
    not_restored: str | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted for one base.

    Args:
        uid: of the PronoteBase.
        channel_uid, channel_generation: of the VersionChannel that it follows.
        due: what it should run, None for what it runs.
        may_begin: whether its turn has come (see `waves`): asked for a base that is in service and in no roll.
        deadline: how long a restart may take.
        withdrawn: whether the channel does not list any more what the roll in flight brings.
    """

    uid: str
    channel_uid: str
    channel_generation: int
    due: Target | None
    may_begin: bool
    deadline: timedelta
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class AskArchive:
    """Ask the agent for an archive, under this name; again and again is the same as once."""

    kind: SnapshotKind
    name: str


@dataclass(frozen=True, slots=True)
class Restart:
    """Have this template in force, with the roll noted beside it."""

    template: Template


@dataclass(frozen=True, slots=True)
class RollBack:
    """Likewise, to go back."""

    template: Template


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before `until` unless something is seen to change; None: time changes nothing."""

    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The roll ended well in this step; the year is settled if it turned one."""


@dataclass(frozen=True, slots=True)
class RolledBack:
    """The roll ended in this step, and the base is where it was; or it did, and what is due is not tried again."""


Action = AskArchive | Restart | RollBack | Wait | Done | RolledBack


@dataclass(frozen=True, slots=True)
class Step:
    """What to do now, and the roll to note; equal to the one given where nothing changes."""

    action: Action
    roll: Roll | None


def step(wish: Wish, facts: RollFacts, roll: Roll | None, now: datetime) -> Step:
    """The next step of one base.

    Args:
        wish: what is wanted.
        facts: what is seen.
        roll: as `status.roll` tells it.
        now: aware.
    """
    roll = further(roll, facts.noted)
    now = now.astimezone(UTC).replace(microsecond=0)
    if facts.suspended:
        return Step(Wait(), roll)
    if roll is not None and not _still_wanted(wish, facts, roll, now):
        # Nothing was touched yet. Whatever is due instead is begun as if this had never been.
        roll = facts.noted if facts.noted is not None and facts.noted.id != roll.id else None
    if roll is None or not roll.in_flight:
        return _consider(wish, facts, roll, now)
    if roll.phase is RollPhase.ARCHIVING:
        return _archiving(wish, facts, roll, now)
    if not facts.in_service:
        # Out of service on purpose: the time that it may take begins anew when it is put in service again.
        return Step(Wait(), replace(roll, restarted=None, ready=None))
    if roll.restarted is None:
        roll = replace(roll, restarted=now)
    return (_restarting if roll.phase is RollPhase.RESTARTING else _rolling_back)(wish, facts, roll, now)


def can_begin(facts: RollFacts) -> bool:
    """Whether a base could begin to be rolled, had its turn come.

    Not one that is not ready: it could not be archived, and its failure would be held against the release. It takes
    what is due when it is ready again, or when it is stopped and put in service.
    """
    free = not (facts.suspended or facts.busy or facts.blocked)
    return facts.ready and facts.in_service and facts.has_pod and free


def never_given(facts: RollFacts, roll: Roll) -> bool:
    """Whether the template that a roll restarts with was never in force: it was refused, or something was in the way.

    The roll is noted on the StatefulSet in the same write as its template.
    """
    noted = facts.noted is not None and facts.noted.started == roll.started
    return (
        roll.phase is RollPhase.RESTARTING and facts.template.runs == roll.from_ and not noted and not facts.unanswered
    )


def was_tried(wish: Wish, facts: RollFacts, roll: Roll | None) -> bool:
    """Whether what is due was tried for the channel's present spec, and failed: then it is not tried again."""
    if wish.due is None:
        return False
    known = further(roll, facts.noted)
    name = roll_id(wish.uid, wish.channel_uid, wish.channel_generation, wish.due)
    if known is not None and known.id == name and known.failed:
        return True
    # The restore in force tells the same, should the status be lost.
    return facts.template.restore is not None and goes_back_from(facts.template.restore[0], name)


def to_annotate(roll: Roll | None, annotated: Roll | None) -> Roll | None:
    """The roll that the StatefulSet's annotation is to hold; None where the one it has is right.

    From the first change of the template on. Without the end of a roll in it, a lost status would leave one that seems
    to be under way.
    """
    if roll is None or roll.phase is RollPhase.ARCHIVING or roll == annotated:
        return None
    return roll


def archive_kind(roll: Roll) -> SnapshotKind:
    """The kind of archive that a roll begins with: the year's last is kept apart; a year that is left for a while is
    not over."""
    ends = roll.to.school_year > roll.from_.school_year
    return SnapshotKind.YEAR_END_ARCHIVE if ends else SnapshotKind.ARCHIVE


def _still_wanted(wish: Wish, facts: RollFacts, roll: Roll, now: datetime) -> bool:
    """False where nothing was touched yet, and what the roll was begun for holds no more."""
    if roll.phase is RollPhase.RESTARTING:
        # Archived, and stopped before its template was changed: what was entered since would be in no archive. (One
        # that `prepare` is to take is of whatever it finds, under the name that it has: it may be under way.)
        archived = facts.archive is ArchiveState.TAKEN
        if archived and not facts.has_pod and facts.template.runs == roll.from_:
            return False
        if never_given(facts, roll):
            return wish.due == roll.to and facts.in_service and not (facts.blocked and facts.has_pod)
        return True
    if roll.phase is not RollPhase.ARCHIVING or facts.template.runs == roll.to:
        return True
    if now >= roll.started + ARCHIVE_TIME and not _cannot_archive(facts, now):
        # It was held up by what is no failure: no operator was there, or none was to touch anything.
        return False
    in_service = facts.in_service and facts.has_pod
    return wish.due == roll.to and facts.template.runs == roll.from_ and in_service and not facts.blocked


def _cannot_archive(facts: RollFacts, now: datetime) -> bool:
    asked = facts.archive_asked
    return facts.archive is ArchiveState.MISSING and asked is not None and now >= asked + ARCHIVE_TIME


def _consider(wish: Wish, facts: RollFacts, roll: Roll | None, now: datetime) -> Step:
    there, due = facts.template.runs, wish.due
    if due is None or due == there:
        return Step(Wait(), roll)
    if was_tried(wish, facts, roll):
        return Step(RolledBack(), roll)
    if not facts.in_service or facts.busy:
        return Step(Wait(), roll)
    begun = Roll(
        id=roll_id(wish.uid, wish.channel_uid, wish.channel_generation, due),
        phase=RollPhase.ARCHIVING,
        channel_generation=wish.channel_generation,
        from_=there,
        to=due,
        started=now,
    )
    begun = replace(begun, snapshot=snapshot_name(archive_kind(begun), now))
    if not facts.has_pod:
        # What is seen of an archive is of an earlier roll's.
        return _restart(replace(facts, archive=ArchiveState.MISSING), begun, now)
    if not wish.may_begin or not can_begin(facts):
        return Step(Wait(), roll)
    return Step(AskArchive(archive_kind(begun), begun.snapshot or ""), begun)


def _archiving(wish: Wish, facts: RollFacts, roll: Roll, now: datetime) -> Step:
    if facts.template.runs == roll.to:
        # Killed between the change of the template and the note of it.
        return _restarting(wish, facts, replace(roll, phase=RollPhase.RESTARTING, restarted=now, ready=None), now)
    if facts.archive is ArchiveState.TAKEN:
        return _restart(facts, roll, now)
    if _cannot_archive(facts, now):
        return _rolled_back(roll, now, "No archive could be taken of what is in service, so nothing was changed")
    assert roll.snapshot is not None, "a roll that archives has named its archive"
    return Step(AskArchive(archive_kind(roll), roll.snapshot), roll)


def _restart(facts: RollFacts, roll: Roll, now: datetime) -> Step:
    roll = replace(roll, phase=RollPhase.RESTARTING, restarted=now, ready=None)
    return Step(Restart(_forward(facts, roll)), roll)


def _restarting(wish: Wish, facts: RollFacts, roll: Roll, now: datetime) -> Step:
    assert roll.restarted is not None, "set when it was restarted"
    ends = roll.restarted + wish.deadline
    archived = facts.archive is ArchiveState.TAKEN
    if never_given(facts, roll) and archived and facts.has_pod and now >= roll.started + ARCHIVE_TIME:
        return _rolled_back(roll, now, "What it was to be restarted with was refused, so nothing was changed")
    if facts.template.runs != roll.to:
        # Killed between the note and the change of the template, or somebody changed it since.
        return Step(Restart(_forward(facts, roll)), replace(roll, restarted=now, ready=None))
    if facts.ready and roll.ready is None:
        # What was in service is not taken back because it breaks before it was asked.
        roll = replace(roll, ready=now)
    if facts.ready and facts.answer == (roll.to.version, roll.to.school_year):
        return Step(Done(), replace(roll, phase=RollPhase.DONE, completed=now, message=""))
    if facts.refused is not None:
        return _go_back(facts, roll, now, f"The volume could not be made ready: {facts.refused}")
    if wish.withdrawn and not facts.ready and roll.ready is None:
        # Whoever takes a bad release off the list does not want to wait until it is found to be bad everywhere.
        return _go_back(facts, roll, now, "The channel does not list the release any more")
    if now < ends:
        return Step(Wait(ends), roll)
    if roll.ready is not None and not (facts.ready and facts.answer is not None):
        message = "It was in service in time, and could not be asked what it serves"
        return Step(Done(), replace(roll, phase=RollPhase.DONE, completed=now, message=message))
    return _go_back(facts, roll, now, _why_not(facts, roll, wish.deadline))


def _rolling_back(wish: Wish, facts: RollFacts, roll: Roll, now: datetime) -> Step:
    assert roll.restarted is not None, "set when it went back"
    back = _backward(facts, roll)
    there = facts.template
    if there.runs != back.runs or (back.restore is not None and there.restore != back.restore):
        return Step(RollBack(back), replace(roll, restarted=now, ready=None))
    if facts.ready and facts.answer == (roll.from_.version, roll.from_.school_year):
        # Where it was not restored the former release runs on what the other one has left.
        return _rolled_back(roll, now, "; ".join(filter(None, (roll.message, facts.not_restored))))
    ends = roll.restarted + wish.deadline
    if now < ends:
        return Step(Wait(ends), roll)
    # It goes back once. What is wrong now is told by Ready; the others need not wait for it.
    return _rolled_back(roll, now, f"{roll.message}; it is not in service again since it went back")


def _rolled_back(roll: Roll, now: datetime, message: str) -> Step:
    return Step(RolledBack(), replace(roll, phase=RollPhase.ROLLED_BACK, completed=now, message=message))


def _go_back(facts: RollFacts, roll: Roll, now: datetime, why: str) -> Step:
    roll = replace(roll, phase=RollPhase.ROLLING_BACK, restarted=now, ready=None, message=why)
    return Step(RollBack(_backward(facts, roll)), roll)


def forward(roll: Roll, *, taken: bool = False, new_year_from: int | None = None) -> Template:
    """The template that a roll restarts with.

    Args:
        roll: under way.
        taken: whether its archive is known to be there; else it is for `prepare` to take, which looks for it first.
        new_year_from: of the template in force.
    """
    new_from = roll.from_.school_year if roll.turns_year else new_year_from
    return Template(roll.to, new_from, archive=None if taken else roll.snapshot)


def backward(roll: Roll, *, new_year_from: int | None = None) -> Template:
    """The template by which a roll goes back; arguments as for `forward`."""
    # An archive that `prepare` could not take is restored as little as any snapshot that is not there: the server is
    # started on the data, which nothing has touched, and the request is told to have failed.
    restore = (roll.rollback_request, roll.snapshot) if roll.snapshot is not None else None
    return Template(roll.from_, None if roll.turns_year else new_year_from, restore)


def _forward(facts: RollFacts, roll: Roll) -> Template:
    taken = facts.archive is ArchiveState.TAKEN
    return forward(roll, taken=taken, new_year_from=facts.template.new_year_from)


def _backward(facts: RollFacts, roll: Roll) -> Template:
    return backward(roll, new_year_from=facts.template.new_year_from)


def _why_not(facts: RollFacts, roll: Roll, deadline: timedelta) -> str:
    minutes = int(deadline.total_seconds() // 60)
    wanted = f"release {roll.to.version} and school year {roll.to.school_year}"
    if facts.ready and facts.answer is not None:
        version, year = facts.answer
        return f"The server answers that it is release {version} and serves {year}, and not {wanted}"
    return f"The server was not ready within {minutes} minutes with {wanted}"
