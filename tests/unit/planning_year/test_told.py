"""What is told of a rollout: in the channel's status, and in a base's condition."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from pronote_operator.api.versionchannel import Calendar, VersionChannelStatus, Window
from pronote_operator.planning.calendar import instant
from pronote_operator.planning.outlook import Channel, RollingBase, outlook
from pronote_operator.planning.roll import RollPhase
from pronote_operator.planning.rollout_status import coming_switchover, halted, rollout_status
from pronote_operator.planning.rollover import RollFacts, Template, step
from pronote_operator.planning.school_year import School, YearDone
from pronote_operator.planning.target import Target
from pronote_operator.planning.up_to_date import up_to_date
from pronote_operator.planning.waves import Rules, WaveMember, Waves

PARIS, NOUMEA = "Europe/Paris", "Pacific/Noumea"
METROPOLE = Calendar(year_end_archive="07-01", new_base="08-15", switchover="08-26")
CALEDONIA = Calendar(year_end_archive="12-20", new_base="01-10", switchover="01-25")
OLD, NEW = Target("2025.2.11", "pronote:old", 2025), Target("2026.2.5", "pronote:new", 2026)


@dataclass(frozen=True)
class Listed:
    version: str
    image: str
    from_: datetime | None = None


def paris(text: str) -> datetime:
    return instant(datetime.fromisoformat(text), PARIS)


DUE = paris("2026-08-26T20:00")
RELEASES = (Listed(OLD.version, OLD.image), Listed(NEW.version, NEW.image, datetime.fromisoformat("2026-08-26T20:00")))
CHANNEL = Channel("channel", 4, RELEASES, Window(start="20:00", end="05:00"), timedelta(minutes=20))
SCHOOL = School(METROPOLE, PARIS, datetime(2020, 1, 1, tzinfo=UTC), 2025, done=YearDone(2025, 2026, 2025))
BASE = RollingBase("ns/base", "uid", "metropole", False, CHANNEL, SCHOOL, RollFacts(Template(OLD)), None)


def told(base: RollingBase = BASE, now: datetime = DUE) -> tuple[str, str, str]:
    condition = up_to_date(base, outlook(base, now))
    return condition.status, condition.reason, condition.message


def test_a_base_with_what_is_due_is_up_to_date() -> None:
    assert told(now=paris("2026-08-01"))[:2] == ("True", "Current")
    pinned = replace(BASE, school=replace(SCHOOL, pin=2025))
    assert "pin" in told(pinned, paris("2026-08-01"))[2]


def test_a_base_that_waits_says_for_what() -> None:
    assert told()[:2] == ("False", "RollPending")
    assert "its turn" in told()[2]
    assert "2026-08-26T18:00:00Z" in told(now=paris("2026-08-26T09:00"))[2]
    for facts, words in (
        (replace(BASE.facts, in_service=False), "put in service"),
        (replace(BASE.facts, suspended=True), "spec.suspend"),
        (replace(BASE.facts, ready=False), "ready"),
        (replace(BASE.facts, busy=True), "restore"),
    ):
        assert words in told(replace(BASE, facts=facts))[2]


@pytest.mark.parametrize(
    ("phase", "reason"),
    [
        (RollPhase.ARCHIVING, "Rolling"),
        (RollPhase.RESTARTING, "Rolling"),
        (RollPhase.ROLLING_BACK, "RollingBack"),
        (RollPhase.ROLLED_BACK, "RolledBack"),
    ],
)
def test_a_base_in_a_roll_says_how_far_it_is(phase: RollPhase, reason: str) -> None:
    ahead = outlook(BASE, DUE)
    roll = step(replace(ahead.wish, may_begin=True), BASE.facts, None, DUE).roll
    assert roll is not None
    base = replace(BASE, roll=replace(roll, phase=phase, message="The server was not ready"))
    assert told(base)[:2] == ("False", reason)
    assert "The server was not ready" in told(base)[2]


def test_what_a_person_must_mend_is_told() -> None:
    assert told(replace(BASE, school=replace(SCHOOL, pin=2024)))[1] == "PinnedYearMissing"
    withdrawn = replace(BASE, channel=replace(CHANNEL, releases=(Listed("2024.3.9", "pronote:older"),)))
    assert told(withdrawn, paris("2026-08-01"))[1] == "ReleaseNotListed"


def test_the_next_switchover_is_that_of_a_calendar_that_a_base_follows() -> None:
    calendars = {"metropole": METROPOLE, "nouvelle-caledonie": CALEDONIA}
    both = [("metropole", PARIS), ("nouvelle-caledonie", NOUMEA), ("gone", PARIS)]
    assert coming_switchover(calendars, both, DUE) == ("nouvelle-caledonie", "2027-01-25")
    assert coming_switchover(calendars, both[:1], DUE) == ("metropole", "2027-08-26")
    assert coming_switchover(calendars, [], DUE) is None


def test_the_status_of_a_channel_is_one_that_its_kind_takes() -> None:
    members = [WaveMember(f"ns/{n}", f"uid-{n}", PARIS, parts=("release",), updated=False) for n in range(9)]
    members += [WaveMember("ns/flying", "f", PARIS, parts=("release",), in_flight=True, updated=False)]
    waves = Waves([*members, WaveMember("ns/failed", "x", PARIS, failed=4)])
    rules = Rules(None, 2, 1, timedelta(hours=1), generation=4)
    decision, plan = waves.decide(rules, DUE), waves.plan(rules, DUE)
    status = rollout_status(decision, plan, updated=waves.updated, total=len(waves), coming=("metropole", "2027-08-26"))
    read = VersionChannelStatus.model_validate(status)
    assert (read.phase, read.total, read.updated) == ("Progressing", 11, 1)
    assert (read.updating, read.failed) == (("ns/flying",), ("ns/failed",))
    assert sum(wave.bases for wave in read.plan) == 9
    assert halted(decision) is None


def test_a_halted_rollout_is_for_a_person_to_mend() -> None:
    waves = Waves([WaveMember("ns/failed", "x", PARIS, failed=4), WaveMember("ns/a", "a", PARIS, parts=("release",))])
    decision = waves.decide(Rules(None, 2, 0, timedelta(), generation=4), DUE)
    condition = halted(decision)
    assert condition is not None
    assert (condition.type, condition.reason) == ("Stalled", "RolloutHalted")
