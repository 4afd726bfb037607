"""`--watch` on a terminal: what changes is seen, and Ctrl-C ends it; of connections no names are left."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiohttp import web

from tests.plugin.fakeapi import FakeApi
from tests.plugin.fakepod import FakePod, connection
from tests.support.kubeconfig import write_kubeconfig
from tests.support.rollovers import half_done

ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"
"""A terminal's other screen."""


class Terminal:
    """A command on a terminal of 24 lines; what it writes is kept."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self.process = process
        self.text = ""
        self.descriptor = descriptor

    def read_until(self, pattern: str, seconds: float = 15) -> None:
        """Read until it has written this (a regular expression) since the last call.

        Raises:
            AssertionError: it has not.
        """
        new, deadline = "", time.monotonic() + seconds
        while not re.search(pattern, new):
            ready, _, _ = select.select([self.descriptor], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"no {pattern!r} in {new!r}"
            try:
                read = os.read(self.descriptor, 1 << 16).decode("utf-8", "replace")
            except OSError:  # Linux: the other side of a terminal is closed
                read = ""
            assert read, f"it ended without {pattern!r}: {new!r}"
            new, self.text = new + read, self.text + read

    def press_control_c(self) -> int:
        """The exit code that follows."""
        os.write(self.descriptor, b"\x03")
        self.read_until(re.escape(LEAVE))
        return self.process.wait(10)


def _sit_at_terminal() -> None:
    # The terminal becomes the one of the new session, so that its Ctrl-C is a signal there; and one that is heard, also
    # where the tests run in the background, whose programs ignore it.
    os.close(os.open(os.ttyname(0), os.O_RDWR))
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def watching(
    pod: FakeApi, folder: Path, command: tuple[str, ...] = ("connections", "jean-moulin")
) -> Iterator[Terminal]:
    """The command, watching."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("KUBERNETES_")},
        "KUBECONFIG": str(write_kubeconfig(folder / "kubeconfig", pod.url, namespace="schools")),
        "TERM": "xterm",
        "COLUMNS": "120",
        "LINES": "24",
    }
    program = "from pronote_operator.cli.main import main; main()"
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", program, *command, "--watch"],
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=_sit_at_terminal,
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        os.close(ours)


def test_what_changes_is_seen_until_control_c(pod: FakePod, tmp_path: Path) -> None:
    pod.connections = [connection(1)]
    with watching(pod, tmp_path) as terminal:
        terminal.read_until("user1")
        assert ENTER in terminal.text
        pod.connections = [connection(2)]
        terminal.read_until("user2")
        assert terminal.press_control_c() == 0
        assert "Traceback" not in terminal.text
        assert "Aborted" not in terminal.text
    assert pod.forwards == 1, "one connection to the agent serves them all"


def test_an_agent_that_is_away_for_a_moment_is_told_and_waited_for(pod: FakePod, tmp_path: Path) -> None:
    pod.connections = [connection(1)]
    with watching(pod, tmp_path) as terminal:
        terminal.read_until("user1")
        away = {"reason": "ServerUnreachable", "message": "the server does not listen"}
        pod.agent_answer = lambda _request: web.json_response(away, status=503)
        terminal.read_until("the server does not listen")
        pod.connections = [connection(2)]
        pod.agent_answer = lambda _request: None
        terminal.read_until("user2")
        assert terminal.press_control_c() == 0


def test_there_are_no_more_rows_than_the_screen_has(pod: FakePod, tmp_path: Path) -> None:
    pod.connections = [connection(number) for number in range(1, 101)]
    with watching(pod, tmp_path) as terminal:
        terminal.read_until("and 82 more")
        assert "user18" in terminal.text
        assert "user19" not in terminal.text
        assert terminal.press_control_c() == 0


STATUS = ("rollover", "status", "stable")


def test_a_rollover_is_seen_in_place_until_it_is_over(api: FakeApi, tmp_path: Path) -> None:
    channel, bases = half_done()
    for thing in (channel, *bases):
        api.add(thing)
    stored = api.objects["versionchannels", None, "stable"]
    with watching(api, tmp_path, STATUS) as terminal:
        terminal.read_until("Ctrl-C ends this, not the rollover")
        assert "8 of 20 bases (40 %)" in terminal.text
        stored["status"]["updated"] = 11
        terminal.read_until(r"11 of 20 bases \(55 %\)")
        stored["status"] |= {"phase": "Current", "updated": 20, "updating": [], "plan": []}
        terminal.read_until("Done: 20 of 20 bases run what is due")
        assert "20 of 20 bases (100 %)" in terminal.text, "what it showed last stays"
        assert terminal.process.wait(10) == 0


def test_who_stops_looking_at_a_rollover_is_not_told_that_it_is_over(api: FakeApi, tmp_path: Path) -> None:
    api.add(half_done()[0])
    with watching(api, tmp_path, STATUS) as terminal:
        terminal.read_until("8 of 20 bases")
        os.write(terminal.descriptor, b"\x03")
        assert terminal.process.wait(10) != 0
