"""`pronote-operator run` with a clock that is ahead and may be fast, that notes what it asks agents and dies at it.

    python -m tests.support.mortal_operator PLAN.json

An agent is spoken to over TLS with the base's own certificate: no proxy can stand between. So the operator itself, in
its own process, notes each request before it is sent and when it was answered, and kills itself (SIGKILL) where it is
told to. What was noted outlives it: a second life goes on counting.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pronote_operator import command
from pronote_operator.cluster import agent
from tests.support.faults import When
from tests.support.operator_ahead import put_ahead


@dataclass(frozen=True)
class Asked:
    """A moment of a request to an agent.

    Args:
        base: its name.
        request: method and path.
        nth: from 1: of the times that it was sent, or of its answers.
        when: before it was sent, or after it was answered and before the operator looked at the answer.
    """

    base: str
    request: str
    nth: int
    when: When


@dataclass(frozen=True)
class Plan:
    """How such an operator runs.

    Args:
        origin: instant (aware) from which on its clock is ahead.
        hours: how far ahead it is then.
        speed: how many times faster it is than the true one.
        folder: for what it notes.
        deaths: where it kills itself.
    """

    origin: dt.datetime
    hours: float
    speed: float
    folder: Path
    deaths: Sequence[Asked] = ()

    def command(self) -> tuple[str, ...]:
        """Write the plan down; the command of an operator that follows it."""
        path = self.folder / "plan.json"
        told = {
            "origin": self.origin.isoformat(),
            "hours": self.hours,
            "speed": self.speed,
            "deaths": [_row(one) for one in self.deaths],
        }
        path.write_text(json.dumps(told))
        return (sys.executable, "-m", "tests.support.mortal_operator", str(path))

    def asked(self) -> list[Asked]:
        """What was noted so far."""
        path = self.folder / "asked.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [Asked(*json.loads(line)) for line in lines]


def _row(asked: Asked) -> list[Any]:
    return [asked.base, asked.request, asked.nth, asked.when]


def _plan(path: Path) -> Plan:
    told = json.loads(path.read_text())
    origin = dt.datetime.fromisoformat(told["origin"])
    return Plan(origin, told["hours"], told["speed"], path.parent, [Asked(*row) for row in told["deaths"]])


def follow(plan: Plan) -> None:
    """Have the operator of this process follow a plan."""
    put_ahead(plan.hours, plan.speed, plan.origin)
    ask = agent.Agent._ask
    notes = os.open(plan.folder / "asked.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    past = plan.asked()
    deaths = set(plan.deaths) - set(past)  # Each comes once.
    counts = Counter((one.base, one.request, one.when) for one in past)
    lock = threading.Lock()

    def note(base: str, request: str, when: When) -> None:
        with lock:
            counts[base, request, when] += 1
            asked = Asked(base, request, counts[base, request, when], when)
            os.write(notes, json.dumps(_row(asked)).encode() + b"\n")
            if asked in deaths:
                os.kill(os.getpid(), signal.SIGKILL)

    async def noted(self: agent.Agent, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        base, request = self._address.server_name.partition(".")[0].removesuffix("-0"), f"{method} {path}"
        note(base, request, "before")
        answer = await ask(self, method, path, body)
        note(base, request, "after")
        return answer

    agent.Agent._ask = noted  # type: ignore[method-assign]


if __name__ == "__main__":
    follow(_plan(Path(sys.argv[1])))
    command.cli(["run"])
