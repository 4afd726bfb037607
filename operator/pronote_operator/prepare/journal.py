"""The journal of a data volume: what was done to it, kept on it.

``.prepare/journal.jsonl`` is a file of JSON lines, only ever appended to, each line synced before the next thing is
done. It outlives the base's object and its status, and so is what "a date never fires twice" rests on. Every line has

=============  ====================================================================================================
``v``          1, the version of this schema
``time``       UTC, RFC 3339 with milliseconds
``event``      ``identity`` | ``begin`` | ``safety`` | ``swap`` | ``fault`` | ``end`` | ``sweep``
=============  ====================================================================================================

and, by event:

- ``identity`` (the first line, once): ``uai`` of the school that the volume belongs to for good; ``namespace`` and
  ``name`` of the base that it was made for, which may change when a kept volume is used again.
- ``begin`` and ``end`` of a step of the source: ``key`` identifies it (``empty-<year>``), ``step`` is the source's
  kind, ``schoolYear`` the year it makes; ``message`` of an ``end`` says what was made. A ``begin`` without ``end`` is a
  step that was interrupted: it is carried out again. An ``end`` is written only when what the step made is durable, and
  a key never ends twice.
- ``begin`` and ``end`` likewise of a turn of the year, with ``schoolYear`` the year that they are about: ``newYear``
  makes its base, ``turn`` puts it in service (its ``begin`` is before the first server's start), ``year`` notes every
  other change of the year in service, ``putAway`` puts the folder of a failed turn away; and the ``end`` of ``served``
  is written by the agent before the first one is let in. See `turns`.
- ``begin`` and ``end`` likewise of an ``archive``: ``key`` is the name of the snapshot, ``schoolYear`` the year that
  was in service. See `archive`.
- ``begin``, ``safety``, ``swap``, ``fault`` and ``end`` of a restore: ``key`` is ``restore-<requestId>`` and ``step``
  ``restore``. ``begin`` (one for each try) has ``requestId``, ``snapshot``, ``schoolYear``, and in ``safetySnapshot``
  the name that the safety snapshot will have; ``safety`` has the name that it has, or null when nothing was in service;
  ``swap`` comes before the first rename and has ``keepsAnnexes``: a restore with a ``swap`` is finished by whichever
  run comes next, whatever its plan; ``fault`` has the ``message`` of a try that may be made again; ``end`` has
  ``result`` (``Restored`` or ``Failed``), ``reason`` and ``message``, and ``requestId``, ``snapshot``,
  ``safetySnapshot`` and ``startedTime`` again, so that it can be understood alone.
- ``sweep``: ``removed``, the names that a killed run or a killed snapshot had left (at most 20 of them) and ``count``.

The last line may be torn (the process or the machine died while it was written): nothing had been done on its
strength, so it is ignored by readers and cut off by the next writer. A line that cannot be read anywhere else means
that the file was tampered with or damaged: nothing is done on such a volume.

**Size.** A restore writes five lines, some 1.2 KiB, and a sweep one of at most 1.5 KiB. A run that has something to
write and finds more than `COMPACT_BYTES` first rewrites the file (aside, synced, renamed) without what no decision
and no report needs: see `kept_records`. What stays for good is one short line for each request ever carried out: a
restore on every day of ten years is half a megabyte.

**A full volume.** The file ``reserve`` beside the journal is room for its last lines: it is given up when the volume is
full, so that a restore which finds no room can still be ended, and the school served.
"""

# Only functions of `os` are used: each is one system call, at which the tests kill the process.
# ruff: noqa: PTH104, PTH108, PTH116, PTH120
from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pronote_operator.prepare import disk
from pronote_operator.prepare.outcome import RefusedError

SCHEMA_VERSION: Final = 1

COMPACT_BYTES: Final = 256 << 10
"""Size from which a journal is rewritten before it is appended to. Reading that much takes some 5 ms."""

KEPT_RESTORES: Final = 20
"""Restores of which every line is kept; as many as are reported."""

KEPT_SWEEPS: Final = 20

RESERVE: Final = (b"Room for the last lines of the journal on a full volume.\n" * 288)[: 16 << 10]
"""Four blocks of most file systems."""

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)

ARCHIVE: Final = "archive"
"""The step that makes nothing on the volume: it stores what is there."""

Record = dict[str, object]


def restore_key(request_id: str) -> str:
    """What a request for a restore is called in the journal."""
    return f"restore-{request_id}"


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

    def was_restored(self, school_year: int) -> bool:
        """Whether a snapshot was ever put in service for a school year."""
        return any(
            record["event"] == "end" and record.get("result") == "Restored" and record.get("schoolYear") == school_year
            for record in self.records
        )

    @property
    def years_made(self) -> tuple[int, ...]:
        """School years for which a base was made on this volume, in order of making."""
        ends = (record for record in self.records if record["event"] == "end" and record.get("result") != "Failed")
        made = (record.get("schoolYear") for record in ends if record.get("step") != ARCHIVE)
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
        self.now = now
        self._folder = os.path.dirname(path)
        if history.durable_bytes > COMPACT_BYTES:
            self._compact(path, history)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, disk.FILE_MODE)
        if history.torn and os.fstat(self._descriptor).st_size == history.total_bytes:
            os.ftruncate(self._descriptor, history.durable_bytes)
            os.fsync(self._descriptor)
        if not history.exists:
            disk.sync_folder(self._folder)
        self._length = os.fstat(self._descriptor).st_size
        self._make_reserve()

    def append(self, event: str, **members: object) -> None:
        """Write one line and sync it; on a full volume, into the room that was kept for it.

        Raises:
            OSError: nothing of the line is there, or it is cut off before the next one. A run that comes before that
                may find it whole or torn, if the disk refused to cut it off or lost its power: as after a kill.
        """
        record = {"v": SCHEMA_VERSION, "time": self.now(), "event": event, **members}
        line = _line(record)
        # Longer only if what a failed line left could not be cut off then.
        if os.fstat(self._descriptor).st_size > self._length:
            os.ftruncate(self._descriptor, self._length)
        try:
            self._write(line)
        except BaseException:
            # Else the next line would end a torn one, and be lost with it. The sync of the next line is this cut's too.
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._length)
            raise
        self._length += len(line)

    def _write(self, line: bytes) -> None:
        try:
            disk.write_all(self._descriptor, line)
            os.fsync(self._descriptor)
        except OSError as error:
            if error.errno not in _FULL or not disk.exists(f"{self._folder}/reserve"):
                raise
            os.ftruncate(self._descriptor, self._length)
            os.unlink(f"{self._folder}/reserve")
            disk.sync_folder(self._folder)
            disk.write_all(self._descriptor, line)
            os.fsync(self._descriptor)

    def _make_reserve(self) -> None:
        path = f"{self._folder}/reserve"
        with contextlib.suppress(FileNotFoundError):
            if os.stat(path, follow_symlinks=False).st_size == len(RESERVE):
                return
            os.unlink(path)
        try:
            disk.write_new_file(path, RESERVE)
        except OSError as error:
            if error.errno not in _FULL:
                raise

    def _compact(self, path: str, history: History) -> None:
        aside = f"{path}.new"
        try:
            disk.remove_tree(aside)
            disk.write_new_file(aside, b"".join(map(_line, kept_records(history.records))))
            os.rename(aside, path)
            disk.sync_folder(self._folder)
        except OSError as error:
            if error.errno not in _FULL:
                raise

    def close(self) -> None:
        """Close the file; every line is already durable."""
        os.close(self._descriptor)


def kept_records(records: tuple[Record, ...]) -> list[Record]:
    """What a rewritten journal holds: all that a decision or a report needs, and no more.

    Of restores older than the newest `KEPT_RESTORES`, only that they ended, and how; of sweeps, the newest.
    """
    keys = list(dict.fromkeys(record["key"] for record in records if record.get("step") == "restore"))
    old = set(keys[:-KEPT_RESTORES])
    sweeps = [number for number, record in enumerate(records) if record["event"] == "sweep"]
    dropped = set(sweeps[:-KEPT_SWEEPS])
    kept = []
    for number, record in enumerate(records):
        if number in dropped:
            continue
        if record.get("key") not in old:
            kept.append(record)
        elif record["event"] == "end":
            kept.append({member: record[member] for member in _SHORT_END if member in record})
    return kept


_SHORT_END: Final = ("v", "time", "event", "key", "step", "schoolYear", "result", "reason")

_NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "identity": ("uai",),
    "begin": ("key",),
    "safety": ("key",),
    "swap": ("key",),
    "fault": ("key",),
    "end": ("key",),
    "sweep": (),
}


def _line(record: Record) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def _parsed(line: bytes) -> Record | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict) or record.get("v") != SCHEMA_VERSION:
        return None
    needed = _NEEDED.get(str(record.get("event")))
    if needed is None or any(not isinstance(record.get(member), str) for member in needed):
        return None
    return record
