"""A Go that is too old is told from one that will do."""

import os
from pathlib import Path

import pytest

from local_cluster import pins, toolchain
from local_cluster.paths import State
from local_cluster.progress import Progress


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("go1.26.8", (1, 26, 8)),
        ("go1.19", (1, 19, 0)),
        ("go1.26rc1", (1, 26, 0)),
        ("go version go1.26.0 linux/amd64", (1, 26, 0)),
        ("go1.26.8-X:nosynchash", (1, 26, 8)),
        ("devel", None),
        ("", None),
    ],
)
def test_the_version_is_read_from_what_go_prints(printed: str, version: tuple[int, int, int] | None) -> None:
    assert toolchain.parse_version(printed) == version


def _program(folder: Path, version: str) -> None:
    folder.mkdir(parents=True)
    program = folder / "go"
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(0o755)


def test_the_fetched_go_is_used_when_the_machines_own_is_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = State(tmp_path / "state")
    _program(tmp_path / "old", "go1.19.8")
    _program(state.toolchain / "go" / "bin", f"go{pins.GO_TOOLCHAIN}")
    monkeypatch.setenv("PATH", f"{tmp_path / 'old'}:/usr/bin:/bin")
    monkeypatch.setattr(toolchain, "_USUAL_PLACES", ())
    go = toolchain.find(state, Progress(quiet=True))
    assert go.program == state.toolchain / "go" / "bin" / "go"


def test_a_build_inherits_nothing_that_changes_its_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOFLAGS", "GOROOT", "GOOS", "GOARCH", "GOWORK"):
        monkeypatch.setenv(name, "/elsewhere")
    environment = toolchain.build_environment(toolchain.Go(tmp_path / "go", "go1.26.8"))
    assert "/elsewhere" not in {environment[name] for name in ("GOFLAGS", "GOROOT", "GOOS", "GOARCH", "GOWORK")}
    assert environment["PATH"].split(os.pathsep)[0] == str(tmp_path)
    assert environment["CGO_ENABLED"] == "0"
