"""What a scrape tells of the rollover."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from prometheus_client import generate_latest

from pronote_operator.handlers.keys import base_key
from pronote_operator.handlers.rollouts import Rollouts
from pronote_operator.handlers.shared import Shared
from pronote_operator.metrics import IDLE, Metrics, Snapshot
from pronote_operator.planning.rollout_figures import ComingSwitchover, RolloutFigures
from pronote_operator.planning.waves import WaveMember, release_part

NOW = dt.datetime(2026, 8, 26, 18, 0, tzinfo=dt.UTC)
NEXT = (release_part("2026.2.5", "localhost/pronote-server:2026.2.5"),)
STABLE = RolloutFigures(
    channel="stable",
    phase="Progressing",
    bases={"updated": 30, "waiting": 14, "in_flight": 2, "failed": 1},
    oldest_due=NOW,
    switchovers=(
        ComingSwitchover("metropole", NOW + dt.timedelta(days=3), has_release=False),
        ComingSwitchover("nouvelle-caledonie", NOW + dt.timedelta(days=150), has_release=True),
    ),
)


def scraped(metrics: Metrics) -> dict[str, float]:
    """The samples about the rollover."""
    lines = generate_latest(metrics.registry).decode().splitlines()
    samples = (line.rsplit(" ", 1) for line in lines if line.startswith("pronote_rollover_"))
    return {name: float(value) for name, value in samples}


def of(*rollouts: RolloutFigures) -> Metrics:
    snapshot: Snapshot = replace(IDLE, leading=True, rollouts=rollouts)
    return Metrics(lambda: snapshot)


def test_a_scrape_tells_how_far_each_channel_is() -> None:
    preview = RolloutFigures("preview", "Current", {"updated": 3}, None, ())
    found = scraped(of(STABLE, preview))
    due = NOW.timestamp()
    phases = ("Current", "Scheduled", "Canary", "Progressing", "Halted", "Paused")
    assert found == {
        'pronote_rollover_bases{channel="stable",state="updated"}': 30,
        'pronote_rollover_bases{channel="stable",state="waiting"}': 14,
        'pronote_rollover_bases{channel="stable",state="in_flight"}': 2,
        'pronote_rollover_bases{channel="stable",state="failed"}': 1,
        'pronote_rollover_bases{channel="preview",state="updated"}': 3,
        **{f'pronote_rollover_phase{{channel="stable",phase="{one}"}}': one == "Progressing" for one in phases},
        **{f'pronote_rollover_phase{{channel="preview",phase="{one}"}}': one == "Current" for one in phases},
        'pronote_rollover_oldest_due_timestamp_seconds{channel="stable"}': due,
        'pronote_rollover_next_switchover_timestamp_seconds{calendar="metropole",channel="stable"}': due + 3 * 86400,
        'pronote_rollover_next_switchover_timestamp_seconds{calendar="nouvelle-caledonie",channel="stable"}': (
            due + 150 * 86400
        ),
        'pronote_rollover_release_for_switchover{calendar="metropole",channel="stable"}': 0,
        'pronote_rollover_release_for_switchover{calendar="nouvelle-caledonie",channel="stable"}': 1,
    }


def test_a_replica_that_does_not_lead_tells_of_no_channel() -> None:
    assert scraped(Metrics(lambda: IDLE)) == {}


def test_rolls_are_counted_by_how_they_ended_and_timed() -> None:
    metrics = of()
    metrics.rolled("stable", "done", 200)
    metrics.rolled("stable", "done", 100)
    metrics.rolled("stable", "rolled_back", 1500)
    found = scraped(metrics)
    assert found['pronote_rollover_rolls_total{channel="stable",result="done"}'] == 2
    assert found['pronote_rollover_rolls_total{channel="stable",result="rolled_back"}'] == 1
    seconds = "pronote_rollover_roll_duration_seconds"
    assert found[f'{seconds}_sum{{channel="stable"}}'] == 1800
    assert found[f'{seconds}_bucket{{channel="stable",le="240.0"}}'] == 2
    assert found[f'{seconds}_bucket{{channel="stable",le="1200.0"}}'] == 2
    assert found[f'{seconds}_bucket{{channel="stable",le="1800.0"}}'] == 3


class Term:
    """The rollouts of a leader that knows one channel."""

    def __init__(self) -> None:
        shared = Shared()
        spec = {
            "releases": [{"version": "2026.2.5", "image": "localhost/pronote-server:2026.2.5"}],
            "calendars": {"metropole": {"yearEndArchive": "07-01", "newBase": "08-15", "switchover": "08-27"}},
        }
        shared.put_channel({"metadata": {"name": "stable", "uid": "c", "generation": 1}, "spec": spec})
        self.rollouts = Rollouts(
            shared=shared, mark=lambda _: None, on_change=lambda _: None, clock=lambda: NOW + dt.timedelta(hours=1)
        )

    def put(self, name: str, **members: Any) -> None:
        member = WaveMember(f"schools/{name}", f"uid-{name}", "Europe/Paris", updated=False, **members)
        self.rollouts.put(base_key("schools", name), "stable", "metropole", member)


async def test_nothing_is_told_before_every_base_is_known() -> None:
    term = Term()
    term.put("a", parts=NEXT, since=NOW)
    assert term.rollouts.figures() == ()
    term.rollouts.complete = True
    (found,) = term.rollouts.figures()
    assert (found.channel, found.phase) == ("stable", "Progressing")


async def test_figures_are_those_of_the_bases_that_said_what_they_are_like() -> None:
    term = Term()
    term.put("waits", parts=NEXT, since=NOW)
    term.put("hindered", hindered=True, since=NOW - dt.timedelta(hours=3))
    term.put("flies", parts=NEXT, in_flight=True, since=NOW)
    term.put("failed", failed=1)
    term.put("stopped", broken=True, parts=NEXT, since=NOW - dt.timedelta(days=60))
    term.rollouts.complete = True
    (found,) = term.rollouts.figures()
    assert found.bases == {"updated": 0, "waiting": 2, "in_flight": 1, "failed": 1}
    assert (found.phase, found.oldest_due) == ("Halted", NOW - dt.timedelta(hours=3))
    midnight = dt.datetime(2026, 8, 26, 22, 0, tzinfo=dt.UTC)
    assert found.switchovers == (ComingSwitchover("metropole", midnight, has_release=True),)


async def test_a_channel_that_nobody_follows_is_told_at_rest() -> None:
    term = Term()
    term.rollouts.complete = True
    (found,) = term.rollouts.figures()
    assert (found.phase, set(found.bases.values()), found.oldest_due, found.switchovers) == ("Current", {0}, None, ())
