"""The API server is away for a minute: the operator lives on, and acts soon after it is back."""

from __future__ import annotations

import time

import pytest

from tests.cluster.schools import School
from tests.cluster.stage import Stage
from tests.support.operator_process import OperatorProcess

AWAY_SECONDS = 60.0
ACTS_WITHIN_SECONDS = 30.0
CLUSTER_SECONDS = 240.0
"""How long the cluster's own controllers may take after an earlier outage: they come back with growing pauses."""


@pytest.mark.disturbs
def test_after_a_minute_without_api_server_it_recovers_by_itself_and_acts(
    stage: Stage, school: School, operator: OperatorProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    school.apply().wait_ready(timeout=CLUSTER_SECONDS)
    pod, process = school.pod_uid, operator.pid

    stage.cluster.stop("apiserver")
    try:
        until = time.monotonic() + AWAY_SECONDS
        while time.monotonic() < until:
            # Without an API server there is nothing that a restart of the operator would mend.
            assert operator.get("/healthz")[0] == 200, operator.tail()
            time.sleep(1)
    finally:
        stage.cluster.start("apiserver")

    began = time.monotonic()
    school.apply(displayName="Après la panne")
    settings = ("ConfigMap", f"{school.name}-settings")
    school.kube.wait_for(
        *settings,
        lambda found: "Après la panne" in found["data"]["settings.json"],
        school.namespace,
        timeout=ACTS_WITHIN_SECONDS,
        what="the operator acts",
    )
    with capsys.disabled():
        print(f"\nAPI server away for {AWAY_SECONDS:.0f} s: acted {time.monotonic() - began:.1f} s after it was back")
    assert operator.pid == process
    assert operator.running
    school.wait_settled()
    assert school.pod_uid == pod, "the school noticed nothing"


@pytest.mark.disturbs
def test_an_api_server_that_is_only_restarted_is_hardly_noticed(
    stage: Stage, school: School, operator: OperatorProcess
) -> None:
    school.apply(inService=False).wait_ready("OutOfService", timeout=CLUSTER_SECONDS)
    stage.cluster.stop("apiserver")
    stage.cluster.start("apiserver")
    school.apply(displayName="Après le redémarrage").wait_ready("OutOfService", timeout=ACTS_WITHIN_SECONDS)
    assert operator.running
