"""VersionChannel: which version bases run and when, how it is rolled out, and the dates of the school year."""

from typing import Annotated, Literal

from pydantic import Field

from .common import LabelSelector, Part, Resource, Status
from .fields import ClockTime, Image, LabelName, LocalTime, MonthDay, ReleaseVersion, Share, Time
from .kind import LABEL_NAME_RULES, Column, Kind, ready_column, reason_column
from .schema import ATOMIC, SET, Kube, Rule, Text


class Release(Part):
    """A version, its image, and from when on it is the one to run."""

    version: ReleaseVersion = Field(description="Version of the software, such as 2026.2.5.")
    image: Image = Field(description="Image of the server, with a tag or, better, a digest.")
    from_: LocalTime | None = Field(
        default=None,
        alias="from",
        description="Date and time from which on it is due, without a zone, read in each base's; absent: always was.",
    )


class Calendar(Part):
    """The dates on which a school year turns, each a month and a day in the base's time zone."""

    year_end_archive: MonthDay = Field(description="When the year-end archive is taken.")
    new_base: MonthDay = Field(description="When an empty base for the coming year is prepared.")
    switchover: MonthDay = Field(description="When the base of the coming year is put in service.")
    RULES = (
        # Round the year, since in the southern hemisphere the first of the three is in December.
        Rule(
            "(self.yearEndArchive < self.newBase && self.newBase < self.switchover)"
            " || (self.newBase < self.switchover && self.switchover < self.yearEndArchive)"
            " || (self.switchover < self.yearEndArchive && self.yearEndArchive < self.newBase)",
            "yearEndArchive, newBase and switchover must follow each other in this order, on three different days",
        ),
    )


class Window(Part):
    """Hours of the day, in each base's time zone, that may pass midnight."""

    start: ClockTime = Field(description="When it opens, as HH:MM.")
    end: ClockTime = Field(description="When it closes, as HH:MM.")
    RULES = (Rule("self.start != self.end", "start and end must differ; leave window out to allow any hour"),)


class Canary(Part):
    """Bases that get a release first."""

    selector: LabelSelector = Field(description="Labels of the bases that go first; no failure is tolerated.")
    soak_minutes: int = Field(
        default=60, ge=0, le=10080, description="Minutes for which they must have been ready before the others follow."
    )


ShareField = Annotated[
    Share,
    Kube(
        None,
        Rule(
            "type(self) == int ? self >= 0 : self.matches(r'^(100|[1-9]?[0-9])%$')",
            "must be a number such as 10, or a percentage from 0% to 100% such as 5%",
        ),
    ),
]
PositiveShare = Annotated[
    ShareField, Kube(None, Rule("type(self) == int ? self >= 1 : self != '0%'", "must be at least 1, or 1%"))
]


class Rollout(Part):
    """How bases go over to a release."""

    window: Window | None = Field(
        default=None, description="Hours in which bases are restarted for a release; absent: any hour."
    )
    canary: Canary | None = Field(default=None, description="Bases that go first; absent: none do.")
    max_concurrent: PositiveShare = Field(
        default=10, description="How many bases go over at once, as a number or a percentage of all."
    )
    max_failures: ShareField = Field(
        default="2%", description="How many may fail, as a number or a percentage of all; past it the rollout halts."
    )
    progress_deadline_minutes: int = Field(
        default=20,
        ge=1,
        le=240,
        description="Minutes within which a base must be ready again; if not, it failed and goes back by itself.",
    )


_SHAPE = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}$"
_DIGITS = ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19))
_AS_NUMBER = f"int({' + '.join(f'release.from.substring({start}, {end})' for start, end in _DIGITS)})"
Releases = Annotated[
    tuple[Release, ...],
    Field(min_length=1, max_length=32),
    ATOMIC,
    Kube(
        None,
        # As numbers, since the API server knows no bound of texts made by map, and refuses the rule for its cost.
        # A release without `from` is 0 and sorts before any date.
        Rule(
            f"self.map(release, has(release.from) && release.from.matches('{_SHAPE}') ? {_AS_NUMBER} : 0).isSorted()",
            "must be in the order of their from, oldest first",
        ),
        Rule(
            "self.filter(release, !has(release.from)).size() <= 1",
            "only the first may be without from: which of the others is due would be unknown",
        ),
        Rule(
            "self.all(one, !has(one.from) || self.exists_one(other, has(other.from) && other.from == one.from))",
            "must have different from: which of two is due would be unknown",
        ),
        Rule(
            "self.all(one, self.exists_one(other, other.version == one.version))",
            "must have different versions",
        ),
    ),
]
Calendars = Annotated[
    dict[str, Calendar],
    Field(max_length=32),
    Kube(
        None,
        Rule(
            "self.all(name, name.size() <= 63 && name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'))",
            "every name must be at most 63 lower-case letters, digits and '-', such as nouvelle-caledonie",
        ),
    ),
]


class VersionChannelSpec(Part):
    """Releases, calendars, and how bases go over."""

    releases: Releases = Field(description="Releases, oldest first; the newest whose from has come is the one to run.")
    calendars: Calendars = Field(
        default={}, description="Dates of the school year by name; a base names one in spec.calendar."
    )
    rollout: Rollout = Field(default=Rollout(), description="How bases go over to a release.")
    paused: bool = Field(default=False, description="Take no further base over to a release for the time being.")


QualifiedName = Annotated[str, Text(104, shortest=0)]
"""namespace/name of a base."""


class NextSwitchover(Part):
    """The next date on which bases of a calendar turn to the coming school year."""

    calendar: LabelName = Field(description="Name of the calendar.")
    date: Annotated[str, Text(10, "^[0-9]{4}-[0-9]{2}-[0-9]{2}$")] = Field(description="The day, as YYYY-MM-DD.")


class PlannedWave(Part):
    """A group of bases that go over together."""

    wave: int = Field(ge=0, le=100_000, description="Number of the wave; 0 is the canaries.")
    bases: int = Field(ge=0, le=1_000_000, description="How many bases it has.")
    start_time: Time | None = Field(default=None, description="When it begins at the earliest.")


class VersionChannelStatus(Status):
    """How far the bases of this channel are."""

    target: Annotated[str, Text(32)] | None = Field(default=None, description="The version that is due.")
    phase: Literal["Current", "Scheduled", "Canary", "Progressing", "Halted", "Paused"] | None = Field(
        default=None, description="How far the rollout of the target is."
    )
    total: int = Field(default=0, ge=0, le=1_000_000, description="How many bases follow this channel.")
    updated: int = Field(default=0, ge=0, le=1_000_000, description="How many of them run the target.")
    updating: Annotated[tuple[QualifiedName, ...], Field(max_length=100), SET] = Field(
        default=(), description="Bases that are going over now, as namespace/name; the first 100."
    )
    failed: Annotated[tuple[QualifiedName, ...], Field(max_length=100), SET] = Field(
        default=(), description="Bases that failed to go over, as namespace/name; the first 100."
    )
    next_switchover: NextSwitchover | None = Field(default=None, description="The next turn of the school year.")
    plan: Annotated[tuple[PlannedWave, ...], Field(max_length=64), ATOMIC] = Field(
        default=(), description="The waves still to come; the first 64."
    )


class VersionChannel(Resource):
    """Which version bases run and when, and the dates of their school year; shared by many bases."""

    kind: Literal["VersionChannel"] = "VersionChannel"
    spec: VersionChannelSpec = Field(description="Releases, calendars, and how bases go over.")
    status: VersionChannelStatus = Field(
        default=VersionChannelStatus(), description="How far the bases of this channel are."
    )
    RULES = LABEL_NAME_RULES


KIND = Kind(
    model=VersionChannel,
    plural="versionchannels",
    short_names=("pnvc",),
    namespaced=False,
    columns=(
        ready_column(),
        Column("Target", ".status.target", "The version that is due."),
        Column("Phase", ".status.phase", "How far its rollout is."),
        Column("Updated", ".status.updated", "How many bases run it.", type="integer"),
        Column("Total", ".status.total", "How many bases follow this channel.", type="integer"),
        Column("Paused", ".spec.paused", "Whether the rollout is paused.", type="boolean", priority=1),
        reason_column(),
        Column("Age", ".metadata.creationTimestamp", "Age of the object.", type="date"),
    ),
)
