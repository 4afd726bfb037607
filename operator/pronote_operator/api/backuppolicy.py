"""BackupPolicy: when snapshots of the bases are taken, and how many are kept."""

from typing import Annotated, Literal

from pydantic import Field

from .common import Part, Resource, Status
from .fields import Time
from .kind import LABEL_NAME_RULES, Column, Kind, ready_column, reason_column
from .schema import Text


def _cron_field(value: str) -> str:
    part = rf"(\*|{value}(-{value})?)(/[1-9][0-9]?)?"
    return f"{part}(,{part})*"


_MONTH = "(0?[1-9]|1[0-2]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)"
_CRON_FIELDS = (
    "[0-5]?[0-9]",
    "([01]?[0-9]|2[0-3])",
    "(0?[1-9]|[12][0-9]|3[01])",
    _MONTH,
    "([0-7]|SUN|MON|TUE|WED|THU|FRI|SAT)",
)
CronSchedule = Annotated[
    str,
    Text(
        100,
        "^" + " ".join(_cron_field(value) for value in _CRON_FIELDS) + "$",
        "five cron fields (minute 0-59, hour 0-23, day 1-31, month 1-12, weekday 0-7) one space apart, as 30 2 * * *",
    ),
]


class BackupSchedule(Part):
    """Backups (sauvegardes): the base alone."""

    schedule: CronSchedule = Field(default="0 */2 * * *", description="When, as cron, in each base's time zone.")
    keep: int = Field(default=12, ge=1, le=100, description="How many are kept.")


class ArchiveSchedule(Part):
    """Archives: the base and its annexes."""

    schedule: CronSchedule = Field(default="30 2 * * *", description="When, as cron, in each base's time zone.")
    keep: int = Field(default=30, ge=1, le=100, description="How many are kept.")


class YearEndArchives(Part):
    """Archives taken at the end of a school year, on the calendar's date."""

    keep: int = Field(default=3, ge=1, le=20, description="How many are kept, apart from the others.")


class Verification(Part):
    """Restore drills."""

    every_days: int = Field(
        default=30, ge=1, le=366, description="Days between drills: a snapshot is restored aside and checked."
    )


class BackupPolicySpec(Part):
    """When snapshots are taken, and how many are kept."""

    backups: BackupSchedule = Field(default=BackupSchedule(), description="Backups (sauvegardes): the base alone.")
    archives: ArchiveSchedule = Field(default=ArchiveSchedule(), description="Archives: the base and its annexes.")
    year_end_archives: YearEndArchives = Field(
        default=YearEndArchives(), description="Archives taken at the end of a school year."
    )
    spread_minutes: int = Field(
        default=90, ge=0, le=1440, description="Each base has its own stable minute within so many after the hour set."
    )
    starting_deadline_minutes: int = Field(
        default=120,
        ge=1,
        le=10080,
        description="A slot that was missed is made up for this long; the latest one only, and once.",
    )
    max_concurrent: int = Field(
        default=20, ge=1, le=1000, description="How many snapshots are taken at once, over all bases."
    )
    verification: Verification = Field(default=Verification(), description="Restore drills.")
    suspend: bool = Field(default=False, description="Take no snapshots for the time being.")


class BackupPolicyStatus(Status):
    """How the bases of this policy stand."""

    bases: int = Field(default=0, ge=0, le=1_000_000, description="How many bases follow this policy.")
    backed_up: int = Field(default=0, ge=0, le=1_000_000, description="How many of them have a recent snapshot.")
    failing: int = Field(default=0, ge=0, le=1_000_000, description="How many of them fail to be backed up.")
    oldest_backup_time: Time | None = Field(
        default=None, description="Of the newest snapshots of the bases, the time of the oldest."
    )


class BackupPolicy(Resource):
    """When snapshots of bases are taken and how many are kept; shared by many bases."""

    kind: Literal["BackupPolicy"] = "BackupPolicy"
    spec: BackupPolicySpec = Field(description="When snapshots are taken, and how many are kept.")
    status: BackupPolicyStatus = Field(default=BackupPolicyStatus(), description="How the bases of this policy stand.")
    RULES = LABEL_NAME_RULES


KIND = Kind(
    model=BackupPolicy,
    plural="backuppolicies",
    short_names=("pnbp",),
    namespaced=False,
    columns=(
        ready_column(),
        Column("Bases", ".status.bases", "How many bases follow this policy.", type="integer"),
        Column("Backed up", ".status.backedUp", "How many have a recent snapshot.", type="integer"),
        Column("Failing", ".status.failing", "How many fail to be backed up.", type="integer"),
        Column("Oldest backup", ".status.oldestBackupTime", "Age of the oldest newest snapshot.", type="date"),
        Column("Suspended", ".spec.suspend", "Whether no snapshots are taken.", type="boolean", priority=1),
        reason_column(),
        Column("Age", ".metadata.creationTimestamp", "Age of the object.", type="date"),
    ),
)
