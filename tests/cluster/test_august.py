"""Eight bases through the days on which a school year turns and a release comes, one of them with a release that is bad
for it.

Two days restart nobody: the year-end archive is taken, the coming year's base is made. On the evening of the third day
release and year are due; each base takes both in one restart, the canary first, then three at a time. One does not
start with the release: it goes back, with all its data, and takes the release once that is mended.

The days are true ones, from tomorrow on; operators come to them by a clock that is ahead.
"""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.backups import names
from tests.cluster.fleets import NAMES, bring_up, in_each, schools_of
from tests.cluster.rolls import Fleet, Look, Watched, most, watched
from tests.cluster.school_days import SchoolDays
from tests.cluster.schools import School
from tests.cluster.service_gaps import Answers, asked_all_the_time
from tests.cluster.stage import NEXT_VERSION, VERSION, Stage, channel, release, server_image
from tests.cluster.trial_image import REFUSED_UAI
from tests.cluster.writers import door, import_pupils
from tests.support.kube import condition_of
from tests.support.operator_ahead import ahead
from tests.support.operator_process import OperatorProcess
from tests.support.school_client import Login, SchoolClient

CANARY, BROKEN = "trois", "six"
FINE = tuple(name for name in NAMES if name != BROKEN)
AT_ONCE = 3
PASSWORD = "Rentree-2026-cahier"
USER = "claire"
SPEED = 1.2
"""Of the operators' clocks: the minute that a restart may take, the shortest there is, is fifty seconds."""
DATE_SECONDS = 90.0
ROLL_SECONDS = 300.0
GAP_SECONDS, LONGEST_GAP_SECONDS = 15.0, 30.0
"""How long a school that goes over well may be out of service: most of them, and the slowest where the machine that
runs all eight is busy with something else (alone: 6 to 9 seconds)."""
EVERYWHERE = ""
"""Only an operator that serves the whole cluster counts a channel's bases."""


@dataclass(frozen=True)
class August:
    """The fleet before the first day, ready, and the operator gone.

    Args:
        pupils: in each base, by its name.
        told: what the channel told of the coming days.
    """

    fleet: Fleet
    days: SchoolDays
    image: str
    pupils: dict[str, int]
    told: dict[str, Any]

    def operator(self, day: dt.date) -> OperatorProcess:
        """One that has come to the night of a day."""
        clock = ahead(self.days.hours_until_night(day), SPEED)
        return self.fleet.stage.operator(self.fleet.channel, command=clock, watch_namespaces=EVERYWHERE)

    def give(self, image: str, max_failures: int = 1) -> None:
        """Give the channel its releases, the newer one with an image."""
        evening = self.days.evening(self.days.switchover)
        self.fleet.stage.kube.apply(
            channel(
                self.fleet.channel,
                releases=[release(VERSION, 0), {"version": NEXT_VERSION, "image": image, "from": evening}],
                calendars={"metropole": self.days.calendar},
                rollout={
                    "canary": {"selector": {"matchLabels": {"pronote.hosting/canary": "true"}}, "soakMinutes": 0},
                    "maxConcurrent": AT_ONCE,
                    "maxFailures": max_failures,
                    "progressDeadlineMinutes": 1,
                },
            )
        )


@dataclass(frozen=True)
class Day:
    """What one day came to.

    Args:
        before, after: the fleet.
    """

    august: August
    before: Look
    after: Look


@dataclass(frozen=True)
class Night:
    """What the third day came to.

    Args:
        generations: by how much those of the StatefulSets grew.
        answers: what Clients saw.
    """

    august: August
    before: Look
    after: Look
    watched: Watched
    generations: dict[str, int]
    answers: dict[str, Answers]


@pytest.fixture(scope="module")
def august(stage: Stage, trial_image: str) -> Iterator[August]:
    """See `August`."""
    with stage.space("august") as space:
        fleet = Fleet(stage, space, schools_of(stage, space, versionChannel=space))
        fleet[CANARY].labels["pronote.hosting/canary"] = "true"
        fleet[BROKEN].spec["uai"] = REFUSED_UAI
        days = SchoolDays.coming()
        pupils = {name: 10 + place for place, name in enumerate(NAMES)}
        made = August(fleet, days, trial_image, pupils, {})
        made.give(trial_image)
        try:
            with stage.operator(space, watch_namespaces=EVERYWHERE) as operator:
                operator.wait_leading()
                bring_up(fleet.schools)
                in_each(fleet.schools, lambda school: _fill(school, pupils[school.name]))
                told = fleet.wait(lambda look: "plan" in look.channel, 30, "the channel tells its plan").channel
                operator.terminate()
            yield August(fleet, days, trial_image, pupils, told)
        finally:
            stage.kube.delete("VersionChannel", space, None)


def _fill(school: School, pupils: int) -> None:
    school.add_user(USER, PASSWORD)
    import_pupils(school, pupils)


@pytest.fixture(scope="module")
def first_day(august: August) -> Day:
    """The day of the year-end archive."""
    fleet, passing = august.fleet, august.days.year - 1

    def archived(look: Look) -> bool:
        return all(base["status"].get("settledYears", {}).get("archived") == passing for base in look.bases.values())

    before = fleet.look()
    with august.operator(august.days.archive) as operator:
        after = fleet.wait(archived, DATE_SECONDS, "all year-end archives are taken")
        operator.terminate()
    return Day(august, before, after)


@pytest.fixture(scope="module")
def second_day(first_day: Day) -> Day:
    """The day on which the coming year's base is prepared."""
    august = first_day.august

    def prepared(look: Look) -> bool:
        return all(_years(base).get(august.days.year) == "Prepared" for base in look.bases.values())

    before = august.fleet.look()
    with august.operator(august.days.new_base) as operator:
        after = august.fleet.wait(prepared, DATE_SECONDS, "all bases of the coming year are prepared")
        operator.terminate()
    return Day(august, before, after)


@pytest.fixture(scope="module")
def third_day(
    second_day: Day, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Night]:
    """The day of the switchover, on whose evening the release comes. Its operator goes on."""
    august = second_day.august
    fleet = august.fleet
    before, generations = fleet.look(), fleet.generations()
    folder = tmp_path_factory.mktemp("clients")
    doors = {school.name: door(school, folder / school.name) for school in fleet.schools}

    def over(look: Look) -> bool:
        return (
            look.channel.get("updated") == len(FINE)
            and bool(look.channel.get("failed"))
            and not look.in_flight
            and not look.channel.get("updating")
            and not look.down
        )

    with august.operator(august.days.switchover):
        with asked_all_the_time(doors) as answers, watched(fleet) as seen:
            after = fleet.wait(over, ROLL_SECONDS, "seven have gone over, and one has gone back")
        grown = {name: count - generations[name] for name, count in fleet.generations().items()}
        capture = request.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            gaps = ", ".join(f"{name} {one.longest:.1f} s" for name, one in answers.items())
            print(f"\nout of service: {gaps} ({BROKEN} goes there and back)")
        yield Night(august, before, after, seen, grown, answers)


def _years(base: dict[str, Any]) -> dict[int, str]:
    return {one["schoolYear"]: one["state"] for one in base["status"].get("bases", ())}


# Before.


def test_the_plan_is_told_before_it_starts(august: August) -> None:
    told, days = august.told, august.days
    assert (told["phase"], told["target"], told["total"], told["updated"]) == ("Scheduled", VERSION, 8, 8)
    assert told["nextSwitchover"] == {"calendar": "metropole", "date": str(days.switchover)}
    waves = [(wave["wave"], wave["bases"]) for wave in told["plan"]]
    assert waves == [(0, 1), (1, 3), (2, 3), (3, 1)]
    starts = [wave["startTime"] for wave in told["plan"]]
    assert starts[0] == days.start_of_evening(days.switchover)
    assert starts == sorted(set(starts)), "one after the other"


# The days before the switchover.


def test_on_the_first_day_the_year_end_archive_is_taken_and_nobody_is_restarted(first_day: Day) -> None:
    for name, base in first_day.after.bases.items():
        (archive,) = [one for one in base["status"]["snapshots"]["names"] if one.startswith("archive-annuelle-")]
        assert _years(base) in ({}, {first_day.august.days.year - 1: "InService"}), f"{name}: only {archive}"
    _assert_nobody_was_disturbed(first_day)


def test_on_the_second_day_the_coming_base_is_prepared_and_nobody_is_restarted(second_day: Day) -> None:
    year = second_day.august.days.year
    for base in second_day.after.bases.values():
        assert _years(base) == {year - 1: "InService", year: "Prepared"}
        assert base["status"]["schoolYear"] == year - 1
    _assert_nobody_was_disturbed(second_day)


def _assert_nobody_was_disturbed(day: Day) -> None:
    assert day.after.pods == day.before.pods
    assert not day.after.down
    for name in NAMES:
        assert day.after.phase(name) is None, f"{name} was rolled"
        assert day.after.up_to_date(name) == ("True", "Current")
    for school in day.august.fleet.schools:
        assert school.restarts == 0


# The night of the switchover.


def test_release_and_year_come_in_one_restart(third_day: Night) -> None:
    year = third_day.august.days.year
    for name in FINE:
        base = third_day.after.bases[name]
        assert base["status"]["schoolYear"] == year
        assert base["status"]["version"] == {"desired": NEXT_VERSION, "current": NEXT_VERSION}
        assert third_day.after.up_to_date(name) == ("True", "Current")
        assert _years(base) == {year - 1: "Kept", year: "InService"}
        assert third_day.generations[name] == 1, f"{name}: one change of the StatefulSet"
        assert third_day.watched.pods(name)[0] == third_day.before.pods[name]
        assert len(third_day.watched.pods(name)) == 2, f"{name}: one restart"
        assert third_day.august.fleet[name].restarts == 0
        assert third_day.answers[name].years == [year - 1, year]


def test_nobody_but_the_canary_goes_before_it_is_done(third_day: Night) -> None:
    assert third_day.watched.phases(CANARY)[-1] == "Done"
    for look in third_day.watched.looks:
        if look.phase(CANARY) != "Done":
            others = [name for name in NAMES if name != CANARY and look.phase(name) is not None]
            assert not others, f"begun while the canary was {look.phase(CANARY)}"
            assert not look.down - {CANARY}


def test_never_more_go_over_at_once_than_may(third_day: Night) -> None:
    assert len(most([look.in_flight for look in third_day.watched.looks])) == AT_ONCE
    assert len(most([look.down for look in third_day.watched.looks])) <= AT_ONCE
    assert max(len(look.channel.get("updating", ())) for look in third_day.watched.looks) <= AT_ONCE


def test_the_gap_of_those_that_go_over_well_is_short(third_day: Night) -> None:
    gaps = {name: third_day.answers[name].longest for name in FINE}
    assert statistics.median(gaps.values()) < GAP_SECONDS, gaps
    assert max(gaps.values()) < LONGEST_GAP_SECONDS, gaps
    assert all(len(third_day.answers[name].gaps) == 1 for name in FINE), "each is away once"


def test_the_passing_year_can_be_read_and_the_new_one_is_empty(third_day: Night, tmp_path: Path) -> None:
    august, year = third_day.august, third_day.august.days.year

    def check(school: School) -> None:
        assert _pupils(school, tmp_path / school.name, year - 1) == august.pupils[school.name]

    in_each([august.fleet[name] for name in FINE], check)

    def check_as_a_person(school: School) -> None:
        folder = tmp_path / school.name
        read = school.log_in(folder, USER, PASSWORD, mode="enseignant", year=year - 1)
        assert read.returncode == 0, read.stderr
        assert f"school year {year - 1} (read-only)" in read.stdout
        listed = school.client(folder, "years", "--connect", f"{_address(school)}:49300")
        assert listed.returncode == 0, listed.stderr
        rows = [line.split() for line in listed.stdout.splitlines()]
        shown = [(row[1], row[3]) for row in rows if len(row) == 5 and row[1].isdigit()]
        assert shown == [(str(year), "InService"), (str(year - 1), "Kept")]
        assert school.log_in(folder, USER, PASSWORD, mode="enseignant").returncode != 0, "accounts are of a year"
        assert _pupils_in_service(school) == 0

    # With the program itself, which takes its time: at the canary and at one that came later.
    in_each([august.fleet[CANARY], august.fleet[FINE[-1]]], check_as_a_person)


def test_the_one_that_does_not_start_goes_back_by_itself_with_all_its_data(third_day: Night, tmp_path: Path) -> None:
    august, year = third_day.august, third_day.august.days.year
    school, base = august.fleet[BROKEN], third_day.after.bases[BROKEN]
    assert third_day.watched.phases(BROKEN) == ["Archiving", "Restarting", "RollingBack", "RolledBack"]
    assert third_day.after.up_to_date(BROKEN) == ("False", "RolledBack")
    assert condition_of(base, "Ready")["status"] == "True", "the school is served"
    assert base["status"]["schoolYear"] == year - 1
    assert base["status"]["version"]["current"] == VERSION
    assert _years(base)[year - 1] == "InService"
    assert third_day.generations[BROKEN] == 2, "there and back"
    assert len(third_day.watched.pods(BROKEN)) == 3
    assert school.restarts == 0
    assert third_day.answers[BROKEN].years == [year - 1]

    (server,) = school.child("StatefulSet", BROKEN)["spec"]["template"]["spec"]["containers"]
    assert server["image"] == server_image(VERSION)
    roll = base["status"]["roll"]
    assert roll["from"] == {"version": VERSION, "image": server_image(VERSION), "schoolYear": year - 1}
    assert roll["to"] == {"version": NEXT_VERSION, "image": august.image, "schoolYear": year}
    assert roll["snapshot"] in names(school, "archive-annuelle")
    assert USER in school.users()
    assert _pupils_in_service(school) == august.pupils[BROKEN]
    assert school.log_in(tmp_path, USER, PASSWORD, mode="enseignant").returncode == 0


def test_the_channel_counts_the_one_that_failed_and_goes_on(third_day: Night) -> None:
    status, fleet = third_day.after.channel, third_day.august.fleet
    assert status["failed"] == [f"{fleet.channel}/{BROKEN}"]
    assert (status["total"], status["updated"], status["target"]) == (8, 7, NEXT_VERSION)
    assert status["phase"] != "Halted"
    assert "updating" not in status


# After it was mended. Comes last: it changes what the others look at.


def test_a_mended_release_is_taken_by_the_one_that_went_back(third_day: Night, tmp_path: Path) -> None:
    august, year = third_day.august, third_day.august.days.year
    fleet = august.fleet
    august.give(server_image(NEXT_VERSION))

    def over(look: Look) -> bool:
        return look.channel.get("updated") == len(NAMES) and not look.in_flight and not look.down

    with watched(fleet) as seen:
        after = fleet.wait(over, ROLL_SECONDS, "all run the mended release")
    assert len(most([look.in_flight for look in seen.looks])) <= AT_ONCE
    assert not after.channel.get("failed")
    for name in NAMES:
        assert after.bases[name]["status"]["schoolYear"] == year
        assert after.up_to_date(name) == ("True", "Current")
        assert after.bases[name]["status"]["roll"]["to"]["image"] == server_image(NEXT_VERSION)
        assert len(seen.pods(name)) == 2, f"{name}: one restart"
    assert _pupils_in_service(fleet[BROKEN]) == 0
    assert _pupils(fleet[BROKEN], tmp_path, year - 1) == august.pupils[BROKEN]


def _address(school: School) -> str:
    return str(school.child("Service", f"{school.name}-client")["spec"]["clusterIP"])


def _pupils(school: School, folder: Path, year: int) -> int:
    """How many the base of a year has, as the Client of somebody who has an account in it sees them."""
    client = SchoolClient(door(school, folder), Login(USER, PASSWORD, "enseignant", year))
    try:
        return len(client.pupils())
    finally:
        client.close()


def _pupils_in_service(school: School) -> int:
    return int(school.execute("pronote-server", "pupil", "count"))
