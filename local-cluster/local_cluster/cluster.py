"""A cluster as an object: up, down, and everything a test wants to do to its processes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from local_cluster import (
    addons,
    addresses,
    build,
    components,
    configs,
    debian,
    host,
    network,
    node_tools,
    pins,
    pki,
    preflight,
    runtime,
)
from local_cluster import options as instance_options
from local_cluster.api import Api, ApiError
from local_cluster.errors import LocalClusterError
from local_cluster.host import Host
from local_cluster.locks import locked
from local_cluster.options import Options
from local_cluster.paths import State, default_state
from local_cluster.processes import Processes, ProcessSpec
from local_cluster.progress import Progress

START_SECONDS = 120.0
"""How long one component may take until it answers; measured: 2 to 5 seconds."""

_POLL_SECONDS = 0.05

_PATIENCE = {"apiserver": 5.0}
"""Seconds for a process to end in good order. The API server answers what it was asked long before, then waits a minute
for clients that watch."""


class Cluster:
    """One instance of a local Kubernetes.

    Args:
        state: the state folder; PRONOTE_STATE or the user's cache by default.
        instance: name; several fake ones may run beside one real one.
        fake: control plane with kwok's nodes only; otherwise a real node.
        api_only: of a fake one, nothing but etcd and the API server.
        nodes: of a fake one, how many nodes kwok plays.
        progress: told what happens; silent by default.
    """

    def __init__(
        self,
        state: Path | str | None = None,
        instance: str = "real",
        *,
        fake: bool = False,
        api_only: bool = False,
        nodes: int = 3,
        progress: Progress | None = None,
    ) -> None:
        self.state = State(Path(state).resolve() if state else default_state())
        self.name = instance
        self.paths = self.state.instance(instance)
        self._fake, self._api_only, self._nodes = fake or api_only, api_only, nodes
        self._progress = progress or Progress(quiet=True)
        self.processes = Processes(self.paths.pids, self.paths.logs)

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.paths.kubeconfig()

    @property
    def audit_log(self) -> Path:
        """The API server's audit log, JSON lines; only a real instance writes one."""
        return self.paths.audit_log

    @property
    def environment(self) -> dict[str, str]:
        """The environment for programs that talk to this cluster: KUBECONFIG, and its own programs on the PATH."""
        path = f"{self.state.bin}:{os.environ.get('PATH', '')}"
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig), "PATH": path}

    @property
    def options(self) -> Options:
        """What the instance was started as.

        Raises:
            LocalClusterError: it never was.
        """
        known = instance_options.read(self.paths.settings)
        if not known:
            raise LocalClusterError(f"There is no instance {self.name!r}.", "Start it: python -m local_cluster up")
        return known

    @property
    def server(self) -> str:
        """URL of the API server."""
        return self.options.server

    def up(self) -> None:
        """Starts what does not run, restarts what runs from another configuration, and waits until all is ready.

        Raises:
            LocalClusterError: the machine lacks something, or a component does not start.
        """
        options = instance_options.resolve(
            self.state, self.name, fake=self._fake, api_only=self._api_only, nodes=self._nodes
        )
        if not options.fake and instance_options.real_instance(self.state) not in (None, self.name):
            other = instance_options.real_instance(self.state)
            raise LocalClusterError(
                f"A real instance runs already ({other}); a machine can be one node only.",
                f"Use it, or take it down: python -m local_cluster down --instance {other}",
            )
        running = any(self.processes.running(name) for name in self.processes.names())
        preflight.check(self.state, options, running)
        if not options.fake:
            self._prepare_host()
        build.build(self.state, self._progress, components.required_programs(options))
        with locked(self.state.root / f"{self.name}.lock"):
            self._render(options)
            if not self._is_up(options):
                self._start_all(options)

    def down(self) -> None:
        """Stops and removes exactly what was started: processes, containers, mounts, network, data."""
        with locked(self.state.root / f"{self.name}.lock"):
            options = instance_options.read(self.paths.settings)
            if not options:
                return
            self._end_processes(options)
            if not options.fake:
                runtime.end_containers(self.paths)
                runtime.remove_traces(self.paths)
                network.take_down(self.paths.root / "host-settings.json")
            shutil.rmtree(self.paths.root)

    def status(self) -> dict[str, int | None]:
        """The processes the instance should have: name → process id, None where it does not run."""
        running = {spec.name: self.processes.running(spec.name) for spec in self._specs(self.options)}
        return {name: record.pid if record else None for name, record in running.items()}

    def start(self, name: str) -> None:
        """Starts one process that was stopped or killed, and waits until it answers.

        Args:
            name: as `status` lists it, for example "apiserver".
        """
        options = self.options
        self.processes.start(self._spec(name))
        if name == "apiserver":
            self._await("the API server", [name], self.api().ready)
        if name == "containerd":
            self._await("containerd", [name], lambda: runtime.answers(self.paths))
        if name == "kubelet":
            self._await_node(options)

    def stop(self, name: str) -> None:
        """Ends one process in good order and waits until it is gone."""
        self.processes.stop(self._spec(name).name, patience=_PATIENCE.get(name, 30.0))

    def kill(self, name: str) -> None:
        """Kills one process as a crash would, and waits until it is gone."""
        self.processes.kill(self._spec(name).name)

    def load_images(self, archives: Sequence[Path]) -> list[str]:
        """Imports image archives into the node.

        Returns:
            names of the images that were not there yet.
        """
        snapshotter = self._host().snapshotter
        return [name for path in archives for name in runtime.load(self.paths, path, snapshotter)]

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True, timeout: float = 120.0) -> str:
        """Runs kubectl as the administrator and returns what it printed.

        Raises:
            LocalClusterError: it failed, with what it said (unless `check` is false).
        """
        command = [str(self.state.bin / "kubectl"), *arguments]
        done = subprocess.run(
            command, env=self.environment, input=stdin, capture_output=True, text=True, timeout=timeout, check=False
        )
        if check and done.returncode:
            raise LocalClusterError(f"`kubectl {' '.join(arguments)}` failed: {done.stderr.strip()}")
        return done.stdout

    def api(self) -> Api:
        """A small client with the administrator's rights."""
        return Api(self.server, self.paths.pki)

    def _specs(self, options: Options) -> list[ProcessSpec]:
        return components.all_processes(self.state, self.paths, options)

    def _spec(self, name: str) -> ProcessSpec:
        specs = {spec.name: spec for spec in self._specs(self.options)}
        if name not in specs:
            raise LocalClusterError(f"This instance has no process {name!r}.", f"It has: {', '.join(specs)}.")
        return specs[name]

    def _prepare_host(self) -> None:
        debian.install(debian.missing_packages(pins.DEBIAN_PACKAGES), self._progress)
        if not (self.paths.root / "host.json").exists():
            found = host.detect(self.paths.root / "containerd")
            preflight.node(found)
            (self.paths.root / "host.json").write_text(json.dumps(asdict(found)) + "\n")

    def _host(self) -> Host:
        return Host(**json.loads((self.paths.root / "host.json").read_text()))

    def _render(self, options: Options) -> None:
        instance_options.write(self.paths.settings, options)
        pki.ensure(self.paths, options.server)
        for name, text in configs.render(self.paths, None if options.fake else self._host()).items():
            folder = self.paths.root / "cni" if name.endswith(".conflist") else self.paths.config
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / name
            if not path.exists() or path.read_text() != text:
                path.write_text(text)

    def _is_up(self, options: Options) -> bool:
        if not all(self.processes.is_current(spec) for spec in self._specs(options)):
            return False
        installed = self.paths.root / "addons"
        if not installed.exists() or installed.read_text() != _addons_digest(options):
            return False
        return self.api().ready() and (options.fake or self._node_is_ready())

    def _start_all(self, options: Options) -> None:
        if not options.fake:
            network.bring_up(self.paths.root / "host-settings.json")
        specs = self._specs(options)
        for spec in reversed(specs):
            if self.processes.running(spec.name) and not self.processes.is_current(spec):
                self.processes.stop(spec.name)
        first = [
            *components.storage_and_api(self.state, self.paths, options),
            *components.container_runtime(self.paths, options),
        ]
        for spec in first:
            self.processes.start(spec)
        with self._progress.step("etcd and the API server"):
            self._await("the API server", ["etcd", "apiserver"], self.api().ready)
        for spec in components.controllers(self.state, self.paths, options):
            self.processes.start(spec)
        self._install_addons(options)
        if not options.fake:
            self._start_node(options)
        elif not options.api_only:
            with self._progress.step("namespaces and fake nodes"):
                self._await("the controllers", [spec.name for spec in specs], lambda: self._fakes_are_ready(options))

    def _start_node(self, options: Options) -> None:
        with self._progress.step("containerd"):
            self._await("containerd", ["containerd"], lambda: runtime.answers(self.paths))
            self.load_images([node_tools.image(self.state)])
        for spec in components.node(self.state, self.paths, options):
            self.processes.start(spec)
        with self._progress.step("the node"):
            self._await_node(options)

    def _install_addons(self, options: Options) -> None:
        # The API server may answer a moment before all its built-in objects are there.
        self._await("the API server", ["apiserver"], lambda: _succeeds(lambda: addons.install(self.api(), options)))
        (self.paths.root / "addons").write_text(_addons_digest(options))

    def _await_node(self, options: Options) -> None:
        names = [spec.name for spec in self._specs(options)]
        self._await("the node", names, self._node_is_ready)

    def _node_is_ready(self) -> bool:
        try:
            node = self.api().get(f"/api/v1/nodes/{addresses.NODE_NAME}")
            self.api().get("/api/v1/namespaces/default/serviceaccounts/default")
        except ApiError:
            return False
        return any(item["type"] == "Ready" and item["status"] == "True" for item in node["status"]["conditions"])

    def _fakes_are_ready(self, options: Options) -> bool:
        try:
            nodes = self.api().get("/api/v1/nodes")["items"]
            self.api().get("/api/v1/namespaces/default/serviceaccounts/default")
        except ApiError:
            return False
        ready = [
            node
            for node in nodes
            for item in node.get("status", {}).get("conditions", [])
            if item["type"] == "Ready" and item["status"] == "True"
        ]
        return len(ready) >= options.nodes

    def _await(self, what: str, names: Sequence[str], done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not done():
            for name in names:
                if not self.processes.running(name):
                    raise LocalClusterError(
                        f"{name} ended while {what} was awaited. Its last lines ({self.processes.log(name)}):",
                        self.processes.tail(name),
                    )
            if time.monotonic() > deadline:
                raise LocalClusterError(
                    f"Not ready after {START_SECONDS:.0f} s: {what}. Logs are in {self.paths.logs}.",
                    "\n".join(f"{name}: {self.processes.tail(name, 3)}" for name in names),
                )
            time.sleep(_POLL_SECONDS)

    def _end_processes(self, options: Options) -> None:
        known = [spec.name for spec in self._specs(options)]
        names = [*reversed(known), *(name for name in self.processes.names() if name not in known)]
        for name in names:
            # The data is about to be forgotten: nobody waits for the API server to drain its watches.
            self.processes.stop(name, patience=1.0 if name == "apiserver" else 10.0)


def _addons_digest(options: Options) -> str:
    return hashlib.sha256(json.dumps(addons.manifests(options)).encode()).hexdigest()


def _succeeds(action: Callable[[], None]) -> bool:
    with contextlib.suppress(ApiError):
        action()
        return True
    return False
