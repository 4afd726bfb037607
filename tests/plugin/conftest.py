"""The plugin as a person runs it, in front of an API server with one school."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pronote_operator.cli import rollover_watching, waiting
from pronote_operator.cli.main import cli
from tests.plugin.fakeapi import FakeApi
from tests.plugin.fakepod import FakePod
from tests.support.kubeconfig import write_kubeconfig

Object = dict[str, Any]


def school(**changes: Any) -> Object:
    """A base in service that follows a policy and has four snapshots. `spec` and `status` are laid over it."""
    spec = {
        "uai": "0750654D",
        "displayName": "Collège Jean Moulin",
        "source": {"empty": {}},
        **changes.get("spec", {}),
    }
    status = {
        "observedGeneration": 1,
        "conditions": [condition("BackedUp", "True", "Recent", "the newest snapshot is 12 minutes old")],
        "effective": {"backupPolicy": "default", "versionChannel": "stable"},
        "snapshots": {
            "names": [
                "archive-20261123T0130Z",
                "sauvegarde-20261124T0600Z",
                "securite-20261124T061530Z",
                "sauvegarde-20261124T0800Z",
            ],
            "lastBackupTime": "2026-11-24T08:12:03Z",
            "lastArchiveTime": "2026-11-23T01:42:00Z",
            "lastVerifiedTime": "2026-11-20T03:00:00Z",
            "nextTime": "2026-11-24T10:12:00Z",
            "failures": 1,
            "kinds": [
                {
                    "kind": "Backup",
                    "lastAttemptTime": "2026-11-24T08:12:00Z",
                    "lastSuccessTime": "2026-11-24T08:12:03Z",
                    "kept": 2,
                },
                {
                    "kind": "Archive",
                    "lastAttemptTime": "2026-11-24T01:42:00Z",
                    "lastSuccessTime": "2026-11-23T01:42:00Z",
                    "failures": 1,
                    "kept": 1,
                },
            ],
        },
        **changes.get("status", {}),
    }
    metadata = {"name": "jean-moulin", "namespace": "schools", "uid": "u-1", "generation": 1}
    return {
        "apiVersion": "pronote.hosting/v1alpha1",
        "kind": "PronoteBase",
        "metadata": {**metadata, **changes.get("metadata", {})},
        "spec": spec,
        "status": status,
    }


def condition(kind: str, status: str, reason: str, message: str) -> Object:
    """A condition as the operator writes it."""
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": 1,
        "lastTransitionTime": "2026-11-24T08:12:10Z",
    }


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Plugin = Callable[..., Ended]


@pytest.fixture
def api() -> Iterator[FakeApi]:
    """An API server with the school."""
    with FakeApi() as api:
        api.add(school())
        yield api


@pytest.fixture
def pod() -> Iterator[FakePod]:
    """An API server with the school, whose agent can be reached through it."""
    with FakePod() as api:
        api.add(school())
        yield api


@pytest.fixture
def plugin(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plugin:
    """`kubectl pronote …`, with a context whose namespace is `schools`, at the API server of the test."""
    api: FakeApi = request.getfixturevalue("pod" if "pod" in request.fixturenames else "api")
    monkeypatch.setattr(waiting, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(rollover_watching, "POLL_SECONDS", 0.02)
    kubeconfig = str(write_kubeconfig(tmp_path / "kubeconfig", api.url, namespace="schools"))
    # Not through os.environ: the library reads KUBECONFIG when it is imported, which may have been in an earlier test.
    monkeypatch.setattr("kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", kubeconfig)
    environment = {name: "" for name in os.environ if name.startswith("KUBERNETES_")}

    def run(*arguments: str, columns: int = 200) -> Ended:
        environment.update({"KUBECONFIG": kubeconfig, "COLUMNS": str(columns)})
        done = CliRunner().invoke(cli, arguments, env=environment)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return Ended(done.exit_code, done.stdout, done.stderr)

    return run
