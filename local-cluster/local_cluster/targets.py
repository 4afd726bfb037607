"""Where the demonstration runs: the local cluster, or kind where a Docker engine and kind are there."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from local_cluster import build, images
from local_cluster.cluster import Cluster
from local_cluster.errors import LocalClusterError
from local_cluster.paths import PROJECT_ROOT, State
from local_cluster.progress import Progress
from local_cluster.sockets import wait_for_answer

KIND_CLUSTER = "pronote"
ANSWER_SECONDS = 15.0
"""From a pod's readiness to an answer at its Service's address."""


class Target(Protocol):
    """A cluster that has this project's images."""

    kubeconfig: Path

    def prepare(self) -> bool:
        """Starts the cluster and gives it the images; True when the operator's image is another than before."""

    def reach(self, namespace: str, service: str, port: int) -> contextlib.AbstractContextManager[str]:
        """A "host:port" at which this machine reaches a Service, while the context lasts."""


def choose(state: State, progress: Progress) -> Target:
    """kind when a Docker engine answers and kind is installed; otherwise the local cluster."""
    if shutil.which("kind") and _docker_answers():
        progress.say("A Docker engine and kind are here: they are used.")
        return KindTarget(state, progress)
    return LocalTarget(state, progress)


class LocalTarget:
    """The real instance of the local cluster."""

    def __init__(self, state: State, progress: Progress) -> None:
        self._progress = progress
        self._cluster = Cluster(state.root, progress=progress)
        self.kubeconfig = self._cluster.kubeconfig

    def prepare(self) -> bool:
        """Starts the cluster and loads the images that are not there yet."""
        build.build(self._cluster.state, self._progress)
        self._cluster.up()
        archives = images.build(self._cluster.state, self._progress)
        with self._progress.step("images into the node"):
            loaded = self._cluster.load_images(archives)
        return any(name in loaded for name in _names("operator"))

    @contextlib.contextmanager
    def reach(self, namespace: str, service: str, port: int) -> Iterator[str]:
        """The Service's own address: this machine is the node."""
        wanted = ("--namespace", namespace, "get", "service", service, "--output=jsonpath={.spec.clusterIP}")
        address = self._cluster.kubectl(*wanted)
        wait_for_answer(address, port, ANSWER_SECONDS)
        yield f"{address}:{port}"


class KindTarget:
    """A cluster in Docker containers."""

    def __init__(self, state: State, progress: Progress) -> None:
        self._state, self._progress = state, progress
        self.kubeconfig = state.root / "kind.kubeconfig"

    def prepare(self) -> bool:
        """Makes the cluster, builds the images with Docker and loads them."""
        build.build(self._state, self._progress, [name for name in ("kubectl", "helm") if not shutil.which(name)])
        if KIND_CLUSTER not in _run("kind", "get", "clusters").split():
            with self._progress.step("kind cluster"):
                _run("kind", "create", "cluster", "--config", str(PROJECT_ROOT / "kind-config.yaml"), "--wait", "120s")
        self.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        _run("kind", "export", "kubeconfig", "--name", KIND_CLUSTER, "--kubeconfig", str(self.kubeconfig))
        before = _image_id(_names("operator")[0])
        for kind in images.KINDS.values():
            for version in kind.versions:
                with self._progress.step(f"image {kind.image(version)}"):
                    options = ["--build-arg", f"VERSION={version}", "--file", str(kind.dockerfile)]
                    _run("docker", "build", "--tag", kind.image(version), *options, str(PROJECT_ROOT))
        every = [name for kind in images.KINDS for name in _names(kind)]
        with self._progress.step("images into kind"):
            _run("kind", "load", "docker-image", "--name", KIND_CLUSTER, *every)
        return before != _image_id(_names("operator")[0])

    @contextlib.contextmanager
    def reach(self, namespace: str, service: str, port: int) -> Iterator[str]:
        """A forwarded port: Services of kind are not reachable from the machine everywhere."""
        command = [program(self._state, "kubectl"), "--kubeconfig", str(self.kubeconfig), "--namespace", namespace]
        command += ["port-forward", f"service/{service}", f":{port}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as forward:
            try:
                line = forward.stdout.readline() if forward.stdout else ""
                found = re.search(r"127\.0\.0\.1:(\d+)", line)
                if not found:
                    raise LocalClusterError(f"`kubectl port-forward` failed: {line.strip()}")
                yield f"127.0.0.1:{found[1]}"
            finally:
                forward.terminate()


def program(state: State, name: str) -> str:
    """The compiled program; where none was compiled, the machine's own."""
    compiled = state.bin / name
    return str(compiled) if compiled.exists() else name


def remove_kind() -> None:
    """Deletes the kind cluster, if it was ever made."""
    if shutil.which("kind") and _docker_answers() and KIND_CLUSTER in _run("kind", "get", "clusters").split():
        _run("kind", "delete", "cluster", "--name", KIND_CLUSTER)


def _names(kind: str) -> list[str]:
    return [images.KINDS[kind].image(version) for version in images.KINDS[kind].versions]


def _docker_answers() -> bool:
    if not shutil.which("docker"):
        return False
    # A client whose engine is not there may answer with exit code 0 all the same: ask for the engine's version.
    asked = subprocess.run(
        ["docker", "version", "--format", "{{.Server.Version}}"], capture_output=True, text=True, check=False
    )
    return asked.returncode == 0 and bool(asked.stdout.strip())


def _image_id(name: str) -> str:
    command = ["docker", "image", "inspect", "--format", "{{.Id}}", name]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _run(*command: str) -> str:
    environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise LocalClusterError(f"`{_shown(command)}` failed:", tail)
    return done.stdout


def _shown(command: Sequence[str]) -> str:
    return " ".join(command[:4]) + (" …" if len(command) > 4 else "")
