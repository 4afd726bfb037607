"""What one pass over a base gathers, and the status that follows from it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pronote_operator.api.base_status import YearBase
from pronote_operator.api.pronotebase import PronoteBase
from pronote_operator.builders.context import Release
from pronote_operator.builders.names import Names
from pronote_operator.cluster.client import Object
from pronote_operator.handlers.children import Children
from pronote_operator.handlers.keys import Key
from pronote_operator.planning.base_status import Found, Verdict, conditions
from pronote_operator.planning.conditions import Condition, merged_conditions
from pronote_operator.planning.facts import ClaimFacts, StatefulSetFacts
from pronote_operator.planning.outlook import RollingBase
from pronote_operator.planning.policy_status import CoveredBase
from pronote_operator.planning.restore import RestoreReport, is_open, restore_status, restored_condition
from pronote_operator.planning.roll import roll_of
from pronote_operator.planning.snapshot_history import ListedSnapshot


@dataclass(frozen=True, slots=True)
class References:
    """What the base's references and dates come to."""

    channel: str
    policy: str | None
    calendar: str
    due: Release | None
    """Newest release that has come in the base's time zone: what a base is made with."""


class Pass:
    """What one pass gathers; becomes the status.

    Args:
        base: read from `body`, which is as the store gave it.
    """

    def __init__(self, base: PronoteBase, body: Object, key: Key, children: Children, now: dt.datetime) -> None:
        self.base = base
        self.body = body
        self.key = key
        self.children = children
        self.now = now
        self.references: References | None = None
        self.statefulset: StatefulSetFacts | None = None
        self.rolling: RollingBase | None = None
        """What its roll was planned from, with the roll as it is after this pass; None where none was planned."""
        self.rolled_from: StatefulSetFacts | None = None
        """The facts that this was planned from."""
        self.roll: Object | None = base.status.roll.to_manifest() if base.status.roll is not None else None
        self.told_roll = roll_of(self.roll)
        """The roll as the status tells it."""
        self.up_to_date: Condition | None = None
        self.settled_years: Object = base.status.settled_years.to_manifest()
        self.turned: int | None = None
        """The school year that a roll put in service and that this pass confirmed."""
        self.must_ask_years = False
        self.years: tuple[YearBase, ...] | None = None
        """What the agent says is on the data volume, if it was asked in this pass."""
        self.year_made: Mapping[str, Any] | None = None
        """The base of the coming year that its agent has made, as it tells it."""
        self.school_year: int | None = base.status.school_year
        self.endpoint: tuple[str, int] | None = None
        self.superadmin: str | None = base.status.super_admin_secret_name
        self.stalled: Verdict | None = None
        self.missing: str | None = None
        self.waiting: str | None = None
        self.pod: str | None = None
        self.source_steps: tuple[str, ...] = ()
        """What the first base was made from, step by step: told once, when it is first in service."""
        self.restores_told: tuple[RestoreReport, ...] = ()
        self.kept_told: tuple[ListedSnapshot, ...] | None = None
        """What the agent says is kept, if it was asked in this pass."""
        self.snapshots: Object | None = None
        """`status.snapshots` to have; None: as it was."""
        self.backed_up: Condition | None = None
        self.policy: str | None = None
        """The BackupPolicy that covers the base."""
        self.covered: CoveredBase | None = None
        self.next_pass: float | None = None

    def again(self, seconds: float) -> None:
        """The next pass is due in so many seconds at the latest."""
        self.next_pass = seconds if self.next_pass is None else min(self.next_pass, seconds)

    def due_at(self, instant: dt.datetime) -> None:
        """The next pass is due at an instant at the latest."""
        self.again(max(0.0, (instant - self.now).total_seconds()) + 1.0)

    def waits_long(self, seconds: float) -> bool:
        """Whether the base has been without the wanted state for so long already."""
        ready = next((c for c in self.base.status.conditions if c.type == "Ready"), None)
        return (
            ready is not None
            and ready.status == "False"
            and (self.now - ready.last_transition_time).total_seconds() >= seconds
        )

    def is_older(self, claim: str) -> bool:
        """Whether a volume's claim was there before the base: it may hold what the status knows nothing of."""
        facts = self.children.known("PersistentVolumeClaim", claim)
        created = self.base.metadata.creation_timestamp
        return (
            isinstance(facts, ClaimFacts)
            and bool(facts.created)
            and created is not None
            and dt.datetime.fromisoformat(facts.created) < created
        )

    @property
    def ready_since(self) -> dt.datetime:
        """Since when the base is Ready, if it is."""
        ready = next((c for c in self.base.status.conditions if c.type == "Ready"), None)
        return ready.last_transition_time if ready is not None and ready.status == "True" else self.now

    @property
    def current(self) -> str | None:
        """Version of the server that was last seen ready."""
        if self.statefulset is not None and self.statefulset.ready:
            return self.statefulset.version
        return self.base.status.version.current

    @property
    def restoring_since(self) -> dt.datetime | None:
        """Since when the restore that is asked for is carried out."""
        wanted, there = self.base.spec.restore, self.statefulset
        if wanted is None or there is None or there.replicas == 0 or there.restore is None:
            return None
        if there.restore[0] != wanted.request_id or not is_open(wanted, self.base.status.restore):
            return None
        if any(report.request_id == wanted.request_id for report in self.restores_told):
            return None
        before = self.base.status.restore
        same = before is not None and before.request_id == wanted.request_id
        return before.started_time if before is not None and same else self.now

    def found(self) -> Found:
        """The pass as the conditions see it."""
        return Found(
            in_service=self.base.spec.in_service,
            suspended=self.base.spec.suspend,
            statefulset=self.statefulset,
            stalled=self.stalled,
            missing=self.missing,
            waiting=self.waiting,
            pod=self.pod,
        )

    def status(self) -> Object:
        """The whole status to have."""
        base, references, there = self.base, self.references, self.statefulset
        before = base.status.to_manifest({"conditions", "snapshots", "endpoints"})
        restore = restore_status(
            base.spec.restore,
            base.status.restore,
            planned=there.restore if there is not None else None,
            in_service=base.spec.in_service,
            told=self.restores_told,
            now=self.now,
        )
        restored = restored_condition(restore, self.restores_told, before.get("conditions", []))
        extra = [condition for condition in (self.up_to_date, self.backed_up, restored) if condition is not None]
        status: dict[str, Any] = {
            "observedGeneration": base.metadata.generation,
            "conditions": merged_conditions(
                before.get("conditions", []), [*conditions(self.found()), *extra], base.metadata.generation, self.now
            ),
            "version": _present(desired=there.version if there else base.status.version.desired, current=self.current),
        }
        if restore is not None:
            status["restore"] = restore
        snapshots = before.get("snapshots") if self.snapshots is None else self.snapshots
        if snapshots:
            status["snapshots"] = snapshots
        if self.school_year is not None:
            status["schoolYear"] = self.school_year
            status["bases"] = self._bases(self.school_year)
        if self.settled_years:
            status["settledYears"] = self.settled_years
        if self.roll is not None:
            status["roll"] = self.roll
        names = Names(base.metadata.name)
        if self.endpoint is not None:
            host, port = self.endpoint
            status["endpoints"] = {
                "client": {"host": host, "port": port},
                "parametersConfigMap": names.parameters,
            }
        elif "endpoints" in before:
            status["endpoints"] = before["endpoints"]
        if self.superadmin is not None:
            status["superAdminSecretName"] = self.superadmin
        if references is not None:
            status["effective"] = _present(
                versionChannel=references.channel,
                backupPolicy=references.policy,
                calendar=references.calendar,
                # What it ran is needed when its StatefulSet is to be made anew.
                image=there.image if there else base.status.effective.image,
            )
        return status

    def _bases(self, serves: int) -> list[Object]:
        """What is on the data volume: as the agent told it last, with what is in service now."""
        told = self.base.status.bases if self.years is None else self.years
        known = {one.school_year: one.to_manifest() for one in told}
        if self.year_made is not None:
            made = YearBase.model_validate(self.year_made)
            known[made.school_year] = made.to_manifest()
        turned = self.base.status.settled_years.turned or 0
        for year, one in known.items():
            if year != serves and one["state"] == "InService":
                # The one that the template names is in service. A later one is told as kept, as one that was in
                # service, only when a turn to it was confirmed: a roll may only have tried it.
                one["state"] = "Kept" if year <= max(serves, turned) else "Prepared"
        state = "InService" if self.base.spec.in_service else "Kept"
        known[serves] = {**known.get(serves, {"schoolYear": serves}), "state": state}
        return [known[year] for year in sorted(known)]


def _present(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
