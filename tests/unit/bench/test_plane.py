"""Measurements do not disturb each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.plane import alone


def test_a_second_measurement_on_the_machine_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRONOTE_STATE", str(tmp_path))
    with alone(), pytest.raises(BenchError, match="Another measurement"), alone():
        pass
    with alone():
        pass
