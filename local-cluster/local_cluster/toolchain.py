"""Finds a Go that is recent enough, or fetches one as a module."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from local_cluster import debian, host, pins
from local_cluster.errors import LocalClusterError
from local_cluster.paths import State
from local_cluster.progress import Progress

_USUAL_PLACES = ("/usr/local/go/bin/go", "/usr/lib/go/bin/go")


@dataclass(frozen=True)
class Go:
    """A usable Go compiler."""

    program: Path
    version: str


def parse_version(text: str) -> tuple[int, int, int] | None:
    """The numbers in what `go env GOVERSION` or `go version` prints; None when there are none."""
    found = re.search(r"go(\d+)\.(\d+)(?:\.(\d+))?", text)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def find(state: State, progress: Progress) -> Go:
    """A Go that compiles the components; fetched into the state folder when the machine has none.

    Raises:
        LocalClusterError: none is there and none can be fetched.
    """
    fetched = state.toolchain / "go"
    for program in filter(None, (shutil.which("go"), *_USUAL_PLACES, str(fetched / "bin" / "go"))):
        version = _version(program)
        if version and (parse_version(version) or (0, 0, 0)) >= pins.GO_MINIMUM:
            return Go(Path(program), version)
    return _fetch(state, fetched, progress)


def build_environment(go: Go) -> dict[str, str]:
    """The environment of a build: this compiler, no C, nothing inherited that changes the result."""
    return {
        **os.environ,
        "PATH": f"{go.program.parent}:{os.environ.get('PATH', '')}",
        "GOROOT": "",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GOFLAGS": "",
        "GOOS": "",
        "GOARCH": "",
        "CGO_ENABLED": "0",
    }


def _version(program: str) -> str | None:
    if not Path(program).exists():
        return None
    # Outside any module and with its own toolchain only: the answer must be about this very program.
    asked = subprocess.run(
        [program, "env", "GOVERSION"],
        cwd="/",
        env={**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() or None


def _fetch(state: State, target: Path, progress: Progress) -> Go:
    architecture = host.architecture()
    expected = pins.GO_TOOLCHAIN_SUMS.get(architecture)
    wanted = ".".join(map(str, pins.GO_MINIMUM))
    if not expected:
        raise LocalClusterError(
            f"Go {wanted} is needed and there is no pinned one for {architecture}.",
            f"Install Go {wanted} or newer and put it on the PATH.",
        )
    bootstrap = shutil.which("go")
    if not bootstrap:
        debian.install(["golang-go"], progress)
        bootstrap = shutil.which("go") or "/usr/bin/go"
    module = f"golang.org/toolchain@v0.0.1-go{pins.GO_TOOLCHAIN}.linux-{architecture}"
    with progress.step(f"Go {pins.GO_TOOLCHAIN} (the machine's own is missing or older than {wanted})"):
        answer = _download(bootstrap, module, state)
        if answer.get("Sum") != expected:
            raise LocalClusterError(
                f"{module} has the checksum {answer.get('Sum')}, expected {expected}.",
                "The download was changed on its way; nothing of it is used.",
            )
        _place(Path(str(answer["Dir"])), target)
    shutil.rmtree(state.toolchain / "download", ignore_errors=True)
    version = _version(str(target / "bin" / "go"))
    if not version:
        raise LocalClusterError(f"The fetched Go in {target} does not run.", f"Remove {state.toolchain} and try again.")
    return Go(target / "bin" / "go", version)


def _download(bootstrap: str, module: str, state: State) -> dict[str, object]:
    cache = state.toolchain / "download"
    cache.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [bootstrap, "mod", "download", "-modcacherw", "-json", module],
        cwd=cache,
        env={**os.environ, "GOFLAGS": "", "GOWORK": "off", "GO111MODULE": "on", "GOMODCACHE": str(cache / "mod")},
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        answer: dict[str, object] = json.loads(done.stdout)
    except ValueError:
        answer = {"Error": done.stderr.strip() or "no answer"}
    if "Dir" not in answer:
        raise LocalClusterError(
            f"Go {pins.GO_TOOLCHAIN} could not be downloaded: {answer.get('Error')}",
            "Check the network and the Go module proxy (go env GOPROXY), or install Go by hand.",
        )
    return answer


def _place(source: Path, target: Path) -> None:
    """Moves the module's folder and makes its programs executable: a module archive carries no such bits."""
    shutil.rmtree(target, ignore_errors=True)
    source.rename(target)
    for folder in (target / "bin", target / "pkg" / "tool"):
        for file in folder.rglob("*"):
            if file.is_file():
                file.chmod(file.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
