"""Places in the waves of channels: given at once, to whom it may concern, and never before all are known."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace
from typing import Any

from pronote_operator.handlers.keys import Key, base_key
from pronote_operator.handlers.rollouts import SETTLE_SECONDS, Rollouts, rules_of
from pronote_operator.handlers.shared import Shared
from pronote_operator.planning.waves import WaveMember, release_part

NOW = dt.datetime(2026, 8, 26, 18, 0, tzinfo=dt.UTC)
NEXT = (release_part("2026.2.6", "localhost/pronote-server:2026.2.6"),)


class Stable:
    """A channel whose bases go over one at a time, and what is marked."""

    def __init__(self) -> None:
        self.marked: list[Key] = []
        self.news: list[str] = []
        self.shared = Shared()
        self.put_channel()
        self.rollouts = Rollouts(
            shared=self.shared, mark=self.marked.append, on_change=self.news.append, clock=lambda: NOW
        )

    def put_channel(self, generation: int = 1, status: dict[str, Any] | None = None, **rollout: Any) -> None:
        self.shared.put_channel(
            {
                "metadata": {"name": "stable", "uid": "c", "generation": generation},
                "spec": {
                    "releases": [{"version": "2026.2.6", "image": "localhost/pronote-server:2026.2.6"}],
                    "rollout": {"maxConcurrent": 1, **rollout},
                },
                "status": status or {},
            }
        )

    def put(self, name: str, channel: str = "stable", **members: Any) -> Key:
        key = base_key("schools", name)
        member = WaveMember(f"schools/{name}", f"uid-{name}", "Europe/Paris", updated=False, **members)
        self.rollouts.put(key, channel, "metropole", member)
        return key

    def may_begin(self, key: Key) -> bool:
        return self.rollouts.may_begin(key, self.shared.channels["stable"], NOW)


async def settled() -> None:
    await asyncio.sleep(2 * SETTLE_SECONDS)


async def test_nobody_begins_before_everybody_is_known() -> None:
    stable = Stable()
    key = stable.put("a", parts=NEXT)
    assert not stable.may_begin(key)
    stable.rollouts.complete = True
    assert stable.may_begin(key)


async def test_a_place_that_becomes_free_is_given_to_the_next_at_once() -> None:
    stable = Stable()
    stable.rollouts.complete = True
    keys = [stable.put(name, parts=NEXT) for name in "abc"]
    (first,) = [key for key in keys if stable.may_begin(key)]
    stable.put(first.name, parts=NEXT, in_flight=True)
    await settled()
    stable.marked.clear()
    assert not any(stable.may_begin(key) for key in keys)
    stable.put(first.name)
    await settled()
    (marked,) = stable.marked
    assert marked != first
    assert stable.may_begin(marked)


async def test_a_base_that_is_deleted_in_flight_gives_its_place_on() -> None:
    stable = Stable()
    stable.rollouts.complete = True
    gone, waits = stable.put("a", parts=NEXT, in_flight=True), stable.put("b", parts=NEXT)
    await settled()
    assert stable.marked == []
    stable.rollouts.remove(gone)
    await settled()
    assert stable.marked == [waits]


async def test_one_that_goes_over_to_another_channel_is_counted_there_alone() -> None:
    stable = Stable()
    key = stable.put("a", parts=NEXT)
    stable.put("a", channel="preview", parts=NEXT)
    assert stable.rollouts.followed("stable") == []
    assert stable.rollouts.followed("preview") == [("metropole", "Europe/Paris")]
    assert len(stable.rollouts.decide(stable.shared.channels["stable"], NOW)[2]) == 0
    stable.rollouts.remove(key)
    assert stable.rollouts.followed("preview") == []


async def test_what_bases_said_of_an_earlier_spec_is_known_to_be_old() -> None:
    stable = Stable()
    for name in "ab":
        stable.put(name, parts=NEXT)
    stable.rollouts.channel_changed("stable")
    assert stable.rollouts.unseen("stable") == 2
    stable.put("a", parts=NEXT)
    stable.rollouts.remove(base_key("schools", "b"))
    assert stable.rollouts.unseen("stable") == 0


async def test_a_halted_rollout_stays_halted_until_the_spec_changes() -> None:
    stable = Stable()
    stable.rollouts.complete = True
    key = stable.put("a", parts=NEXT)
    stable.put_channel(status={"phase": "Halted", "observedGeneration": 1})
    assert not stable.may_begin(key)
    assert rules_of(stable.shared.channels["stable"]).halted
    stable.put_channel(generation=2, status={"phase": "Halted", "observedGeneration": 1})
    assert stable.may_begin(key)


async def test_what_has_not_changed_is_no_news() -> None:
    stable = Stable()
    stable.put("a", parts=NEXT)
    news = len(stable.news)
    stable.put("a", parts=NEXT)
    assert len(stable.news) == news
    member = WaveMember("schools/a", "uid-a", "Europe/Paris", updated=False, parts=NEXT)
    stable.rollouts.put(base_key("schools", "a"), "stable", "metropole", replace(member, hindered=True))
    assert len(stable.news) == news + 1
