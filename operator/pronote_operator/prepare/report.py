"""What was done to a volume, told from its journal: the body of the agent's ``GET /v1/preparation``."""

from __future__ import annotations

from typing import Final

from pronote_operator.prepare.journal import History, Record, read_history
from pronote_operator.prepare.volume import Layout

MAX_RESTORES: Final = 20
"""Restores that are told, the newest ones."""

SOURCES: Final = ("empty", "hnot", "snapshot")


def read_preparation(volume: str) -> dict[str, object]:
    """The report of the data volume mounted at ``volume``; the journal is small, and only ever read here.

    Raises:
        RefusedError: ``JournalDamaged``.
        OSError: the journal cannot be read.
    """
    return preparation(read_history(Layout(volume).journal))


def preparation(history: History) -> dict[str, object]:
    """The restores (newest last) and the ended steps of the source.

    ``{"restores": [{"requestId", "snapshot", "safetySnapshot": str | None, "result", "reason", "message",
    "startedTime", "completedTime": str | None}], "source": {"kind": str | None, "steps": [{"name", "message"}]}}``;
    ``result`` is ``Running``, ``Succeeded`` or ``Failed``.
    """
    steps = [record for record in history.records if record["event"] == "end" and record.get("step") in SOURCES]
    return {
        "restores": _restores(history),
        "source": {
            "kind": steps[0]["step"] if steps else None,
            "steps": [{"name": step["key"], "message": step.get("message", "")} for step in steps],
        },
    }


def _restores(history: History) -> list[Record]:
    found: dict[str, Record] = {}
    for record in history.records:
        if record.get("step") != "restore":
            continue
        key = str(record["key"])
        if record["event"] == "begin":
            told = found.setdefault(key, _running(record))
        elif record["event"] == "end":
            told = found.setdefault(key, _running(record))
            told["result"] = "Succeeded" if record.get("result") == "Restored" else "Failed"
            told["completedTime"] = record["time"]
        else:
            continue
        for member in ("safetySnapshot", "reason", "message"):
            if member in record:
                told[member] = record[member]
    return list(found.values())[-MAX_RESTORES:]


def _running(record: Record) -> Record:
    return {
        "requestId": record.get("requestId"),
        "snapshot": record.get("snapshot"),
        "safetySnapshot": None,
        "result": "Running",
        "reason": "",
        "message": "",
        "startedTime": record.get("startedTime", record["time"]),
        "completedTime": None,
    }
