"""The operator's own figures: its /metrics and what the kernel says of its process, as one reading at one moment."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from bench.errors import BenchError
from tests.support.operator_process import OperatorProcess

WRITE_VERBS = ("PATCH", "POST", "DELETE")
"""The operator writes with these. PUT is the Lease alone: the library's election renews it by replacing it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters at one moment. The difference of two of one process is what happened in between.

    Args:
        seconds: monotonic.
        cpu: seconds of user and system time, of the processes that it started too.
        requests: by (verb, code).
        passes: over bases, whatever their result.
        errors: passes that failed.
        bases: by state.
        busy: keys that wait for a worker or have one.
    """

    seconds: float
    cpu: float
    requests: dict[tuple[str, str], int]
    passes: int
    errors: int
    bases: dict[str, int]
    busy: int
    leading: bool

    @property
    def writes(self) -> int:
        """Requests that write, but for the Lease."""
        return sum(count for (verb, _), count in self.requests.items() if verb in WRITE_VERBS)

    @property
    def renewals(self) -> int:
        """Writes of the Lease."""
        return sum(count for (verb, _), count in self.requests.items() if verb == "PUT")

    @property
    def reads(self) -> int:
        """GETs, but for the one before each renewal of the Lease."""
        return sum(count for (verb, _), count in self.requests.items() if verb == "GET") - self.renewals

    def by_verb(self) -> dict[str, int]:
        """Requests by verb."""
        verbs: dict[str, int] = {}
        for (verb, _), count in sorted(self.requests.items()):
            verbs[verb] = verbs.get(verb, 0) + count
        return {verb: count for verb, count in verbs.items() if count}

    def since(self, before: Reading) -> Reading:
        """What happened since an earlier reading; states are those of now."""
        return Reading(
            seconds=self.seconds - before.seconds,
            cpu=self.cpu - before.cpu,
            requests={key: count - before.requests.get(key, 0) for key, count in self.requests.items()},
            passes=self.passes - before.passes,
            errors=self.errors - before.errors,
            bases=self.bases,
            busy=self.busy,
            leading=self.leading,
        )


def parsed(text: str, *, seconds: float, cpu: float) -> Reading:
    """A reading from the text of /metrics."""
    requests: dict[tuple[str, str], int] = {}
    bases: dict[str, int] = {}
    queue: dict[str, int] = {}
    passes = errors = 0
    leading = False
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels, value = sample.labels, int(sample.value)
            match sample.name:
                case "pronote_operator_api_requests_total":
                    requests[labels["verb"], labels["code"]] = value
                case "pronote_operator_reconciles_total" if labels["kind"] == "PronoteBase":
                    passes += value
                    errors += value if labels["result"] == "error" else 0
                case "pronote_operator_bases":
                    bases[labels["state"]] = value
                case "pronote_operator_queue_objects":
                    queue[labels["state"]] = value
                case "pronote_operator_leading":
                    leading = value == 1
    return Reading(
        seconds=seconds,
        cpu=cpu,
        requests=requests,
        passes=passes,
        errors=errors,
        bases=bases,
        busy=queue.get("waiting", 0) + queue.get("running", 0),
        leading=leading,
    )


async def read(operator: OperatorProcess) -> Reading:
    """A reading of a running operator.

    Raises:
        BenchError: it does not run or does not answer.
    """
    if not operator.running:
        raise BenchError(f"The operator ended with {operator.exit_code}. Its log ends:\n{operator.tail()}")
    status, text = await asyncio.to_thread(operator.get, "/metrics")
    if status != 200:
        raise BenchError(f"The operator's /metrics answers {status}: {text[:200]}")
    return parsed(text, seconds=time.monotonic(), cpu=operator.cpu_seconds() + started_cpu(operator.pid))


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes (2^20 bytes): resident now, the most that was, and what the processes that it started have now."""

    resident: float
    peak: float
    beside: float


def memory(pid: int) -> Memory:
    """Of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    resident, peak = (int(status.split(f"{name}:")[1].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    pages = sum(int(text.split()[1]) for text in _of_started(pid, "statm"))
    return Memory(resident, peak, pages * os.sysconf("SC_PAGE_SIZE") / 2**20)


def started_cpu(pid: int) -> float:
    """CPU seconds of the processes that a process started: those that ended, and those that run."""
    ticks = sum(int(field) for field in _stat(Path(f"/proc/{pid}/stat").read_text())[13:15])
    for text in _of_started(pid, "stat"):
        ticks += sum(int(field) for field in _stat(text)[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def _stat(text: str) -> list[str]:
    return text.rpartition(")")[2].split()


def _of_started(pid: int, name: str) -> list[str]:
    """A file in /proc of each process that a process started and that runs."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in _text(children).split():
            found += [text] if (text := _text(Path(f"/proc/{child}/{name}"))) else []
    return found


def _text(file: Path) -> str:
    """A file in /proc; nothing when what it is of ended meanwhile."""
    try:
        return file.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
