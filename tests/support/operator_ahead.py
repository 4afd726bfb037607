"""`pronote-operator run` with a clock that is ahead, so that what is due tomorrow is due now; and fast, if it must.

    python -m tests.support.operator_ahead HOURS [SPEED ORIGIN]

Only the clock by which the operator plans: leases, deadlines of requests, pauses and logs go by the true one.
"""

from __future__ import annotations

import datetime as dt
import sys

from pronote_operator import app, command


def ahead(hours: float, speed: float = 1.0) -> tuple[str, ...]:
    """The command of an operator whose clock is so far ahead now, and so many times faster than the true one."""
    return (sys.executable, "-m", "tests.support.operator_ahead", str(hours), str(speed), _now().isoformat())


def put_ahead(hours: float, speed: float = 1.0, origin: dt.datetime | None = None) -> None:
    """Put the clock of the operator in this process ahead.

    Args:
        hours: by so much at the origin.
        speed: how many times faster than the true one it is.
        origin: an instant (aware), now unless given: an operator that is started again goes on by the same clock.
    """
    true_now, start = app.now, origin or _now()
    app.now = lambda: start + dt.timedelta(hours=hours) + (true_now() - start) * speed


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


if __name__ == "__main__":
    _, given, *more = sys.argv
    put_ahead(float(given), *((float(more[0]), dt.datetime.fromisoformat(more[1])) if more else ()))
    command.cli(["run"])
