"""A password is in its Secret and in the server's memory, and nowhere else."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.cluster.schools import School
from tests.support.operator_process import OperatorProcess

pytestmark = pytest.mark.beside

CANARY = "Canari-jaune-7Zq-volant"
KINDS = (
    "pronotebases,publications,configmaps,services,networkpolicies,statefulsets,controllerrevisions,pods,"
    "persistentvolumeclaims,events,leases,endpointslices"
)
PROCESSES = (
    "import glob; print(*(open(f).read() for n in ('cmdline', 'environ') for f in glob.glob('/proc/[0-9]*/' + n)))"
)
"""Prints command lines and environments of all processes of the container."""


@pytest.fixture
def told(school: School, operator: OperatorProcess, folder: Path) -> tuple[School, OperatorProcess]:
    """A base that has the canary for a password, after a life with a bit of everything."""
    metadata = {"name": "canary", "namespace": school.namespace}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}

    def put(username: str, password: str) -> None:
        school.kube.apply({**secret, "stringData": {"username": username, "password": password}})

    put(CANARY, CANARY)  # contains the user name: refused
    school.apply(superAdmin={"secretName": "canary"}).wait_stalled("WeakSuperAdminPassword")
    put("principale", CANARY)
    school.apply(displayName="Collège du Canari").wait_ready()
    assert school.log_in(folder, "principale", CANARY).returncode == 0
    school.kube.delete("ConfigMap", f"{school.name}-settings", school.namespace)
    school.apply(inService=False).wait_ready("OutOfService")
    school.apply(inService=True).wait_ready()
    return school, operator


def test_no_password_shows_anywhere_but_in_its_secret(told: tuple[School, OperatorProcess]) -> None:
    school, operator = told
    kubectl, space = school.kube.kubectl, school.namespace
    places = {
        "the operator's log": operator.log_path.read_text(),
        "objects": kubectl("get", KINDS, "-n", space, "-o", "yaml", "--show-managed-fields"),
        "events": kubectl("get", "events.events.k8s.io", "-n", space, "-o", "yaml"),
        "the channel": kubectl("get", "versionchannels", "-o", "yaml"),
        "metrics of the operator": operator.get("/metrics")[1],
        "metrics of the base": school.metrics(),
        **{
            f"the log of {container}": kubectl("logs", "-n", space, f"{school.name}-0", "-c", container)
            for container in ("prepare", "agent", "server")
        },
        "the server's process": school.execute("python3", "-c", PROCESSES),
    }
    own = {
        "its own password": CANARY,
        "the agent's token": school.secret(f"{school.name}-agent", "token"),
        "the snapshots' passphrase": school.secret(f"{school.name}-snapshot-key", "passphrase"),
        "the token of PRONOTE.net": school.secret(f"{school.name}-net", "token"),
        "the key of verifiers": school.secret(f"{school.name}-net", "verifier-key"),
        "the certificate's key": school.secret(f"{school.name}-tls", "tls.key").splitlines()[1],
        "the authority's key": school.secret(f"{school.name}-tls", "ca.key").splitlines()[1],
    }
    for place, text in places.items():
        assert len(text) > 20, f"{place}: nothing to look through"
        for what, value in own.items():
            encoded = base64.b64encode(value.encode()).decode()
            assert value not in text, f"{what} shows in {place}"
            assert encoded not in text, f"{what} shows in {place}, encoded"


def test_the_authoritys_key_is_mounted_nowhere(told: tuple[School, OperatorProcess]) -> None:
    school, _ = told
    mounted = school.execute(
        "python3", "-c", "import os; print(*os.listdir('/etc/pronote/tls'), *os.listdir('/etc/pronote'))"
    ).split()
    assert "tls.key" in mounted
    assert "ca.key" not in mounted
    assert "snapshot-key" not in mounted, "the server has no use for it"
    assert "agent" not in mounted, "nor for the agent's token"
