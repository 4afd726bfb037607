"""A node that reboots in the middle of a restore: all its processes end at once, and the restore is carried through."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import pytest

from tests.cluster.preparing import Process, Watch
from tests.cluster.restorable import Restorable
from tests.cluster.schools import School
from tests.cluster.stage import Stage
from tests.support.operator_process import OperatorProcess

PATIENCE = 180.0


@pytest.mark.disturbs
@pytest.mark.parametrize("moment", ["safety", "swap"])
def test_a_node_that_reboots_in_the_middle_of_a_restore_carries_it_through(
    stage: Stage, school: School, operator: OperatorProcess, moment: str
) -> None:
    """As far as one base sees it: its pod ends, sandbox included, while there is no kubelet to notice."""
    base = Restorable.of(school)
    with Watch(base.volume) as watch:
        asked = base.ask()
        with Process(watch.wait_locked(asked.request_id, PATIENCE)) as prepare:
            watch.wait_for(moment, PATIENCE)
            prepare.signal(signal.SIGSTOP)
            stage.cluster.stop("kubelet")
            try:
                _kill_pod(school)
                prepare.wait_gone(10)
                assert base.volume.events(asked.request_id)[-1] == moment
            finally:
                stage.cluster.start("kubelet")
    assert operator.running
    assert not (problems := base.problems(asked)), problems
    assert base.phase(asked) == "Restored"


def _kill_pod(school: School) -> None:
    """SIGKILL every process of the pod."""
    uid = school.pod_uid
    assert uid is not None
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdecimal() and uid in (process / "cgroup").read_text().replace("_", "-"):
                os.kill(int(process.name), signal.SIGKILL)
