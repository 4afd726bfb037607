"""Starts processes that outlive this one, and stops exactly those.

Each has a record of its process id, the time it was started and the boot it was started in: an id that the kernel has
given to another program since is never signalled.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

LOG_LIMIT = 64 * 1024**2
"""Bytes; a log longer than this is put aside when its process is started again."""


@dataclass(frozen=True)
class ProcessSpec:
    """A process as it should run.

    Attributes:
        name: of its record and its log.
        argv: program and arguments.
        environment: added to a minimal environment.
        inputs: files it reads only when it starts; a change of one restarts the process.
    """

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    inputs: Sequence[Path] = ()

    def digest(self) -> str:
        """Changes when the process would be started otherwise."""
        digest = hashlib.sha256(json.dumps([list(self.argv), sorted(self.environment.items())]).encode())
        for path in self.inputs:
            digest.update(path.read_bytes())
        with contextlib.suppress(OSError):
            program = Path(self.argv[0]).stat()
            digest.update(f"{program.st_mtime_ns} {program.st_size}".encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class Record:
    """A process as it was started."""

    pid: int
    start_ticks: int
    boot: str
    digest: str


def start_ticks(pid: int) -> int | None:
    """When a process was started, in clock ticks since the boot; None when it is gone or only a zombie."""
    with contextlib.suppress(ChildProcessError, ValueError):
        os.waitpid(pid, os.WNOHANG)  # bury our own dead, or they would count as running
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()  # the name in parentheses may hold anything
    return None if fields[0] in "ZX" else int(fields[19])


def boot_id() -> str:
    """Which boot of the machine this is."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


class Processes:
    """The processes of one instance.

    Args:
        pids: folder of the records.
        logs: folder of the logs.
    """

    def __init__(self, pids: Path, logs: Path) -> None:
        self._pids = pids
        self._logs = logs

    def log(self, name: str) -> Path:
        """Where a process writes."""
        return self._logs / f"{name}.log"

    def names(self) -> list[str]:
        """The processes with a record, running or not."""
        return sorted(path.stem for path in self._pids.glob("*.json"))

    def running(self, name: str) -> Record | None:
        """The record of a process, when that very process still runs."""
        try:
            record = Record(**json.loads(self._record(name).read_text()))
        except (OSError, ValueError, TypeError):
            return None
        alive = record.boot == boot_id() and start_ticks(record.pid) == record.start_ticks
        return record if alive else None

    def is_current(self, spec: ProcessSpec) -> bool:
        """Whether the process runs as the spec says."""
        record = self.running(spec.name)
        return record is not None and record.digest == spec.digest()

    def start(self, spec: ProcessSpec) -> Record:
        """Starts a process, unless it runs already."""
        if running := self.running(spec.name):
            return running
        for folder in (self._pids, self._logs):
            folder.mkdir(parents=True, exist_ok=True)
        log = self.log(spec.name)
        if log.exists() and log.stat().st_size > LOG_LIMIT:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as output:
            child = subprocess.Popen(
                list(spec.argv),
                cwd="/",
                env=_environment(spec.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child.returncode = 0  # it is meant to outlive us: no warning when this object is collected
        record = Record(child.pid, start_ticks(child.pid) or 0, boot_id(), spec.digest())
        fresh = self._record(spec.name).with_suffix(".new")
        fresh.write_text(json.dumps(asdict(record)))
        fresh.rename(self._record(spec.name))
        return record

    def signal(self, name: str, number: signal.Signals) -> bool:
        """Sends a signal; False when the process does not run."""
        record = self.running(name)
        if not record:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(record.pid, number)
        return True

    def stop(self, name: str, *, patience: float = 30.0) -> None:
        """Asks a process to end, waits until it has, and forgets it.

        Args:
            name: of the process.
            patience: seconds before it is killed.
        """
        self.signal(name, signal.SIGTERM)
        if not self.wait(name, patience):
            self.kill(name)
        self._record(name).unlink(missing_ok=True)

    def kill(self, name: str) -> None:
        """Kills a process at once and waits until it is gone. Its record stays: it counts as died."""
        if self.signal(name, signal.SIGKILL):
            self.wait(name, 30.0)

    def wait(self, name: str, seconds: float) -> bool:
        """Waits for a process to end; False when it still runs after so many seconds."""
        deadline = time.monotonic() + seconds
        while self.running(name):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def tail(self, name: str, lines: int = 12) -> str:
        """The end of a log."""
        try:
            with self.log(name).open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 16384))
                return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def _record(self, name: str) -> Path:
        return self._pids / f"{name}.json"


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    # Minimal on purpose: a proxy setting of the caller would send the cluster's own requests out of the machine.
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": os.environ.get("HOME", "/root"),
        **extra,
    }
