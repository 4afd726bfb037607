"""One pass over a PronoteBase: fetch, decide, apply, report. May be killed anywhere and run again."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from pronote_operator.api.constants import APPLY_REFUSED
from pronote_operator.api.pronotebase import PronoteBase
from pronote_operator.builders.configmaps import parameters_configmap, settings_configmap
from pronote_operator.builders.context import BuildContext, BuilderOptions, Release, Restore
from pronote_operator.builders.endpoints import HostTemplateError, client_endpoint
from pronote_operator.builders.names import Names
from pronote_operator.builders.networkpolicy import network_policy
from pronote_operator.builders.pinning import roll_inputs
from pronote_operator.builders.services import agent_service, client_service
from pronote_operator.builders.statefulset import statefulset
from pronote_operator.certification.certifier import Certifier
from pronote_operator.cluster.agent import AgentError
from pronote_operator.cluster.client import KubeClient
from pronote_operator.cluster.kinds import PODS, SECRETS
from pronote_operator.errors import ApiError, ReferenceMissing, Unusable
from pronote_operator.handlers import sources, volumes
from pronote_operator.handlers.agents import Agents
from pronote_operator.handlers.book import ChildBook
from pronote_operator.handlers.children import Children, NotYet, Repaired, Wanted
from pronote_operator.handlers.credentials import (
    TlsFacts,
    refuse_weak,
    superadmin_facts,
    wanted_certificates,
    wanted_secrets,
)
from pronote_operator.handlers.fleet import Fleet, Member
from pronote_operator.handlers.gathered import Pass, References
from pronote_operator.handlers.keys import Key
from pronote_operator.handlers.report import Reporter
from pronote_operator.handlers.rolling import Course, Rolling, years_on_volume
from pronote_operator.handlers.shared import Shared
from pronote_operator.handlers.snapshot_work import listed_in
from pronote_operator.handlers.snapshots import SnapshotDesk
from pronote_operator.handlers.store import ObjectStore
from pronote_operator.planning.base_status import Verdict, as_wanted, serving
from pronote_operator.planning.calendar import UnknownZoneError, zone
from pronote_operator.planning.diagnosis import refused_plan, trouble
from pronote_operator.planning.facts import StatefulSetFacts, statefulset_facts
from pronote_operator.planning.references import calendar_of, referred
from pronote_operator.planning.releases import due_release
from pronote_operator.planning.restore import (
    EndedRestore,
    ended_restore,
    is_open,
    is_spent,
    reports,
    restore_in_force,
    source_steps,
    spent_report,
)
from pronote_operator.planning.rollover import Template
from pronote_operator.planning.school_year import first_year
from pronote_operator.planning.target import Target

logger = logging.getLogger(__name__)

WAIT_SECONDS = 2.0
RESTORE_TIME = dt.timedelta(minutes=30)
"""A restore that takes longer is not counted among those that others wait for."""
REFERENCE_SECONDS = 30.0
"""How soon a Secret that is referred to is looked for again: it carries no label of ours and is not watched."""
STALLED_SECONDS = 60.0
"""How soon a base that a person must mend is looked at again: what is in the way may be an object nobody watches."""
DIAGNOSIS_SECONDS = 15.0
"""How long a pod may take before it is asked why, and how often it is asked."""


class BaseReconciler:
    """Reconciles bases.

    Args:
        max_concurrent_restores: bases that are restored at the same time; others wait.
        prepare_namespace: has Secrets of a namespace readable and listed; called before anything else in it.
        clock: the present, aware.
    """

    def __init__(
        self,
        *,
        client: KubeClient,
        store: ObjectStore,
        shared: Shared,
        book: ChildBook,
        fleet: Fleet,
        reporter: Reporter,
        agents: Agents,
        snapshots: SnapshotDesk,
        certifier: Certifier,
        rolling: Rolling,
        options: BuilderOptions,
        max_concurrent_restores: int,
        prepare_namespace: Callable[[str], Awaitable[None]],
        on_repair: Repaired,
        clock: Callable[[], dt.datetime],
    ) -> None:
        self._client = client
        self._store = store
        self._shared = shared
        self._book = book
        self._fleet = fleet
        self._on_repair = on_repair
        self._reporter = reporter
        self._agents = agents
        self._snapshots = snapshots
        self._certifier = certifier
        self._rolling = rolling
        self._options = options
        self._max_concurrent_restores = max_concurrent_restores
        self._prepare_namespace = prepare_namespace
        self._clock = clock

    async def __call__(self, key: Key) -> float | None:
        """One pass; returns seconds until the next one that time alone makes necessary."""
        body = self._store.get(key)
        if body is None or body["metadata"].get("deletionTimestamp") or self._book.ends(key):
            return None
        base = PronoteBase.model_validate(body)
        await self._prepare_namespace(key.namespace)
        if not self._book.knows_all(key.namespace) or not self._book.knows(SECRETS, key.namespace):
            return WAIT_SECONDS
        children = Children(
            self._client,
            self._book,
            owner=key,
            uid=base.metadata.uid,
            new=base.status.observed_generation < 0,
            on_repair=self._on_repair,
        )
        outcome = Pass(base, body, key, children, self._clock())
        try:
            outcome.references = self._resolve(base, outcome.now)
            if base.spec.suspend:
                self._observe(outcome)
            else:
                await self._converge(outcome)
        except Unusable as problem:
            outcome.stalled = Verdict(problem.reason, problem.message)
            outcome.again(STALLED_SECONDS)
            self._observe(outcome)
        except ReferenceMissing as missing:
            outcome.missing = str(missing)
            outcome.again(REFERENCE_SECONDS)
            self._observe(outcome)
        except NotYet as waiting:
            outcome.waiting = str(waiting)
            outcome.again(WAIT_SECONDS)
            self._observe(outcome)
        except ApiError as error:
            if error.namespace_ends:
                # The base goes too, in a moment: to go on would be refused, at last because the rights are gone first.
                self._book.end(key)
                return None
            if error.status not in (400, 403, 422):
                raise
            outcome.stalled = Verdict(APPLY_REFUSED, f"The API server refused a child: {error.message}")
            outcome.again(REFERENCE_SECONDS)
            self._observe(outcome)
        await self._diagnose(outcome)
        await self._snapshots.consider(outcome)
        await self._report(outcome)
        await self._snapshots.reported(key)
        if key not in self._store:
            self._book.forget(key)
        return outcome.next_pass

    def _resolve(self, base: PronoteBase, now: dt.datetime) -> References:
        spec = base.spec
        try:
            zone(spec.time_zone)
        except UnknownZoneError as error:
            raise Unusable("InvalidTimeZone", f"spec.timeZone: {error}") from error
        shared = self._shared
        name = referred(
            "spec.versionChannel", "VersionChannel", spec.version_channel, shared.channel_names, required=True
        )
        assert name is not None, "required"
        channel = shared.channels[name]
        policy = referred("spec.backupPolicy", "BackupPolicy", spec.backup_policy, shared.policy_names, required=False)
        calendar, _ = calendar_of(channel, spec.calendar)
        due = due_release(channel.spec.releases, spec.time_zone, now)
        return References(
            channel=name,
            policy=policy,
            calendar=calendar,
            due=Release(version=due.version, image=due.image) if due is not None else None,
        )

    async def _converge(self, outcome: Pass) -> None:
        base = outcome.base
        references = outcome.references
        assert references is not None, "resolved before"
        names = Names(base.metadata.name)
        children = outcome.children
        claims = await volumes.judge(children, self._client, base)
        there: StatefulSetFacts | None = await children.peek("StatefulSet", names.statefulset, statefulset_facts)
        outcome.statefulset = there
        claims.check_not_leaving(served=there is not None and there.replicas > 0, in_service=base.spec.in_service)
        loaded = await self._loaded(outcome, claims)
        course = await self._course(outcome, claims, loaded=loaded)
        outcome.school_year = course.template.runs.school_year
        ended = ended_restore(base.status.restore, claims.snapshots.restored if claims.snapshots is not None else "")
        restore = course.template.restore if course.goes_back else self._restore(outcome, course, claims, ended)
        ctx = BuildContext(
            base=base,
            options=self._options,
            release=Release(version=course.template.runs.version, image=course.template.runs.image),
            school_year=outcome.school_year,
            agent_image=self._options.operator_image,
            archive=course.template.archive,
            new_year=course.template.new_year_from,
            roll=course.annotation,
            restore=Restore(*restore) if restore is not None else None,
            restored=ended.note if ended is not None else None,
            loaded=loaded,
        )
        try:
            outcome.endpoint = client_endpoint(ctx)
        except HostTemplateError as error:
            raise Unusable("InvalidClientHost", str(error)) from error
        tls = children.known("Secret", names.tls_secret)
        renewal_due = isinstance(tls, TlsFacts) and tls.renew <= outcome.now
        wanted = wanted_certificates(ctx, self._certifier, outcome.now, renewal_due=renewal_due)
        certificates = await children.bring(wanted)
        assert isinstance(certificates, TlsFacts), "a Secret just built holds certificates"
        outcome.due_at(certificates.renew)
        simple = [
            *wanted_secrets(ctx),
            *volumes.wanted(ctx, claims),
            *_simple_children(ctx, certificates.authority),
        ]
        await _all_of([children.bring(one) for one in simple if not children.in_place(one)])
        await self._check_superadmin(outcome, names)
        outcome.statefulset = await children.bring(_statefulset(ctx))
        await self._follow_restore(outcome)
        if claims.refused is not None:
            raise Unusable("StorageRefused", claims.refused)

    async def _course(self, outcome: Pass, claims: volumes.Claims, *, loaded: bool) -> Course:
        there, status = outcome.statefulset, outcome.base.status
        if there is None and (course := self._rolling.anew(outcome)) is not None:
            return course
        never = status.version.current is None and (there is None or not (there.ready or there.roll))
        if there is None or there.runs is None or never:
            return self._first(outcome, claims, loaded=loaded)
        return await self._rolling.course(outcome)

    async def _loaded(self, outcome: Pass, claims: volumes.Claims) -> bool:
        """Whether the first base is there for good, so that what it was made from is not needed any more.

        Raises:
            ReferenceMissing: what it is to be made from is not there yet.
        """
        source = outcome.base.spec.source
        if source.empty is not None or (claims.data is not None and claims.data.loaded):
            return source.empty is None
        there = outcome.statefulset
        if there is None or not there.ready:
            await sources.check(self._client, outcome.base)
            return False
        try:
            told = await (await self._agents.of(outcome.key)).preparation()
        except AgentError as error:
            logger.info("%s: what it was loaded from cannot be told yet: %s", outcome.key, error)
            outcome.again(WAIT_SECONDS)
            return False
        outcome.source_steps = source_steps(told)
        return True

    def _restore(
        self, outcome: Pass, course: Course, claims: volumes.Claims, ended: EndedRestore | None
    ) -> tuple[str, str] | None:
        """The restore to have in the plan: a new one when there is room for it, each costs a school a restart."""
        there = outcome.statefulset.restore if outcome.statefulset is not None else None
        asked, before = outcome.base.spec.restore, outcome.base.status.restore
        if is_spent(asked, ended, claims.data.created if claims.data is not None else None):
            assert asked is not None, "as asked"
            assert ended is not None, "likewise"
            if is_open(asked, before):
                outcome.restores_told = (spent_report(asked, ended),)
            # While no pod runs, to take it out of the plan restarts nobody.
            return there if outcome.statefulset is not None and outcome.statefulset.replicas > 0 else None
        if course.roll is not None and course.roll.in_flight:
            # What was asked for meanwhile is restored when the roll has ended, one way or the other.
            return there
        wanted = restore_in_force(asked, there, ended)
        if wanted == there or outcome.statefulset is None or outcome.statefulset.replicas == 0:
            return wanted
        under_way = self._fleet.restores(outcome.now - RESTORE_TIME, but=outcome.key)
        if under_way < self._max_concurrent_restores:
            return wanted
        outcome.again(REFERENCE_SECONDS)
        return there

    async def _follow_restore(self, outcome: Pass) -> None:
        """Learn from the agent how a restore went, once its server is ready."""
        base, there = outcome.base, outcome.statefulset
        assert there is not None, "brought before"
        wanted = base.spec.restore
        if not is_open(wanted, base.status.restore) or not there.ready:
            return
        request_id = wanted.request_id if wanted is not None else there.restore[0] if there.restore else None
        if there.restore is None or there.restore[0] != request_id:
            return
        try:
            agent = await self._agents.of(outcome.key)
            outcome.restores_told = reports(await agent.preparation())
            outcome.kept_told = listed_in(await agent.snapshots())
        except AgentError as error:
            logger.info("%s: how the restore went cannot be told yet: %s", outcome.key, error)
        if is_open(wanted, outcome.base.status.restore):
            # Until it is told; and once more, to note it on the claim.
            outcome.again(WAIT_SECONDS)

    def _first(self, outcome: Pass, claims: volumes.Claims, *, loaded: bool) -> Course:
        """What a base is built with that was never in service: the release that is due, and its first school year.

        Nobody is disturbed: a release that was mended, or a pin that was set right, is taken at once.
        """
        references, there = outcome.references, outcome.statefulset
        assert references is not None, "resolved before"
        release = references.due
        if release is None and there is not None and there.version and there.image:
            release = Release(version=there.version, image=there.image)
        if release is None:
            zone_name = outcome.base.spec.time_zone
            raise Unusable(
                "NoReleaseDue", f"no release of VersionChannel {references.channel} is due yet in {zone_name}"
            )
        year = self._first_year(outcome, claims, loaded=loaded)
        template = Template(
            Target(release.version, release.image, year),
            there.new_year_from if there is not None else None,
        )
        return Course(template, None, there.roll if there is not None else "")

    def _first_year(self, outcome: Pass, claims: volumes.Claims, *, loaded: bool) -> int:
        pin = outcome.base.spec.school_year.pin
        if pin is not None and not loaded and outcome.base.spec.source.empty is None:
            # What is loaded may be of another year than the calendar's: until it is in service, the pin can say so.
            return pin
        there, told = outcome.statefulset, outcome.base.status.school_year
        known = (
            there.school_year if there is not None else None,
            claims.data.school_year if claims.data is not None else None,
            told,
            pin,
        )
        if (year := next((year for year in known if year is not None), None)) is not None:
            return year
        assert outcome.references is not None
        channel = self._shared.channels[outcome.references.channel]
        _, calendar = calendar_of(channel, outcome.base.spec.calendar)
        return first_year(calendar, outcome.base.spec.time_zone, outcome.now)

    async def _check_superadmin(self, outcome: Pass, names: Names) -> None:
        own = outcome.base.spec.super_admin.secret_name
        outcome.superadmin = own or names.superadmin_secret
        if own is None:
            facts = outcome.children.known("Secret", names.superadmin_secret)
        else:
            body = await self._client.get(SECRETS, outcome.key.namespace, own)
            if body is None:
                raise ReferenceMissing(f"spec.superAdmin.secretName: Secret {own} does not exist")
            facts = superadmin_facts(body)
        if facts is not None:
            refuse_weak(outcome.superadmin, facts)

    def _observe(self, outcome: Pass) -> None:
        """What is known of the server when nothing may be changed."""
        name = Names(outcome.base.metadata.name).statefulset
        facts = outcome.children.observe("StatefulSet", name, statefulset_facts)
        outcome.statefulset = facts or outcome.statefulset

    async def _diagnose(self, outcome: Pass) -> None:
        """Ask a pod that takes long what it waits for."""
        found = outcome.found()
        if outcome.stalled or outcome.missing or outcome.statefulset is None or as_wanted(found):
            return
        outcome.again(DIAGNOSIS_SECONDS)
        if not outcome.base.spec.in_service or not outcome.waits_long(DIAGNOSIS_SECONDS):
            return
        pod = await self._client.get(PODS, outcome.key.namespace, Names(outcome.base.metadata.name).pod)
        if pod is None:
            return
        rolling = outcome.rolling
        if rolling is None or rolling.roll is None or not rolling.roll.in_flight:
            # A roll whose plan is refused goes back by itself: nobody has anything to mend yet.
            outcome.stalled = refused_plan(pod)
        outcome.pod = trouble(pod, outcome.now)

    async def _report(self, outcome: Pass) -> None:
        self._rolling.observe(outcome)
        await years_on_volume(outcome, self._agents)
        if outcome.key in self._store:
            # Not when it was deleted during the pass: nobody would take it out again.
            self._fleet.put(outcome.key, self._member(outcome))
        await self._reporter.base(
            outcome.key, outcome.body, outcome.status(), stands=lambda: self._rolling.reported(outcome)
        )
        if outcome.source_steps:
            await self._reporter.loaded(outcome.key, outcome.source_steps)

    def _member(self, outcome: Pass) -> Member:
        references = outcome.references
        found = outcome.found()
        return Member(
            channel=references.channel if references is not None else None,
            ready=as_wanted(found) and not outcome.stalled and not outcome.missing,
            in_service=serving(found),
            stalled=outcome.stalled is not None,
            restoring=outcome.restoring_since,
            policy=outcome.policy,
            covered=outcome.covered,
        )


async def _all_of(work: Sequence[Awaitable[Any]]) -> None:
    """Run all, and raise the first failure only when none is under way any more."""
    if not work:
        return
    results = await asyncio.gather(*work, return_exceptions=True)
    failures = [result for result in results if isinstance(result, BaseException)]
    if failures:
        failures.sort(key=lambda failure: not isinstance(failure, Unusable))
        raise failures[0]


def _simple_children(ctx: BuildContext, authority: str) -> list[Wanted]:
    manifests = [
        settings_configmap(ctx),
        parameters_configmap(ctx, authority),
        client_service(ctx),
        agent_service(ctx),
        network_policy(ctx),
    ]
    return [
        Wanted(manifest["kind"], manifest["metadata"]["name"], manifest, lambda _, manifest=manifest: manifest)  # type: ignore[misc]
        for manifest in manifests
    ]


def _statefulset(ctx: BuildContext) -> Wanted:
    inputs = [roll_inputs(ctx), ctx.base.spec.in_service, ctx.owner_reference(), ctx.loaded, ctx.roll]
    return Wanted(
        "StatefulSet",
        ctx.names.statefulset,
        inputs,
        lambda there: statefulset(ctx, there),
        statefulset_facts,
    )
