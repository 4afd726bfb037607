"""A cluster as an object: up, down, and everything a test wants to do to its processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from local_cluster import (
    addons,
    build,
    components,
    configs,
    debian,
    gateway,
    host,
    kwok_stages,
    network,
    pins,
    pki,
    preflight,
    runtime,
)
from local_cluster import options as instance_options
from local_cluster.api import Api
from local_cluster.errors import LocalClusterError
from local_cluster.host import Host
from local_cluster.kwok_stages import Pods
from local_cluster.locks import locked
from local_cluster.options import Options
from local_cluster.paths import State, default_state
from local_cluster.processes import Processes, ProcessSpec
from local_cluster.progress import Progress
from local_cluster.startup import Startup

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
        options = self._resolve_options()
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
            startup = self._startup(options)
            if not startup.is_up():
                startup.run()

    def gateway(self) -> None:
        """Has Traefik serve Ingress and Gateway API on a real instance that is up; starts it anew when it would differ.

        Raises:
            LocalClusterError: the instance is not a real one, does not answer, or Traefik does not start.
        """
        options = self.options
        if options.fake:
            raise LocalClusterError(f"The instance {self.name!r} has no node for a gateway.", "Use a real one.")
        build.build(self.state, self._progress, [gateway.NAME])
        with locked(self.state.root / f"{self.name}.lock"):
            pki.ensure_client(self.paths, options.server, gateway.NAME, addons.user_name(gateway.NAME))
            spec = gateway.process(self.state, self.paths)
            if not self.processes.is_current(spec):
                self.processes.stop(spec.name)
            with self._progress.step("the gateway"):
                self._startup(options).gateway(spec, gateway.kinds(self.state, self._progress), gateway.manifests())

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
        running = {name: self.processes.running(name) for name in self._names(self.options)}
        return {name: record.pid if record else None for name, record in running.items()}

    def start(self, name: str) -> None:
        """Starts one process that was stopped or killed, and waits until it answers.

        Args:
            name: as `status` lists it, for example "apiserver".
        """
        self.processes.start(self._spec(name))
        self._startup(self.options).wait_for(name)

    def stop(self, name: str) -> None:
        """Ends one process in good order and waits until it is gone."""
        self.processes.stop(self._spec(name).name, patience=_PATIENCE.get(name, 30.0))

    def kill(self, name: str) -> None:
        """Kills one process as a crash would, and waits until it is gone."""
        self.processes.kill(self._spec(name).name)

    def play(self, pods: Pods) -> None:
        """Has kwok let pods of a fake instance live otherwise from now on, until the next `up`.

        Raises:
            LocalClusterError: the instance has none.
        """
        self._spec("kwok")
        self.stop("kwok")
        (self.paths.config / "kwok.yaml").write_text(kwok_stages.config(pods))
        self.start("kwok")

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

    def _names(self, options: Options) -> list[str]:
        """The processes that should run, then those that were started beside them, such as the gateway."""
        known = [spec.name for spec in self._specs(options)]
        return [*known, *(name for name in self.processes.names() if name not in known)]

    def _spec(self, name: str) -> ProcessSpec:
        specs = {spec.name: spec for spec in self._specs(self.options)}
        if name not in specs:
            raise LocalClusterError(f"This instance has no process {name!r}.", f"It has: {', '.join(specs)}.")
        return specs[name]

    def _resolve_options(self) -> Options:
        with locked(self.state.root / "ports.lock"):  # two that start at once must not be given the same ports
            options = instance_options.resolve(
                self.state, self.name, fake=self._fake, api_only=self._api_only, nodes=self._nodes
            )
            if options.fake:
                instance_options.write(self.paths.settings, options)
        return options

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

    def _startup(self, options: Options) -> Startup:
        snapshotter = None if options.fake else self._host().snapshotter
        return Startup(self.state, self.paths, options, self.processes, snapshotter, self._progress)

    def _end_processes(self, options: Options) -> None:
        for name in reversed(self._names(options)):
            # The data is about to be forgotten: nobody waits for the API server to drain its watches.
            self.processes.stop(name, patience=1.0 if name == "apiserver" else 10.0)
