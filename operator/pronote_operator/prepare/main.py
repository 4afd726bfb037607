"""``pronote-prepare``: the init container that makes a base's data volume hold what its data plan asks.

Environment: ``PRONOTE_DATA_PLAN`` (JSON, see `plan`), the mounted folders and keys (see `places`), and
``PRONOTE_TERMINATION_LOG`` (default ``/dev/termination-log``). Exit codes: 0 done or nothing to do, 65 refused, 74
the volume failed (try again), 70 a fault of prepare. One JSON line on stderr says the same as the termination message.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NoReturn

from pronote_operator.prepare.clock import now
from pronote_operator.prepare.outcome import (
    EXIT_INTERNAL,
    EXIT_IO,
    EXIT_OK,
    EXIT_REFUSED,
    Outcome,
    RefusedError,
    RetryError,
    of_os_error,
)

if TYPE_CHECKING:
    from pronote_operator.prepare.plan import DataPlan

TERMINATION_MESSAGE_BYTES: Final = 4096
"""What the kubelet reads of a termination message."""

_MESSAGE_CHARACTERS: Final = 600
"""Bound of the sentence inside: even escaped six bytes to a character, the whole fits in the 4096 bytes."""

_SHORT_CHARACTERS: Final = 290
"""The same where there are two of them."""


def main() -> NoReturn:
    """Entry point of the console script."""
    # As process 1 of the container, SIGTERM would be ignored; ending at once is safe at any instruction.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    # A third of the run's time went to collecting and tearing down what lives for a tenth of a second. Nothing is lost:
    # all that is written is written by system calls.
    gc.disable()
    os._exit(run(os.environ, scratch=os.environ.get("TMPDIR", "/tmp")))  # noqa: S108 (an emptyDir of the pod)


def run(environment: Mapping[str, str], *, scratch: str | None = None) -> int:
    """One run.

    Args:
        environment: of the process.
        scratch: folder that lasts as long as the pod: a refusal for its files that was told by an earlier run in this
            pod is waited out (see `patience`). None: it is told again.

    Returns:
        The exit code.
    """
    # Looking for plug-ins in the metadata of every installed package is a tenth of the whole run.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    outcome, plan, detail = _tried(environment)
    if scratch is not None and outcome.result == "Refused" and plan is not None and plan.source.hnot is not None:
        from pronote_operator.prepare.patience import Patience
        from pronote_operator.prepare.places import places_of

        patience = Patience(plan.source.hnot, places_of(environment), scratch)
        if patience.knows(outcome.message):
            _log("WARNING", {"message": f"{outcome.message}; told before, so waiting for other files", **detail})
        while outcome.result == "Refused" and patience.knows(outcome.message):
            patience.wait()
            outcome, plan, detail = _tried(environment)
            gc.collect()
        patience.note(outcome.message)
    _report(outcome, environment.get("PRONOTE_TERMINATION_LOG", "/dev/termination-log"), detail)
    return outcome.exit_code


def _tried(environment: Mapping[str, str]) -> tuple[Outcome, DataPlan | None, dict[str, str]]:
    """The outcome, the plan if it could be read, and what a log line says beside the outcome."""
    from pronote_operator.prepare.places import places_of
    from pronote_operator.prepare.plan import parse_plan
    from pronote_operator.prepare.run import carry_out

    plan: DataPlan | None = None
    detail: dict[str, str] = {}
    try:
        plan = parse_plan(environment.get("PRONOTE_DATA_PLAN", ""))
        outcome = carry_out(plan, places_of(environment), now)
    except RefusedError as refused:
        outcome = Outcome("Refused", refused.reason, refused.message, EXIT_REFUSED)
    except RetryError as later:
        outcome = Outcome("Failed", later.reason, later.message, EXIT_IO)
    except OSError as error:
        outcome = of_os_error(error)
    except Exception as error:  # noqa: BLE001 - the operator must learn of a fault by the termination message
        outcome = Outcome("Failed", "InternalError", f"{type(error).__name__}: {error}", EXIT_INTERNAL)
        import traceback

        detail["traceback"] = traceback.format_exc()
    if plan is not None:
        outcome = replace(outcome, school_year=plan.school_year)
        detail.update(namespace=plan.namespace, name=plan.name, uai=plan.uai)
    return outcome, plan, detail


def _report(outcome: Outcome, path: str, detail: Mapping[str, str]) -> None:
    said: dict[str, object] = {
        "result": outcome.result,
        "reason": outcome.reason,
        "message": outcome.message[:_MESSAGE_CHARACTERS],
        "schoolYear": outcome.school_year,
    }
    restored = outcome.restored
    if restored is not None:
        said["message"] = outcome.message[:_SHORT_CHARACTERS]
        said["restore"] = {
            "requestId": restored.request_id,
            "result": restored.result,
            "reason": restored.reason,
            "message": restored.message[:_SHORT_CHARACTERS],
        }
    good = outcome.exit_code == EXIT_OK and (restored is None or restored.result == "Succeeded")
    _log("INFO" if good else "ERROR", {**said, **detail})
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, json.dumps(said).encode()[:TERMINATION_MESSAGE_BYTES])
        finally:
            os.close(descriptor)
    except OSError as error:
        _log("WARNING", {"message": f"the termination message could not be written to {path}: {error.strerror}"})


def _log(severity: str, members: Mapping[str, object]) -> None:
    line = json.dumps({"timestamp": now(), "severity": severity, "logger": "pronote-prepare", **members})
    os.write(sys.stderr.fileno(), line.encode() + b"\n")


if __name__ == "__main__":
    main()
