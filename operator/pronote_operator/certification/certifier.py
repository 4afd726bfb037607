"""Asking the process that makes and judges certificates: started when there is a question, ended when idle."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import pronote_operator
from pronote_operator.api.entcatalogue import MAX_BUNDLE_CHARACTERS
from pronote_operator.builders.certificates import Certificates
from pronote_operator.errors import BundleError
from pronote_operator.planning.ca_bundle import check_bundle_text

logger = logging.getLogger(__name__)

IDLE_SECONDS = 20.0
"""How long the process is kept after its last answer: a fleet that is made, or judged at a start, needs one."""
ANSWER_SECONDS = 30.0
"""Thousands of times what an answer takes: a process that is silent for so long is ended and asked anew."""
ATTEMPTS = 3
END_SECONDS = 5.0
"""How long a process may take to end that was given no more questions."""
_LINE_BYTES = 2 * MAX_BUNDLE_CHARACTERS
"""The longest answer is a bundle, whose ends of lines are escaped."""


class CertifierError(Exception):
    """No answer could be had: the pass fails and comes again. The message has nothing of what was asked."""


class _EndedError(Exception):
    """The process ended, or was silent, before it answered."""


@dataclass(frozen=True, slots=True, repr=False)
class Certified:
    """Certificates that are in order, and when to renew them (UTC). No repr: they hold keys."""

    certificates: Certificates
    renew: datetime


class Certifier:
    """The operator's side. To be entered as a context, whose end is the process's too.

    Args:
        idle_seconds, answer_seconds: see the constants.
    """

    def __init__(self, *, idle_seconds: float = IDLE_SECONDS, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._answer_seconds = answer_seconds
        self._worker: _Worker | None = None
        self._starting = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None
        self._ending: set[_Worker] = set()

    async def __aenter__(self) -> Certifier:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._retire()
        for worker in tuple(self._ending):
            await worker.end()

    async def certified(
        self, held: Certificates | None, *, subject: str, organisation: str, names: Sequence[str], now: datetime
    ) -> Certified:
        """`held` when all is well with it, else new ones; arguments as for `issuing.certified`.

        Raises:
            CertifierError: no answer could be had.
        """
        told = await self._answer(
            {
                "ask": "certify",
                "held": asdict(held) if held is not None else None,
                "subject": subject,
                "organisation": organisation,
                "names": list(names),
                "now": now.isoformat(),
            }
        )
        made = told["certificates"]
        certificates = held if made is None else Certificates(**made)
        assert certificates is not None, "only what is held can be kept"
        return Certified(certificates, datetime.fromisoformat(told["renew"]))

    async def bundle(self, text: str, now: datetime) -> str:
        """The certificates in `text`, as PEM and nothing else; see `bundles.certificates`.

        Raises:
            BundleError: they cannot be used.
            CertifierError: no answer could be had.
        """
        check_bundle_text(text)
        told = await self._answer({"ask": "bundle", "text": text, "now": now.isoformat()})
        if "refused" in told:
            raise BundleError(told["refused"])
        bundle: str = told["bundle"]
        return bundle

    async def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        line = json.dumps(question).encode() + b"\n"
        for attempt in range(1, ATTEMPTS + 1):
            worker = None
            try:
                worker = await self._running()
                told = await worker.ask(line, self._answer_seconds)
            except (_EndedError, OSError) as error:
                logger.warning("The process for certificates: %s (attempt %d of %d).", error, attempt, ATTEMPTS)
            else:
                if "failed" in told:
                    raise CertifierError(f"certificates could be neither made nor judged: {told['failed']}")
                return told
            finally:
                if worker is not None:
                    self._rest(worker)
        raise CertifierError("the process for certificates gives no answer")

    async def _running(self) -> _Worker:
        async with self._starting:
            if self._idle is not None:
                self._idle.cancel()
                self._idle = None
            if self._worker is None or self._worker.ended:
                self._worker = await _Worker.start(self._ended)
                self._ending.add(self._worker)
            return self._worker

    def _rest(self, worker: _Worker) -> None:
        """Have the process ended soon, unless there is another question."""
        if worker is not self._worker or worker.busy:
            return
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(self._idle_seconds, self._retire)

    def _retire(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _ended(self, worker: _Worker) -> None:
        self._ending.discard(worker)


class _Worker:
    """One process: questions in order, answers in the same order."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._waiting: deque[asyncio.Future[dict[str, Any]]] = deque()
        self._reader: asyncio.Task[None] | None = None
        self.ended = False

    @classmethod
    async def start(cls, on_end: Callable[[_Worker], None]) -> _Worker:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "pronote_operator.certification.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=_environment(),
            limit=_LINE_BYTES,
        )
        worker = cls(process)
        worker._reader = asyncio.create_task(worker._read(), name="answers about certificates")
        worker._reader.add_done_callback(lambda _: on_end(worker))
        return worker

    @property
    def busy(self) -> bool:
        # An answer that nobody waits for any more is still to come, and is no reason to stay: nobody rests after it.
        return any(not answer.done() for answer in self._waiting)

    async def ask(self, line: bytes, seconds: float) -> dict[str, Any]:
        if self.ended:
            raise _EndedError("it has ended")
        assert self._process.stdin is not None, "a pipe"
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        self._process.stdin.write(line)
        try:
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError:
            self._kill()
            raise _EndedError(f"no answer in {seconds:g} s") from None

    def close(self) -> None:
        """No more questions: it ends when it has answered."""
        assert self._process.stdin is not None, "a pipe"
        self._process.stdin.close()

    async def end(self) -> None:
        """Return when the process has ended."""
        self._kill()
        if self._reader is not None:
            await asyncio.wait((self._reader,))

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def _read(self) -> None:
        assert self._process.stdout is not None, "a pipe"
        try:
            while line := await self._process.stdout.readline():
                answer = self._waiting.popleft()
                if not answer.done():  # who asked may have been cancelled
                    answer.set_result(json.loads(line))
        except (ValueError, IndexError) as error:
            logger.error("The process for certificates gave no sensible answer: %s", type(error).__name__)
            self._kill()
        finally:
            self.ended = True
            for answer in self._waiting:
                if not answer.done():
                    answer.set_exception(_EndedError("it ended before it answered"))
            self._waiting.clear()
        try:
            async with asyncio.timeout(END_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._kill()
            await self._process.wait()


def _environment() -> dict[str, str]:
    """The operator's own, with the place that this very code is in first."""
    here = str(Path(pronote_operator.__path__[0]).parent)
    others = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{here}{os.pathsep}{others}" if others else here}
