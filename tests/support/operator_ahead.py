"""`pronote-operator run` with a clock that is ahead, so that what is due tomorrow is due now.

    python -m tests.support.operator_ahead HOURS

Only the clock by which the operator plans: leases, deadlines of requests and logs go by the true one.
"""

from __future__ import annotations

import datetime as dt
import sys

from pronote_operator import app, command


def ahead(hours: float) -> tuple[str, ...]:
    """The command of an operator whose clock is so far ahead."""
    return (sys.executable, "-m", "tests.support.operator_ahead", str(hours))


if __name__ == "__main__":
    shift = dt.timedelta(hours=float(sys.argv[1]))
    true_now = app.now
    app.now = lambda: true_now() + shift
    command.cli(["run"])
