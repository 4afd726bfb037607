"""`suspend` holds the operator's hand: nothing is touched until it is taken away, and then everything is made up."""

from __future__ import annotations

import pytest

from tests.cluster.schools import School
from tests.support.kube import condition_of, describe
from tests.support.operator_process import OperatorProcess

pytestmark = pytest.mark.beside


@pytest.fixture
def suspended(standing: School) -> School:
    """The base in service, suspended."""
    standing.apply(suspend=None, inService=True, displayName="Collège Jean Moulin").wait_ready()
    held = standing.apply(suspend=True).wait("Ready", reason="Suspended")
    assert held["status"]["observedGeneration"] == held["metadata"]["generation"]
    return standing


def test_a_suspended_base_that_serves_is_ready_and_says_that_it_is_suspended(suspended: School) -> None:
    found = suspended.get()
    assert "suspend" in condition_of(found, "Ready")["message"]
    assert not condition_of(found, "Stalled")
    assert not condition_of(found, "Reconciling"), describe(found)


def test_a_child_deleted_meanwhile_stays_deleted_and_comes_back_afterwards(suspended: School) -> None:
    settings = ("ConfigMap", f"{suspended.name}-settings")
    suspended.kube.delete(*settings, suspended.namespace)
    _let_it_look(suspended)
    assert suspended.kube.get(*settings, suspended.namespace) is None
    suspended.apply(suspend=None).wait_ready()
    suspended.kube.wait_for(*settings, lambda _: True, suspended.namespace, timeout=10)


def test_a_change_of_the_spec_waits(suspended: School) -> None:
    settings = suspended.child("ConfigMap", f"{suspended.name}-settings")["data"]
    pod = suspended.pod_uid
    suspended.apply(displayName="Lycée", inService=False)
    _let_it_look(suspended)
    assert suspended.child("ConfigMap", f"{suspended.name}-settings")["data"] == settings
    assert suspended.pod_uid == pod

    suspended.apply(suspend=None).wait_ready("OutOfService")
    assert "Lycée" in suspended.child("ConfigMap", f"{suspended.name}-settings")["data"]["settings.json"]
    assert suspended.pod is None


def test_a_base_that_is_suspended_from_the_start_gets_no_children(school: School, operator: OperatorProcess) -> None:
    school.apply(suspend=True).wait("Ready", "False", reason="Suspended")
    for kind, name in school.children:
        assert school.kube.get(kind, name, school.namespace) is None, name
    school.apply(suspend=None).wait_ready()
    assert operator.running


def _let_it_look(school: School) -> None:
    """Wait until the operator has surely looked at the base: a change of the spec is observed in the status."""
    generation = school.apply(disabledClients=[f"PC-{school.get()['metadata']['generation']}"]).get()["metadata"][
        "generation"
    ]
    school.kube.wait_for(
        "PronoteBase",
        school.name,
        lambda found: found["status"]["observedGeneration"] == generation,
        school.namespace,
        timeout=15,
        what="the operator has looked",
    )
