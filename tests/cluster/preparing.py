"""What `prepare` does on a base's data volume, seen from the node as it happens, and stopped there.

The volumes of the local cluster are folders of this machine, so the kernel tells of every change (inotify) within a
fraction of a millisecond, and who holds the volume (`/proc/locks`).
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.cluster.schools import School
from tests.support.waiting import wait_until

Record = dict[str, Any]

LOCKED: Final = "locked"
"""Prepare has the volume to itself, and has written nothing yet."""

BESIDE_THE_JOURNAL: Final = (LOCKED, "unpack", "moved", "placed")
"""Moments that have no line in the journal."""

_MODIFY, _MOVED_FROM, _MOVED_TO, _CREATE = 0x2, 0x40, 0x80, 0x100
_EVENT: Final = struct.Struct("iIII")
_SIGTERM_BIT: Final = 1 << (signal.SIGTERM - 1)
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class DataVolume:
    """The folder of a data volume on this machine."""

    root: Path

    @property
    def journal(self) -> Path:
        return self.root / ".prepare" / "journal.jsonl"

    @property
    def year(self) -> Path:
        """The folder of the one school year that there is."""
        (year,) = (self.root / "years").iterdir()
        return year

    def records(self, request_id: str) -> list[Record]:
        """The journal's lines about a request."""
        lines = [json.loads(line) for line in self.journal.read_text().splitlines()]
        return [line for line in lines if line.get("key") == f"restore-{request_id}"]

    def events(self, request_id: str) -> list[str]:
        """The same, in a word each."""
        return [str(line["event"]) for line in self.records(request_id)]

    @property
    def annexes(self) -> dict[str, str]:
        """Every annex by its path, with its content."""
        folder = self.year / "annexes"
        return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}

    def write_annex(self, name: str, content: str) -> None:
        """Put a file among the annexes, as the server would."""
        folder = self.year / "annexes"
        owner = self.year.stat()
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(content)
        for path in (folder, folder / name):
            os.chown(path, owner.st_uid, owner.st_gid)

    @property
    def holder(self) -> int | None:
        """Process id of the prepare that has the volume to itself."""
        inode = str(self.root.stat().st_ino)
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if words[1] == "FLOCK" and words[5].rpartition(":")[2] == inode:
                return int(words[4])
        return None


def data_volume(school: School) -> DataVolume:
    """The folder of a base's data volume."""
    claim = school.child("PersistentVolumeClaim", f"{school.name}-data")
    found = school.kube.get("PersistentVolume", claim["spec"]["volumeName"], None)
    assert found is not None
    source = found["spec"].get("hostPath") or found["spec"]["local"]
    return DataVolume(Path(source["path"]))


class Watch:
    """The moments of restores on a volume, in order: lines of the journal, and what is moved between them.

    A moment is the event of a journal's line, or `unpack` (the folder for the new base is made), `moved` (the folder of
    the school year is out of its place) or `placed` (another is in it).
    """

    def __init__(self, volume: DataVolume) -> None:
        self._volume = volume
        self._read = volume.journal.stat().st_size
        self._rest = b""

    def __enter__(self) -> Self:
        self._descriptor = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self._own = self._add(self._volume.journal.parent, _MODIFY | _CREATE)
        self._years = self._add(self._volume.root / "years", _MOVED_FROM | _MOVED_TO)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def wait_locked(self, request_id: str, timeout: float) -> int:
        """Wait until a prepare has the volume that is to carry out a request; its process id."""

        def look() -> int | None:
            holder = self._volume.holder
            return holder if holder and _is_asked(holder, request_id) else None

        return wait_until(look, timeout, what="prepare has the volume", every=0.004)

    def wait_for(self, moment: str, timeout: float) -> None:
        """Wait until prepare comes to a moment; what came before it is forgotten."""
        if moment != LOCKED:
            next(one for one in self.moments(timeout) if one == moment)

    def moments(self, timeout: float) -> Iterator[str]:
        """Moments as they come, each told once.

        Raises:
            AssertionError: none came for so many seconds.
        """
        while True:
            assert select.select([self._descriptor], [], [], timeout)[0], f"nothing more happened for {timeout:g} s"
            for watch, mask, name in self._events():
                if watch == self._years:
                    yield "moved" if mask & _MOVED_FROM else "placed"
                elif name == "journal.jsonl":
                    yield from self._lines()
                elif mask & _CREATE and name.startswith("staging-"):
                    yield "unpack"

    def _add(self, path: Path, mask: int) -> int:
        watch = int(_libc.inotify_add_watch(self._descriptor, os.fsencode(path), mask))
        assert watch >= 0, os.strerror(ctypes.get_errno())
        return watch

    def _events(self) -> Iterator[tuple[int, int, str]]:
        content = os.read(self._descriptor, 1 << 16)
        while content:
            watch, mask, _, length = _EVENT.unpack_from(content)
            yield watch, mask, content[_EVENT.size : _EVENT.size + length].rstrip(b"\0").decode()
            content = content[_EVENT.size + length :]

    def _lines(self) -> Iterator[str]:
        with self._volume.journal.open("rb") as journal:
            journal.seek(self._read)
            new = journal.read()
        self._read += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        for line in lines:
            record = json.loads(line)
            if record.get("step") == "restore":
                yield str(record["event"])


class Process:
    """A process of a container, which no other can be taken for."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._descriptor = os.pidfd_open(pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A stopped process would keep its pod for ever.
        self.signal(signal.SIGCONT)
        os.close(self._descriptor)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; it may be gone."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, number)

    @property
    def gone(self) -> bool:
        """Whether it has ended."""
        return bool(select.select([self._descriptor], [], [], 0)[0])

    def wait_gone(self, timeout: float) -> None:
        """Wait until it has ended."""
        assert select.select([self._descriptor], [], [], timeout)[0], f"process {self.pid} still runs"

    def go_on_when_told_to_end(self, timeout: float) -> None:
        """Of a stopped process: let it go on as soon as SIGTERM waits for it."""
        wait_until(lambda: self.gone or self._is_told_to_end(), timeout, what="it is told to end", every=0.01)
        self.signal(signal.SIGCONT)

    def _is_told_to_end(self) -> bool:
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{self.pid}/status").read_text()
            pending = (line.split()[1] for line in status.splitlines() if line.startswith(("SigPnd", "ShdPnd")))
            return any(int(bits, 16) & _SIGTERM_BIT for bits in pending)
        return False


def _is_asked(pid: int, request_id: str) -> bool:
    with contextlib.suppress(OSError):
        for variable in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            name, _, value = variable.partition(b"=")
            if name == b"PRONOTE_DATA_PLAN":
                return bool((json.loads(value).get("restore") or {}).get("requestId") == request_id)
    return False
