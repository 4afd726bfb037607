"""A volume, and the environment that runs prepare on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pronote_operator.prepare import main
from pronote_operator.snapshots import reserve

PLAN: dict[str, Any] = {
    "plan": "v1",
    "namespace": "schools",
    "name": "jean-moulin",
    "uai": "0750654D",
    "schoolYear": 2026,
    "source": {"empty": {"slotMinutes": 60, "dayStart": "08:00", "dayEnd": "18:00"}},
}


@dataclass(frozen=True)
class Volume:
    """A data volume in a folder, with prepare's termination message beside it."""

    root: Path
    termination: Path

    def environment(self, plan: dict[str, Any] | str) -> dict[str, str]:
        """What the pod template gives to prepare."""
        return {
            "PRONOTE_DATA_PLAN": plan if isinstance(plan, str) else json.dumps(plan),
            "PRONOTE_VOLUME": str(self.root),
            "PRONOTE_TERMINATION_LOG": str(self.termination),
        }

    def prepare(self, plan: dict[str, Any] | str | None = None, **changes: Any) -> int:
        """Run prepare in this process; a plan, or changes to the usual one."""
        return main.run(self.environment(plan if plan is not None else {**PLAN, **changes}))

    @property
    def said(self) -> dict[str, Any]:
        """The termination message of the last run."""
        message: dict[str, Any] = json.loads(self.termination.read_text())
        return message

    @property
    def journal(self) -> Path:
        """The journal's file."""
        return self.root / ".prepare/journal.jsonl"

    @property
    def events(self) -> list[str]:
        """The journal's events in short: ``identity 0750654D``, ``begin empty-2026``, …"""
        records = [json.loads(line) for line in self.journal.read_text().splitlines()]
        return [
            f"{record['event']} {record.get('uai') or record.get('key') or ','.join(record['removed'])}"
            for record in records
        ]

    def with_year(self, school_year: int, file: str = "base.sqlite") -> Path:
        """Put the folder of a year with one file in it on the volume."""
        folder = self.root / "years" / str(school_year)
        folder.mkdir(parents=True)
        (folder / file).write_bytes(b"not looked into")
        return folder


def make_volume(folder: Path) -> Volume:
    """An empty volume in a new folder."""
    root = folder / "volume"
    root.mkdir(parents=True)
    return Volume(root, folder / "termination-log")


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    """An empty volume."""
    return make_volume(tmp_path)


@contextmanager
def small_reserves() -> Iterator[None]:
    """Little room is kept beside the repositories of this folder's tests: it would be 40 MiB for each of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reserve, "reserve_bytes", lambda repository: 1 << 16)
        yield


@pytest.fixture(scope="module", autouse=True)
def _small_reserves() -> Iterator[None]:
    with small_reserves():
        yield


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a snapshots volume and its key, to be copied."""
    from tests.volumes.prepare.bases import make_repository

    with small_reserves():
        return make_repository(tmp_path_factory.mktemp("repository"))
