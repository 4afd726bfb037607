"""All that is planned for one base in one call."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pronote_operator.api.versionchannel import Calendar, Window
from pronote_operator.planning.calendar import instant
from pronote_operator.planning.outlook import Channel, Outlook, RollingBase, member_of, outlook
from pronote_operator.planning.roll import RollPhase
from pronote_operator.planning.rollover import RollFacts, Template, step
from pronote_operator.planning.school_year import School, YearDone
from pronote_operator.planning.target import Target
from pronote_operator.planning.waves import release_part, year_part

PARIS = "Europe/Paris"


def paris(text: str) -> datetime:
    return instant(datetime.fromisoformat(text), PARIS)


@dataclass(frozen=True)
class Listed:
    version: str
    image: str
    from_: datetime | None = None


METROPOLE = Calendar(year_end_archive="07-01", new_base="08-15", switchover="08-26")
OLD = Target("2025.2.11", "pronote:old", 2025)
NEW = Target("2026.2.5", "pronote:new", 2026)
RELEASES = (
    Listed(OLD.version, OLD.image),
    Listed(NEW.version, NEW.image, datetime.fromisoformat("2026-08-26T20:00:00")),
)
CHANNEL = Channel("channel", 4, RELEASES, Window(start="20:00", end="05:00"), timedelta(minutes=20))
SCHOOL = School(METROPOLE, PARIS, datetime(2020, 1, 1, tzinfo=UTC), 2025, done=YearDone(2025, 2026, 2025))
BASE = RollingBase("ns/base", "uid", "metropole", False, CHANNEL, SCHOOL, RollFacts(Template(OLD)), None)
DUE = paris("2026-08-26T20:00")
BOTH = (release_part(NEW.version, NEW.image), year_part("metropole", 2026))


def test_year_and_release_that_come_are_told_and_then_due() -> None:
    before = outlook(BASE, paris("2026-08-20"))
    assert (before.member.parts, before.member.comes, before.member.updated) == ((), DUE, True)
    assert before.again == paris("2026-08-26")
    joined = outlook(BASE, paris("2026-08-26T01:00"))
    assert (joined.member.parts, joined.member.comes, joined.member.updated) == ((), DUE, False)
    now = outlook(BASE, DUE)
    assert (now.member.parts, now.member.waits, now.wish.due) == (BOTH, True, NEW)
    assert not now.wish.may_begin


def begun(base: RollingBase = BASE) -> tuple[RollingBase, Outlook]:
    ahead = outlook(base, DUE)
    found = step(replace(ahead.wish, may_begin=True), base.facts, base.roll, DUE)
    return replace(base, roll=found.roll), ahead


def test_a_roll_that_was_begun_is_in_flight_at_once() -> None:
    base, ahead = begun()
    member = member_of(base, ahead)
    assert (member.in_flight, member.parts) == (True, BOTH)
    assert member.failed is None


def failed(base: RollingBase, phase: RollPhase = RollPhase.ROLLED_BACK) -> RollingBase:
    rolled, _ = begun(base)
    assert rolled.roll is not None
    return replace(rolled, roll=replace(rolled.roll, phase=phase, completed=DUE))


def test_a_failed_roll_counts_for_its_channel_and_generation_and_is_not_waited_for() -> None:
    base = failed(BASE)
    assert outlook(base, DUE).member.failed == 4
    assert outlook(base, DUE).member.parts == ()
    elsewhere = replace(base, channel=replace(CHANNEL, uid="other"))
    assert outlook(elsewhere, DUE).member.failed is None
    assert outlook(elsewhere, DUE).member.parts == BOTH
    assert outlook(replace(base, channel=replace(CHANNEL, generation=5)), DUE).member.parts == BOTH


def test_a_base_that_is_stalled_in_its_restart_gives_its_place_away_and_counts_as_failed() -> None:
    stuck = replace(failed(BASE, RollPhase.RESTARTING), stalled=True)
    member = outlook(stuck, DUE).member
    assert (member.broken, member.failed) == (True, 4)


def test_a_stopped_or_suspended_base_is_broken() -> None:
    for facts in (replace(BASE.facts, in_service=False), replace(BASE.facts, suspended=True)):
        assert outlook(replace(BASE, facts=facts), DUE).member.broken


def test_a_base_that_is_not_ready_takes_nobodys_place_in_the_line() -> None:
    assert outlook(replace(BASE, facts=replace(BASE.facts, ready=False)), DUE).member.parts == ()
    assert outlook(replace(BASE, facts=replace(BASE.facts, busy=True)), DUE).member.parts == ()


def test_a_canary_tells_what_it_lacks_and_what_it_took() -> None:
    canary = replace(BASE, canary=True)
    assert outlook(canary, paris("2026-01-10")).member.lacks == BOTH
    base, _ = begun(canary)
    assert base.roll is not None
    ready = DUE - timedelta(days=1)
    done = replace(
        base,
        roll=replace(base.roll, phase=RollPhase.DONE, completed=DUE),
        facts=RollFacts(Template(NEW)),
        school=replace(SCHOOL, serves=2026),
        ready_since=ready,
    )
    member = outlook(done, DUE).member
    assert (member.lacks, member.took) == ((year_part("metropole", 2027),), BOTH)
    assert member.ready_since == DUE, "the soak counts from the end of the roll"
    assert outlook(replace(done, ready_since=None), DUE).member.ready_since is None


def test_a_pinned_canary_holds_no_turn_of_the_year() -> None:
    canary = replace(BASE, canary=True, school=replace(SCHOOL, pin=2025))
    assert outlook(canary, DUE).member.lacks == BOTH[:1]


def test_a_school_that_pins_itself_to_the_coming_year_waits_for_no_canary() -> None:
    pinned = replace(BASE, school=replace(SCHOOL, pin=2026))
    assert outlook(pinned, paris("2026-07-10")).member.parts == ("pin 2026",)


def test_one_that_waits_tells_since_when_what_it_waits_for_is_due() -> None:
    later = DUE + timedelta(hours=5)
    assert outlook(BASE, paris("2026-08-26T01:00")).member.since is None, "the turn waits for the release"
    assert outlook(BASE, later).member.since == DUE
    hindered = outlook(replace(BASE, facts=replace(BASE.facts, ready=False)), later).member
    assert (hindered.hindered, hindered.since) == (True, DUE)
    assert outlook(failed(BASE), later).member.since is None


def test_one_in_flight_tells_since_when_it_is() -> None:
    rolled, ahead = begun()
    assert rolled.roll is not None
    assert member_of(rolled, ahead).since == rolled.roll.started == DUE
    restarted = replace(rolled, facts=replace(rolled.facts, template=Template(NEW)))
    assert outlook(restarted, DUE + timedelta(hours=1)).member.since == DUE, "whatever the template is by then"


def test_what_has_no_date_is_due_since_the_school_is_here() -> None:
    undated = replace(BASE, channel=replace(CHANNEL, releases=(Listed(NEW.version, NEW.image),)))
    pinned = replace(BASE, school=replace(SCHOOL, pin=2026))
    for base in (undated, pinned):
        member = outlook(base, paris("2026-07-10")).member
        assert (member.waits, member.since) == (True, SCHOOL.known_since)
