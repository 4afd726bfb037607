"""`status` of a PronoteBase."""

from typing import Annotated, Literal

from pydantic import Field

from .common import Part, Status
from .fields import LabelName, ObjectName, RequestId, SchoolYear, SnapshotName, Time
from .schema import SET, Text, list_map

VersionText = Annotated[str, Text(32)]
"""A version as the server answers it; not bound to the shape of a release."""


class VersionStatus(Part):
    """Version of the software, wanted and found."""

    desired: VersionText | None = Field(default=None, description="The version that the channel asks for now.")
    current: VersionText | None = Field(default=None, description="The version that the server in service answers.")


class ClientEndpoint(Part):
    """Where a Client connects."""

    host: Annotated[str, Text(253)] = Field(description="Host name.")
    port: int = Field(ge=1, le=65535, description="TCP port.")


class Endpoints(Part):
    """How the base is reached."""

    client: ClientEndpoint | None = Field(default=None, description="Where a Client connects.")
    parameters_config_map: ObjectName | None = Field(
        default=None, description="ConfigMap with the Client's connection parameters, key parameters.json."
    )


class YearBase(Part):
    """The base of one school year on the data volume."""

    school_year: SchoolYear = Field(description="The school year.")
    state: Literal["InService", "Prepared", "Kept"] = Field(
        description="In service, prepared for the coming year, or kept from a past one."
    )
    created_time: Time | None = Field(default=None, description="When this base was made.")


class SnapshotKindStatus(Part):
    """How snapshots of one kind went: what the schedule goes on from."""

    kind: Literal["Backup", "Archive", "YearEndArchive", "Safety"] = Field(description="Kind of snapshot.")
    last_slot_time: Time | None = Field(
        default=None, description="The newest slot of the schedule that is settled: taken, failed or missed."
    )
    last_attempt_time: Time | None = Field(default=None, description="When one was last tried.")
    last_success_time: Time | None = Field(default=None, description="When one last succeeded.")
    failures: int = Field(default=0, ge=0, le=1_000_000, description="How many failed since the last good one.")
    kept: int = Field(default=0, ge=0, le=1000, description="How many good ones are kept.")


class SnapshotsStatus(Part):
    """Snapshots that exist and when the next is due."""

    names: Annotated[tuple[SnapshotName, ...], Field(max_length=256), SET] = Field(
        default=(), description="Names of the snapshots, oldest first."
    )
    last_backup_time: Time | None = Field(default=None, description="When the newest snapshot of any sort was taken.")
    last_archive_time: Time | None = Field(default=None, description="When the newest archive was taken.")
    last_verified_time: Time | None = Field(default=None, description="When a snapshot last passed a restore drill.")
    last_drill_time: Time | None = Field(default=None, description="When a restore drill was last tried.")
    last_request: SnapshotName | None = Field(
        default=None, description="The extra snapshot that was last asked for and tried: it is not tried again."
    )
    next_time: Time | None = Field(default=None, description="When the next snapshot is due.")
    failures: int = Field(default=0, ge=0, le=1_000_000, description="Snapshots that failed since the last good one.")
    kinds: Annotated[tuple[SnapshotKindStatus, ...], Field(max_length=8), list_map("kind")] = Field(
        default=(), description="The same by kind."
    )


class RestoreStatus(Part):
    """The last restore that was asked for."""

    request_id: RequestId = Field(description="The spec.restore.requestId that this answers.")
    phase: Literal["Pending", "Running", "Succeeded", "Failed"] = Field(description="How far it is.")
    snapshot: SnapshotName | None = Field(default=None, description="The snapshot that was asked for.")
    safety_snapshot: SnapshotName | None = Field(
        default=None, description="The snapshot taken of what was in service before."
    )
    started_time: Time | None = Field(default=None, description="When it began.")
    completed_time: Time | None = Field(default=None, description="When it succeeded or failed.")
    message: Annotated[str, Text(1024, shortest=0)] | None = Field(default=None, description="What happened, in words.")


class RollTarget(Part):
    """What a base runs."""

    version: VersionText = Field(description="Version of the software.")
    image: Annotated[str, Text(512)] = Field(description="Image of the server.")
    school_year: SchoolYear = Field(description="School year in service.")


class RollStatus(Part):
    """The roll to a release or a school year that is under way, or the last one."""

    id: Annotated[str, Text(63)] = Field(description="Names this attempt; the same target is not tried twice under it.")
    phase: Literal["Archiving", "Restarting", "RollingBack", "Done", "RolledBack"] = Field(description="How far it is.")
    channel_generation: int = Field(
        ge=0, le=9_007_199_254_740_991, description="Generation of the VersionChannel for which it was begun."
    )
    from_: RollTarget = Field(alias="from", description="What the base ran before.")
    to: RollTarget = Field(description="What it is to run.")
    snapshot: SnapshotName | None = Field(
        default=None, description="The archive taken before; it is restored when the roll is taken back."
    )
    started_time: Time = Field(description="When it began.")
    restarted_time: Time | None = Field(default=None, description="When the server was last restarted for it.")
    ready_time: Time | None = Field(default=None, description="When the server was first ready after that.")
    completed_time: Time | None = Field(default=None, description="When it ended, well or not.")
    message: Annotated[str, Text(1024, shortest=0)] | None = Field(default=None, description="What happened, in words.")


class SettledYears(Part):
    """For which school years the dates of the calendar were acted on; none comes twice."""

    archived: SchoolYear | None = Field(
        default=None, description="The newest passing year whose year-end archive was taken."
    )
    prepared: SchoolYear | None = Field(
        default=None, description="The newest coming year whose empty base was prepared."
    )
    turned: SchoolYear | None = Field(default=None, description="The newest year that was put in service by a turn.")


class EffectiveSettings(Part):
    """What absent members of spec stand for, at this time."""

    version_channel: LabelName | None = Field(default=None, description="The VersionChannel that is followed.")
    backup_policy: LabelName | None = Field(default=None, description="The BackupPolicy that is followed.")
    calendar: LabelName | None = Field(default=None, description="The calendar of the channel that is followed.")
    image: Annotated[str, Text(512)] | None = Field(default=None, description="Image of the server.")


class PronoteBaseStatus(Status):
    """What the operator found and did."""

    school_year: SchoolYear | None = Field(default=None, description="School year of the base in service.")
    version: VersionStatus = Field(default=VersionStatus(), description="Version of the software.")
    endpoints: Endpoints = Field(default=Endpoints(), description="How the base is reached.")
    super_admin_secret_name: ObjectName | None = Field(
        default=None, description="Secret with the superadministrator's username and password."
    )
    bases: Annotated[tuple[YearBase, ...], Field(max_length=32), list_map("schoolYear")] = Field(
        default=(), description="The bases on the data volume, one a school year."
    )
    snapshots: SnapshotsStatus = Field(default=SnapshotsStatus(), description="The snapshots of this base.")
    restore: RestoreStatus | None = Field(default=None, description="The last restore that was asked for.")
    roll: RollStatus | None = Field(
        default=None, description="The roll to a release or a school year that is under way, or the last one."
    )
    settled_years: SettledYears = Field(
        default=SettledYears(), description="For which school years the dates of the calendar were acted on."
    )
    effective: EffectiveSettings = Field(
        default=EffectiveSettings(), description="What absent members of spec stand for; never written into spec."
    )
