"""`spec.source` of a PronoteBase: how its very first base is made."""

from typing import Annotated

from pydantic import Field

from .common import Part
from .fields import BaseName, ClaimPath, ClockTime, ObjectName, SnapshotName
from .schema import SET, Rule, one_of


class EmptySource(Part):
    """An empty base (base vide) and its time grid."""

    slot_minutes: int = Field(
        default=60, ge=5, le=120, description="Length of a place of the grid, in minutes (EDT's own replaces it)."
    )
    day_start: ClockTime = Field(default="08:00", description="When the grid's day begins, as HH:MM.")
    day_end: ClockTime = Field(default="18:00", description="When the grid's day ends, as HH:MM; after dayStart.")
    RULES = (
        # Defaults are filled in before rules run; HH:MM of equal length sorts as text.
        Rule("self.dayStart < self.dayEnd", "dayStart must be before dayEnd", field_path=".dayEnd"),
    )


class HnotSource(Part):
    """A base that another server packed for hosting (.HNOT), with its annexes and users (.profils)."""

    claim_name: ObjectName = Field(description="PersistentVolumeClaim, in the base's namespace, with the files.")
    path: ClaimPath = Field(description="Path of the .HNOT file inside the volume.")
    annexes: Annotated[tuple[ClaimPath, ...], Field(max_length=16), SET] = Field(
        default=(), description="Paths of annex files inside the volume: photos, letters, attached documents."
    )
    profils: ClaimPath | None = Field(
        default=None, description="Path of the users' .profils file inside the volume; absent: none are taken over."
    )


class SnapshotSource(Part):
    """A snapshot of another base, or of this one before it was lost."""

    base: BaseName = Field(description="The base, in the same namespace, whose snapshot is taken.")
    name: SnapshotName = Field(description="The snapshot's name.")


class Source(Part):
    """How the very first base is made; nothing happens when the volume already holds one."""

    empty: EmptySource | None = Field(default=None, description="Make an empty base (base vide).")
    hnot: HnotSource | None = Field(default=None, description="Load a base packed for hosting (.HNOT).")
    snapshot: SnapshotSource | None = Field(default=None, description="Take a snapshot of a base.")
    RULES = (one_of("empty", "hnot", "snapshot"),)
