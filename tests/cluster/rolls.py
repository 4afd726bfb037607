"""What a fleet does while it goes over to a release or a school year, seen from outside, look by look."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.cluster.schools import School
from tests.cluster.stage import Stage
from tests.support.kube import Object, condition_of, describe
from tests.support.waiting import wait_until

EVERY_SECONDS = 0.1
IN_FLIGHT = ("Archiving", "Restarting", "RollingBack")


@dataclass(frozen=True)
class Look:
    """The fleet at one moment. The bases come from one list, so that they are of one moment with each other.

    Args:
        bases: by name.
        pods: UID of each base's pod, by the base's name; those that are being deleted too.
        down: names of the bases whose pod is not ready, or not there.
        channel: its status.
    """

    bases: dict[str, Object]
    pods: dict[str, str]
    down: set[str]
    channel: dict[str, Any]

    def phase(self, name: str) -> str | None:
        """Of a base's last roll, one of `IN_FLIGHT`, `Done` or `RolledBack`."""
        roll = self.bases[name]["status"].get("roll") or {}
        phase: str | None = roll.get("phase")
        return phase

    @property
    def in_flight(self) -> set[str]:
        """Names of the bases that are being rolled, by their own word."""
        return {name for name in self.bases if self.phase(name) in IN_FLIGHT}

    def up_to_date(self, name: str) -> tuple[str, str]:
        """Status and reason of the condition."""
        found = condition_of(self.bases[name], "UpToDate")
        return found.get("status", ""), found.get("reason", "")


@dataclass
class Fleet:
    """Bases of one namespace that follow a channel of their own.

    Args:
        channel: its name, and that of the namespace.
    """

    stage: Stage
    channel: str
    schools: list[School]

    def __getitem__(self, name: str) -> School:
        return next(school for school in self.schools if school.name == name)

    def look(self) -> Look:
        """As it is now. The channel comes last: whoever it names is then so by the bases' own word, or was."""
        kube = self.stage.kube
        bases = {base["metadata"]["name"]: base for base in kube.list("pronotebase", self.channel)}
        pods = {pod["metadata"]["name"].removesuffix("-0"): pod for pod in kube.list("pod", self.channel)}
        ready = {
            name
            for name, pod in pods.items()
            if condition_of(pod, "Ready").get("status") == "True" and "deletionTimestamp" not in pod["metadata"]
        }
        channel = kube.get("VersionChannel", self.channel, None)
        assert channel is not None
        uids = {name: str(pod["metadata"]["uid"]) for name, pod in pods.items()}
        return Look(bases, uids, set(bases) - ready, channel.get("status", {}))

    def wait(self, done: Callable[[Look], bool], timeout: float, what: str) -> Look:
        """Wait until something holds."""
        last: list[Look] = []

        def look() -> Look | None:
            last[:] = [self.look()]
            return last[0] if done(last[0]) else None

        def told() -> str:
            bases = "\n".join(describe(base) for base in last[0].bases.values())
            rolls = "\n".join(f"{name}: {base['status'].get('roll')}" for name, base in last[0].bases.items())
            return f"{last[0].channel}\n{rolls}\n{bases}"

        return wait_until(look, timeout, what=what, last=told, every=0.5)

    def generations(self) -> dict[str, int]:
        """How often the spec of each base's StatefulSet was changed."""
        return {
            school.name: int(school.child("StatefulSet", school.name)["metadata"]["generation"])
            for school in self.schools
        }


@dataclass
class Watched:
    """All that was seen of a fleet. See `watched`."""

    looks: list[Look] = field(default_factory=list)
    problems: list[BaseException] = field(default_factory=list)

    def pods(self, name: str) -> list[str]:
        """UIDs of the pods that a base had, one after the other."""
        seen = [look.pods[name] for look in self.looks if name in look.pods]
        return list(dict.fromkeys(seen))

    def phases(self, name: str) -> list[str]:
        """The phases of a base's rolls, one after the other."""
        seen = [phase for look in self.looks if (phase := look.phase(name)) is not None]
        return [phase for place, phase in enumerate(seen) if place == 0 or seen[place - 1] != phase]


@contextmanager
def watched(fleet: Fleet) -> Iterator[Watched]:
    """Look at a fleet ten times a second, until the end."""
    found, end = Watched(), threading.Event()

    def look() -> None:
        try:
            while not end.wait(EVERY_SECONDS):
                found.looks.append(fleet.look())
        except BaseException as error:  # noqa: BLE001 (told by the thread that waits)
            found.problems.append(error)

    thread = threading.Thread(target=look, name="looks at the fleet", daemon=True)
    thread.start()
    try:
        yield found
    finally:
        end.set()
        thread.join(30)
    assert not found.problems, found.problems


def most(sets: Sequence[set[str]]) -> set[str]:
    """The largest."""
    return max(sets, key=len, default=set())
