"""A proxy in front of a real API server that loses, delays and cuts what passes, at the request a test names.

It speaks TLS with the credentials of a kubeconfig to the API server, and plain HTTP on a loopback port to its
callers, so that whoever uses its kubeconfig is that user. It runs in a thread of its own, and every method may be
called from a test:

    with FaultProxy(admin_kubeconfig) as proxy:
        operator = start(proxy.write_kubeconfig(folder / "kubeconfig"))
        fault = proxy.kill_at(write=3, when="before", kill=operator.kill)
        apply(base)
        assert fault.fired.wait(30)
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.support.faults import When, WriteFault
from tests.support.faultserver import FaultServer
from tests.support.kubeconfig import read_kubeconfig, write_kubeconfig
from tests.support.requestlog import Counting, Record, RequestLog

Result = TypeVar("Result")


class FaultProxy:
    """See the module.

    Args:
        kubeconfig: of the API server.
        port: to listen on; 0 takes a free one, kept for the proxy's life.
        count_events: whether writes of Events are numbered.
    """

    def __init__(self, kubeconfig: Path, *, port: int = 0, count_events: bool = False) -> None:
        self._log = RequestLog(Counting(events=count_events))
        self._server = FaultServer(read_kubeconfig(kubeconfig), self._log, port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._server.start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    # What a test reads.

    @property
    def url(self) -> str:
        """Where callers connect."""
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def records(self) -> tuple[Record, ...]:
        """Every request since the start or `clear`."""
        return self._log.records

    @property
    def writes(self) -> tuple[Record, ...]:
        """The numbered writes among the records."""
        return tuple(record for record in self.records if record.write is not None)

    @property
    def open_watches(self) -> tuple[str, ...]:
        """Paths of the watches that callers have open."""
        return self._run(self._now(lambda: tuple(self._server.watches.values())))

    def wait_for_writes(self, count: int, timeout: float = 30) -> bool:
        """Wait until so many numbered writes were answered; False after ``timeout`` seconds."""
        return self._log.wait_for_writes(count, timeout)

    def write_kubeconfig(self, path: Path, *, namespace: str = "default") -> Path:
        """A kubeconfig that leads through the proxy."""
        return write_kubeconfig(path, self.url, namespace=namespace)

    # What a test does.

    def clear(self) -> None:
        """Forget the records, and number the writes from 1 again."""
        self._log.clear()

    def kill_at(self, *, write: int, when: When, kill: Callable[[], object], path: str = "") -> WriteFault:
        """Call ``kill`` at a write and drop its connection; see `WriteFault`."""
        fault = WriteFault(write, when, kill, path)
        self._run(self._now(lambda: self._server.faults.at_writes.append(fault)))
        return fault

    def drop_at(self, *, write: int, when: When) -> WriteFault:
        """Only drop the connection at a write: the caller lives and must cope."""
        return self.kill_at(write=write, when=when, kill=lambda: None)

    def cut_watches(self, path: str = "") -> int:
        """Reset the connections of all watches whose path contains ``path``; their number."""
        return self._run(self._now(lambda: self._server.abort_watches(path)))

    def deafen(self, path: str = "") -> None:
        """Keep watches whose path contains ``path`` open, new ones too, and let nothing through any more."""
        self._run(self._now(lambda: setattr(self._server.faults, "deaf", lambda of: path in of)))

    def compact(self, version: int) -> None:
        """From now on tell watches from before a resource version 410 Gone, as after a compaction of the store."""
        self._run(self._now(lambda: setattr(self._server, "compacted", version)))

    @property
    def told_gone(self) -> int:
        """How many watches were told 410 so."""
        return self._run(self._now(lambda: self._server.told_gone))

    def black_hole(self) -> None:
        """Take requests and answer none, the ones under way and the watches included."""
        self._run(self._now(self._server.begin_black_hole))

    def refuse(self, seconds: float | None = None) -> None:
        """Reset all connections and refuse new ones: for so many seconds, or until `heal`."""
        self._run(self._server.refuse(seconds))

    def slow_down(self, seconds: float) -> None:
        """Delay each request that is no watch."""
        self._run(self._now(lambda: setattr(self._server.faults, "latency", seconds)))

    def heal(self) -> None:
        """End every fault. What was black-holed or deaf has lost something, so those connections are reset."""
        self._run(self._server.heal())

    def _run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    @staticmethod
    async def _now(act: Callable[[], Result]) -> Result:
        return act()
