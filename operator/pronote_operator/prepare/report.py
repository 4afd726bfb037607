"""What was done to a volume, told from its journal: the body of the agent's ``GET /v1/preparation``."""

from __future__ import annotations

from typing import Final

from pronote_operator.prepare.journal import KEPT_RESTORES, History, Record, read_history
from pronote_operator.prepare.turns import STEPS
from pronote_operator.prepare.volume import Layout

SOURCES: Final = ("empty", "hnot", "snapshot")

TOLD_YEARS: Final = 20
"""Steps of turns that are told; a turn has three."""


def read_preparation(volume: str) -> dict[str, object]:
    """The report of the data volume mounted at ``volume``; the journal is small, and only ever read here.

    Raises:
        RefusedError: ``JournalDamaged``.
        OSError: the journal cannot be read.
    """
    return preparation(read_history(Layout(volume).journal))


def preparation(history: History) -> dict[str, object]:
    """The restores, the ended steps of the source, and those of turns of the year; newest last.

    ``{"restores": [{"requestId", "snapshot", "safetySnapshot": str | None, "result", "reason", "message",
    "startedTime", "completedTime": str | None}], "source": {"kind": str | None, "steps": [{"name", "message"}]},
    "years": [{"name", "schoolYear", "message", "time"}]}``; ``result`` is ``Running``, ``Succeeded`` or ``Failed``.
    """
    steps = [record for record in history.records if record["event"] == "end" and record.get("step") in SOURCES]
    turns = [record for record in history.records if record["event"] == "end" and record.get("step") in STEPS]
    return {
        "restores": _restores(history),
        "source": {
            "kind": steps[0]["step"] if steps else None,
            "steps": [{"name": step["key"], "message": step.get("message", "")} for step in steps],
        },
        "years": [
            {
                "name": step["key"],
                "schoolYear": step.get("schoolYear"),
                "message": step.get("message", ""),
                "time": step["time"],
            }
            for step in turns[-TOLD_YEARS:]
        ],
    }


def _restores(history: History) -> list[Record]:
    found: dict[str, Record] = {}
    for record in history.records:
        # Of the oldest ones only a short end is kept, which does not say what it was of.
        if record.get("step") != "restore" or not (record["key"] in found or "requestId" in record):
            continue
        key = str(record["key"])
        if key not in found:
            found[key] = _running(record)
        told = found[key]
        match record["event"]:
            case "begin":
                told["snapshot"] = record["snapshot"]
            case "safety":
                told["safetySnapshot"] = record["safetySnapshot"]
            case "fault":
                told["message"] = record["message"]
            case "end":
                told |= {
                    "result": "Succeeded" if record["result"] == "Restored" else "Failed",
                    "reason": record["reason"],
                    "message": record["message"],
                    "safetySnapshot": record["safetySnapshot"],
                    "completedTime": record["time"],
                }
    return list(found.values())[-KEPT_RESTORES:]


def _running(record: Record) -> Record:
    return {
        "requestId": record["requestId"],
        "snapshot": record["snapshot"],
        "safetySnapshot": None,
        "result": "Running",
        "reason": "",
        "message": "",
        "startedTime": record.get("startedTime", record["time"]),
        "completedTime": None,
    }
