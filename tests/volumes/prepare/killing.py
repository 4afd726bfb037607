"""Runs prepare in a forked process and ends it, or fails it, at a chosen system call.

Every function of ``os`` that is a system call is counted, whatever it does, from the start of a run to its end: so a
call that is added to prepare is a kill point without anybody listing it.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import posix
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import BuiltinFunctionType
from typing import Any, Literal

from pronote_operator.prepare import empty as _empty  # noqa: F401 - imported early, so that a run imports nothing
from pronote_operator.prepare import grid as _grid  # noqa: F401 - likewise
from pronote_operator.prepare import hnot as _hnot  # noqa: F401 - likewise
from pronote_operator.prepare import main
from pronote_operator.prepare import restore as _restore  # noqa: F401 - likewise
from pronote_operator.prepare import run as _run  # noqa: F401 - likewise
from pronote_operator.prepare import sqlite as _sqlite  # noqa: F401 - likewise
from pronote_operator.prepare import storing as _storing  # noqa: F401 - likewise
from pronote_operator.prepare import turn as _turn  # noqa: F401 - likewise
from pronote_operator.prepare import years as _years
from pronote_operator.snapshots import reserve

How = Literal["before", "after", "torn", "ENOSPC", "EIO"]
"""``torn`` writes the first half of a write and then kills; ``ENOSPC`` and ``EIO`` fail the call instead of killing."""

_NOT_COUNTED = {"_exit", "abort", "fork", "fspath", "getpid", "kill", "register_at_fork", "strerror", "urandom"}


@dataclass(frozen=True)
class Point:
    """The ``number``-th system call (from 1) of a run, and what happens there."""

    number: int
    how: How


@dataclass(frozen=True)
class Run:
    """How one run ended. ``calls`` are the system calls it began, as ``name`` or ``name path``."""

    exit_code: int | None
    killed: bool
    calls: tuple[str, ...]


class Killer:
    """Runs prepare again and again, each time in a process forked from a small one that has everything imported.

    Forking the tests' own process would cost ten times as much: it is large by then.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.volumes.prepare.killing"],
            cwd=Path(__file__).parents[3],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, environment: dict[str, str], point: Point | None = None) -> Run:
        """Run prepare in a process of its own; its log goes nowhere."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = [environment, None if point is None else [point.number, point.how]]
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        exit_code, killed, calls = json.loads(self._process.stdout.readline())
        return Run(exit_code, killed, tuple(calls))

    def photograph(self, environment: dict[str, str], folders: list[str], album: Path) -> list[tuple[str, Path]]:
        """Run prepare to its end, and copy folders to ``album`` at each system call that finds them changed.

        A copy is what a kill at that moment leaves. So one run with its calls of borg, which take most of the time,
        gives the state after a kill at every instruction of it.

        Returns:
            For each copy, the call that came next and where it is: a folder with one copy of each of ``folders``.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([environment, [folders, str(album)]]) + "\n")
        self._process.stdin.flush()
        exit_code, killed, _ = json.loads(self._process.stdout.readline())
        assert (exit_code, killed) == (0, False)
        taken = sorted(album.iterdir(), key=lambda folder: int(folder.name))
        return [((folder / "call").read_text(), folder) for folder in taken]

    def close(self) -> None:
        """End the small process."""
        self._process.communicate()


def keep_small_reserves() -> None:
    """Let this process keep little room beside a repository: it would be 40 MiB for each one of the tests."""
    assert reserve.reserve_bytes(Path("/nowhere"))
    setattr(reserve, "reserve_bytes", lambda repository: 1 << 16)  # noqa: B010 - mypy knows no other way


def serve() -> None:
    """The small process: an order per line in, a run per line out."""
    keep_small_reserves()
    for line in sys.stdin:
        environment, at = json.loads(line)
        if at is not None and isinstance(at[0], list):
            run = _run_forked(environment, Camera([Path(folder) for folder in at[0]], Path(at[1])))
        else:
            run = _run_forked(environment, None if at is None else Point(*at))
        print(json.dumps([run.exit_code, run.killed, run.calls]), flush=True)


def _run_forked(environment: dict[str, str], point: Point | Camera | None) -> Run:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        with contextlib.suppress(BaseException):
            if isinstance(point, Camera):
                point.child(environment)
            else:
                _child(environment, point, writer)
        os._exit(99)
    os.close(writer)
    with os.fdopen(reader, "r") as trace:
        calls = tuple(trace.read().splitlines())
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return Run(None, True, calls)
    return Run(os.waitstatus_to_exitcode(status), False, calls)


def points_of(run: Run, hows: tuple[How, ...]) -> Iterator[Point]:
    """Every point of an uninterrupted run."""
    for number, call in enumerate(run.calls, start=1):
        for how in hows:
            if how != "torn" or call.startswith("write"):
                yield Point(number, how)


def _child(environment: dict[str, str], point: Point | None, trace: int) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    raw_write, kill, getpid, exit_now = posix.write, posix.kill, posix.getpid, posix._exit
    done = 0
    paths: dict[int, str] = {}

    def counted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            nonlocal done
            if threading.current_thread() is not threading.main_thread():
                return call(*args, **kwargs)
            done += 1
            named = paths.get(args[0], "") if args and isinstance(args[0], int) else str(args[0]) if args else ""
            target = named.replace("\n", " ")
            raw_write(trace, f"{name} {target}".encode() + b"\n")
            here = point.how if point is not None and point.number == done else None
            if here in ("ENOSPC", "EIO"):
                number = getattr(errno, here)
                raise OSError(number, os.strerror(number))
            if here == "torn":
                raw_write(args[0], bytes(args[1])[: len(args[1]) // 2])
            if here in ("before", "torn"):
                kill(getpid(), signal.SIGKILL)
            try:
                result = call(*args, **kwargs)
            finally:
                if here == "after":
                    kill(getpid(), signal.SIGKILL)
            if name == "open":
                paths[result] = str(args[0])
            return result

        return wrapper

    for name in dir(posix):
        call = getattr(posix, name)
        if isinstance(call, BuiltinFunctionType) and hasattr(os, name) and name not in _NOT_COUNTED:
            setattr(os, name, counted(name, call))
    exit_now(_task(environment))


def _task(environment: dict[str, str]) -> int:
    """What is run: prepare, or with ``MAKE_YEAR`` (the coming and the passing year) what the agent does for a PUT."""
    if "MAKE_YEAR" not in environment:
        return main.run(environment)
    year, past = map(int, environment["MAKE_YEAR"].split())
    try:
        _years.make_year(environment["PRONOTE_VOLUME"], "0750654D", year, past, lambda: "2026-08-15T00:00:00.000Z")
    except OSError:
        return 74
    return 0


class Camera:
    """Copies folders whenever they changed since the last copy. See `Killer.photograph`."""

    def __init__(self, folders: list[Path], album: Path) -> None:
        self._folders = folders
        self._album = album
        self._seen: list[object] = []
        self._taken = 0
        self._busy = False
        self._borgs: list[subprocess.Popen[bytes]] = []

    def child(self, environment: dict[str, str]) -> None:
        """Run prepare in this process, and end it."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        for name in dir(posix):
            call = getattr(posix, name)
            if isinstance(call, BuiltinFunctionType) and hasattr(os, name) and name not in _NOT_COUNTED:
                setattr(os, name, self._watched(name, call))
        popen, borgs = subprocess.Popen, self._borgs

        class Remembered(popen):  # type: ignore[misc, valid-type]
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                borgs.append(self)

        setattr(subprocess, "Popen", Remembered)  # noqa: B010 - mypy knows no other way
        code = main.run(environment)
        self._busy = True
        posix._exit(code)

    def _watched(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            # A photograph takes calls of its own. Other threads only read what borg says.
            if self._busy or threading.current_thread() is not threading.main_thread():
                return call(*args, **kwargs)
            self._look(f"{name} {args[0] if args else ''}")
            if name == "write" and len(args[1]) > 1:
                # In two halves, for what a kill in the middle leaves.
                half = len(args[1]) // 2
                written = posix.write(args[0], bytes(args[1])[:half])
                self._look(f"{name} torn")
                return written + posix.write(args[0], bytes(args[1])[half:])
            return call(*args, **kwargs)

        return wrapper

    def _look(self, call: str) -> None:
        self._busy = True
        try:
            # While borg writes no copy of its repository is one moment's; it then has a kill in a test of its own.
            at_work = any(borg.returncode is None for borg in self._borgs)
            seen = [self._state(self._folders[0]), *([] if at_work else map(self._state, self._folders[1:]))]
            if seen != self._seen[: len(seen)]:
                self._seen = seen
                into = self._album / str(self._taken)
                self._taken += 1
                for folder in self._folders:
                    shutil.copytree(folder, into / folder.name, symlinks=True)
                (into / "call").write_text(call)
        finally:
            self._busy = False

    def _state(self, folder: Path) -> object:
        found = []
        for parent, _, names in os.walk(folder):
            for name in names:
                status = os.lstat(f"{parent}/{name}")
                found.append((parent, name, status.st_size, status.st_mtime_ns, status.st_ino))
            found.append((parent, "", 0, 0, 0))
        return sorted(found)


@dataclass(frozen=True)
class Entry:
    """One file or folder of a volume; files with their content."""

    mode: int
    content: bytes | None


def tree(root: Path, *without: str) -> dict[str, Entry]:
    """Everything under a volume, by relative path; ``without`` names files to leave out."""
    return {
        str(path.relative_to(root)): Entry(path.lstat().st_mode & 0o7777, path.read_bytes() if path.is_file() else None)
        for path in sorted(root.rglob("*"))
        if str(path.relative_to(root)) not in without
    }


if __name__ == "__main__":
    serve()
