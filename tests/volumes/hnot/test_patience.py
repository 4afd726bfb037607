"""A refusal that was told once is not told again: prepare waits in its pod until the files are others."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pronote_operator.prepare import main
from tests.support.waiting import wait_until
from tests.volumes.hnot.conftest import Claim
from tests.volumes.prepare.killing import tree

OTHER = "0210066H"


def _other_school(claim: Claim) -> None:
    claim.with_base(lambda manifest: manifest.update(uai=OTHER))


@contextmanager
def _started(claim: Claim, scratch: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, **claim.environment(claim.plan), "TMPDIR": str(scratch)}
    process = subprocess.Popen([sys.executable, "-m", "pronote_operator.prepare.main"], env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _run(claim: Claim, scratch: Path) -> int:
    return main.run(claim.environment(claim.plan), scratch=str(scratch))


def test_a_good_file_in_the_place_of_a_refused_one_is_loaded_at_once(claim: Claim, tmp_path: Path) -> None:
    _other_school(claim)
    assert _run(claim, tmp_path) == 65
    claim.termination.unlink()
    with _started(claim, tmp_path) as again:
        time.sleep(3)
        assert again.poll() is None, "it was told already"
        assert tree(claim.root) == {}
        assert not claim.termination.exists()
        claim.with_base()
        assert again.wait(timeout=15) == 0
    assert claim.said["result"] == "Done"
    assert (claim.year / "base.sqlite").exists()


def test_another_fault_is_told_at_once(claim: Claim, tmp_path: Path) -> None:
    _other_school(claim)
    assert _run(claim, tmp_path) == 65
    path = claim.with_base()
    path.write_bytes(path.read_bytes()[:-100])
    assert _run(claim, tmp_path) == 65, "told, and not waited out"
    assert claim.said["reason"] == "HnotInvalid"


def test_a_file_that_is_being_copied_is_not_judged(claim: Claim, tmp_path: Path) -> None:
    good = claim.with_base().read_bytes()
    path = claim.upload / "base.HNOT"
    path.unlink()
    assert _run(claim, tmp_path) == 65
    assert claim.said["reason"] == "HnotMissing"
    with _started(claim, tmp_path) as again:
        time.sleep(2)
        with path.open("wb") as file:
            for part in range(6):
                file.write(good[part * len(good) // 6 : (part + 1) * len(good) // 6])
                file.flush()
                assert again.poll() is None
                time.sleep(1)
        assert again.wait(timeout=15) == 0
    assert claim.said["result"] == "Done"


def test_it_ends_at_once_when_the_pod_is_to_end(claim: Claim, tmp_path: Path) -> None:
    _other_school(claim)
    assert _run(claim, tmp_path) == 65
    with _started(claim, tmp_path) as again:
        time.sleep(2)
        again.terminate()
        wait_until(lambda: again.poll() is not None, 2, what="prepare ends")
