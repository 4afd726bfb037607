"""The chart, rendered by the real Helm."""

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from charts.render import CHART, NAMESPACE, RELEASE, ROOT, find_helm

__all__ = ["CHART", "NAMESPACE", "RELEASE", "ROOT", "Manifest", "helm", "one", "render", "templated"]

Manifest = dict[str, Any]

NAMESPACED_MODE = ROOT / "manifests" / "samples" / "namespaced-values.yaml"
"""Values of the mode with a list of namespaces."""

MODES: dict[str, Sequence[str]] = {"cluster-wide": (), "namespaced": ("-f", str(NAMESPACED_MODE))}
"""Arguments of `helm template` that give each mode."""


def helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs Helm; the caller looks at the exit code and at what it said."""
    return subprocess.run([find_helm(), *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60)


def templated(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """`helm template` of the chart under its usual release name, with further arguments."""
    return helm("template", RELEASE, CHART, "--namespace", NAMESPACE, *arguments)


def render(*arguments: str | Path) -> list[Manifest]:
    """The rendered manifests, the test's own included. AssertionError with Helm's words when it refuses the chart."""
    done = templated(*arguments)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def one(manifests: Iterable[Manifest], kind: str, name: str | None = None) -> Manifest:
    """The only manifest of that kind (and name); AssertionError when there are none or several."""
    found = [m for m in manifests if m["kind"] == kind and name in (None, m["metadata"]["name"])]
    assert len(found) == 1, f"{len(found)} manifests of kind {kind} named {name or 'anything'}"
    return found[0]
