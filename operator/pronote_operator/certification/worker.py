"""The process in which certificates are made and judged: one question and one answer per line, in order.

Started by `certifier` as `python -m`, with pipes. Keys pass through the pipes and nowhere else. It lives until its
standard input ends, which happens also when the operator is killed.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from dataclasses import asdict
from datetime import datetime
from typing import Any, BinaryIO

from pronote_operator.builders.certificates import Certificates
from pronote_operator.certification.bundles import certificates
from pronote_operator.certification.issuing import certified, renewal_time
from pronote_operator.errors import BundleError


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """The answer to one question; both are JSON.

    `certify` gives `certificates` (null: what is held is kept) and `renew`, when they are to be renewed. `bundle` gives
    `bundle`, or `refused` with the reason. What goes wrong otherwise is `failed`, with the kind of error alone: its
    text could repeat what was given.
    """
    try:
        now = datetime.fromisoformat(question["now"])
        if question["ask"] == "bundle":
            return {"bundle": certificates(question["text"], now)}
        held = Certificates(**question["held"]) if question["held"] is not None else None
        found = certified(held, question["subject"], question["organisation"], question["names"], now)
        return {
            "certificates": asdict(found) if found is not held else None,
            "renew": renewal_time(found).isoformat(),
        }
    except BundleError as error:
        return {"refused": str(error)}
    except Exception as error:  # noqa: BLE001 - whatever it is, the next question is to be answered
        return {"failed": type(error).__name__}


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer until there is no more question, or nobody to answer to."""
    with contextlib.suppress(BrokenPipeError):
        for line in questions:
            answers.write(json.dumps(answer(json.loads(line))).encode() + b"\n")
            answers.flush()


def main() -> None:
    """Entry point."""
    # Ctrl+C in a terminal reaches the whole group; the operator ends this process when it has ended its passes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
