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
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import BuiltinFunctionType
from typing import Any, Literal

from pronote_operator.prepare import empty as _empty  # noqa: F401 - imported early, so that a run imports nothing
from pronote_operator.prepare import hnot as _hnot  # noqa: F401 - likewise
from pronote_operator.prepare import main
from pronote_operator.prepare import run as _run  # noqa: F401 - likewise
from pronote_operator.prepare import sqlite as _sqlite  # noqa: F401 - likewise

How = Literal["before", "after", "torn", "ENOSPC"]
"""``torn`` writes the first half of a write and then kills; ``ENOSPC`` fails the call instead of killing."""

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
            [sys.executable, "-m", "tests.unit.prepare.killing"],
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

    def close(self) -> None:
        """End the small process."""
        self._process.communicate()


def serve() -> None:
    """The small process: an order per line in, a run per line out."""
    for line in sys.stdin:
        environment, at = json.loads(line)
        run = _run_forked(environment, None if at is None else Point(*at))
        print(json.dumps([run.exit_code, run.killed, run.calls]), flush=True)


def _run_forked(environment: dict[str, str], point: Point | None) -> Run:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        with contextlib.suppress(BaseException):
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
            done += 1
            target = paths.get(args[0], "") if args and isinstance(args[0], int) else str(args[0]) if args else ""
            raw_write(trace, f"{name} {target}".encode() + b"\n")
            here = point.how if point is not None and point.number == done else None
            if here == "ENOSPC":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
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
    exit_now(main.run(environment))


@dataclass(frozen=True)
class Entry:
    """One file or folder of a volume; files with their content."""

    mode: int
    content: bytes | None


def tree(root: Path, *, without: str = "") -> dict[str, Entry]:
    """Everything under a volume, by relative path; ``without`` names one file to leave out."""
    return {
        str(path.relative_to(root)): Entry(path.lstat().st_mode & 0o7777, path.read_bytes() if path.is_file() else None)
        for path in sorted(root.rglob("*"))
        if str(path.relative_to(root)) != without
    }


if __name__ == "__main__":
    serve()
