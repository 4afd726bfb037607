"""Licences, security and disabled Clients reach a running server, which is not restarted for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.schools import School
from tests.support.waiting import wait_until

pytestmark = pytest.mark.beside

BROUGHT_SECONDS = 120.0
"""How long the kubelet may take to bring a changed ConfigMap into a pod."""


@pytest.fixture
def base(standing: School) -> School:
    """The base in service, with its first settings."""
    return standing


def test_licences_change_without_a_restart(base: School) -> None:
    pod = base.pod_uid
    assert base.metric('pronote_licences_limit{mode="enseignant"}') == 50
    base.apply(licences={"administrative": 9, "teachers": 70, "reservedForAdministrators": 2}).wait_settled()
    base.wait_metric('pronote_licences_limit{mode="enseignant"}', 70, BROUGHT_SECONDS)
    base.wait_metric('pronote_licences_limit{mode="administratif"}', 9, 5)
    assert (base.pod_uid, base.restarts) == (pod, 0)


def test_a_client_on_a_disabled_machine_is_refused_and_let_in_again(base: School, folder: Path) -> None:
    pod = base.pod_uid
    assert base.log_in(folder, "superadmin", base.password, machine="PC-VOLE").returncode == 0

    def answer(code: int) -> bool:
        return base.log_in(folder, "superadmin", base.password, machine="PC-VOLE").returncode == code

    base.apply(disabledClients=["PC-VOLE"]).wait_settled()
    wait_until(lambda: answer(6), BROUGHT_SECONDS, what="the machine is refused", every=2)
    assert base.log_in(folder, "superadmin", base.password, machine="PC-SECRETARIAT").returncode == 0
    base.apply(disabledClients=None).wait_settled()
    wait_until(lambda: answer(0), BROUGHT_SECONDS, what="the machine is let in again", every=2)
    assert (base.pod_uid, base.restarts) == (pod, 0)


def test_a_prohibited_network_is_refused(base: School, folder: Path) -> None:
    pod = base.pod_uid
    base.apply(security={"ipControl": "High", "prohibitedAddresses": ["0.0.0.0/0"]}).wait_settled()
    wait_until(
        lambda: base.log_in(folder, "superadmin", base.password).returncode == 5,
        BROUGHT_SECONDS,
        what="the address is refused",
        every=2,
    )
    base.apply(security=None).wait_settled()
    wait_until(
        lambda: base.log_in(folder, "superadmin", base.password).returncode == 0,
        BROUGHT_SECONDS,
        what="the address is let in again",
        every=2,
    )
    assert (base.pod_uid, base.restarts) == (pod, 0)


def test_a_change_of_resources_restarts_the_server_once(base: School) -> None:
    pod = base.pod_uid
    base.apply(resources={"requests": {"cpu": "12m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}})
    base.wait("InService", "False", timeout=30)
    base.wait_ready()
    assert base.pod_uid != pod
    assert base.pod is not None
    server = base.pod["spec"]["containers"][0]
    assert server["resources"]["requests"]["cpu"] == "12m"
