"""Compiles the components from their pinned modules, once."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from local_cluster import toolchain
from local_cluster.errors import LocalClusterError
from local_cluster.locks import locked
from local_cluster.paths import State
from local_cluster.pins import COMPONENTS, TRAEFIK, Component, build_key, ldflags, module_version
from local_cluster.progress import Progress, elapsed

FIRST_BUILD_BYTES = 12 * 1024**3
"""Disk that a first build takes at its highest: modules, compiler cache, programs (measured: 10 GB)."""


def build(state: State, progress: Progress, names: Iterable[str] | None = None) -> list[str]:
    """Compiles what is missing or whose pins have changed.

    Args:
        state: folder for the programs.
        progress: told which component is compiled, and how long it takes.
        names: the components wanted; by default all but Traefik.

    Returns:
        the names that were compiled; empty when everything was there.

    Raises:
        LocalClusterError: no compiler, no disk, or a compilation fails.
    """
    wanted = set(names) if names is not None else {component.name for component in COMPONENTS}
    components = [component for component in (*COMPONENTS, TRAEFIK) if component.name in wanted]
    if not outdated(state, components):
        return []
    with locked(state.root / "build.lock"):
        todo = outdated(state, components)  # another process may have built them while this one waited
        if not todo:
            return []
        _check_disk(state)
        go = toolchain.find(state, progress)
        progress.say(f"Compiling {len(todo)} of {len(components)} programs with {go.version}; this is done once.")
        started = time.monotonic()
        for number, component in enumerate(todo, 1):
            _compile(state, go, component, f"{number} of {len(todo)}", progress)
        progress.say(f"Compiled in {elapsed(time.monotonic() - started)}.")
    return [component.name for component in todo]


def outdated(state: State, components: Iterable[Component]) -> list[Component]:
    """The components whose program is missing or was built from other pins."""
    return [component for component in components if not _is_current(state, component)]


def _is_current(state: State, component: Component) -> bool:
    try:
        key, go_version = _key_file(state, component).read_text().split()
    except (OSError, ValueError):
        return False
    return key == build_key(component, go_version) and (state.bin / component.name).exists()


def _key_file(state: State, component: Component) -> Path:
    return state.bin / f".{component.name}.key"


def _compile(state: State, go: toolchain.Go, component: Component, place: str, progress: Progress) -> None:
    source = state.build / component.module
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(component.pins, source)
    state.bin.mkdir(parents=True, exist_ok=True)
    fresh = state.bin / f".{component.name}.new"
    log = state.build / f"{component.name}.log"
    command = ["nice", "-n", "5", str(go.program), "build", "-mod=readonly", "-buildvcs=false", "-trimpath", "-v"]
    command += ["-ldflags", ldflags(component), "-o", str(fresh), component.package]
    text = f"{component.name} {module_version(component)}".strip() + f" ({place})"
    with log.open("wb") as output, progress.step(text, lambda: _compiled_packages(log)):
        done = subprocess.run(
            command,
            cwd=source,
            env=toolchain.build_environment(go),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise LocalClusterError(f"{component.name} did not compile (whole output in {log}):", tail)
    fresh.rename(state.bin / component.name)
    _key_file(state, component).write_text(f"{build_key(component, go.version)} {go.version}\n")


def _compiled_packages(log: Path) -> str:
    lines = log.read_bytes().count(b"\n")
    return f"{lines} packages" if lines else "fetching modules"


def _check_disk(state: State) -> None:
    state.root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(state.root).free
    if free < FIRST_BUILD_BYTES:
        raise LocalClusterError(
            f"{state.root} has {free / 1024**3:.1f} GiB free; compiling needs {FIRST_BUILD_BYTES / 1024**3:.0f} GiB.",
            "Free some disk, or choose another folder with --state or PRONOTE_STATE.",
        )
