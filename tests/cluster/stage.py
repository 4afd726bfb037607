"""What every test on the cluster stands on: namespaces that enforce restricted pods, operators that serve only these.

Each operator here serves the namespaces it is given and keeps its Lease in the first of them, so that any number of
them run side by side and none sees another's bases.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from local_cluster import Cluster
from local_cluster.locks import locked
from pronote_operator.api.constants import ANNOTATION_IS_DEFAULT
from tests.support.kube import Kube
from tests.support.operator_process import OperatorProcess

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "pronote-operator"

RESTRICTED = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/enforce-version": "latest",
    "pod-security.kubernetes.io/warn": "restricted",
}
"""Labels of a namespace that takes no pod that could do harm."""

VERSION, NEXT_VERSION = "2026.2.5", "2026.2.6"
OPERATOR_IMAGE = "localhost/pronote-operator:dev"


def server_image(version: str = VERSION) -> str:
    """The image of a release: all are of the same code."""
    return f"localhost/pronote-server:{version}"


def release(version: str, number: int, image: str | None = None) -> dict[str, str]:
    """The release at a place of a channel's list: the first has always been there, the others came one by one."""
    made = {"version": version, "image": image or server_image(version)}
    return made if number == 0 else {**made, "from": f"2020-01-{number:02}T00:00:00"}


def channel(name: str, *versions: str, default: bool = False, **spec: Any) -> dict[str, Any]:
    """A VersionChannel whose releases are all due, each in its time; the last one is the target."""
    metadata: dict[str, Any] = {"name": name}
    if default:
        metadata["annotations"] = {"pronote.hosting/is-default": "true"}
    return {
        "apiVersion": "pronote.hosting/v1alpha1",
        "kind": "VersionChannel",
        "metadata": metadata,
        "spec": {
            "releases": [release(version, number) for number, version in enumerate(versions or (VERSION,))],
            "calendars": {"metropole": {"yearEndArchive": "07-01", "newBase": "08-15", "switchover": "08-26"}},
            **spec,
        },
    }


@dataclass
class Stage:
    """See the module.

    Args:
        folder: for logs and kubeconfigs.
    """

    cluster: Cluster
    kube: Kube
    folder: Path
    _serial: Iterator[int] = field(default_factory=itertools.count)

    @contextmanager
    def space(self, prefix: str = "school") -> Iterator[str]:
        """A namespace with Pod Security "restricted" enforced, deleted at the end."""
        with self.kube.namespace(prefix, RESTRICTED) as name:
            yield name

    def operator(
        self,
        *spaces: str,
        kubeconfig: Path | None = None,
        name: str = "operator-0",
        command: tuple[str, ...] | None = None,
        **settings: object,
    ) -> OperatorProcess:
        """An operator process for these namespaces, with its Lease in the first one; not started."""
        folder = self.folder / f"{next(self._serial):03}-{spaces[0]}"
        folder.mkdir(parents=True)
        chosen = {
            "watch_namespaces": ",".join(spaces),
            "image": OPERATOR_IMAGE,
            "lease_duration_seconds": 5,
            "log_level": "DEBUG",
            **settings,
        }
        return OperatorProcess(
            kubeconfig or self.cluster.kubeconfig,
            folder,
            name=name,
            namespace=spaces[0],
            settings=chosen,
            command=command,
        )

    def helm(self, *arguments: str, timeout: float = 180, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run helm as the administrator.

        Raises:
            AssertionError: it failed, with what it said (unless `check` is false).
        """
        done = subprocess.run(
            [str(self.cluster.state.bin / "helm"), *arguments],
            env=self.cluster.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"helm {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done


@contextmanager
def held(cluster: Cluster, *, alone: bool) -> Iterator[None]:
    """Hold the cluster while tests run.

    Args:
        alone: no other run may go on meanwhile: one that takes the API server away, or judges all that was done on it.
    """
    with (cluster.state.root / "cluster-tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


@contextmanager
def ours_alone(stage: Stage) -> Iterator[None]:
    """Have our five kinds served, and take away what would serve the tests' namespaces too, such as a demonstration's.

    It is put back when the last of several runs at the same time is over.
    """
    root = stage.cluster.state.root
    with (root / "cluster-stages.lock").open("w") as present:
        fcntl.flock(present, fcntl.LOCK_SH)
        with ExitStack() as stack:
            with locked(root / "cluster-stages-begin.lock"):
                stack.enter_context(_no_other_operator(stage))
                _apply_crds(stage.kube)
                stack.enter_context(_no_default_policy(stage.kube))
            stack.callback(fcntl.flock, present, fcntl.LOCK_EX)
            yield


@contextmanager
def _no_other_operator(stage: Stage) -> Iterator[None]:
    """Take away an operator that somebody installed by Helm; put it back."""
    releases = json.loads(stage.helm("list", "--all-namespaces", "--output", "json").stdout or "[]")
    ours = [release for release in releases if release["chart"].startswith("pronote-operator-")]
    installed = [release for release in ours if release["status"] != "uninstalled"]
    for release in installed:
        stage.helm("uninstall", release["name"], "--namespace", release["namespace"], "--keep-history", "--wait")
    try:
        yield
    finally:
        for release in installed:
            stage.helm("rollback", release["name"], release["revision"], "--namespace", release["namespace"], "--wait")


@contextmanager
def _no_default_policy(kube: Kube) -> Iterator[None]:
    """Have no BackupPolicy that covers bases which name none; put it back."""
    defaults = [
        policy["metadata"]["name"]
        for policy in kube.list("BackupPolicy")
        if (policy["metadata"].get("annotations") or {}).get(ANNOTATION_IS_DEFAULT) == "true"
    ]

    def mark(name: str, value: str | None) -> None:
        kube.patch("BackupPolicy", name, {"metadata": {"annotations": {ANNOTATION_IS_DEFAULT: value}}}, None)

    for name in defaults:
        mark(name, None)
    try:
        yield
    finally:
        for name in defaults:
            mark(name, "true")


def _apply_crds(kube: Kube) -> None:
    """Have the five kinds served. Applied as Helm would, so that a release of the chart may take them over."""
    for path in sorted((ROOT / "crds").glob("*.yaml")):
        kube.apply(yaml.safe_load(path.read_text()), manager="helm")
    for path in sorted((ROOT / "crds").glob("*.yaml")):
        name = yaml.safe_load(path.read_text())["metadata"]["name"]
        kube.wait_for_condition("customresourcedefinition", name, "Established", None, timeout=30)
