"""What the operator makes up (password, token, passphrase, keys) is in its Secret and nowhere else.

Nor in the command line of any process of the machine at any moment of the base's life, or in the environment of any
process in a pod: all of them are collected while it is created, rolled and repaired.
"""

from __future__ import annotations

import base64
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster.schools import School
from tests.cluster.stage import NEXT_VERSION, VERSION, Stage, channel
from tests.support.operator_process import OperatorProcess

pytestmark = pytest.mark.beside

HAS_NO_SECRETS = (
    "pronotebases,configmaps,services,networkpolicies,statefulsets,controllerrevisions,pods,"
    "persistentvolumeclaims,events,leases,endpointslices"
)


class Processes:
    """What every process shows of itself that was seen on the machine, those of pods too: they run on it."""

    def __init__(self) -> None:
        self.command_lines: set[bytes] = set()
        self.environments: set[bytes] = set()
        """Of pods only: a Client of these tests is given its password by the environment."""
        self._over = threading.Event()

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Look again and again until the end of the block."""
        looking = threading.Thread(target=self._look)
        looking.start()
        try:
            yield
        finally:
            self._over.set()
            looking.join()

    def _look(self) -> None:
        while not self._over.wait(0.1):
            for process in Path("/proc").iterdir():
                # A process may end between the two.
                with contextlib.suppress(OSError):
                    if process.name.isdecimal():
                        self.command_lines.add((process / "cmdline").read_bytes())
                        if "kubepods" in (process / "cgroup").read_text():
                            self.environments.add((process / "environ").read_bytes())


@pytest.fixture
def track(stage: Stage, space: str) -> Iterator[str]:
    """A channel of the test's own."""
    stage.kube.apply(channel(space))
    yield space
    stage.kube.delete("VersionChannel", space, None)


def test_they_show_nowhere_but_in_their_secrets(
    stage: Stage, school: School, operator: OperatorProcess, track: str, folder: Path
) -> None:
    processes = Processes()
    with processes.collected():
        school.apply(versionChannel=track).wait_ready()
        assert school.log_in(folder, "superadmin", school.password).returncode == 0
        # A Secret without its certificate is completed, which is told by an Event.
        school.kube.patch("Secret", f"{school.name}-tls", {"data": {"tls.crt": None}}, school.namespace)
        # What is found in the Secret is kept, and must be shown as little as what was made.
        school.kube.patch("Secret", f"{school.name}-agent", {"data": {"more": "bW9yZQ=="}}, school.namespace)
        stage.kube.apply(channel(track, VERSION, NEXT_VERSION))
        school.wait("UpToDate", "False", timeout=30)
        school.wait("UpToDate", "True", timeout=120)
        school.wait_ready()
    own = {
        "the generated password": school.password,
        "the agent's token": school.secret(f"{school.name}-agent", "token"),
        "the snapshots' passphrase": school.secret(f"{school.name}-snapshot-key", "passphrase"),
        "the token of PRONOTE.net": school.secret(f"{school.name}-net", "token"),
        "the key of verifiers": school.secret(f"{school.name}-net", "verifier-key"),
        "the server's key": school.secret(f"{school.name}-tls", "tls.key").splitlines()[1],
        "the authority's key": school.secret(f"{school.name}-tls", "ca.key").splitlines()[1],
    }
    kubectl, space = school.kube.kubectl, school.namespace
    places = {
        "the operator's log": operator.log_path.read_text(),
        "objects": kubectl("get", HAS_NO_SECRETS, "-n", space, "-o", "yaml", "--show-managed-fields"),
        "Events": kubectl("get", "events.events.k8s.io", "-n", space, "-o", "yaml"),
        "channels": kubectl("get", "versionchannels", "-o", "yaml", "--show-managed-fields"),
        "metrics of the operator": operator.get("/metrics")[1],
        "metrics of the base": school.metrics(),
        "command lines": b"\n".join(processes.command_lines).decode(errors="replace"),
        "environments": b"\n".join(processes.environments).decode(errors="replace"),
        **{
            f"the log of {container}": kubectl("logs", "-n", space, f"{school.name}-0", "-c", container)
            for container in ("prepare", "agent", "server")
        },
    }
    assert any(line.get("severity") == "DEBUG" for line in operator.logs())
    for program in ("pronote-server", "pronote-agent", "pronote-prepare"):
        assert program in places["command lines"], "processes in pods were seen"
    for variable in ("PRONOTE_SUPERADMIN=", "PRONOTE_AGENT_TOKEN_FILE=", "PRONOTE_DATA_PLAN="):
        assert variable in places["environments"], "of the server, the agent and prepare"
    for place, text in places.items():
        assert len(text) > 20, f"{place}: nothing to look through"
        for what, value in own.items():
            assert len(value) >= 12, what
            # Not the value itself in an assertion: the report of a failure would show it.
            shown = value in text or base64.b64encode(value.encode()).decode() in text
            assert not shown, f"{what} shows in {place}"
