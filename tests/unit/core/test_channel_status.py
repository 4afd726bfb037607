"""The status of a channel: what all its bases come to, and nothing that another operator would contradict."""

from __future__ import annotations

import datetime as dt

import pytest

from pronote_operator.api.versionchannel import VersionChannel
from pronote_operator.planning.channel_status import Progress, channel_status
from pronote_operator.planning.conditions import Condition

NOW = dt.datetime(2026, 11, 24, 8, 0, tzinfo=dt.UTC)


def channel(*, comes: str | None = None) -> VersionChannel:
    releases = [{"version": "2026.2.5", "image": "localhost/pronote-server:2026.2.5", "from": comes}]
    return VersionChannel.model_validate(
        {"metadata": {"name": "stable", "generation": 3}, "spec": {"releases": releases}}
    )


def test_how_far_the_bases_are() -> None:
    status, again = channel_status(channel(), Progress({"phase": "Progressing", "total": 3, "updated": 1}, None), NOW)
    assert (status["phase"], status["total"], status["updated"]) == ("Progressing", 3, 1)
    assert status["observedGeneration"] == 3
    assert status["target"] == "2026.2.5"
    assert again is None


def test_a_rollout_that_has_halted_waits_for_a_person() -> None:
    halted = Condition("Stalled", "True", "RolloutHalted", "3 bases failed, and 2 may")
    status, _ = channel_status(channel(), Progress({"phase": "Halted", "total": 3, "updated": 0}, halted), NOW)
    told = {one["type"]: (one["status"], one["reason"], one["message"]) for one in status["conditions"]}
    assert told == {
        "Ready": ("False", "RolloutHalted", "3 bases failed, and 2 may"),
        "Stalled": ("True", "RolloutHalted", "3 bases failed, and 2 may"),
    }


def test_a_release_still_to_come_is_scheduled_and_looked_at_when_it_comes() -> None:
    figures = {"phase": "Current", "total": 1, "updated": 0}
    status, again = channel_status(channel(comes="2026-11-25T20:00:00"), Progress(figures, None), NOW)
    assert status["phase"] == "Scheduled"
    assert "target" not in status
    # 20:00 comes first at UTC+14: at 06:00 UTC.
    assert again == pytest.approx(22 * 3600 + 1)


def test_an_operator_of_a_few_namespaces_tells_only_what_all_of_them_would() -> None:
    status, _ = channel_status(channel(), None, NOW)
    assert set(status) == {"observedGeneration", "conditions", "target"}
