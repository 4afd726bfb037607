"""Runs the command borg: its environment, its passphrase, its end; and reads what it says.

The passphrase reaches borg through a pipe (BORG_PASSPHRASE_FD): it is in no command line and in no environment, which
other processes of the machine could read. borg inherits the descriptors that `Borg` is told to keep open, among them
the repository's lock, so that the lock lasts as long as the last process that works on the repository.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from pronote_operator.snapshots.errors import Reason, SnapshotError
from pronote_operator.snapshots.verdict import Message, Run, judge

logger = logging.getLogger(__name__)

GRACE_SECONDS: Final = 4.0
"""Between the request to end and SIGKILL. borg needs a moment to give its locks back."""

KEPT_MESSAGES: Final = 50_000
"""Bound of what is remembered of one run: a damaged repository gives a line for each damaged chunk."""


class Borg:
    """The command, for one repository.

    Args:
        base_folder: of borg's own state (cache, security database); made when it is needed.
        key_file: holds the passphrase; read anew at each run.
        keep_open: descriptors that borg inherits.
        cancelled: once set, a run ends, and no further one begins.
        background: whether borg gives way to everybody else (CPU and disk).
    """

    def __init__(
        self,
        base_folder: Path,
        key_file: Path,
        *,
        keep_open: Callable[[], tuple[int, ...]] = tuple,
        cancelled: threading.Event | None = None,
        background: bool = False,
    ) -> None:
        self._base_folder = base_folder
        self._key_file = key_file
        self._keep_open = keep_open
        self._cancelled = cancelled or threading.Event()
        self._prefix = _prefix(background)

    def run(
        self,
        arguments: Sequence[str],
        *,
        seconds: float,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        on_progress: Callable[[Message], None] | None = None,
        accept: frozenset[int] = frozenset({0}),
    ) -> Run:
        """Run borg to its end.

        Args:
            arguments: of borg, the subcommand first.
            seconds: after which it is ended.
            folder: to run in.
            environment: further variables.
            on_progress: gets each progress message, on another thread.
            accept: exit codes that are no failure (1 is a warning).

        Raises:
            SnapshotError: it failed; what it said decides the reason.
        """
        with self.stream(arguments, seconds=seconds, folder=folder, environment=environment, on_progress=on_progress,
                         accept=accept) as (output, run):  # fmt: skip
            run.output = output.read()
        return run

    @contextlib.contextmanager
    def stream(
        self,
        arguments: Sequence[str],
        *,
        seconds: float,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        on_progress: Callable[[Message], None] | None = None,
        accept: frozenset[int] = frozenset({0}),
    ) -> Iterator[tuple[IO[bytes], Run]]:
        """Run borg while the caller reads its output; the end of the context waits for it and judges it.

        Raises:
            SnapshotError: as `run`; an error of the caller ends borg and is passed on.
        """
        if self._cancelled.is_set():
            raise SnapshotError(Reason.CANCELLED, "the work was cancelled")
        passphrase = self._passphrase()
        self._base_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        run = Run()
        with passphrase_pipe(passphrase) as descriptor, contextlib.ExitStack() as stack:
            try:
                process = subprocess.Popen(
                    [*self._prefix, "borg", arguments[0], "--log-json", *arguments[1:]],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    cwd=folder,
                    env=self._environment(descriptor) | dict(environment or {}),
                    pass_fds=(descriptor, *self._keep_open()),
                    start_new_session=True,
                )
            except OSError as error:
                raise SnapshotError(Reason.STORE_FAILED, f"borg cannot be started: {error.strerror}") from error
            os.close(descriptor)
            assert process.stdout is not None
            assert process.stderr is not None
            watch = _Watch(process, run, self._cancelled, seconds)
            reader = threading.Thread(target=_read, args=(process.stderr, run, on_progress), daemon=True)
            reader.start()
            stack.callback(process.stdout.close)
            stack.callback(process.stderr.close)
            stack.callback(reader.join)
            stack.callback(watch.stop)
            try:
                yield process.stdout, run
            except BaseException:
                end(process)
                raise
            process.stdout.close()
            run.code = process.wait()
            reader.join()
        judge(run, arguments[0], accept)

    def _passphrase(self) -> bytes:
        try:
            passphrase = self._key_file.read_bytes().strip()
        except OSError:
            passphrase = b""
        if not passphrase:
            raise SnapshotError(Reason.KEY_WRONG, "the key of the snapshots cannot be read, or is empty")
        return passphrase

    def _environment(self, descriptor: int) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "HOME": str(self._base_folder),
            "BORG_BASE_DIR": str(self._base_folder),
            "BORG_PASSPHRASE_FD": str(descriptor),
            # Volumes are mounted elsewhere at times; and there is nobody to answer a question.
            "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "no",
            "BORG_CHECK_I_KNOW_WHAT_I_AM_DOING": "YES",
            "BORG_DELETE_I_KNOW_WHAT_I_AM_DOING": "NO",
        }


@contextlib.contextmanager
def passphrase_pipe(passphrase: bytes) -> Iterator[int]:
    """A descriptor from which a child can read the passphrase once."""
    reading, writing = os.pipe()
    try:
        # A pipe holds 64 KiB: nothing blocks.
        os.write(writing, passphrase)
        os.close(writing)
        yield reading
    finally:
        with contextlib.suppress(OSError):
            os.close(reading)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a run and all that belongs to it, by its own process group; wait for it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
            return


class _Watch:
    """Ends a run that takes too long or is cancelled."""

    def __init__(self, process: subprocess.Popen[bytes], run: Run, cancelled: threading.Event, seconds: float) -> None:
        self._process = process
        self._run = run
        self._cancelled = cancelled
        self._deadline = time.monotonic() + seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """The run is over."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            if self._cancelled.is_set() or time.monotonic() > self._deadline:
                self._run.ended = "Cancelled" if self._cancelled.is_set() else "TimedOut"
                end(self._process)
                return


def _read(stream: IO[bytes], run: Run, on_progress: Callable[[Message], None] | None) -> None:
    for line in stream:
        try:
            message = json.loads(line)
        except ValueError:
            message = {"type": "log_message", "message": line.decode(errors="replace").strip()}
        if not isinstance(message, dict):
            continue
        if message.get("type") in ("log_message", "file_status"):
            if len(run.messages) < KEPT_MESSAGES:
                run.messages.append(message)
        elif on_progress is not None:
            on_progress(message)


def _prefix(background: bool) -> list[str]:
    """What borg is started by. setpriv lets it die with us: nobody would read its result."""
    words = []
    if setpriv := shutil.which("setpriv"):
        words += [setpriv, "--pdeathsig", "KILL", "--"]
    if background and (nice := shutil.which("nice")):
        words += [nice, "-n", "15"]
    if background and (ionice := shutil.which("ionice")):
        # Where the kernel does not let us, ionice goes on without.
        words += [ionice, "-t", "-c", "3"]
    return words
