"""A base under test: its manifest, its children, its pod, and a Client that logs in to it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from local_cluster import Cluster
from local_cluster.sockets import wait_for_answer
from pronote_operator.api.uai import uai_letter
from tests.support.kube import Kube, Object, condition_of, describe
from tests.support.waiting import wait_until

READY_SECONDS = 150.0
"""From apply to Ready at the longest, on a busy machine, or when the cluster's controllers come back from an outage."""
ANSWER_SECONDS = 15.0
"""From a pod's readiness to an answer at its Service's address: kube-proxy must have heard of it."""
BASE = "PronoteBase"

SMALL = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}}
"""Resources of a test's server: many fit on one node."""


def uai_of(name: str) -> str:
    """A valid UAI of one's own for each name."""
    digits = f"{int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], 'big') % 10_000_000:07}"
    return digits + uai_letter(digits)


def child_names(name: str) -> list[tuple[str, str]]:
    """(kind, name) of the thirteen children."""
    return [
        ("PersistentVolumeClaim", f"{name}-data"),
        ("PersistentVolumeClaim", f"{name}-snapshots"),
        ("Secret", f"{name}-superadmin"),
        ("Secret", f"{name}-tls"),
        ("Secret", f"{name}-agent"),
        ("Secret", f"{name}-snapshot-key"),
        ("ConfigMap", f"{name}-settings"),
        ("ConfigMap", f"{name}-parameters"),
        ("Service", f"{name}-client"),
        ("Service", f"{name}-agent"),
        ("NetworkPolicy", name),
        ("StatefulSet", name),
        ("Secret", f"{name}-net"),
    ]


def process_of(pod: Object, container: str) -> int:
    """A process of one of a pod's containers, by its id on this machine."""
    statuses = [*pod["status"].get("initContainerStatuses", ()), *pod["status"]["containerStatuses"]]
    (found,) = (status["containerID"] for status in statuses if status["name"] == container)
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdecimal() and found.removeprefix("containerd://") in (process / "cgroup").read_text():
                return int(process.name)
    raise AssertionError(f"no process of container {found} on this machine")


@dataclass
class School:
    """One base.

    Args:
        spec: what it asks for beside the defaults of these tests.
        labels: of the object.
    """

    cluster: Cluster
    kube: Kube
    namespace: str
    name: str = "moulin"
    spec: dict[str, Any] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def uai(self) -> str:
        return str(self.manifest["spec"]["uai"])

    @property
    def manifest(self) -> dict[str, Any]:
        """What is applied."""
        spec: dict[str, Any] = {
            "uai": uai_of(f"{self.namespace}/{self.name}"),
            "displayName": "Collège Jean Moulin",
            "source": {"empty": {"slotMinutes": 60, "dayStart": "08:00", "dayEnd": "18:00"}},
            "storage": {"size": "64Mi", "snapshots": {"size": "64Mi"}},
            "resources": SMALL,
        }
        return {
            "apiVersion": "pronote.hosting/v1alpha1",
            "kind": BASE,
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                **({"labels": self.labels} if self.labels else {}),
            },
            "spec": spec | self.spec,
        }

    # The object.

    def apply(self, **spec: Any) -> School:
        """Apply it, with these changes to its spec from now on (None takes a member away)."""
        changed = {**self.spec, **spec}
        self.spec = {name: value for name, value in changed.items() if value is not None}
        self.kube.apply(self.manifest)
        return self

    def get(self) -> Object:
        """The object as it is."""
        found = self.kube.get(BASE, self.name, self.namespace)
        assert found is not None, f"there is no base {self.namespace}/{self.name}"
        return found

    def wait(self, condition: str, status: str = "True", reason: str | None = None, timeout: float = 60) -> Object:
        """Wait for a condition about the present generation."""
        return self.kube.wait_for_condition(
            BASE, self.name, condition, self.namespace, status=status, reason=reason, timeout=timeout
        )

    def wait_ready(self, reason: str = "InService", timeout: float = READY_SECONDS) -> Object:
        """Wait for Ready, and for the whole status to be about the present generation."""
        self.wait("Ready", reason=reason, timeout=timeout)
        return self.wait_settled()

    def wait_settled(self, timeout: float = 30) -> Object:
        """Wait until a tool that reads kstatus calls it Current."""

        def current(found: Object) -> bool:
            return (
                found["status"]["observedGeneration"] == found["metadata"]["generation"]
                and condition_of(found, "Ready").get("status") == "True"
                and not condition_of(found, "Reconciling")
                and not condition_of(found, "Stalled")
            )

        return self.kube.wait_for(BASE, self.name, current, self.namespace, timeout=timeout, what="kstatus Current")

    def wait_stalled(self, reason: str, timeout: float = 30) -> str:
        """Wait until it is stalled for a reason; the message."""
        found = self.wait("Stalled", reason=reason, timeout=timeout)
        ready = condition_of(found, "Ready")
        assert (ready["status"], ready["reason"]) == ("False", reason), describe(found)
        return str(condition_of(found, "Stalled")["message"])

    def delete(self, wait: float = 30) -> None:
        """Delete it, and wait until it is gone."""
        self.kube.delete(BASE, self.name, self.namespace, wait=wait)

    # What it is made of.

    @property
    def children(self) -> list[tuple[str, str]]:
        return child_names(self.name)

    def child(self, kind: str, name: str) -> Object:
        found = self.kube.get(kind, name, self.namespace)
        assert found is not None, f"there is no {kind} {name}"
        return found

    @property
    def pod(self) -> Object | None:
        return self.kube.get("Pod", f"{self.name}-0", self.namespace)

    @property
    def pod_uid(self) -> str | None:
        pod = self.pod
        return str(pod["metadata"]["uid"]) if pod else None

    @property
    def restarts(self) -> int:
        """How often the server's container was started again."""
        pod = self.pod
        statuses = pod["status"].get("containerStatuses", []) if pod else []
        return sum(int(status["restartCount"]) for status in statuses if status["name"] == "server")

    def process(self, container: str) -> int:
        """A process of one of its containers, by its id on this machine."""
        pod = self.pod
        assert pod is not None, "no pod"
        return process_of(pod, container)

    def kill_server(self) -> None:
        """SIGKILL the server's process from the node, as the kernel does when memory is short."""
        os.kill(self.process("server"), signal.SIGKILL)

    def wait_no_pod(self, timeout: float = 60) -> None:
        """Wait until its server is stopped."""
        self.kube.wait_gone("Pod", f"{self.name}-0", self.namespace, timeout=timeout)

    def secret(self, name: str, key: str) -> str:
        """A value out of a Secret."""
        return base64.b64decode(self.child("Secret", name)["data"][key]).decode()

    @property
    def password(self) -> str:
        return self.secret(f"{self.name}-superadmin", "password")

    # The server.

    def execute(self, *command: str, stdin: str | None = None) -> str:
        """Run a command in the server's container."""
        given = ("-i",) if stdin is not None else ()
        pod = f"{self.name}-0"
        return self.cluster.kubectl(
            "exec", *given, "-n", self.namespace, pod, "-c", "server", "--", *command, stdin=stdin
        )

    def add_user(self, name: str, password: str) -> None:
        """Add a teacher."""
        self.execute("pronote-server", "user", "add", name, "--mode", "enseignant", "--password-stdin", stdin=password)

    def users(self) -> list[str]:
        """Names of the base's users."""
        lines = self.execute("pronote-server", "user", "list").splitlines()
        return [line.split("\t")[0] for line in lines]

    def metrics(self) -> str:
        """What the agent exposes."""
        pod = self.pod
        assert pod is not None, "no pod"
        return httpx.get(f"http://{pod['status']['podIP']}:8080/metrics", timeout=5, trust_env=False).text

    def metric(self, sample: str) -> float:
        """A sample by its name and labels, as the exposition writes them; 0 when it is not there."""
        found = re.search(rf"^{re.escape(sample)} (\S+)$", self.metrics(), re.MULTILINE)
        return float(found[1]) if found else 0.0

    def wait_metric(self, sample: str, value: float, timeout: float) -> None:
        """Wait until a sample has a value."""
        wait_until(
            lambda: self.metric(sample) == value,
            timeout,
            what=f"{sample} is {value:g}",
            last=self.metrics,
            every=0.5,
        )

    def client(self, folder: Path, *arguments: str, password: str = "") -> subprocess.CompletedProcess[str]:
        """Run pronote-client with a profile of its own."""
        program = Path(sys.executable).parent / "pronote-client"
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PRONOTE_PASSWORD": password}
        return subprocess.run(
            [str(program), "--profile-dir", str(folder), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def log_in(
        self,
        folder: Path,
        username: str,
        password: str,
        mode: str = "administratif",
        machine: str = "PC-TEST",
        year: int | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Apply the connection parameters and log in, as a person on a machine of the school does.

        Args:
            year: a past school year, to read; None for the one in service.
        """
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "parameters.json"
        file.write_text(self.child("ConfigMap", f"{self.name}-parameters")["data"]["parameters.json"])
        applied = self.client(folder, "apply-parameters", str(file))
        assert applied.returncode == 0, applied.stderr
        # Its name is known inside the cluster only; the certificate is checked against that name all the same.
        address = self.child("Service", f"{self.name}-client")["spec"]["clusterIP"]
        wait_for_answer(address, 49300, ANSWER_SECONDS)
        who = ("--mode", mode, "--username", username, "--machine", machine)
        past = ("--school-year", str(year)) if year is not None else ()
        return self.client(folder, "login", *who, *past, "--connect", f"{address}:49300", password=password)
