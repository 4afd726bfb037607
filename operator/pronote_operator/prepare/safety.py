"""The safety snapshot: what is in service is stored before anything replaces it ("sauvegarde de sécurité")."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pronote_operator.api.snapshots import SnapshotKind, snapshot_name
from pronote_operator.prepare.outcome import RefusedError
from pronote_operator.prepare.plan import DataPlan
from pronote_operator.prepare.stored import MENDED_NEXT
from pronote_operator.prepare.storing import last_version, store
from pronote_operator.prepare.volume import Layout
from pronote_operator.snapshots import Reason, Repository, SnapshotError
from pronote_operator.snapshots.model import StoredSnapshot


@dataclass(frozen=True)
class Safety:
    """What was stored. ``name`` is None when nothing was in service."""

    name: str | None
    message: str


def safety_name(moment: dt.datetime, taken: Iterable[str]) -> str:
    """A name for a safety snapshot that none has yet.

    Args:
        moment: the present instant.
        taken: names that are in use, or were.
    """
    names = set(taken)
    moment = moment.replace(microsecond=0)
    while (name := snapshot_name(SnapshotKind.SAFETY, moment)) in names:
        moment += dt.timedelta(seconds=1)
    return name


def take_safety(
    plan: DataPlan,
    layout: Layout,
    repository: Repository,
    name: str,
    stored: Sequence[StoredSnapshot],
    moment: dt.datetime,
) -> Safety:
    """Store what is in service in the base's own repository.

    Args:
        name: that it gets; one of that name that is there already is of the same data.
        stored: the snapshots of the repository, oldest first.
        moment: the present instant.

    Raises:
        RefusedError: ``NoRoom`` on the data volume, or ``SafetySnapshotFailed``.
        SnapshotError: ``Busy`` and ``Cancelled`` only.
        OSError: the data volume failed.
    """
    try:
        found = store(
            layout,
            repository,
            name,
            uai=plan.uai,
            school_year=plan.school_year,
            version=last_version(stored),
            moment=moment,
            what="the safety snapshot",
        )
    except SnapshotError as error:
        if error.reason in (Reason.BUSY, Reason.CANCELLED):
            raise
        text = f"what is in service could not be stored first ({error.reason}: {error.message})"
        if error.reason is Reason.REPOSITORY_DAMAGED:
            text += f"; {MENDED_NEXT}"
        raise RefusedError("SafetySnapshotFailed", text) from error
    if found == "Nothing":
        return Safety(None, "nothing was in service")
    if found == "AsItWas":
        return Safety(name, f"{name} holds what was in service as it was: SQLite could not open it")
    return Safety(name, f"{name} holds what was in service")
