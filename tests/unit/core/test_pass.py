"""A pass over a base against an API server kept in memory: what is sent, and when nothing is."""

from __future__ import annotations

import asyncio
import copy
import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from pronote_operator.builders.certificates import Certificates
from pronote_operator.builders.context import BuilderOptions
from pronote_operator.certification.certifier import Certified
from pronote_operator.certification.issuing import certified, renewal_time
from pronote_operator.cluster.agent import AgentError
from pronote_operator.cluster.kinds import BY_KIND, CHILD_KINDS, SECRETS, Kind
from pronote_operator.errors import ApiError
from pronote_operator.handlers.base import BaseReconciler
from pronote_operator.handlers.book import ChildBook
from pronote_operator.handlers.fleet import Fleet
from pronote_operator.handlers.keys import Key, base_key
from pronote_operator.handlers.new_years import NewYears
from pronote_operator.handlers.report import Reporter
from pronote_operator.handlers.rolling import Rolling
from pronote_operator.handlers.rollouts import Rollouts
from pronote_operator.handlers.shared import Shared
from pronote_operator.handlers.snapshots import SnapshotDesk
from pronote_operator.handlers.store import ObjectStore

KEY = base_key("schools", "jean-moulin")
Object = dict[str, Any]


class MemoryApi:
    """Stores what is applied; every request is noted as (verb, kind or name)."""

    def __init__(self, base: Object) -> None:
        self.base = base
        self.objects: dict[tuple[str, str], Object] = {}
        self.sent: list[tuple[str, str]] = []
        self.fail_on: set[tuple[str, str]] = set()
        self.namespace_ends = False
        self.gets_ready: Callable[[Object], bool] = lambda _: True
        self._version = 100

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        self.sent.append(("get", f"{kind.kind} {name}"))
        return copy.deepcopy(self.objects.get((kind.kind, name)))

    async def apply(self, manifest: Object) -> Object:
        identity = (manifest["kind"], manifest["metadata"]["name"])
        self.sent.append(("apply", " ".join(identity)))
        if identity in self.fail_on:
            raise ApiError(500, "InternalError", "etcd is away")
        if self.namespace_ends:
            raise ApiError(403, "Forbidden", "the namespace is being terminated", "NamespaceTerminating")
        managers = [{"manager": "pronote-operator", "operation": "Apply", "fieldsV1": {}}]
        applied = {**manifest, "metadata": {**manifest["metadata"], "managedFields": managers}}
        return self.store(applied)

    async def apply_new(self, manifest: Object) -> Object | None:
        identity = (manifest["kind"], manifest["metadata"]["name"])
        if identity in self.objects:
            self.sent.append(("refused", " ".join(identity)))
            return None
        return await self.apply(manifest)

    async def apply_status(self, kind: Kind, manifest: Object) -> Object:
        self.sent.append(("status", manifest["metadata"]["name"]))
        self._version += 1
        self.base = {**self.base, "status": manifest["status"]}
        self.base["metadata"] = {**self.base["metadata"], "resourceVersion": str(self._version)}
        return copy.deepcopy(self.base)

    def next_version(self) -> int:
        self._version += 1
        return self._version

    def store(self, body: Object) -> Object:
        self._version += 1
        kept = copy.deepcopy(body)
        kept["metadata"] |= {"resourceVersion": str(self._version), "generation": 1}
        if kept["kind"] == "StatefulSet":
            revisions = {"currentRevision": "r1", "updateRevision": "r1"}
            replicas = kept["spec"].get("replicas", 1)
            counts = {
                "replicas": replicas,
                "readyReplicas": replicas * self.gets_ready(kept),
                "updatedReplicas": replicas,
            }
            kept["status"] = {"observedGeneration": 1, **revisions, **counts}
        self.objects[kept["kind"], kept["metadata"]["name"]] = kept
        return copy.deepcopy(kept)

    def writes(self) -> list[str]:
        return [what for verb, what in self.sent if verb not in ("get", "refused")]


class MemoryAgents:
    """Agents that answer what a test puts here; an agent that has no answer does not answer at all."""

    def __init__(self) -> None:
        self.answers: dict[str, Object] = {}
        self.script: Callable[[str, Object], Object] | None = None
        self.asked: list[str] = []

    async def of(self, _: Key) -> MemoryAgents:
        return self

    async def preparation(self) -> Object:
        return self._answer("preparation")

    async def snapshots(self) -> Object:
        return self._answer("snapshots")

    async def info(self) -> tuple[str, int]:
        answer = self._answer("info")
        return answer["version"], answer["schoolYear"]

    async def years(self) -> list[Object]:
        years: list[Object] = self._answer("years")["years"]
        return years

    async def prepare_year(self, year: int, passing: int) -> Object:
        return self._answer(f"prepare {year} {passing}")

    async def take(self, order: Object, progress: object = None) -> Object:
        return self._answer(f"take {order['name']}", order)

    async def verify(self, name: str) -> Object:
        return self._answer(f"verify {name}")

    async def delete(self, names: tuple[str, ...]) -> Object:
        return self._answer(f"delete {' '.join(names)}")

    def _answer(self, question: str, order: Object | None = None) -> Object:
        self.asked.append(question)
        if self.script is not None:
            return self.script(question, order or {})
        if question not in self.answers:
            raise AgentError("Unreachable", "the agent of the base does not answer")
        return self.answers[question]


class MemoryCertifier:
    """Makes and judges certificates without a process of its own; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def certified(
        self, held: Certificates | None, *, subject: str, organisation: str, names: Sequence[str], now: dt.datetime
    ) -> Certified:
        self.asked += 1
        found = certified(held, subject, organisation, names, now)
        return Certified(found, renewal_time(found))


class Bench:
    """One base and its reconciler."""

    def __init__(self, *, created: str = "2026-11-24T00:00:00Z", **spec: Any) -> None:
        metadata = {
            "name": KEY.name,
            "namespace": KEY.namespace,
            "uid": "u1",
            "generation": 1,
            "resourceVersion": "1",
            "creationTimestamp": created,
        }
        given = {"uai": "0750654D", "displayName": "Collège Jean Moulin", "source": {"empty": {}}, **spec}
        self.body: Object = {"metadata": metadata, "spec": given, "status": {"observedGeneration": -1}}
        self.agents = MemoryAgents()
        self.certifier = MemoryCertifier()
        self.now = dt.datetime(2026, 11, 24, 8, tzinfo=dt.UTC)
        self.api = MemoryApi(self.body)
        self.store = ObjectStore()
        self.store.put(KEY, self.body)
        self.book = ChildBook(lambda _: None)
        for kind in CHILD_KINDS:
            self.book.listed(kind, None)
        self.book.listed(SECRETS, KEY.namespace)
        shared = Shared()
        shared.put_channel(
            {
                "metadata": {"name": "stable", "annotations": {"pronote.hosting/is-default": "true"}},
                "spec": {
                    "releases": [{"version": "2026.2.5", "image": "localhost/pronote-server:2026.2.5"}],
                    "calendars": {"metropole": {"yearEndArchive": "07-01", "newBase": "08-15", "switchover": "08-26"}},
                },
            }
        )
        self.repaired: list[tuple[str, list[str]]] = []
        self.marked: list[Key] = []
        self.reporter = Reporter(self.api, self.store, Silence())  # type: ignore[arg-type]
        self.desk = SnapshotDesk(
            agents=self.agents,  # type: ignore[arg-type]
            store=self.store,
            shared=shared,
            reporter=self.reporter,
            mark=self.marked.append,
            ready=lambda: True,
            count=lambda kind, result: None,
            settle_seconds=0,
            clock=lambda: self.now,
        )
        self.shared = shared
        self.fleet = Fleet(on_change=lambda _: None)
        self.rollouts = Rollouts(
            shared=shared, mark=self.marked.append, on_change=lambda _: None, clock=lambda: self.now
        )
        self.new_years = NewYears(self.agents, mark=self.marked.append, refused=self.note_refusal)  # type: ignore[arg-type]
        self.rolls: list[tuple[str, str]] = []
        self.rolling = Rolling(
            client=self.api,  # type: ignore[arg-type]
            store=self.store,
            shared=shared,
            agents=self.agents,  # type: ignore[arg-type]
            snapshots=self.desk,
            rollouts=self.rollouts,
            new_years=self.new_years,
            ended=lambda channel, result, seconds: self.rolls.append((channel, result)),
        )
        self.reconcile = BaseReconciler(
            client=self.api,  # type: ignore[arg-type]
            store=self.store,
            shared=shared,
            book=self.book,
            fleet=self.fleet,
            reporter=self.reporter,
            snapshots=self.desk,
            certifier=self.certifier,  # type: ignore[arg-type]
            rolling=self.rolling,
            max_concurrent_restores=1,
            options=BuilderOptions(operator_image="localhost/pronote-operator:dev"),
            agents=self.agents,  # type: ignore[arg-type]
            prepare_namespace=nothing,
            on_repair=self.note_repair,
            clock=lambda: self.now,
        )

    async def note_refusal(self, key: Key, year: int, reason: str, message: str) -> None:
        pass

    async def note_repair(self, key: Key, kind: str, name: str, paths: list[str]) -> None:
        self.repaired.append((kind, paths))

    def ask(self, **spec: Any) -> None:
        """Somebody changes the spec."""
        spec = {name: value for name, value in {**self.api.base["spec"], **spec}.items() if value is not None}
        self.replace(spec, self.api.base["status"])

    def replace(self, spec: Object, status: Object) -> None:
        """Somebody replaces the object, with or without its status."""
        before = self.api.base["metadata"]
        metadata = {**before, "generation": before["generation"] + 1, "resourceVersion": str(self.api.next_version())}
        self.api.base = {**self.api.base, "metadata": metadata, "spec": spec, "status": status}
        self.store.put(KEY, self.api.base)

    @property
    def status(self) -> Object:
        found: Object = self.api.base["status"]
        return found

    def condition(self, type_: str) -> tuple[str, str] | None:
        found = next((c for c in self.status["conditions"] if c["type"] == type_), None)
        return (found["status"], found["reason"]) if found else None

    def change(self, kind: str, name: str, **data: Any) -> None:
        """Somebody else changes a child, and the watch tells."""
        body = self.api.store({**self.api.objects[kind, name], **data})
        self.book.seen(BY_KIND[kind], body)


class Silence:
    async def post(self, *_: object, **__: object) -> None:
        pass


async def nothing(_: str) -> None:
    pass


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_the_first_pass_applies_thirteen_children_and_one_status(bench: Bench) -> None:
    await bench.reconcile(KEY)
    assert len(bench.api.writes()) == 14
    assert bench.api.writes()[-2:] == ["StatefulSet jean-moulin", "jean-moulin"], "the pod last, then the report"
    conditions = {c["type"]: c["status"] for c in bench.api.base["status"]["conditions"]}
    assert conditions == {"Ready": "True", "InService": "True", "UpToDate": "True", "BackedUp": "False"}
    assert bench.condition("BackedUp") == ("False", "NoPolicy")


async def test_of_a_new_base_only_what_decides_something_is_asked_for(bench: Bench) -> None:
    await bench.reconcile(KEY)
    assert [what for verb, what in bench.api.sent if verb == "get"] == [
        "PersistentVolumeClaim jean-moulin-data",
        "PersistentVolumeClaim jean-moulin-snapshots",
        "StatefulSet jean-moulin",
    ]


async def test_what_is_in_the_way_of_a_known_base_is_looked_at_and_not_written_to(bench: Bench) -> None:
    await bench.reconcile(KEY)
    del bench.api.objects["Secret", "jean-moulin-agent"]
    bench.api.store({"kind": "Secret", "metadata": {"name": "jean-moulin-agent", "namespace": KEY.namespace}})
    bench.book.gone(SECRETS, KEY.namespace, "jean-moulin-agent")
    bench.api.sent.clear()
    await bench.reconcile(KEY)
    assert bench.condition("Stalled") == ("True", "ForeignObject")
    assert bench.api.sent == [("get", "Secret jean-moulin-agent"), ("status", "jean-moulin")]


async def test_a_secret_whose_creation_was_not_heard_of_keeps_what_is_in_it(bench: Bench) -> None:
    """The answer to its creation was lost, and the watch has not told of it yet."""
    bench.api.fail_on.add(("StatefulSet", "jean-moulin"))
    with pytest.raises(ApiError):
        await bench.reconcile(KEY)
    before = dict(bench.api.objects)
    bench.api.fail_on.clear()
    bench.book.forget(KEY)
    bench.api.sent.clear()
    await bench.reconcile(KEY)
    assert bench.api.writes() == ["StatefulSet jean-moulin", "jean-moulin"]
    assert ("refused", "Secret jean-moulin-tls") in bench.api.sent
    assert {identity: bench.api.objects[identity] for identity in before} == before


async def test_a_pass_with_nothing_to_do_sends_no_request(bench: Bench) -> None:
    await bench.reconcile(KEY)
    bench.api.sent.clear()
    for _ in range(3):
        await bench.reconcile(KEY)
    assert bench.api.sent == []
    assert bench.certifier.asked == 1


async def test_a_restarted_operator_that_lists_everything_writes_nothing(bench: Bench) -> None:
    await bench.reconcile(KEY)
    bench.api.sent.clear()
    bench.book.forget(KEY)
    for (kind, _), body in bench.api.objects.items():
        bench.book.seen(BY_KIND[kind], body)
    await bench.reconcile(KEY)
    assert bench.api.sent == []


async def test_a_changed_child_is_changed_back_and_told_of(bench: Bench) -> None:
    await bench.reconcile(KEY)
    bench.api.sent.clear()
    bench.change("ConfigMap", "jean-moulin-settings", data={"settings.json": "{}"})
    await bench.reconcile(KEY)
    assert bench.api.sent == [("apply", "ConfigMap jean-moulin-settings")]
    assert bench.repaired == [("ConfigMap", ["data.settings.json"])]


async def test_a_drift_is_not_lost_when_its_repair_fails(bench: Bench) -> None:
    await bench.reconcile(KEY)
    bench.change("ConfigMap", "jean-moulin-settings", data={"settings.json": "{}"})
    bench.api.fail_on.add(("ConfigMap", "jean-moulin-settings"))
    with pytest.raises(ApiError):
        await bench.reconcile(KEY)
    bench.api.fail_on.clear()
    await bench.reconcile(KEY)
    assert bench.api.objects["ConfigMap", "jean-moulin-settings"]["data"]["settings.json"] != "{}"


async def test_a_deleted_child_is_made_again_and_no_other_is_touched(bench: Bench) -> None:
    await bench.reconcile(KEY)
    bench.api.sent.clear()
    del bench.api.objects["Service", "jean-moulin-client"]
    bench.book.gone(BY_KIND["Service"], KEY.namespace, "jean-moulin-client")
    await bench.reconcile(KEY)
    assert bench.api.writes() == ["Service jean-moulin-client"]


async def test_an_object_of_somebody_else_is_left_alone_and_said_so(bench: Bench) -> None:
    foreign = {
        "kind": "ConfigMap",
        "metadata": {"name": "jean-moulin-settings", "namespace": KEY.namespace},
        "data": {"mine": "yes"},
    }
    bench.api.store(foreign)
    await bench.reconcile(KEY)
    assert "ConfigMap jean-moulin-settings" not in bench.api.writes()
    stalled = next(c for c in bench.api.base["status"]["conditions"] if c["type"] == "Stalled")
    assert stalled["reason"] == "ForeignObject"
    assert "jean-moulin-settings" in stalled["message"]
    assert bench.api.objects["ConfigMap", "jean-moulin-settings"]["data"] == {"mine": "yes"}


async def test_a_base_that_is_deleted_during_its_pass_is_not_remembered(bench: Bench) -> None:
    await bench.reconcile(KEY)
    apply = bench.api.apply

    async def deleted_meanwhile(manifest: Object) -> Object:
        answer = await apply(manifest)
        bench.store.remove(KEY)
        bench.book.forget(KEY)
        bench.fleet.remove(KEY)
        return answer

    bench.api.apply = deleted_meanwhile  # type: ignore[method-assign]
    bench.change("ConfigMap", "jean-moulin-settings", data={"settings.json": "{}"})
    await bench.reconcile(KEY)
    assert KEY not in bench.fleet
    assert bench.book.bases() == []


async def test_in_a_namespace_that_ends_nothing_is_tried_again(bench: Bench) -> None:
    await bench.reconcile(KEY)
    bench.api.namespace_ends = True
    for name in ("jean-moulin-tls", "jean-moulin-agent"):
        del bench.api.objects["Secret", name]
        bench.book.gone(SECRETS, KEY.namespace, name)
    bench.api.sent.clear()
    assert await bench.reconcile(KEY) is None
    assert bench.api.writes() == ["Secret jean-moulin-tls"], "refused once, and no status is written"
    bench.api.sent.clear()
    await bench.reconcile(KEY)
    assert bench.api.sent == []

    bench.api.namespace_ends = False
    bench.book.forget(KEY)
    await bench.reconcile(KEY)
    assert "Secret jean-moulin-tls" in bench.api.writes(), "a base made anew in a namespace of that name is served"


RESTORE = {"requestId": "a", "snapshot": "archive-20261123T0130Z"}
RESTORED = {"requestId": "a", "result": "Succeeded", "snapshot": "archive-20261123T0130Z"}


async def test_a_restore_is_one_roll_and_is_told_when_the_server_is_back(bench: Bench) -> None:
    await bench.reconcile(KEY)
    bench.api.sent.clear()
    bench.ask(restore=RESTORE)
    again = await bench.reconcile(KEY)
    assert bench.api.writes() == ["StatefulSet jean-moulin", "jean-moulin"]
    plan = environment_of(bench)["PRONOTE_DATA_PLAN"]
    assert json.loads(plan)["restore"] == RESTORE
    assert bench.condition("Restored") == ("Unknown", "Running")
    assert again is not None
    assert again <= 2.0, "the agent did not answer yet"

    bench.agents.answers = {"preparation": {"restores": [RESTORED]}, "snapshots": {"snapshots": []}}
    await bench.reconcile(KEY)
    assert bench.condition("Restored") == ("True", "Succeeded")
    assert bench.status["restore"]["phase"] == "Succeeded"


async def test_a_request_that_was_carried_out_costs_nothing_more_also_when_it_is_removed(bench: Bench) -> None:
    bench.agents.answers = {"preparation": {"restores": [RESTORED]}, "snapshots": {"snapshots": []}}
    bench.ask(restore=RESTORE)
    await bench.reconcile(KEY)
    assert bench.condition("Restored") == ("True", "Succeeded")
    bench.api.sent.clear()
    bench.agents.asked.clear()
    await bench.reconcile(KEY)
    bench.ask(restore=None)
    await bench.reconcile(KEY)
    assert bench.agents.asked == []
    assert bench.api.writes() == ["jean-moulin"], "observedGeneration only: the server is not restarted"
    assert bench.condition("Restored") == ("True", "Succeeded")


async def test_a_status_that_was_lost_is_told_anew_and_nothing_is_restored_twice(bench: Bench) -> None:
    bench.agents.answers = {"preparation": {"restores": [RESTORED]}, "snapshots": {"snapshots": []}}
    bench.ask(restore=RESTORE)
    await bench.reconcile(KEY)
    bench.replace(bench.api.base["spec"], {"observedGeneration": -1})
    bench.api.sent.clear()
    await bench.reconcile(KEY)
    assert bench.api.writes() == ["jean-moulin"], "the status; no roll"
    assert bench.condition("Restored") == ("True", "Succeeded")


async def test_an_upload_that_is_missing_is_a_reference_not_found_and_heals() -> None:
    bench = Bench(source={"hnot": {"claimName": "upload", "path": "base.HNOT"}})
    await bench.reconcile(KEY)
    assert bench.condition("Ready") == ("False", "ReferenceNotFound")
    assert ("StatefulSet", "jean-moulin") not in bench.api.objects
    bench.api.store(
        {"kind": "PersistentVolumeClaim", "metadata": {"name": "upload", "namespace": KEY.namespace}, "spec": {}}
    )
    await bench.reconcile(KEY)
    template = bench.api.objects["StatefulSet", "jean-moulin"]["spec"]["template"]["spec"]
    assert {"name": "upload", "persistentVolumeClaim": {"claimName": "upload"}} in template["volumes"]
    prepare = template["initContainers"][0]
    assert {"name": "upload", "mountPath": "/var/lib/upload", "readOnly": True} in prepare["volumeMounts"]
    assert all(
        mount["name"] != "upload"
        for container in (template["initContainers"][1], template["containers"][0])
        for mount in container["volumeMounts"]
    )

    # In service: what it was loaded from is told, and not needed any more.
    steps = [{"name": "hnot-base", "message": "base.HNOT: 600 pupils"}]
    bench.agents.answers = {"preparation": {"restores": [], "source": {"kind": "hnot", "steps": steps}}}
    await bench.reconcile(KEY)
    claim = bench.api.objects["PersistentVolumeClaim", "jean-moulin-data"]
    assert claim["metadata"]["annotations"]["pronote.hosting/loaded"] == "true"
    del bench.api.objects["PersistentVolumeClaim", "upload"]
    bench.api.sent.clear()
    await bench.reconcile(KEY)
    assert bench.api.sent == []
    assert bench.condition("Ready") == ("True", "InService")


async def test_the_snapshots_of_another_school_are_never_mounted() -> None:
    bench = Bench(source={"snapshot": {"base": "autre", "name": "archive-20261123T0130Z"}})
    namespace = {"namespace": KEY.namespace}
    other = {"name": "autre-snapshots", "annotations": {"pronote.hosting/uai": "0210066H"}, **namespace}
    bench.api.store({"kind": "PersistentVolumeClaim", "metadata": other, "spec": {}})
    bench.api.store({"kind": "Secret", "metadata": {"name": "autre-snapshot-key", **namespace}})
    await bench.reconcile(KEY)
    assert bench.condition("Stalled") == ("True", "UaiMismatch")
    assert ("StatefulSet", "jean-moulin") not in bench.api.objects


def environment_of(bench: Bench) -> dict[str, str]:
    template = bench.api.objects["StatefulSet", "jean-moulin"]["spec"]["template"]["spec"]
    return {variable["name"]: variable["value"] for variable in template["initContainers"][0]["env"]}


async def test_no_more_bases_are_restored_at_once_than_may_be(bench: Bench) -> None:
    await bench.reconcile(KEY)
    other = base_key("schools", "autre")
    member = next(iter(bench.fleet.members()))
    bench.fleet.put(other, replace(member, restoring=bench.now))
    bench.api.sent.clear()
    bench.ask(restore=RESTORE)
    await bench.reconcile(KEY)
    assert bench.api.writes() == ["jean-moulin"]
    assert bench.condition("Restored") == ("Unknown", "Pending")

    bench.fleet.put(other, replace(member, restoring=bench.now - dt.timedelta(hours=1)))
    await bench.reconcile(KEY)
    assert "StatefulSet jean-moulin" in bench.api.writes(), "one that takes too long holds nobody up"


async def test_a_pass_with_nothing_to_do_starts_nothing_beside_itself(bench: Bench) -> None:
    await bench.reconcile(KEY)
    loop = asyncio.get_running_loop()
    started: list[object] = []

    def note(_: object, work: Any, **__: object) -> asyncio.Task[Any]:
        started.append(work)
        return asyncio.Task(work, loop=loop)

    loop.set_task_factory(note)
    await bench.reconcile(KEY)
    assert started == []
    bench.change("ConfigMap", "jean-moulin-settings", data={"settings.json": "{}"})
    await bench.reconcile(KEY)
    assert len(started) == 1
