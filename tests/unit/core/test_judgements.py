"""Judgements on what the API server tells: whose an object is, how far a StatefulSet is, why a pod does not start."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any, ClassVar

import pytest

from pronote_operator.errors import ReferenceMissing, Unusable
from pronote_operator.planning.diagnosis import refused_plan, trouble
from pronote_operator.planning.facts import Ownership, ownership, statefulset_facts
from pronote_operator.planning.references import Named, referred

OURS = {"apiVersion": "pronote.hosting/v1alpha1", "kind": "PronoteBase", "name": "a", "uid": "u1"}
NOW = dt.datetime(2026, 11, 24, 8, tzinfo=dt.UTC)
LONG_AGO = "2026-11-24T07:00:00Z"
WRITTEN = [{"manager": "pronote-operator", "operation": "Apply"}]


@pytest.mark.parametrize(
    ("metadata", "verdict"),
    [
        ({"ownerReferences": [OURS]}, Ownership.OURS),
        ({"ownerReferences": [{**OURS, "uid": "u0"}], "managedFields": WRITTEN}, Ownership.LEAVING),
        ({"managedFields": WRITTEN}, Ownership.KEPT),
        ({}, Ownership.FOREIGN),
        ({"labels": {"app.kubernetes.io/managed-by": "pronote-operator"}}, Ownership.FOREIGN),
        ({"managedFields": [{"manager": "kubectl", "operation": "Apply"}]}, Ownership.FOREIGN),
        ({"managedFields": [{"manager": "pronote-operator", "operation": "Update"}]}, Ownership.FOREIGN),
        (
            {"ownerReferences": [{"apiVersion": "apps/v1", "uid": "x"}], "managedFields": WRITTEN},
            Ownership.FOREIGN,
        ),
    ],
)
def test_whose_an_object_is(metadata: dict[str, Any], verdict: Ownership) -> None:
    assert ownership(metadata, "u1") is verdict


def statefulset(**status: Any) -> dict[str, Any]:
    template = {
        "metadata": {"labels": {"pronote.hosting/version": "2026.2.5"}},
        "spec": {"containers": [{"name": "server", "image": "image:2026.2.5"}]},
    }
    return {
        "metadata": {"generation": 2, "annotations": {}},
        "spec": {"replicas": 1, "template": template},
        "status": {"observedGeneration": 2, "currentRevision": "r1", "updateRevision": "r1", **status},
    }


@pytest.mark.parametrize(
    ("status", "ready", "rolling"),
    [
        ({"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1}, True, False),
        ({"replicas": 1, "updatedReplicas": 1, "readyReplicas": 0}, False, False),
        ({"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "observedGeneration": 1}, False, True),
        ({"replicas": 1, "updatedReplicas": 0, "readyReplicas": 1, "updateRevision": "r2"}, False, True),
        ({}, False, False),
    ],
)
def test_a_statefulset_is_ready_only_when_its_latest_revision_is(
    status: dict[str, Any], ready: bool, rolling: bool
) -> None:
    facts = statefulset_facts(statefulset(**status))
    assert (facts.ready, facts.rolling) == (ready, rolling)
    assert facts.version == "2026.2.5"


def pod(**status: Any) -> dict[str, Any]:
    return {"status": status}


def test_a_refused_plan_is_told_in_the_words_of_prepare() -> None:
    told = json.dumps({"result": "Refused", "reason": "UaiMismatch", "message": "the volume holds 0210066H"})
    ended = {"terminated": {"exitCode": 65, "message": told}}
    for states in ({"state": ended}, {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": ended}):
        verdict = refused_plan(pod(initContainerStatuses=[{"name": "prepare", **states}]))
        assert verdict is not None
        assert verdict.reason == "DataPlanRefused"
        assert "0210066H" in verdict.message


def test_other_failures_of_prepare_are_no_refusal() -> None:
    ended = {"terminated": {"exitCode": 74, "message": "disk full"}}
    assert refused_plan(pod(initContainerStatuses=[{"name": "prepare", "state": ended}])) is None
    assert refused_plan(pod()) is None


def test_a_plan_that_was_refused_and_is_carried_out_now_is_refused_no_more() -> None:
    refused = {"terminated": {"exitCode": 65, "message": '{"reason": "HnotInvalid", "message": "base.HNOT"}'}}

    def judged(state: dict[str, object]) -> object:
        return refused_plan(pod(initContainerStatuses=[{"name": "prepare", "state": state, "lastState": refused}]))

    assert judged({"running": {}}), "it has not made up its mind anew"
    assert judged({"terminated": {"exitCode": 0}}) is None


@pytest.mark.parametrize(
    ("status", "fragment"),
    [
        (
            {
                "conditions": [
                    {"type": "PodScheduled", "status": "False", "message": "no room", "lastTransitionTime": LONG_AGO}
                ]
            },
            "no room",
        ),
        (
            {"containerStatuses": [{"name": "server", "state": {"waiting": {"reason": "ErrImagePull"}}}]},
            "Container server: ErrImagePull",
        ),
        (
            {
                "containerStatuses": [
                    {
                        "name": "server",
                        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                        "lastState": {"terminated": {"exitCode": 78}},
                    }
                ]
            },
            "exit code 78",
        ),
        (
            {
                "initContainerStatuses": [
                    {
                        "name": "prepare",
                        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                        "lastState": {
                            "terminated": {
                                "exitCode": 74,
                                "message": '{"reason": "VolumeFull", "message": "the data volume is full"}',
                            }
                        },
                    }
                ]
            },
            "VolumeFull: the data volume is full",
        ),
    ],
)
def test_what_keeps_a_pod_from_starting_is_named(status: dict[str, Any], fragment: str) -> None:
    assert fragment in (trouble(pod(**status), NOW) or "")


def test_a_pod_may_wait_for_its_volumes_a_minute_before_it_is_in_trouble() -> None:
    waits = {
        "type": "PodScheduled",
        "status": "False",
        "message": "unbound",
        "lastTransitionTime": "2026-11-24T07:59:30Z",
    }
    assert trouble(pod(conditions=[waits]), NOW) is None


def test_a_pod_that_is_just_starting_is_in_no_trouble() -> None:
    starting = [{"name": "server", "state": {"waiting": {"reason": "PodInitializing"}}}]
    assert trouble(pod(containerStatuses=starting), NOW) is None
    assert trouble(None, NOW) is None


class TestReferences:
    KNOWN: ClassVar = {"stable": Named("stable", default=True), "preview": Named("preview", default=False)}

    def test_a_name_or_the_default(self) -> None:
        assert referred("spec.versionChannel", "VersionChannel", "preview", self.KNOWN, required=True) == "preview"
        assert referred("spec.versionChannel", "VersionChannel", None, self.KNOWN, required=True) == "stable"

    def test_what_is_missing_is_named_with_what_there_is(self) -> None:
        with pytest.raises(ReferenceMissing, match=r"spec\.versionChannel.*nope.*preview, stable"):
            referred("spec.versionChannel", "VersionChannel", "nope", self.KNOWN, required=True)
        with pytest.raises(ReferenceMissing, match="no VersionChannel is annotated"):
            referred("spec.versionChannel", "VersionChannel", None, {}, required=True)
        assert referred("spec.backupPolicy", "BackupPolicy", None, {}, required=False) is None

    def test_two_defaults_are_for_a_person_to_mend(self) -> None:
        both = {name: Named(name, default=True) for name in ("a", "b")}
        with pytest.raises(Unusable, match="a, b") as refusal:
            referred("spec.versionChannel", "VersionChannel", None, both, required=True)
        assert refusal.value.reason == "AmbiguousDefault"
