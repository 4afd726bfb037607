"""What is watched heals a base at once: nobody waits for the next look at it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.schools import School
from tests.cluster.stage import Stage, channel
from tests.support.kube import condition_of

pytestmark = pytest.mark.beside

AT_ONCE_SECONDS = 10.0
"""Far less than the half minute after which a missing reference is looked for anyway, and room on a busy machine."""


@pytest.fixture
def stopped(stage: Stage, space: str) -> Iterator[School]:
    """A base without a pod, with its operator."""
    with stage.operator(space) as operator:
        operator.wait_leading()
        yield School(stage.cluster, stage.kube, space, spec={"inService": False})


def _policy(name: str, *, default: bool = False) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name}
    if default:
        metadata["annotations"] = {"pronote.hosting/is-default": "true"}
    return {"apiVersion": "pronote.hosting/v1alpha1", "kind": "BackupPolicy", "metadata": metadata, "spec": {}}


def _ready_at_once(school: School) -> None:
    begun = time.monotonic()
    school.wait_ready("OutOfService", timeout=AT_ONCE_SECONDS)
    assert time.monotonic() - begun < AT_ONCE_SECONDS


def _missing(school: School, field: str, name: str) -> None:
    found = school.wait("Ready", "False", reason="ReferenceNotFound", timeout=20)
    assert not condition_of(found, "Stalled"), "nobody has to mend the base: what it names may come yet"
    message = condition_of(found, "Ready")["message"]
    assert field in message
    assert name in message


def test_a_channel_that_appears(stopped: School) -> None:
    name = stopped.namespace
    _missing(stopped.apply(versionChannel=name), "spec.versionChannel", name)
    stopped.kube.apply(channel(name))
    try:
        _ready_at_once(stopped)
    finally:
        stopped.kube.delete("VersionChannel", name, None)
    _missing(stopped, "spec.versionChannel", name)


def test_a_backup_policy_that_appears(stopped: School) -> None:
    name = stopped.namespace
    _missing(stopped.apply(backupPolicy=name), "spec.backupPolicy", name)
    stopped.kube.apply(_policy(name))
    try:
        _ready_at_once(stopped)
    finally:
        stopped.kube.delete("BackupPolicy", name, None)


def test_a_calendar_that_is_added_to_the_channel(stopped: School) -> None:
    name = stopped.namespace
    stopped.kube.apply(channel(name))
    try:
        message = stopped.apply(versionChannel=name, calendar="reunion").wait_stalled("UnknownCalendar")
        assert "metropole" in message
        more = channel(name)
        more["spec"]["calendars"]["reunion"] = {
            "yearEndArchive": "07-01",
            "newBase": "07-20",
            "switchover": "08-10",
        }
        stopped.kube.apply(more)
        _ready_at_once(stopped)
    finally:
        stopped.kube.delete("VersionChannel", name, None)


def test_one_of_two_default_policies_that_is_taken_away(stopped: School) -> None:
    one, other = (f"{stopped.namespace}-{number}" for number in range(2))
    stopped.apply().wait_ready("OutOfService")
    try:
        stopped.kube.apply(_policy(one, default=True))
        stopped.kube.apply(_policy(other, default=True))
        message = stopped.wait_stalled("AmbiguousDefault")
        assert one in message
        assert other in message
        stopped.kube.delete("BackupPolicy", other, None)
        _ready_at_once(stopped)
        assert stopped.get()["status"]["effective"]["backupPolicy"] == one
    finally:
        stopped.kube.delete("BackupPolicy", one, None)
        stopped.kube.delete("BackupPolicy", other, None)
