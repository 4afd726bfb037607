"""kind is used where a Docker engine answers and kind is installed; everywhere else the local cluster is."""

from pathlib import Path

import pytest

from local_cluster import targets
from local_cluster.paths import State
from local_cluster.progress import Progress

ENGINE = "echo 28.1.0"
NO_ENGINE = "echo >&2 Cannot connect to the Docker daemon; exit 1"
SILENT = "exit 0"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose PATH is one empty folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def _install(folder: Path, name: str, script: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def _chosen(tmp_path: Path) -> type[targets.Target]:
    return type(targets.choose(State(tmp_path / "state"), Progress(quiet=True)))


def test_kind_is_used_with_an_engine_and_kind(machine: Path, tmp_path: Path) -> None:
    _install(machine, "docker", ENGINE)
    _install(machine, "kind", SILENT)
    assert _chosen(tmp_path) is targets.KindTarget


@pytest.mark.parametrize("docker", [None, NO_ENGINE, SILENT], ids=["absent", "no-engine", "silent"])
def test_without_an_engine_the_local_cluster_is_used(machine: Path, tmp_path: Path, docker: str | None) -> None:
    _install(machine, "kind", SILENT)
    if docker:
        _install(machine, "docker", docker)
    assert _chosen(tmp_path) is targets.LocalTarget


def test_without_kind_the_local_cluster_is_used(machine: Path, tmp_path: Path) -> None:
    _install(machine, "docker", ENGINE)
    assert _chosen(tmp_path) is targets.LocalTarget


def test_a_compiled_program_goes_before_the_machines_own(tmp_path: Path) -> None:
    state = State(tmp_path)
    assert targets.program(state, "helm") == "helm"
    state.bin.mkdir()
    (state.bin / "helm").touch()
    assert targets.program(state, "helm") == str(state.bin / "helm")
