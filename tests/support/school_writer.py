"""Many Clients at once enter absences in a running server, and write down what was acknowledged, and when.

    SCHOOL_WRITER_PASSWORD=… python -m tests.support.school_writer --connect 127.0.0.1:49300 --host NAME --ca ca.crt \\
        --username surveillante --clients 20 --seconds 60 --output written.jsonl

Each line of the output is one absence, with `result`: `acknowledged` (it has an `id`; it was on the server's disk by
then), `unanswered` (the connection broke: the server may have entered it) or `refused` (with `reason`: it was not
entered). Its `text` is the absence's reason in the base, and no two absences ever have the same. `sentTime` and
`answeredTime` are seconds since 1970, `sent` and `answered` the same moments on the monotonic clock of this machine,
`latency` their difference in seconds.

A server that goes away and comes back is waited for. The program ends by itself after the seconds that are asked for,
and one request at most; SIGTERM ends it sooner, with every line whole.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.support.school_client import Door, Login, RefusedError, SchoolClient, UnreachableError

RETRY_SECONDS = 0.2
"""Between two tries to reach a server that is away."""

HOPELESS = frozenset({"WrongCredentials", "AccountLocked", "ModeNotAllowed", "AddressSuspended", "AddressProhibited"})
"""Refusals of a login that trying again would only make worse."""

START_TIME = "2026-11-24T08:00:00Z"


@dataclass(frozen=True)
class Written:
    """One absence that a Client sent. See the module for the members."""

    result: str
    client: int
    text: str
    pupil: int
    sentTime: float  # noqa: N815 - as in the file
    answeredTime: float  # noqa: N815
    sent: float
    answered: float
    latency: float
    id: int | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Work:
    """What to do.

    Attributes:
        clients: at the same time.
        seconds: how long.
        pause: seconds that each Client waits after each answer.
        output: file of JSON lines, appended to.
    """

    clients: int
    seconds: float
    pause: float
    output: Path


class Writer:
    """Runs the Clients in threads of this process."""

    def __init__(self, door: Door, login: Login, work: Work) -> None:
        self._door = door
        self._login = login
        self._work = work
        self._run = secrets.token_hex(4)
        self._stop = threading.Event()
        self._hopeless: list[str] = []
        self._output = os.open(work.output, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def stop(self) -> None:
        """End soon."""
        self._stop.set()

    def run(self) -> None:
        """Write until the time is over or `stop`.

        Raises:
            RuntimeError: a Client is not admitted, and never will be.
        """
        until = time.monotonic() + self._work.seconds
        threads = [threading.Thread(target=self._write, args=(number, until)) for number in range(self._work.clients)]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            self._stop.set()
            os.close(self._output)
        if self._hopeless:
            raise RuntimeError(f"{len(self._hopeless)} Clients are not admitted: {self._hopeless[0]}")

    def _write(self, number: int, until: float) -> None:
        client = SchoolClient(self._door, self._login)
        pupils: list[int] = []
        count = 0
        try:
            while time.monotonic() < until and not self._stop.is_set():
                try:
                    if not pupils:
                        client.log_in()
                        pupils = [pupil["id"] for pupil in client.pupils()]
                        continue
                    count += 1
                    self._add(client, number, pupils[(number + count) % len(pupils)], f"{self._run}-{number}-{count}")
                    self._stop.wait(self._work.pause)
                except RefusedError as refused:
                    if refused.reason in HOPELESS:
                        self._hopeless.append(str(refused))
                        self._stop.set()
                    self._stop.wait(RETRY_SECONDS)
                except UnreachableError:
                    self._stop.wait(RETRY_SECONDS)
        finally:
            client.close()

    def _add(self, client: SchoolClient, number: int, pupil: int, text: str) -> None:
        sent_time, sent = time.time(), time.monotonic()

        def note(result: str, absence: int | None = None, reason: str | None = None) -> None:
            answered = time.monotonic()
            times = (sent_time, time.time(), sent, answered, answered - sent)
            line = json.dumps(asdict(Written(result, number, text, pupil, *times, absence, reason)))
            # One call a line: lines of several threads never mix, and a kill leaves none in part.
            os.write(self._output, line.encode() + b"\n")

        try:
            answer = client.add_absence(pupil, START_TIME, 55, text)
        except RefusedError as refused:
            note("refused", reason=refused.reason)
            raise
        except UnreachableError as error:
            note("unanswered" if error.sent else "refused", reason="Unreachable")
            raise
        note("acknowledged", absence=answer["id"])


def written(path: Path) -> list[Written]:
    """Every line of an output, in the order of the answers."""
    return [Written(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def acknowledged(rows: Iterable[Written]) -> list[Written]:
    """Those that were acknowledged."""
    return [row for row in rows if row.result == "acknowledged"]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def longest_gap(rows: Sequence[Written]) -> float:
    """The longest time without an acknowledgement, seconds: the school was out of service for that long at most."""
    times = sorted(row.answered for row in acknowledged(rows))
    return max((after - before for before, after in itertools.pairwise(times)), default=0.0)


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description="Enter absences with many Clients; SCHOOL_WRITER_PASSWORD is used.")
    parser.add_argument("--connect", required=True, help="address and port, such as 127.0.0.1:49300")
    parser.add_argument("--host", required=True, help="name that the server's certificate bears")
    parser.add_argument("--ca", required=True, type=Path, help="file with its authority")
    parser.add_argument("--username", required=True)
    parser.add_argument("--mode", default="vie-scolaire", help="vie-scolaire has no limit of licences")
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--pause", type=float, default=0.1, help="of each Client between two absences, seconds")
    parser.add_argument("--output", required=True, type=Path)
    options = parser.parse_args()
    address, _, port = options.connect.rpartition(":")
    door = Door(options.host, (address.strip("[]"), int(port)), options.ca)
    login = Login(options.username, os.environ["SCHOOL_WRITER_PASSWORD"], options.mode)
    writer = Writer(door, login, Work(options.clients, options.seconds, options.pause, options.output))
    signal.signal(signal.SIGTERM, lambda *_: writer.stop())
    try:
        writer.run()
    except RuntimeError as error:
        print(f"school_writer: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
