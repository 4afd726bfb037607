"""The waves of every channel: filled by the passes over bases, and giving places as soon as some are free."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable

from pronote_operator.api.versionchannel import VersionChannel
from pronote_operator.handlers.keys import Key, base_key, text_of
from pronote_operator.handlers.shared import Shared
from pronote_operator.planning.rollout_figures import Counts, RolloutFigures, rollout_figures
from pronote_operator.planning.wave_plan import Wave
from pronote_operator.planning.waves import Rules, WaveDecision, WaveMember, Waves

SETTLE_SECONDS = 0.05
"""Places that become free together are given together."""
PATIENCE_SECONDS = 60.0
"""How long bases may take to learn of a changed channel before its rollout goes on, and is told, without them."""


class Rollouts:
    """See the module.

    Args:
        shared: the channels.
        mark: has a base looked at again, because it may begin its roll now.
        on_change: called with the name of a channel when one of its bases changed.
        clock: the present, aware.
    """

    def __init__(
        self,
        *,
        shared: Shared,
        mark: Callable[[Key], None],
        on_change: Callable[[str], None],
        clock: Callable[[], dt.datetime],
    ) -> None:
        self._shared = shared
        self._mark = mark
        self._on_change = on_change
        self._clock = clock
        self._waves: dict[str, Waves] = {}
        self._channels: dict[str, tuple[str, tuple[str, str]]] = {}
        self._followed: dict[str, Counter[tuple[str, str]]] = {}
        self._unseen: dict[str, set[str]] = {}
        self._changed: dict[str, dt.datetime] = {}
        self._stirred: set[str] = set()
        self.complete = False
        """Whether every base had its first pass: only then is it known who is in flight."""

    def put(self, key: Key, channel: str, calendar: str, member: WaveMember) -> None:
        """Note what a base is like now. At once after a roll was begun: no other base is asked about meanwhile."""
        name, follows = member.key, (channel, (calendar, member.tz))
        before = self._channels.get(name)
        if before != follows:
            if before is not None:
                self.remove(key)
            self._channels[name] = follows
            self._followed.setdefault(channel, Counter())[follows[1]] += 1
        self._seen(name)
        if self._waves.setdefault(channel, Waves()).put(member):
            self._on_change(channel)
            self._stir(channel)

    def remove(self, key: Key) -> None:
        """A base is gone, or nothing can be said of what it is to run."""
        name = text_of(key)
        self._seen(name)
        known = self._channels.pop(name, None)
        if known is None:
            return
        channel, follows = known
        self._followed[channel][follows] -= 1
        self._waves[channel].remove(name)
        self._on_change(channel)
        self._stir(channel)

    def channel_changed(self, channel: str, keys: Iterable[Key]) -> None:
        """The spec of a channel is another, or other bases follow it: what they said of the earlier one holds no more.

        Nobody begins until each base was looked at: a canary that has not told what it lacks now would seem to lack
        nothing, and others would take before it what nobody has tried.

        Args:
            keys: of all bases: which of them follow the channel now is known by their next pass alone.
        """
        self._unseen[channel] = {text_of(key) for key in keys}
        self._changed[channel] = self._clock()

    def unseen(self, channel: str) -> int:
        """How many bases are still to be looked at since the channel changed.

        0 once `PATIENCE_SECONDS` have passed: a base whose passes fail must not hold up all others for ever.
        """
        unseen = self._unseen.get(channel)
        if not unseen or (self._clock() - self._changed[channel]).total_seconds() >= PATIENCE_SECONDS:
            return 0
        return len(unseen)

    def may_begin(self, key: Key, channel: VersionChannel, now: dt.datetime) -> bool:
        """Whether a base may begin its roll now; if so `put` must follow before anything is awaited."""
        name = channel.metadata.name
        waves = self._waves.get(name)
        if not self.complete or waves is None or self.unseen(name):
            return False
        return waves.may_begin(text_of(key), rules_of(channel), now)

    def decide(self, channel: VersionChannel, now: dt.datetime) -> tuple[WaveDecision, tuple[Wave, ...], Waves]:
        """What holds for a channel, its waves to come, and all that is known of its bases."""
        waves = self._waves.setdefault(channel.metadata.name, Waves())
        rules = rules_of(channel)
        return waves.decide(rules, now), waves.plan(rules, now), waves

    def followed(self, channel: str) -> list[tuple[str, str]]:
        """The (calendar, time zone) of the bases of a channel, each pair once."""
        return [follows for follows, bases in self._followed.get(channel, Counter()).items() if bases > 0]

    def figures(self) -> tuple[RolloutFigures, ...]:
        """What the metrics tell of every channel; of none before every base had its first pass, or too much would lack.

        Of an operator of a few namespaces these are the figures of its own bases.
        """
        if not self.complete:
            return ()
        now = self._clock()
        return tuple(self._figures(channel, now) for _, channel in sorted(self._shared.channels.items()))

    def give_places(self, name: str) -> None:
        """Have those bases of a channel looked at that may begin now."""
        channel = self._shared.channels.get(name)
        waves = self._waves.get(name)
        if channel is None or waves is None or not self.complete or self.unseen(name):
            return
        for waiting in waves.decide(rules_of(channel), self._clock()).begin:
            self._mark(base_key(*waiting.split("/")))

    def _figures(self, channel: VersionChannel, now: dt.datetime) -> RolloutFigures:
        name, spec = channel.metadata.name, channel.spec
        waves = self._waves.get(name, Waves())
        return rollout_figures(
            name,
            waves.decide(rules_of(channel), now),
            Counts(waves.updated, waves.hindered, waves.oldest_due),
            releases=spec.releases,
            calendars=spec.calendars,
            followed=self.followed(name),
            now=now,
        )

    def _seen(self, name: str) -> None:
        """A base was looked at, or is gone: whichever channel it followed, none waits for it any more."""
        for channel, unseen in self._unseen.items():
            if name in unseen:
                unseen.remove(name)
                if not unseen:
                    self._stir(channel)

    def _stir(self, channel: str) -> None:
        if not self.complete or channel in self._stirred:
            return
        self._stirred.add(channel)
        asyncio.get_running_loop().call_later(SETTLE_SECONDS, self._settled, channel)

    def _settled(self, channel: str) -> None:
        self._stirred.discard(channel)
        self.give_places(channel)


def rules_of(channel: VersionChannel) -> Rules:
    """How the bases of a channel go over."""
    rollout, generation = channel.spec.rollout, channel.metadata.generation
    status = channel.status
    return Rules(
        window=rollout.window,
        max_concurrent=rollout.max_concurrent,
        max_failures=rollout.max_failures,
        soak=dt.timedelta(minutes=rollout.canary.soak_minutes if rollout.canary is not None else 0),
        generation=generation,
        paused=channel.spec.paused,
        halted=status.phase == "Halted" and status.observed_generation == generation,
    )
