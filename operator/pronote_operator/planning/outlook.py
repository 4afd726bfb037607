"""All that is planned for one base in one call: its year, its release, the roll of both, and its place in the fleet.

How a pass over a base uses it::

    ahead = outlook(base, now)
    waves.put(ahead.member)
    wish = replace(ahead.wish, may_begin=waves.may_begin(base.key, rules, now))
    found = step(wish, base.facts, base.roll, now)
    waves.put(member_of(replace(base, roll=found.roll), ahead))  # before anything is awaited
    # then carry out found.action, ahead.year.archive and ahead.year.new_base, and write found.roll
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pronote_operator.planning.release_due import ListedRelease, ReleaseCase, ReleasePlan, later_releases, release_plan
from pronote_operator.planning.roll import Roll, RollPhase, further, roll_id
from pronote_operator.planning.rollover import RollFacts, Wish, can_begin, was_tried
from pronote_operator.planning.school_year import School, YearPlan, year_plan
from pronote_operator.planning.target import RollDue, Target, roll_due
from pronote_operator.planning.waves import WaveMember, release_part, year_part
from pronote_operator.planning.window import Hours, closes


@dataclass(frozen=True, slots=True)
class Channel:
    """What a base follows, by its VersionChannel.

    Args:
        uid, generation: of the object and its spec.
        releases: oldest first.
        window: hours in which rolls are begun, None for any.
        deadline: how long a restart may take.
    """

    uid: str
    generation: int
    releases: Sequence[ListedRelease]
    window: Hours | None
    deadline: timedelta


@dataclass(frozen=True, slots=True)
class RollingBase:
    """What is known of a base that has a StatefulSet.

    Args:
        key, uid: `namespace/name`, and of the object.
        calendar: name of its calendar.
        canary: whether the channel's canary selector takes it.
        channel: that it follows.
        school: what its year is planned from; its `serves` is what the template in force says.
        facts: what is seen of it.
        roll: `status.roll`.
        stalled: whether a person must mend it.
        ready_since: since when it is ready; None while it is not.
    """

    key: str
    uid: str
    calendar: str
    canary: bool
    channel: Channel
    school: School
    facts: RollFacts
    roll: Roll | None
    stalled: bool = False
    ready_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is planned for a base now.

    Args:
        year, release: what either asks for.
        due: the roll that follows from both.
        wish: for `rollover.step`; its `may_begin` is yet to be asked for.
        member: for `Waves.put`.
        again: when time alone changes this at the earliest (UTC); None: never. The window is the waves' affair.
    """

    year: YearPlan
    release: ReleasePlan
    due: RollDue
    wish: Wish
    member: WaveMember
    again: datetime | None


def outlook(base: RollingBase, now: datetime) -> Outlook:
    """What is planned for a base at the instant `now` (aware).

    Raises:
        InvalidMonthDayError, UnknownZoneError: the calendar or the zone makes no sense.
    """
    channel, there, tz = base.channel, base.facts.template.runs, base.school.tz
    year = year_plan(base.school, now)
    release = release_plan(channel.releases, tz, now, (there.version, there.image))
    alone = (release.version is None) != (year.turn is None)
    due = roll_due(there, release, year, now, closes(channel.window, tz, now) if alone else None)
    wish = Wish(
        base.uid,
        channel.uid,
        channel.generation,
        due.target,
        may_begin=False,
        deadline=channel.deadline,
        withdrawn=_withdrawn(base),
    )
    times = (moment for moment in (year.again, release.next, due.comes) if moment is not None and moment > now)
    return Outlook(year, release, due, wish, _member(base, year, release, due, wish), min(times, default=None))


def member_of(base: RollingBase, ahead: Outlook) -> WaveMember:
    """The base's place in the fleet again, with another roll than `ahead` was made for."""
    return _member(base, ahead.year, ahead.release, ahead.due, ahead.wish)


def _member(base: RollingBase, year: YearPlan, release: ReleasePlan, due: RollDue, wish: Wish) -> WaveMember:
    facts, there = base.facts, base.facts.template.runs
    roll = further(base.roll, facts.noted)
    stopped = not facts.in_service
    flying = roll is not None and roll.in_flight
    parts: tuple[str, ...] = ()
    hindered, since = False, None
    if roll is not None and flying:
        parts = _parts(roll.from_, roll.to, base.calendar, pinned=base.school.pin is not None)
        # By then the template may be the new one, and nothing due any more. A roll ends within hours by itself.
        since = roll.started
    elif due.target is not None and not was_tried(wish, facts, roll):
        # What always was due (a release without a date), or has none (a pin), is due since the school is here.
        since = due.since or base.school.known_since
        hindered = not can_begin(facts)
        if not hindered:
            parts = _parts(there, due.target, base.calendar, pinned=base.school.pin is not None)
    return WaveMember(
        key=base.key,
        uid=base.uid,
        tz=base.school.tz,
        canary=base.canary,
        parts=parts,
        in_flight=flying,
        failed=_failed(base, roll),
        broken=base.stalled or facts.suspended or stopped,
        lacks=_lacks(base, year) if base.canary else (),
        took=_took(base, roll) if base.canary else (),
        ready_since=_ready_since(base, roll) if base.canary else None,
        comes=due.comes,
        hindered=hindered,
        updated=not flying and due.target is None and year.turn is None and release.case is ReleaseCase.CURRENT,
        since=since,
    )


def _withdrawn(base: RollingBase) -> bool:
    roll = further(base.roll, base.facts.noted)
    if roll is None or (roll.from_.version, roll.from_.image) == (roll.to.version, roll.to.image):
        return False
    listed = ((release.version, release.image) for release in base.channel.releases)
    return (roll.to.version, roll.to.image) not in listed


def _parts(there: Target, to: Target, calendar: str, *, pinned: bool) -> tuple[str, ...]:
    parts: list[str] = []
    if (there.version, there.image) != (to.version, to.image):
        parts.append(release_part(to.version, to.image))
    if there.school_year != to.school_year:
        # What a pin asks for is this school's own affair: no canary goes first.
        parts.append(f"pin {to.school_year}" if pinned else year_part(calendar, to.school_year))
    return tuple(parts)


def _failed(base: RollingBase, roll: Roll | None) -> int | None:
    if roll is None:
        return None
    # One whose restart is refused gives its place to the next: it must count, or a release that stalls everybody would
    # never halt. Where it was given its template, the deadline judges.
    stuck = base.stalled and roll.phase is RollPhase.RESTARTING and base.facts.template.runs != roll.to
    if not roll.failed and not stuck:
        return None
    channel = base.channel
    ours = roll.id == roll_id(base.uid, channel.uid, channel.generation, roll.to)
    return channel.generation if ours else None


def _lacks(base: RollingBase, year: YearPlan) -> tuple[str, ...]:
    there = base.facts.template.runs
    later = later_releases(base.channel.releases, (there.version, there.image))
    turns = (turn for turn in (year.turn, year.next_turn) if turn is not None and turn.since is not None)
    return (
        *(release_part(version, image) for version, image in later),
        *(year_part(base.calendar, turn.year) for turn in turns),
    )


def _took(base: RollingBase, roll: Roll | None) -> tuple[str, ...]:
    if roll is None or roll.phase is not RollPhase.DONE:
        return ()
    return _parts(roll.from_, roll.to, base.calendar, pinned=base.school.pin is not None)


def _ready_since(base: RollingBase, roll: Roll | None) -> datetime | None:
    if base.ready_since is None or roll is None or roll.completed is None:
        return base.ready_since
    return max(base.ready_since, roll.completed)
