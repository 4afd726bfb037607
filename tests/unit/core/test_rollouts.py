"""Places in the waves of channels: given at once, to whom it may concern, and never before all are known."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace
from typing import Any

from pronote_operator.cluster.kinds import Kind
from pronote_operator.handlers.channel import ChannelReconciler
from pronote_operator.handlers.fleet import Fleet
from pronote_operator.handlers.keys import Key, base_key, channel_key
from pronote_operator.handlers.report import Reporter
from pronote_operator.handlers.rollouts import PATIENCE_SECONDS, SETTLE_SECONDS, Rollouts, rules_of
from pronote_operator.handlers.shared import Shared
from pronote_operator.handlers.store import ObjectStore
from pronote_operator.planning.waves import WaveMember, release_part

NOW = dt.datetime(2026, 8, 26, 18, 0, tzinfo=dt.UTC)
NEXT = (release_part("2026.2.6", "localhost/pronote-server:2026.2.6"),)
LATER = (release_part("2026.2.7", "localhost/pronote-server:2026.2.7"),)


class Stable:
    """A channel whose bases go over one at a time, and what is marked."""

    def __init__(self) -> None:
        self.marked: list[Key] = []
        self.news: list[str] = []
        self.now = NOW
        self.shared = Shared()
        self.put_channel()
        self.rollouts = Rollouts(
            shared=self.shared, mark=self.marked.append, on_change=self.news.append, clock=lambda: self.now
        )

    def put_channel(self, generation: int = 1, status: dict[str, Any] | None = None, **rollout: Any) -> None:
        self.shared.put_channel(self.body(generation, status, **rollout))

    def body(self, generation: int = 1, status: dict[str, Any] | None = None, **rollout: Any) -> dict[str, Any]:
        return {
            "metadata": {"name": "stable", "uid": "c", "generation": generation, "resourceVersion": str(generation)},
            "spec": {
                "releases": [{"version": "2026.2.6", "image": "localhost/pronote-server:2026.2.6"}],
                "rollout": {"maxConcurrent": 1, **rollout},
            },
            "status": status or {},
        }

    def put(self, name: str, channel: str = "stable", **members: Any) -> Key:
        key = base_key("schools", name)
        member = WaveMember(f"schools/{name}", f"uid-{name}", "Europe/Paris", updated=False, **members)
        self.rollouts.put(key, channel, "metropole", member)
        return key

    def may_begin(self, key: Key) -> bool:
        return self.rollouts.may_begin(key, self.shared.channels["stable"], self.now)


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
    stable.rollouts.channel_changed("stable", [base_key("schools", name) for name in "ab"])
    assert stable.rollouts.unseen("stable") == 2
    stable.put("a", parts=NEXT)
    stable.rollouts.remove(base_key("schools", "b"))
    assert stable.rollouts.unseen("stable") == 0


async def test_nobody_takes_a_new_release_before_the_canaries_have_told_that_they_lack_it() -> None:
    stable = Stable()
    stable.rollouts.complete = True
    canary, other = stable.put("canary", canary=True), stable.put("other")
    stable.rollouts.channel_changed("stable", [other, canary])
    stable.put("other", parts=LATER)
    assert not stable.may_begin(other), "the canary still tells what it lacked of the spec before"
    await settled()
    assert stable.marked == []
    stable.put("canary", canary=True, parts=LATER, lacks=LATER)
    assert stable.may_begin(canary)
    assert not stable.may_begin(other)
    await settled()
    assert stable.marked == [canary]


async def test_places_are_given_at_once_when_the_last_base_was_looked_at() -> None:
    stable = Stable()
    stable.rollouts.complete = True
    waits, last = stable.put("waits", parts=NEXT), stable.put("last")
    await settled()
    stable.rollouts.channel_changed("stable", [waits, last])
    stable.put("waits", parts=NEXT)
    stable.marked.clear()
    stable.put("last")  # which is no news of it
    await settled()
    assert stable.marked == [waits]


async def test_a_channel_that_others_come_to_follow_waits_for_all_bases() -> None:
    """It was made anew, or is the default now: who follows it is not known before their passes."""
    stable = Stable()
    stable.rollouts.complete = True
    canary, other, elsewhere, new = (base_key("schools", name) for name in ("canary", "other", "elsewhere", "new"))
    stable.put("elsewhere", channel="preview")
    stable.rollouts.channel_changed("stable", [canary, other, elsewhere, new])
    stable.put("other", parts=NEXT)
    assert not stable.may_begin(other)
    stable.put("elsewhere", channel="preview")
    stable.rollouts.remove(new)  # never known: its first pass told that nothing can be said of it, or it is gone
    assert stable.rollouts.unseen("stable") == 1
    stable.put("canary", canary=True, parts=NEXT, lacks=NEXT)
    assert not stable.may_begin(other)
    assert stable.may_begin(canary)


async def test_a_base_whose_passes_fail_does_not_hold_up_all_others_for_ever() -> None:
    stable = Stable()
    stable.rollouts.complete = True
    key = stable.put("a", parts=NEXT)
    stable.rollouts.channel_changed("stable", [key, base_key("schools", "fails")])
    stable.put("a", parts=NEXT)
    await settled()
    stable.marked.clear()
    stable.now += dt.timedelta(seconds=PATIENCE_SECONDS - 1)
    stable.rollouts.give_places("stable")
    assert not stable.may_begin(key)
    assert stable.marked == []
    stable.now += dt.timedelta(seconds=1)
    stable.rollouts.give_places("stable")
    assert stable.may_begin(key)
    assert stable.marked == [key]


async def test_a_halted_rollout_stays_halted_until_the_spec_changes() -> None:
    stable = Stable()
    stable.rollouts.complete = True
    key = stable.put("a", parts=NEXT)
    stable.put_channel(status={"phase": "Halted", "observedGeneration": 1})
    assert not stable.may_begin(key)
    assert rules_of(stable.shared.channels["stable"]).halted
    stable.put_channel(generation=2, status={"phase": "Halted", "observedGeneration": 1})
    assert stable.may_begin(key)


class ChannelPass:
    """Passes over the channel; the API server answers each status with the next version, and no watch tells of it."""

    def __init__(self, stable: Stable) -> None:
        self.store = ObjectStore()
        self.store.put(channel_key("stable"), stable.body())
        self.reconcile = ChannelReconciler(
            store=self.store,
            shared=stable.shared,
            fleet=Fleet(on_change=lambda _: None),
            rollouts=stable.rollouts,
            reporter=Reporter(self, self.store, self),  # type: ignore[arg-type]
            whole_fleet=True,
            clock=lambda: stable.now,
        )

    async def __call__(self) -> float | None:
        return await self.reconcile(channel_key("stable"))

    @property
    def phase(self) -> str | None:
        phase: str | None = (self.store.get(channel_key("stable")) or {})["status"].get("phase")
        return phase

    async def apply_status(self, _: Kind, manifest: dict[str, Any]) -> dict[str, Any]:
        body = self.store.get(channel_key("stable"))
        assert body is not None
        metadata = {**body["metadata"], "resourceVersion": str(int(body["metadata"]["resourceVersion"]) + 1)}
        return {**body, "metadata": metadata, "status": manifest["status"]}

    async def post(self, *_: object, **__: object) -> None:
        pass


async def test_a_rollout_that_this_process_halted_stays_halted_when_the_failed_base_is_deleted() -> None:
    stable = Stable()
    stable.rollouts.complete = True
    failed, waits = stable.put("canary", canary=True, failed=1), stable.put("a", parts=NEXT)
    channel = ChannelPass(stable)
    await channel()
    assert channel.phase == "Halted"
    stable.rollouts.remove(failed)
    await settled()
    assert stable.marked == []
    assert not stable.may_begin(waits)
    await channel()
    assert channel.phase == "Halted"


async def test_the_figures_of_a_changed_channel_are_told_when_its_bases_were_looked_at() -> None:
    stable = Stable()
    stable.rollouts.complete = True
    key = stable.put("a", parts=NEXT)
    channel = ChannelPass(stable)
    stable.rollouts.channel_changed("stable", [key])
    assert await channel() is not None, "it is looked at again"
    assert channel.phase is None
    stable.now += dt.timedelta(seconds=PATIENCE_SECONDS)
    await channel()
    assert channel.phase == "Progressing"


async def test_what_has_not_changed_is_no_news() -> None:
    stable = Stable()
    stable.put("a", parts=NEXT)
    news = len(stable.news)
    stable.put("a", parts=NEXT)
    assert len(stable.news) == news
    member = WaveMember("schools/a", "uid-a", "Europe/Paris", updated=False, parts=NEXT)
    stable.rollouts.put(base_key("schools", "a"), "stable", "metropole", replace(member, hindered=True))
    assert len(stable.news) == news + 1
