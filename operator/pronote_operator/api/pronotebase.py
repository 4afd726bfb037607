"""PronoteBase (établissement hébergé): one school's base, its server and its data."""

from typing import Annotated, Literal

from pydantic import Field

from .base_status import PronoteBaseStatus
from .common import Part, Resource, ResourceRequirements
from .constants import ROLLBACK_PREFIX
from .fields import (
    Address,
    LabelName,
    MachineName,
    ObjectName,
    RequestId,
    SchoolYear,
    SnapshotName,
    StorageSize,
    TimeZone,
    Uai,
)
from .kind import NAME_RULES, Column, Kind, ready_column, reason_column
from .schema import SET, UNCHANGED, Kube, Rule, Text
from .source import Source

DEFAULT_DATA_SIZE = "5Gi"
DEFAULT_SNAPSHOTS_SIZE = "20Gi"


class SchoolYearPolicy(Part):
    """How the base follows the school year."""

    pin: SchoolYear | None = Field(
        default=None, description="Hold this school year, whatever the calendar says; absent: follow the calendar."
    )
    new_base: Literal["Automatic", "Manual"] = Field(
        default="Automatic",
        description="Whether an empty base for the coming year is prepared by itself (Manual is the contrordre).",
    )


class SuperAdmin(Part):
    """The superadministrator (superadministrateur) of the base."""

    secret_name: ObjectName | None = Field(
        default=None,
        description="Your Secret with the keys username and password (12 characters or more, of three kinds);"
        " absent: one is generated once, and status.superAdminSecretName names it.",
    )


class Licences(Part):
    """How many may be connected at once."""

    administrative: int = Field(default=4, ge=1, le=1000, description="Connections in administrative mode at once.")
    teachers: int = Field(default=50, ge=0, le=100000, description="Connections in teacher mode at once.")
    reserved_for_administrators: int = Field(
        default=1,
        ge=0,
        le=1000,
        description="How many of the administrative places only superadministrators may take.",
    )
    RULES = (
        Rule(
            "self.reservedForAdministrators <= self.administrative",
            "reservedForAdministrators must not exceed administrative",
            field_path=".reservedForAdministrators",
        ),
    )


class Security(Part):
    """How the server treats addresses that log in wrongly too often."""

    ip_control: Literal["Off", "Low", "Medium", "High"] = Field(
        default="Medium", description="How soon an address is suspended."
    )
    preferred_addresses: Annotated[tuple[Address, ...], Field(max_length=64), SET] = Field(
        default=(), description="Addresses or networks that are never suspended, such as the school's own."
    )
    prohibited_addresses: Annotated[tuple[Address, ...], Field(max_length=64), SET] = Field(
        default=(), description="Addresses or networks that may not connect."
    )
    RULES = (
        Rule(
            "!has(self.preferredAddresses) || !has(self.prohibitedAddresses)"
            " || !self.preferredAddresses.exists(address, address in self.prohibitedAddresses)",
            "an address must not be both in preferredAddresses and in prohibitedAddresses",
        ),
    )


class SnapshotStorage(Part):
    """The volume of the snapshots."""

    size: StorageSize = Field(
        default=DEFAULT_SNAPSHOTS_SIZE, description="Size of the volume; it may grow, and never shrink."
    )
    storage_class_name: ObjectName | None = Field(
        default=None, description="StorageClass of the volume, fixed at creation; absent: the cluster's default."
    )


class Storage(Part):
    """The two volumes of a base."""

    size: StorageSize = Field(
        default=DEFAULT_DATA_SIZE, description="Size of the data volume; it may grow, and never shrink."
    )
    storage_class_name: ObjectName | None = Field(
        default=None, description="StorageClass of the data volume, fixed at creation; absent: the cluster's default."
    )
    snapshots: SnapshotStorage = Field(default=SnapshotStorage(), description="The volume of the snapshots.")


class RestoreRequest(Part):
    """A snapshot to put in service (ouvrir cette archive)."""

    request_id: Annotated[
        RequestId,
        Kube(
            None,
            Rule(
                f"!self.startsWith('{ROLLBACK_PREFIX}')",
                f"must not begin with {ROLLBACK_PREFIX}, by which the operator takes back a roll that failed",
            ),
        ),
    ] = Field(description="Any new value asks for one restore; a value that was already carried out asks for nothing.")
    snapshot: SnapshotName = Field(description="The snapshot to put in service.")


def _value(owner: str, path: str, absent: str) -> str:
    """Return CEL for the member at `path` of `owner`, or the text `absent` when it or a parent is absent.

    With has(): of an optional (`.?`) the API server knows no bound, and refuses the rule for its estimated cost.
    """
    names = path.split(".")[1:]
    present = " && ".join(f"has({owner}.{'.'.join(names[: depth + 1])})" for depth in range(len(names)))
    return f"({present} ? {owner}{path} : '{absent}')"


def _may_grow(path: str, default: str) -> Rule:
    """Return the rule of a spec that the size at `path` is not lowered, also when its parents were or become absent."""
    now, before = _value("self", path, default), _value("oldSelf", path, default)
    return Rule(
        f"!isQuantity({now}) || quantity({now}).compareTo(quantity({before})) >= 0",
        "may grow but not shrink",
        message_expression=f"'may grow but not shrink: it is ' + {before}",
        field_path=path,
    )


def _fixed(path: str) -> Rule:
    return Rule(
        f"{_value('self', path, '')} == {_value('oldSelf', path, '')}",
        "is fixed at creation: a volume cannot change its class",
        field_path=path,
    )


class PronoteBaseSpec(Part):
    """What is wanted for one school."""

    uai: Annotated[Uai, Kube(None, Rule(UNCHANGED, "is fixed at creation: another school is another base"))] = Field(
        description="The school's UAI (formerly RNE): 7 digits and the check letter. Fixed at creation."
    )
    managed_uais: Annotated[tuple[Uai, ...], Field(max_length=16), SET] = Field(
        default=(), description="UAIs of further establishments in the same base (cité scolaire)."
    )
    display_name: Annotated[
        str,
        Text(100, r"^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$", "one line, without a space at either end"),
    ] = Field(description="The school's name, as people read it.")
    time_zone: TimeZone = Field(
        default="Europe/Paris", description="IANA time zone in which every date and hour about this school is read."
    )
    calendar: LabelName | None = Field(
        default=None, description="A name in the version channel's calendars; absent: its only one, or metropole."
    )
    in_service: bool = Field(default=True, description="Whether the server runs (mis en service) or is stopped.")
    version_channel: LabelName | None = Field(
        default=None,
        description="The VersionChannel to follow; absent: the one annotated pronote.hosting/is-default.",
    )
    backup_policy: LabelName | None = Field(
        default=None, description="The BackupPolicy to follow; absent: the one annotated pronote.hosting/is-default."
    )
    school_year: SchoolYearPolicy = Field(
        default=SchoolYearPolicy(), description="How the base follows the school year."
    )
    source: Annotated[Source, Kube(None, Rule(UNCHANGED, "is fixed at creation: the first base is made once"))] = Field(
        description="How the very first base is made: exactly one member. Fixed at creation."
    )
    super_admin: SuperAdmin = Field(default=SuperAdmin(), description="The superadministrator of the base.")
    licences: Licences = Field(default=Licences(), description="How many may be connected at once.")
    security: Security = Field(default=Security(), description="How addresses that log in wrongly are treated.")
    disabled_clients: Annotated[tuple[MachineName, ...], Field(max_length=256), SET] = Field(
        default=(), description="Names of machines whose Client may not connect."
    )
    storage: Storage = Field(default=Storage(), description="The volumes of data and of snapshots.")
    resources: ResourceRequirements = Field(
        default=ResourceRequirements(), description="Requests and limits of the server container."
    )
    restore: RestoreRequest | None = Field(
        default=None, description="A snapshot to put in service; acted on once per requestId."
    )
    suspend: bool = Field(default=False, description="Stop reconciling this base; nothing that runs is touched.")
    deletion_policy: Literal["Retain", "Delete"] = Field(
        default="Retain",
        description="What becomes of volumes when the base is deleted; Delete also destroys the snapshots' key.",
    )
    RULES = (
        Rule(
            "!has(self.managedUais) || !(self.uai in self.managedUais)",
            "must not repeat spec.uai",
            field_path=".managedUais",
        ),
        _may_grow(".storage.size", DEFAULT_DATA_SIZE),
        _may_grow(".storage.snapshots.size", DEFAULT_SNAPSHOTS_SIZE),
        _fixed(".storage.storageClassName"),
        _fixed(".storage.snapshots.storageClassName"),
    )


class PronoteBase(Resource):
    """A school's PRONOTE base: its server, its data, its snapshots."""

    kind: Literal["PronoteBase"] = "PronoteBase"
    spec: PronoteBaseSpec = Field(description="What is wanted for the school.")
    status: PronoteBaseStatus = Field(default=PronoteBaseStatus(), description="What the operator found and did.")
    RULES = NAME_RULES


KIND = Kind(
    model=PronoteBase,
    plural="pronotebases",
    short_names=("pnb",),
    namespaced=True,
    columns=(
        ready_column(),
        Column("Version", ".status.version.current", "Version of the software in service."),
        Column("Year", ".status.schoolYear", "School year in service.", type="integer"),
        Column("Last backup", ".status.snapshots.lastBackupTime", "Age of the newest snapshot.", type="date"),
        Column("UAI", ".spec.uai", "The school's UAI.", priority=1),
        Column("In service", ".spec.inService", "Whether the server is to run.", type="boolean", priority=1),
        reason_column(),
        Column("Age", ".metadata.creationTimestamp", "Age of the object.", type="date"),
    ),
)

__all__ = [
    "KIND",
    "Licences",
    "PronoteBase",
    "PronoteBaseSpec",
    "PronoteBaseStatus",
    "RestoreRequest",
    "SchoolYearPolicy",
    "Security",
    "SnapshotStorage",
    "Source",
    "Storage",
    "SuperAdmin",
]
