"""The journal of a data volume: what was done to it, kept on it.

``.prepare/journal.jsonl`` is a file of JSON lines, only ever appended to, each line synced before the next thing is
done. It outlives the base's object and its status, and so is what "a date never fires twice" rests on. Every line has

=============  ====================================================================================================
``v``          1, the version of this schema
``time``       UTC, RFC 3339 with milliseconds
``event``      ``identity`` | ``begin`` | ``end`` | ``sweep``
=============  ====================================================================================================

and, by event:

- ``identity`` (the first line, once): ``uai`` of the school that the volume belongs to for good; ``namespace`` and
  ``name`` of the base that it was made for, which may change when a kept volume is used again.
- ``begin`` and ``end``: ``key`` identifies the step (for the empty source ``empty-<year>``), ``step`` is its kind,
  ``schoolYear`` the year it makes. A ``begin`` without ``end`` is a step that was interrupted: it is carried out
  again, which may write a second ``begin``. An ``end`` is written only when what the step made is durable, and a key
  never ends twice.
- ``sweep``: ``removed``, the names that a killed run or a killed snapshot had left (at most 20 of them) and ``count``.

The last line may be torn (the process or the machine died while it was written): nothing had been done on its
strength, so it is ignored by readers and cut off by the next writer. A line that cannot be read anywhere else means
that the file was tampered with or damaged: nothing is done on such a volume.
"""

# Only functions of `os` are used: each is one system call, at which the tests kill the process.
# ruff: noqa: PTH120
from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pronote_operator.prepare import disk
from pronote_operator.prepare.outcome import RefusedError

SCHEMA_VERSION: Final = 1

Record = dict[str, object]


@dataclass(frozen=True)
class History:
    """What a journal says. ``durable_bytes`` is the length without a torn last line; ``total_bytes`` with it."""

    records: tuple[Record, ...] = ()
    durable_bytes: int = 0
    total_bytes: int = 0
    exists: bool = False

    @property
    def torn(self) -> bool:
        """Whether the last line is torn."""
        return self.total_bytes > self.durable_bytes

    @property
    def uai(self) -> str | None:
        """The UAI of the school that the volume belongs to, None while it belongs to nobody."""
        return next((str(record["uai"]) for record in self.records if record["event"] == "identity"), None)

    def begun(self, key: str) -> bool:
        """Whether a step was ever started."""
        return any(record["event"] == "begin" and record["key"] == key for record in self.records)

    def end_of(self, key: str) -> Record | None:
        """The line that ended a step, None when it never ended."""
        return next((record for record in self.records if record["event"] == "end" and record["key"] == key), None)

    @property
    def years_made(self) -> tuple[int, ...]:
        """School years for which a base was made on this volume, in order of making."""
        made = (record.get("schoolYear") for record in self.records if record["event"] == "end")
        return tuple(dict.fromkeys(year for year in made if isinstance(year, int)))


def read_history(path: str) -> History:
    """Read a journal without writing.

    Raises:
        RefusedError: ``JournalDamaged`` when a line other than the last cannot be read.
        OSError: the file cannot be read.
    """
    content = disk.read_file(path)
    if content is None:
        return History()
    lines = content.split(b"\n")
    whole, tail = lines[:-1], lines[-1]
    records: list[Record] = []
    durable = 0
    for number, line in enumerate(whole, start=1):
        record = _parsed(line)
        if record is None:
            # A filesystem may recover a file at its full length with the last line not written: torn as well.
            if number == len(whole) and not tail:
                break
            raise RefusedError("JournalDamaged", f"line {number} of the volume's journal {path} cannot be read")
        records.append(record)
        durable += len(line) + 1
    return History(tuple(records), durable, len(content), exists=True)


class Journal:
    """Appends lines. Opened only once a plan was accepted; a torn last line is cut off first.

    Args:
        path: of the file; its folder exists.
        history: what was read from it under the volume's lock.
        now: gives the time of a line, RFC 3339.
    """

    def __init__(self, path: str, history: History, now: Callable[[], str]) -> None:
        self._now = now
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, disk.FILE_MODE)
        if history.torn:
            os.ftruncate(self._descriptor, history.durable_bytes)
            os.fsync(self._descriptor)
        if not history.exists:
            disk.sync_folder(os.path.dirname(path))

    def append(self, event: str, **members: object) -> None:
        """Write one line and sync it.

        Raises:
            OSError: the line may be on the disk in part; the next run cuts it off.
        """
        record = {"v": SCHEMA_VERSION, "time": self._now(), "event": event, **members}
        disk.write_all(self._descriptor, json.dumps(record, separators=(",", ":")).encode() + b"\n")
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file; every line is already durable."""
        os.close(self._descriptor)


def _parsed(line: bytes) -> Record | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict) or record.get("v") != SCHEMA_VERSION:
        return None
    needed = {"identity": ("uai",), "begin": ("key",), "end": ("key",), "sweep": ()}.get(str(record.get("event")))
    if needed is None or any(not isinstance(record.get(member), str) for member in needed):
        return None
    return record
