"""Runs prepare in a forked process and ends it, or fails it, at a chosen system call.

Every function of ``os`` that is a system call is counted, whatever it does, from the start of a run to its end: so a
call that is added to prepare is a kill point without anybody listing it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import posix
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import BuiltinFunctionType
from typing import Any, Literal

from pronote_operator.prepare import main

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


def run_prepare(environment: dict[str, str], point: Point | None = None) -> Run:
    """Run prepare in a process of its own; its log goes nowhere."""
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


def points(environment: Callable[[], dict[str, str]], hows: tuple[How, ...]) -> Iterator[Point]:
    """Every point of an uninterrupted run; ``environment`` makes a fresh volume for the run that counts them."""
    calls = run_prepare(environment()).calls
    for number, call in enumerate(calls, start=1):
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
