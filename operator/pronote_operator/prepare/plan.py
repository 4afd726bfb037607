"""The data plan: what the volume of one base is asked to hold.

The operator writes the plan, as JSON, in the pod template; prepare reads it strictly. A member that this release does
not know is refused and never ignored: a plan of a newer operator may ask for a restore, and a server started on data
that were not restored would look healthy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.alias_generators import to_camel

from pronote_operator.api.snapshots import SnapshotKind, parsed_name
from pronote_operator.api.uai import uai_problem
from pronote_operator.prepare.outcome import RefusedError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

ClockTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""A time of day, ``HH:MM``, in the base's own time zone."""

ClaimPath = Annotated[
    str,
    Field(max_length=512, pattern=r"^[^/.\x00-\x1f\x7f][^/\x00-\x1f\x7f]*(/[^/.\x00-\x1f\x7f][^/\x00-\x1f\x7f]*)*$"),
]
"""A path inside a claim: no part of it is empty or begins with a dot. As in the API's fields, which see."""

SnapshotName = Annotated[str, Field(max_length=63, pattern=r"^[a-z]+(-[a-z]+)*-[0-9]{8}T[0-9]{4}([0-9]{2})?Z$")]

RequestId = Annotated[str, Field(max_length=63, pattern=r"^[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, alias_generator=to_camel)


class EmptySource(_Strict):
    """An empty base ("créer une base vide"): the grid of the timetable is all that it knows."""

    slot_minutes: Annotated[int, Field(ge=1, le=240)]
    day_start: ClockTime
    day_end: ClockTime

    @model_validator(mode="after")
    def _at_least_one_slot(self) -> Self:
        if _minutes(self.day_start) + self.slot_minutes > _minutes(self.day_end):
            raise ValueError(f"dayEnd must be at least slotMinutes ({self.slot_minutes}) after dayStart")
        return self


class HnotSource(_Strict):
    """A base packed for hosting (``.HNOT``), its annexes and users, on a claim mounted at ``Places.upload``."""

    claim_name: Annotated[str, Field(min_length=1, max_length=253)]
    path: ClaimPath
    annexes: Annotated[tuple[ClaimPath, ...], Field(max_length=16)] = ()
    profils: ClaimPath | None = None


class SnapshotSource(_Strict):
    """A snapshot of another base of the namespace, or of this one before its data were lost."""

    base: Annotated[str, Field(min_length=1, max_length=40)]
    name: SnapshotName


class Source(_Strict):
    """How the very first base of a volume is made. Exactly one member."""

    empty: EmptySource | None = None
    hnot: HnotSource | None = None
    snapshot: SnapshotSource | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(member is not None for member in (self.empty, self.hnot, self.snapshot)) != 1:
            raise ValueError("exactly one of empty, hnot and snapshot")
        return self


class RestoreRequest(_Strict):
    """A snapshot to put in service ("ouvrir cette archive"); the same request is never carried out twice."""

    request_id: RequestId
    snapshot: SnapshotName


class NewYear(_Strict):
    """The base of the plan's school year may be made new, and empty, beside that of the passing year."""

    past: Annotated[int, Field(alias="from", ge=2000, le=2999)]
    """The passing school year: its base is kept, with its grid; those of earlier years are removed at the turn."""


class Archive(_Strict):
    """A snapshot to take of what was in service until now, before anything else is done; never twice of one name."""

    name: SnapshotName

    @field_validator("name")
    @classmethod
    def _of_an_archive(cls, name: str) -> str:
        kind, _ = parsed_name(name)
        if kind not in (SnapshotKind.ARCHIVE, SnapshotKind.YEAR_END_ARCHIVE):
            raise ValueError(f"{name} is no name of an archive")
        return name


class DataPlan(_Strict):
    """One plan, version ``v1``. ``namespace`` and ``name`` are the base's, for logs and the journal."""

    plan: Literal["v1"]
    namespace: Annotated[str, Field(min_length=1, max_length=63)]
    name: Annotated[str, Field(min_length=1, max_length=40)]
    uai: str
    school_year: Annotated[int, Field(ge=2000, le=2999)]
    source: Source
    archive: Archive | None = None
    new_year: NewYear | None = None
    restore: RestoreRequest | None = None

    @field_validator("uai")
    @classmethod
    def _valid_uai(cls, uai: str) -> str:
        problem = uai_problem(uai)
        if problem:
            raise ValueError(problem)
        return uai

    @model_validator(mode="after")
    def _later_year(self) -> Self:
        if self.new_year is not None and self.new_year.past >= self.school_year:
            raise ValueError(
                f"newYear.from ({self.new_year.past}) must be earlier than schoolYear ({self.school_year})"
            )
        return self


def parse_plan(text: str) -> DataPlan:
    """Read a data plan from JSON.

    Raises:
        RefusedError: ``UnknownStep`` when a member is not known to this release (looked at first: such a plan may be
            valid for a newer one), ``InvalidPlan`` otherwise; the message names the field and what is allowed.
    """
    try:
        return DataPlan.model_validate_json(text)
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_context=False, include_input=False)
    unknown = [_field(error) for error in errors if error["type"] == "extra_forbidden"]
    if unknown:
        names = ", ".join(sorted(unknown))
        raise RefusedError("UnknownStep", f"the plan asks for what this prepare does not know: {names}")
    raise RefusedError("InvalidPlan", "; ".join(f"{_field(error)}: {_said(error)}" for error in errors))


def _field(error: ErrorDetails) -> str:
    return ".".join(str(part) for part in error["loc"]) or "plan"


def _said(error: ErrorDetails) -> str:
    return error["msg"].removeprefix("Value error, ")


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])
