"""The work queue: one key never runs twice at once, nothing that was marked is lost, failures come back later."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pronote_operator.cluster.queue import KeyedQueue


@contextlib.asynccontextmanager
async def running(work: Callable[[str], Awaitable[float | None]], workers: int = 4) -> AsyncIterator[KeyedQueue[str]]:
    queue: KeyedQueue[str] = KeyedQueue(work, workers=workers)
    task = asyncio.create_task(queue.run())
    try:
        yield queue
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.002)


@given(
    marks=st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 2), st.booleans()), min_size=1, max_size=40),
    workers=st.integers(1, 5),
)
@settings(max_examples=40, deadline=None)
def test_no_key_runs_twice_at_once_and_the_last_mark_is_always_followed_by_a_run(
    marks: list[tuple[str, int, bool]], workers: int
) -> None:
    async def scenario() -> None:
        active: Counter[str] = Counter()
        started: defaultdict[str, list[float]] = defaultdict(list)
        clock = asyncio.get_running_loop().time

        async def work(key: str) -> float | None:
            active[key] += 1
            assert active[key] == 1
            assert sum(active.values()) <= workers
            started[key].append(clock())
            await asyncio.sleep(0.001)
            active[key] -= 1
            return None

        last_mark: dict[str, float] = {}
        async with running(work, workers) as queue:
            for key, pauses, with_all in marks:
                last_mark[key] = clock()
                queue.mark_with_all([key]) if with_all else queue.mark(key)
                for _ in range(pauses):
                    await asyncio.sleep(0)
            await until(lambda: queue.depth == queue.running == 0)
        for key, when in last_mark.items():
            assert started[key][-1] >= when

    asyncio.run(scenario())


async def test_a_mark_while_the_key_is_worked_on_makes_it_run_once_more_only() -> None:
    runs = 0
    inside, go = asyncio.Event(), asyncio.Event()

    async def work(_: str) -> None:
        nonlocal runs
        runs += 1
        inside.set()
        await go.wait()

    async with running(work) as queue:
        queue.mark("a")
        await inside.wait()
        for _ in range(5):
            queue.mark("a")
        go.set()
        await until(lambda: queue.depth == queue.running == 0)
        assert runs == 2


async def test_a_failure_comes_back_and_delays_no_other_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pronote_operator.cluster.queue.FIRST_RETRY_SECONDS", 0.02)
    runs: Counter[str] = Counter()

    async def work(key: str) -> None:
        runs[key] += 1
        if key == "bad" and runs[key] < 4:
            raise RuntimeError("not yet")

    async with running(work, workers=1) as queue:
        queue.mark("bad")
        queue.mark("good")
        await until(lambda: runs["good"] == 1)
        assert queue.failing <= 1
        await until(lambda: runs["bad"] == 4 and queue.failing == 0)


async def test_a_due_time_is_kept_and_the_earliest_one_counts() -> None:
    runs: list[float] = []
    clock = asyncio.get_running_loop().time

    async def work(_: str) -> None:
        runs.append(clock())

    async with running(work) as queue:
        begun = clock()
        queue.mark_after("a", 0.3)
        queue.mark_after("a", 0.05)
        queue.mark_after("a", 0.2)
        await until(lambda: bool(runs))
        assert 0.04 <= runs[0] - begun < 0.19
        await asyncio.sleep(0.4)
        assert len(runs) == 1, "later due times of the same key are void"


async def test_what_a_pass_asks_for_is_when_it_comes_back() -> None:
    runs = 0

    async def work(_: str) -> float | None:
        nonlocal runs
        runs += 1
        return 0.01 if runs < 3 else None

    async with running(work) as queue:
        queue.mark("a")
        await until(lambda: runs == 3)
        await asyncio.sleep(0.05)
        assert runs == 3
        assert queue.delayed == 0


async def test_a_forgotten_key_is_not_worked_on() -> None:
    runs: list[str] = []

    async def work(key: str) -> None:
        runs.append(key)

    queue: KeyedQueue[str] = KeyedQueue(work, workers=1)
    queue.mark("gone")
    queue.mark_after("gone too", 0.01)
    queue.mark("here")
    queue.forget("gone")
    queue.forget("gone too")
    task = asyncio.create_task(queue.run())
    await asyncio.sleep(0.05)
    task.cancel()
    assert runs == ["here"]


async def test_what_concerns_one_key_comes_before_what_concerns_all_and_those_have_their_turns() -> None:
    order: list[str] = []
    own = [f"own-{number:02}" for number in range(16)]

    async def work(key: str) -> float | None:
        order.append(key)
        if key == "all-0":
            for one in own:
                queue.mark(one)
        return None

    async with running(work, workers=1) as queue:
        queue.mark_with_all(f"all-{number}" for number in range(5))
        queue.mark_with_all(["all-1"])
        queue.mark("all-4")
        await until(lambda: len(order) == 21 and queue.depth == 0)
    assert order[:2] == ["all-4", "all-0"], "what concerns all of them is a reason of its own for none"
    assert sorted(order) == sorted(["all-0", "all-1", "all-2", "all-3", "all-4", *own]), "each once"
    places = [order.index(f"all-{number}") for number in (1, 2, 3)]
    assert places == [7, 15, 20], "one in eight, and the rest when nothing else waits"


async def test_a_key_that_waits_with_all_is_forgotten_like_any_other() -> None:
    seen: list[str] = []

    async def work(key: str) -> float | None:
        seen.append(key)
        return None

    async with running(work) as queue:
        queue.mark_with_all(["a", "b"])
        queue.forget("a")
        await until(lambda: seen == ["b"])
        assert queue.depth == 0
