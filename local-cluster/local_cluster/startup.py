"""Starts the processes of an instance in their order, and waits for each to answer."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from local_cluster import addons, addresses, components, gateway, network, node_tools, runtime
from local_cluster.api import Api, ApiError, Manifest
from local_cluster.errors import LocalClusterError
from local_cluster.options import Options
from local_cluster.paths import Instance, State
from local_cluster.processes import Processes, ProcessSpec
from local_cluster.progress import Progress

START_SECONDS = 120.0
"""How long one component may take until it answers; measured: 2 to 5 seconds."""

_POLL_SECONDS = 0.05


class Startup:
    """Brings an instance up, whatever part of it runs already.

    Args:
        state: the state folder.
        instance: its folder; everything in it is rendered.
        options: what the instance is.
        processes: its processes.
        snapshotter: of containerd; None for a fake instance.
        progress: told every step.
    """

    def __init__(
        self,
        state: State,
        instance: Instance,
        options: Options,
        processes: Processes,
        snapshotter: str | None,
        progress: Progress,
    ) -> None:
        self._state, self._instance, self._options = state, instance, options
        self._processes, self._snapshotter, self._progress = processes, snapshotter, progress
        self._api = Api(options.server, instance.pki)
        self._specs = components.all_processes(state, instance, options)

    @property
    def _addons_stamp(self) -> Path:
        return self._instance.root / "addons"

    def is_up(self) -> bool:
        """Whether everything runs as it should, and answers."""
        if not all(self._processes.is_current(spec) for spec in self._specs):
            return False
        if not self._addons_stamp.exists() or self._addons_stamp.read_text() != _addons_digest(self._options):
            return False
        return self._api.ready() and self._nodes_are_ready()

    def run(self) -> None:
        """Starts what does not run, and starts anew what runs from another configuration.

        Raises:
            LocalClusterError: a process ends, or does not answer in time; with the end of its log.
        """
        options = self._options
        if not options.fake:
            network.bring_up(self._instance.root / "host-settings.json")
        for spec in reversed(self._specs):
            if self._processes.running(spec.name) and not self._processes.is_current(spec):
                self._processes.stop(spec.name)
        self._start(components.storage_and_api(self._state, self._instance, options))
        self._start(components.container_runtime(self._instance, options))
        with self._progress.step("etcd and the API server"):
            self.wait_for("apiserver")
        self._start(components.controllers(self._state, self._instance, options))
        # The API server may answer a moment before all its built-in objects are there.
        self._wait("the API server", ["apiserver"], lambda: _succeeds(lambda: addons.install(self._api, options)))
        self._addons_stamp.write_text(_addons_digest(options))
        if not options.fake:
            with self._progress.step("containerd"):
                self.wait_for("containerd")
                runtime.load(self._instance, node_tools.image(self._state), str(self._snapshotter))
            self._start(components.node(self._state, self._instance, options))
        if not options.api_only:
            with self._progress.step("fake nodes" if options.fake else "the node"):
                self._wait("the node", [spec.name for spec in self._specs], self._nodes_are_ready)

    def gateway(self, spec: ProcessSpec, kinds: Sequence[Manifest], manifests: Sequence[Manifest]) -> None:
        """Applies the Gateway API's kinds and what the gateway's process needs, starts it, and waits until it answers.

        Raises:
            LocalClusterError: it ends, or does not answer in time.
            ApiError: the API server refuses an object, or does not answer.
        """
        for manifest in kinds:
            self._api.apply(manifest)
        names = [kind["metadata"]["name"] for kind in kinds]
        self._wait("the Gateway API", ["apiserver"], lambda: all(map(self._is_established, names)))
        for manifest in manifests:
            self._api.apply(manifest)
        self._processes.start(spec)
        self._wait("the gateway", [spec.name], gateway.answers)

    def wait_for(self, name: str) -> None:
        """Waits until a process answers; those that nobody asks anything count as ready at once."""
        if name == "apiserver":
            self._wait("the API server", ["etcd", "apiserver"], self._api.ready)
        elif name == "containerd":
            self._wait("containerd", [name], lambda: runtime.answers(self._instance))
        elif name == "kubelet":
            self._wait("the node", [name], self._nodes_are_ready)

    def _start(self, specs: Sequence[ProcessSpec]) -> None:
        for spec in specs:
            self._processes.start(spec)

    def _nodes_are_ready(self) -> bool:
        options = self._options
        if options.api_only:
            return True
        names = {f"fake-{number}" for number in range(options.nodes)} if options.fake else {addresses.NODE_NAME}
        try:
            nodes = self._api.get("/api/v1/nodes")["items"] or []
            # Pods can only be made once the namespace has its service account.
            self._api.get("/api/v1/namespaces/default/serviceaccounts/default")
        except ApiError:
            return False
        return names <= {node["metadata"]["name"] for node in nodes if _is_ready(node)}

    def _is_established(self, kind: str) -> bool:
        found = self._api.get(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{kind}")
        conditions = found.get("status", {}).get("conditions") or []
        return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)

    def _wait(self, what: str, names: Sequence[str], done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not done():
            for name in names:
                if not self._processes.running(name):
                    raise LocalClusterError(
                        f"{name} ended while {what} was awaited. Its last lines ({self._processes.log(name)}):",
                        self._processes.tail(name),
                    )
            if time.monotonic() > deadline:
                raise LocalClusterError(
                    f"Not ready after {START_SECONDS:.0f} s: {what}. Logs are in {self._instance.logs}.",
                    "\n".join(f"{name}: {self._processes.tail(name, 3)}" for name in names),
                )
            time.sleep(_POLL_SECONDS)


def _is_ready(node: Manifest) -> bool:
    conditions = node.get("status", {}).get("conditions") or []
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def _addons_digest(options: Options) -> str:
    return hashlib.sha256(json.dumps(addons.manifests(options)).encode()).hexdigest()


def _succeeds(action: Callable[[], None]) -> bool:
    with contextlib.suppress(ApiError):
        action()
        return True
    return False
