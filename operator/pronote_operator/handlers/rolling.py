"""Rolling one base: what `planning.outlook` and `planning.rollover` need is fetched, what they say is begun.

The restart itself is the StatefulSet's: the caller builds it with the template that a `Course` names.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pronote_operator.api.base_status import YearBase
from pronote_operator.api.constants import APPLY_REFUSED, READY, STALLED
from pronote_operator.api.snapshots import SnapshotKind, parsed_name
from pronote_operator.api.versionchannel import VersionChannel
from pronote_operator.builders.names import Names
from pronote_operator.cluster.agent import AgentError
from pronote_operator.cluster.client import KubeClient
from pronote_operator.cluster.kinds import PODS
from pronote_operator.handlers.agents import Agents
from pronote_operator.handlers.gathered import Pass
from pronote_operator.handlers.keys import Key, text_of
from pronote_operator.handlers.new_years import NewYears
from pronote_operator.handlers.rollouts import Rollouts
from pronote_operator.handlers.shared import Shared
from pronote_operator.handlers.snapshots import SnapshotDesk
from pronote_operator.handlers.store import ObjectStore
from pronote_operator.planning.calendar import UnknownZoneError
from pronote_operator.planning.diagnosis import refused_plan
from pronote_operator.planning.facts import StatefulSetFacts
from pronote_operator.planning.hashing import canonical_json
from pronote_operator.planning.outlook import Channel, Outlook, RollingBase, member_of, outlook
from pronote_operator.planning.restore import is_open, reports
from pronote_operator.planning.roll import Roll, RollPhase, further, roll_manifest, roll_of
from pronote_operator.planning.rollover import (
    ArchiveState,
    AskArchive,
    Restart,
    RollBack,
    RollFacts,
    Template,
    Wait,
    backward,
    forward,
    never_given,
    step,
    to_annotate,
)
from pronote_operator.planning.school_year import School, YearDone, all_done, known_since, noted
from pronote_operator.planning.selectors import selects
from pronote_operator.planning.snapshot_job import SnapshotJob, Why
from pronote_operator.planning.target import Target
from pronote_operator.planning.up_to_date import up_to_date

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 2.0
"""How soon a server or an agent that did not answer is asked again while a roll is under way."""
REFUSAL_SECONDS = 10.0
"""How long after a restart the pod is asked whether `prepare` refused its plan. Before, the StatefulSet changes several
times within seconds, and hardly any pod has come so far: to ask at each change would be four requests for nothing."""
ARCHIVE_SECONDS = 15.0
"""How soon an archive is looked for that was asked for; its end marks the base besides."""
_RESTARTED = (RollPhase.RESTARTING, RollPhase.ROLLING_BACK)


@dataclass(frozen=True, slots=True)
class Course:
    """What a base is to be built with now.

    Args:
        template: image, school year and, to go back, the restore; None in `restore` leaves that to the spec.
        roll: the roll under way, or the last one.
        annotation: what the StatefulSet is to note of it.
        goes_back: whether the template's restore is the one to have.
    """

    template: Template
    roll: Roll | None
    annotation: str
    goes_back: bool = False


class Rolling:
    """See the module.

    Args:
        ended: told of (channel, `done` or `rolled_back`, seconds) at the end of a roll, once the status tells it.
    """

    def __init__(
        self,
        *,
        client: KubeClient,
        store: ObjectStore,
        shared: Shared,
        agents: Agents,
        snapshots: SnapshotDesk,
        rollouts: Rollouts,
        new_years: NewYears,
        ended: Callable[[str, str, float], None],
    ) -> None:
        self._client = client
        self._store = store
        self._shared = shared
        self._agents = agents
        self._snapshots = snapshots
        self._rollouts = rollouts
        self._new_years = new_years
        self._ended = ended
        self._begun: dict[Key, Roll] = {}
        self._asked: dict[Key, tuple[str, dt.datetime]] = {}
        """The archive that a base is asked for at every pass, and since when."""

    async def course(self, outcome: Pass) -> Course:
        """Decide the next step of a base that has a StatefulSet whose template tells what it runs, and begin it.

        Raises:
            ApiError: the API server refused.
        """
        there = outcome.statefulset
        assert there is not None, "asked of bases that have one"
        assert there.runs is not None, "likewise"
        base = self._base(outcome, there, further(outcome.told_roll, self._begun.get(outcome.key)), _told_hold(outcome))
        known = further(base.roll, base.facts.noted)
        if known is not None and known.phase in _RESTARTED:
            base = replace(base, facts=await self._with_answer(outcome, there, base.facts, known))
        channel, now = self._channel(outcome), outcome.now
        # From here to the second `put` nothing is awaited: two bases must not take one place.
        ahead = outlook(base, now)
        self._put(outcome, ahead, base)
        may_begin = ahead.member.waits and self._rollouts.may_begin(outcome.key, channel, now)
        found = step(replace(ahead.wish, may_begin=may_begin), base.facts, base.roll, now)
        base = replace(base, roll=found.roll)
        self._put(outcome, ahead, base)
        outcome.rolling, outcome.rolled_from = base, there
        # By what the status tells, and not by what this pass changed: an operator that is killed between the note on
        # the StatefulSet and that in the status leaves the end in the first of them.
        told = outcome.told_roll
        ended = found.roll is not None and not found.roll.in_flight and found.roll != told
        self._tell(outcome, ahead, base, ended=ended)
        template = base.facts.template
        asked = self._asked.pop(outcome.key, None)
        match found.action:
            case AskArchive(kind, name):
                self._asked[outcome.key] = asked if asked is not None and asked[0] == name else (name, now)
                self._snapshots.demand(outcome.key, _job(kind, name, now))
                outcome.again(ARCHIVE_SECONDS)
            case Restart(wanted) | RollBack(wanted):
                template = wanted
                if found.roll is not None:
                    # Should the answer to this change be lost, it is repeated as it was, under the same name of its
                    # archive: another would be of what the new release has left.
                    self._begun[outcome.key] = found.roll
            case Wait(until) if until is not None:
                outcome.due_at(until)
        self._see_to_the_year(outcome, ahead, base)
        if ahead.again is not None:
            outcome.due_at(ahead.again)
        annotated = to_annotate(found.roll, base.facts.noted)
        return Course(
            template,
            found.roll,
            _text(annotated) if annotated is not None else there.roll,
            goes_back=isinstance(found.action, RollBack),
        )

    def anew(self, outcome: Pass) -> Course | None:
        """What a base is built with whose StatefulSet somebody deleted: what it ran, with what was under way.

        What is due may be newer or older than its data, and has its turn to wait for. None where the status does not
        tell what the base ran: then it was never in service, or is made anew on a volume that was kept.
        """
        roll, status = outcome.told_roll, outcome.base.status
        if roll is not None and roll.phase is RollPhase.RESTARTING:
            template = forward(roll)
        elif roll is not None and roll.phase is RollPhase.ROLLING_BACK:
            template = backward(roll)
        elif roll is not None and roll.phase is RollPhase.ROLLED_BACK:
            # Without the restore: that was carried out, or nothing had been changed.
            template = Template(roll.from_)
        else:
            version, image, year = status.version.current, status.effective.image, status.school_year
            if version is None or image is None or year is None:
                return None
            template = Template(Target(version, image, year))
        text = _text(roll) if roll is not None and roll.phase is not RollPhase.ARCHIVING else ""
        return Course(template, roll, text, goes_back=template.restore is not None)

    def observe(self, outcome: Pass) -> None:
        """Say what is known of a base at the end of a pass that did not act on it, or changed it."""
        there, hold, decided = outcome.statefulset, _hold(outcome), outcome.rolling
        free = decided is not None and not (decided.stalled or decided.facts.blocked) and hold == _Hold()
        if free and outcome.waiting is None and outcome.rolled_from is there:
            return  # nothing has changed since
        if outcome.references is None or there is None or there.runs is None:
            self._rollouts.remove(outcome.key)
            return
        if decided is None:
            self._asked.pop(outcome.key, None)
        if hold != _Hold():
            # What was asked for in this pass was refused, or not asked for at all.
            self._begun.pop(outcome.key, None)
        known = decided.roll if decided is not None else outcome.told_roll
        base = self._base(outcome, there, known, hold)
        if known is not None and never_given(base.facts, known):
            # Tried at every pass: the time that it may take begins when it is given its template.
            base = replace(base, roll=replace(known, restarted=None))
        try:
            ahead = outlook(base, outcome.now)
        except UnknownZoneError:
            self._rollouts.remove(outcome.key)
            return
        self._put(outcome, ahead, base)
        outcome.rolling = base
        self._tell(outcome, ahead, base, ended=False)

    def forget(self, key: Key) -> None:
        """A base is gone."""
        self._rollouts.remove(key)
        self._begun.pop(key, None)
        self._asked.pop(key, None)
        self._new_years.forget(key)

    def reported(self, outcome: Pass) -> None:
        """The status tells what this pass came to."""
        self._begun.pop(outcome.key, None)
        self._new_years.told(outcome.key, outcome.year_made)
        base = outcome.rolling
        if base is not None and base.roll is not None and _ends(outcome, base.roll):
            # Counted here and not where it ends: a pass that could not write so much ends it again.
            seconds = (outcome.now - base.roll.started).total_seconds()
            self._ended(
                self._channel(outcome).metadata.name, "rolled_back" if base.roll.failed else "done", max(seconds, 0.0)
            )
            self._put(outcome, outlook(base, outcome.now), base, told=True)

    def _base(self, outcome: Pass, there: StatefulSetFacts, roll: Roll | None, hold: _Hold) -> RollingBase:
        base, references = outcome.base, outcome.references
        assert references is not None, "resolved before"
        assert there.runs is not None, "asked of such only"
        channel = self._channel(outcome)
        spec = channel.spec
        noted_roll = _noted(there)
        names = self._snapshots.names(base, outcome.key)
        flying = further(roll, noted_roll)
        taken = flying is not None and flying.snapshot is not None and flying.snapshot in names
        begun, asked = self._begun.get(outcome.key), self._asked.get(outcome.key, ("", None))
        ready_since = outcome.ready_since
        return RollingBase(
            key=text_of(outcome.key),
            uid=base.metadata.uid,
            calendar=references.calendar,
            canary=spec.rollout.canary is not None and selects(spec.rollout.canary.selector, base.metadata.labels),
            channel=Channel(
                uid=channel.metadata.uid,
                generation=channel.metadata.generation,
                releases=spec.releases,
                window=spec.rollout.window,
                deadline=dt.timedelta(minutes=spec.rollout.progress_deadline_minutes),
            ),
            school=self._school(outcome, there.runs.school_year, names),
            facts=RollFacts(
                template=Template(there.runs, there.new_year_from, there.restore, there.archive),
                in_service=base.spec.in_service,
                has_pod=there.replicas > 0,
                suspended=base.spec.suspend,
                ready=there.ready,
                archive=ArchiveState.TAKEN if taken else ArchiveState.MISSING,
                busy=is_open(base.spec.restore, base.status.restore),
                noted=noted_roll,
                blocked=hold.blocked,
                archive_asked=asked[1] if flying is not None and asked[0] == flying.snapshot else None,
                unanswered=begun is not None and flying is not None and begun.started == flying.started,
            ),
            roll=roll,
            stalled=hold.stalled,
            ready_since=ready_since if there.ready else None,
        )

    def _school(self, outcome: Pass, serves: int, names: Sequence[str]) -> School:
        base, references = outcome.base, outcome.references
        assert references is not None, "resolved before"
        settled, policy = base.status.settled_years, base.spec.school_year
        created = base.metadata.creation_timestamp or outcome.now
        return School(
            dates=self._channel(outcome).spec.calendars[references.calendar],
            tz=base.spec.time_zone,
            known_since=known_since(created, base.status.bases),
            serves=serves,
            years=base.status.bases,
            done=YearDone(settled.archived, settled.prepared, settled.turned),
            snapshots=names,
            pin=policy.pin,
            new_base=policy.new_base,
        )

    async def _with_answer(self, outcome: Pass, there: StatefulSetFacts, facts: RollFacts, roll: Roll) -> RollFacts:
        """The same with what the server answers, with what became of the restore, or with what `prepare` refused."""
        restarted = roll.restarted
        if there.ready:
            try:
                agent = await self._agents.of(outcome.key)
                answer = await agent.info()
                if roll.phase is not RollPhase.ROLLING_BACK or roll.turns_year:
                    # The base of the former year is as it was: the other release has served that of the new one.
                    return replace(facts, answer=answer)
                return replace(facts, answer=answer, not_restored=_not_restored(await agent.preparation(), roll, facts))
            except AgentError as error:
                logger.info("%s: what it serves cannot be told yet: %s", outcome.key, error)
                outcome.again(ANSWER_SECONDS)
                return facts
        if there.replicas == 0 or there.revision is None:
            return facts
        if restarted is not None and outcome.now < (asked := restarted + dt.timedelta(seconds=REFUSAL_SECONDS)):
            outcome.due_at(asked)
            return facts
        pod = await self._client.get(PODS, outcome.key.namespace, Names(outcome.key.name).pod)
        labels = (pod or {}).get("metadata", {}).get("labels") or {}
        if pod is None or labels.get("controller-revision-hash") != there.revision:
            return facts
        refused = refused_plan(pod)
        return facts if refused is None else replace(facts, refused=refused.message)

    def _see_to_the_year(self, outcome: Pass, ahead: Outlook, base: RollingBase) -> None:
        """Have the year-end archive taken and the empty base made whose dates have come: neither disturbs anybody."""
        facts = base.facts
        if not (facts.ready and facts.in_service) or facts.busy or (base.roll is not None and base.roll.in_flight):
            return
        if (archive := ahead.year.archive) is not None:
            self._snapshots.demand(outcome.key, _job(SnapshotKind.YEAR_END_ARCHIVE, archive.name, outcome.now))
        elif ahead.year.new_base is not None and self._new_years.made(outcome.key) is None:
            self._new_years.want(outcome.key, ahead.year.new_base)

    def _tell(self, outcome: Pass, ahead: Outlook, base: RollingBase, *, ended: bool) -> None:
        """What the status is to say."""
        roll, school = base.roll, base.school
        outcome.roll = roll_manifest(roll) if roll is not None else None
        outcome.up_to_date = up_to_date(base, ahead)
        done = noted(
            school.done,
            archived=all_done(replace(school, years=(), done=YearDone())).archived,
            prepared=max((year.school_year for year in school.years if year.state == "Prepared"), default=None),
        )
        if roll is not None and ended:
            self._end(outcome, roll)
        done = noted(done, turned=outcome.turned)
        outcome.year_made = self._new_years.made(outcome.key)
        if outcome.year_made is not None:
            done = noted(done, prepared=int(outcome.year_made["schoolYear"]))
        outcome.settled_years = {
            name: year
            for name, year in (("archived", done.archived), ("prepared", done.prepared), ("turned", done.turned))
            if year is not None
        }

    @staticmethod
    def _end(outcome: Pass, roll: Roll) -> None:
        outcome.must_ask_years = roll.turns_year
        if roll.turns_year and not roll.failed:
            outcome.turned = roll.to.school_year

    def _put(self, outcome: Pass, ahead: Outlook, base: RollingBase, *, told: bool = False) -> None:
        assert outcome.references is not None, "resolved before"
        if not told and _ends(outcome, base.roll):
            # Its place is given to the next only when the status tells the end: whoever looks, and an operator that
            # takes over, would see one in flight too many.
            base = replace(base, roll=outcome.told_roll, facts=replace(base.facts, noted=None))
        if outcome.key in self._store:
            self._rollouts.put(outcome.key, outcome.references.channel, base.calendar, member_of(base, ahead))

    def _channel(self, outcome: Pass) -> VersionChannel:
        assert outcome.references is not None, "resolved before"
        return self._shared.channels[outcome.references.channel]


async def years_on_volume(outcome: Pass, agents: Agents) -> None:
    """Ask what the data volume holds, where the status cannot know it.

    Only then: after a turn, and on a volume that is older than its base. A new volume holds the base that it was made
    with, and to ask thousands of new bases would be a storm for nothing.
    """
    there, told = outcome.statefulset, outcome.base.status.bases
    if there is None or not there.ready or there.runs is None:
        return
    serves, roll = there.runs.school_year, outcome.base.status.roll
    known = any(one.school_year == serves and one.created_time is not None for one in told)
    turned = roll is not None and roll.from_.school_year != roll.to.school_year
    if not outcome.must_ask_years and (known or not (turned or outcome.is_older(Names(outcome.key.name).data_claim))):
        return
    try:
        found = await (await agents.of(outcome.key)).years()
        outcome.years = tuple(YearBase.model_validate(one) for one in found)
    except (AgentError, ValueError) as error:
        logger.info("%s: which years are on its volume cannot be told yet: %s", outcome.key, error)
        outcome.again(ANSWER_SECONDS if outcome.must_ask_years else 30.0)


@dataclass(frozen=True, slots=True)
class _Hold:
    """What is in the way of a base.

    Args:
        stalled: whether a person must mend something.
        blocked: whether that, or something that is missing, is in the way of any change of the template. Not where the
            API server refuses a child: that may be the very template, and the next try tells.
    """

    stalled: bool = False
    blocked: bool = False


def _hold(outcome: Pass) -> _Hold:
    """By what this pass has found."""
    stalled = outcome.stalled
    blocked = outcome.missing is not None or (stalled is not None and stalled.reason != APPLY_REFUSED)
    return _Hold(stalled is not None, blocked)


def _told_hold(outcome: Pass) -> _Hold:
    """By what the pass before this one has told: what is in the way is found only after the roll is decided on."""
    told = {one.type: one for one in outcome.base.status.conditions if one.status == "True" or one.type == READY}
    stalled, ready = told.get(STALLED), told.get(READY)
    missing = ready is not None and ready.status == "False" and ready.reason == "ReferenceNotFound"
    return _Hold(stalled is not None, missing or (stalled is not None and stalled.reason != APPLY_REFUSED))


def _not_restored(told: Mapping[str, Any], roll: Roll, facts: RollFacts) -> str | None:
    """Why the restore by which a roll goes back was not carried out; None where it was, or nothing was to restore."""
    report = next((one for one in reports(told) if one.request_id == roll.rollback_request), None)
    untouched = facts.archive is ArchiveState.MISSING and report is not None and report.reason == "SnapshotMissing"
    if report is None or report.result != "Failed" or untouched:
        return None
    return f"its data could not be restored ({report.reason}: {report.message}), and are what the release has left"


def _ends(outcome: Pass, roll: Roll | None) -> bool:
    """Whether a roll has ended that the status still tells as under way."""
    told = outcome.told_roll
    return (
        roll is not None and not roll.in_flight and told is not None and told.in_flight and told.started == roll.started
    )


def _noted(there: StatefulSetFacts) -> Roll | None:
    try:
        return roll_of(json.loads(there.roll)) if there.roll else None
    except ValueError:
        return None


def _text(roll: Roll) -> str:
    return canonical_json(roll_manifest(roll))


def _job(kind: SnapshotKind, name: str, now: dt.datetime) -> SnapshotJob:
    slot = parsed_name(name)[1]
    return SnapshotJob(kind, name, slot, slot, now, Why.ROLLOVER)
