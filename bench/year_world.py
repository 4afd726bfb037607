"""The schools of the simulated year: channels, calendars, releases, and bases of every sort."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from pronote_operator.api.versionchannel import Calendar, Release, Window
from pronote_operator.planning.roll import Roll
from pronote_operator.planning.rollover import Template
from pronote_operator.planning.school_year import YearDone
from pronote_operator.planning.target import Target

START = datetime(2026, 6, 1, tzinfo=UTC)
END = datetime(2027, 10, 1, tzinfo=UTC)
WINDOW = Window(start="20:00", end="05:00")
IMAGE = "localhost/pronote-server"
CANARIES, FAILING, STOPPED, PINNED, LATE, MOVING = 2, 30, 10, 10, 10, 5
"""Bases in a thousand."""


@dataclass(frozen=True, slots=True)
class Region:
    """Schools of one calendar.

    Args:
        calendar: its name in the channels.
        tz: their time zone.
        share: bases in a thousand.
        year: that they serve on 1 June 2026.
    """

    calendar: str
    tz: str
    share: int
    year: int = 2025


REGIONS = (
    Region("metropole", "Europe/Paris", 850),
    Region("reunion", "Indian/Reunion", 50),
    Region("mayotte", "Indian/Mayotte", 30),
    Region("polynesie", "Pacific/Tahiti", 40),
    Region("nouvelle-caledonie", "Pacific/Noumea", 30, 2026),
)


def _calendar(archive: str, new_base: str, switchover: str) -> Calendar:
    return Calendar(year_end_archive=archive, new_base=new_base, switchover=switchover)


_OVERSEAS = {
    "reunion": _calendar("07-01", "07-20", "08-10"),
    "mayotte": _calendar("07-05", "08-01", "08-20"),
    "polynesie": _calendar("07-01", "07-15", "08-03"),
    "nouvelle-caledonie": _calendar("12-20", "01-10", "01-25"),
}
CALENDARS = {
    "stable": {"metropole": _calendar("07-01", "08-15", "08-26"), **_OVERSEAS},
    "preview": {"metropole": _calendar("06-28", "06-30", "07-02"), **_OVERSEAS},
}


def _release(version: str, comes: str | None) -> Release:
    moment = None if comes is None else datetime.fromisoformat(f"{comes}T20:00:00")
    return Release(version=version, image=f"{IMAGE}:{version}", from_=moment)


_PATCHES = (
    ("2026.2.6", "2026-09-09"),
    ("2026.2.7", "2026-11-04"),
    ("2026.2.8", "2026-12-02"),
    ("2026.2.9", "2027-02-03"),
    ("2026.2.10", "2027-03-24"),
    ("2026.2.11", "2027-04-21"),
)
RELEASES = {
    "stable": [
        _release(version, comes)
        for version, comes in (
            ("2025.2.11", None),
            ("2026.2.5", "2026-08-26"),
            *_PATCHES,
            ("2027.2.5", "2027-08-25"),
            ("2027.2.6", "2027-09-08"),
        )
    ],
    "preview": [
        _release(version, comes)
        for version, comes in (
            ("2025.2.11", None),
            ("2026.1.3", "2026-07-02"),
            ("2026.2.4", "2026-08-05"),
            ("2026.2.5", "2026-08-19"),
            *_PATCHES,
            ("2027.1.3", "2027-07-01"),
            ("2027.2.4", "2027-08-04"),
            ("2027.2.5", "2027-08-18"),
            ("2027.2.6", "2027-09-08"),
        )
    ],
}
LISTED_BEFORE = timedelta(days=7)
"""How long before it comes a release is put on the list: a change of the channel's spec."""


@dataclass(slots=True)
class Held:
    """The base of a year on a volume."""

    school_year: int
    state: Literal["InService", "Prepared", "Kept"]
    created_time: datetime


@dataclass(slots=True)
class School:
    """One base, its server and its agent.

    Args:
        stopped_until: when it is put in service again; None while it is in service.
        pin: the year that it holds.
        template: in force.
        ready_at: when its server is ready; None: never.
        archives: when each archive is there.
        failed: targets that it went back from, with the generation of the channel's spec.
        tried: targets that were tried, with the generation of the first time: for another one they go well.
        restarts: when its template was changed.
        year_ends: passing years whose year-end archive was asked for at their date.
    """

    key: str
    uid: str
    region: Region
    channel: str
    canary: bool
    created: datetime
    template: Template
    stopped_until: datetime | None = None
    pin: int | None = None
    unpinned: datetime | None = None
    moves: tuple[datetime, str] | None = None
    roll: Roll | None = None
    annotation: Roll | None = None
    done: YearDone = field(default_factory=YearDone)
    years: list[Held] = field(default_factory=list)
    has_pod: bool = True
    ready_at: datetime | None = START
    archives: dict[str, datetime] = field(default_factory=dict)
    failed: list[tuple[Target, int]] = field(default_factory=list)
    tried: dict[Target, int] = field(default_factory=dict)
    restarts: list[datetime] = field(default_factory=list)
    year_ends: list[int] = field(default_factory=list)
    next_pass: datetime | None = None

    def fails(self, target: Target, generation: int) -> bool:
        """Whether the server does not start with this target, tried for a generation of the channel's spec."""
        first = self.tried.setdefault(target, generation)
        return first == generation and chance(f"{self.uid} {target.version}", 1000) < FAILING


def chance(text: str, sides: int) -> int:
    """A die with so many sides that falls alike for the same text."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest(), "big") % sides


def schools(count: int) -> list[School]:
    """So many schools; a few are stopped, pinned, created in summer, or go over to another channel."""
    return [_school(number) for number in range(count)]


def _school(number: int) -> School:
    uid = f"uid-{number:05d}"
    region = _region(chance(f"region {uid}", 1000))
    channel = "preview" if chance(f"channel {uid}", 10) == 0 else "stable"
    first = RELEASES[channel][0]
    created = START - timedelta(days=400)
    school = School(
        key=f"schools/base-{number:05d}",
        uid=uid,
        region=region,
        channel=channel,
        canary=chance(f"canary {uid}", 1000) < CANARIES or number < 4,
        created=created,
        template=Template(Target(first.version, first.image, region.year)),
        done=YearDone(region.year - 1, region.year, region.year),
        years=[Held(region.year, "InService", created)],
    )
    sort = chance(f"sort {uid}", 1000)
    later = START + timedelta(days=chance(f"later {uid}", 400), hours=7)
    if school.canary:
        return school
    if sort < STOPPED:
        school.stopped_until = later
    elif sort < STOPPED + PINNED:
        school.pin, school.unpinned = region.year, later if sort % 2 else None
    elif sort < STOPPED + PINNED + LATE:
        # In summer, round the dates of the year.
        school.created = START + timedelta(days=chance(f"summer {uid}", 110), hours=7)
    elif sort < STOPPED + PINNED + LATE + MOVING and region.calendar == "metropole":
        other = "stable" if channel == "preview" else "preview"
        school.moves = (datetime(2026, 7, 10, 7, tzinfo=UTC), other)
    return school


def _region(roll: int) -> Region:
    for region in REGIONS:
        if roll < region.share:
            return region
        roll -= region.share
    raise AssertionError("shares come to a thousand")
