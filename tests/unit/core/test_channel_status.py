"""The status of a channel: what all its bases come to, and nothing that another operator would contradict."""

from __future__ import annotations

import datetime as dt

import pytest

from pronote_operator.api.versionchannel import VersionChannel
from pronote_operator.planning.channel_status import Progress, channel_status

NOW = dt.datetime(2026, 11, 24, 8, 0, tzinfo=dt.UTC)


def channel(*, paused: bool = False, comes: str | None = None) -> VersionChannel:
    releases = [{"version": "2026.2.5", "image": "localhost/pronote-server:2026.2.5", "from": comes}]
    return VersionChannel.model_validate(
        {"metadata": {"name": "stable", "generation": 3}, "spec": {"releases": releases, "paused": paused}}
    )


@pytest.mark.parametrize(
    ("progress", "paused", "phase"),
    [
        (Progress(updated=3, pending=0, updating=(), total=3), False, "Current"),
        (Progress(updated=1, pending=1, updating=("a/b",), total=3), False, "Progressing"),
        (Progress(updated=1, pending=2, updating=(), total=3), True, "Paused"),
    ],
)
def test_how_far_the_bases_are(progress: Progress, paused: bool, phase: str) -> None:
    status, again = channel_status(channel(paused=paused), progress, NOW)
    assert (status["phase"], status["total"], status["updated"]) == (phase, 3, progress.updated)
    assert status["observedGeneration"] == 3
    assert status["target"] == "2026.2.5"
    assert again is None


def test_a_release_still_to_come_is_scheduled_and_looked_at_when_it_comes() -> None:
    status, again = channel_status(
        channel(comes="2026-11-25T20:00:00"), Progress(updated=0, pending=0, updating=(), total=1), NOW
    )
    assert status["phase"] == "Scheduled"
    assert "target" not in status
    # 20:00 comes first at UTC+14: at 06:00 UTC.
    assert again == pytest.approx(22 * 3600 + 1)


def test_an_operator_of_a_few_namespaces_tells_only_what_all_of_them_would() -> None:
    status, _ = channel_status(channel(), None, NOW)
    assert set(status) == {"observedGeneration", "conditions", "target"}
