"""The fault proxy in front of a small real server."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.faultproxy import FaultProxy
from tests.support.kubeconfig import write_kubeconfig
from tests.support.waiting import wait_until
from tests.unit.support.apiserver import SmallApiServer

PODS = "/api/v1/namespaces/a/pods"
LOST = (ConnectionResetError, http.client.RemoteDisconnected, http.client.IncompleteRead, ConnectionRefusedError)

WRITER = """
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
for number in range(1, 8):
    connection.request("POST", "/api/v1/namespaces/a/pods", str(number))
    connection.getresponse().read()
"""
"""Seven writes, one after the other."""

MANY_WRITERS = """
import http.client, sys, threading
def write(number):
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
    connection.request("POST", "/api/v1/namespaces/a/pods", str(number))
    connection.getresponse().read()
for number in range(1, 40):
    threading.Thread(target=write, args=(number,)).start()
"""


@pytest.fixture
def api() -> Iterator[SmallApiServer]:
    """The server behind the proxy."""
    with SmallApiServer() as server:
        yield server


@pytest.fixture
def proxy(api: SmallApiServer, tmp_path: Path) -> Iterator[FaultProxy]:
    """A proxy in front of it."""
    with FaultProxy(write_kubeconfig(tmp_path / "upstream", f"http://127.0.0.1:{api.port}")) as started:
        yield started


def connect(proxy: FaultProxy, timeout: float = 5) -> http.client.HTTPConnection:
    """A new connection to the proxy."""
    return http.client.HTTPConnection("127.0.0.1", int(proxy.url.rpartition(":")[2]), timeout=timeout)


def call(proxy: FaultProxy, method: str, path: str, body: str | None = None, timeout: float = 5) -> tuple[int, bytes]:
    """One request on a connection of its own."""
    with contextlib.closing(connect(proxy, timeout)) as connection:
        connection.request(method, path, body, {"User-Agent": "test/1"})
        response = connection.getresponse()
        return response.status, response.read()


class Watch:
    """A watch of a path; lines are read as they come."""

    def __init__(self, proxy: FaultProxy, path: str = PODS, timeout: float = 1) -> None:
        self.connection = connect(proxy, timeout)
        self.connection.request("GET", f"{path}?watch=true")
        self.response = self.connection.getresponse()

    def line(self) -> int:
        """The number of the next line."""
        return int(json.loads(self.response.readline())["line"])

    def was_cut(self) -> bool:
        """Read what is buffered, and then find the connection reset."""
        try:
            self.response.read()
        except LOST:
            return True
        return False

    def silent_for(self, seconds: float) -> bool:
        """Whether the connection stays open and nothing comes, once what is buffered has been read."""
        deadline = time.monotonic() + seconds
        last = time.monotonic()
        while time.monotonic() < deadline + 0.5:
            try:
                if self.response.readline() == b"":
                    return False
                last = time.monotonic()
            except TimeoutError:
                return time.monotonic() - last >= seconds
        return False


def test_requests_pass_as_they_are(proxy: FaultProxy, api: SmallApiServer) -> None:
    path = "/apis/x.y/v1/things?labelSelector=a%3Db&fieldManager=m%20n"
    status, body = call(proxy, "GET", path)
    assert (status, json.loads(body)) == (200, {"path": path})
    with contextlib.closing(connect(proxy)) as connection:
        connection.request("GET", "/packed", headers={"Accept-Encoding": "gzip", "Connection": "X-Hop", "X-Hop": "1"})
        response = connection.getresponse()
        assert response.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(response.read()) == b'{"packed":true}'
        connection.request("GET", "/")
        response = connection.getresponse()
        assert response.headers.get_all("Warning") == ["299 - one", "299 - two"]
        response.read()
        connection.request("HEAD", "/")
        assert connection.getresponse().read() == b""
    assert "X-Hop" not in {name for name in api.headers[1] if name == "Connection"}


def test_writes_are_numbered_but_for_what_stores_nothing_or_comes_by_the_clock(proxy: FaultProxy) -> None:
    lease = "/apis/coordination.k8s.io/v1/namespaces/a/leases/pronote-operator"
    for method, path in (
        ("POST", PODS),
        ("PUT", lease),
        ("POST", "/api/v1/namespaces/a/events"),
        ("POST", "/apis/events.k8s.io/v1/namespaces/a/events"),
        ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"),
        ("PATCH", f"{PODS}/x?dryRun=All"),
        ("GET", PODS),
        ("PATCH", f"{PODS}/x?fieldManager=m"),
        ("DELETE", f"{PODS}/events"),
    ):
        call(proxy, method, path, "x" if method != "GET" else None)
    assert [(record.write, record.method, record.path, record.status) for record in proxy.writes] == [
        (1, "POST", PODS, 201),
        (2, "PATCH", f"{PODS}/x", 201),
        (3, "DELETE", f"{PODS}/events", 201),
    ]
    assert len(proxy.records) == 9
    assert {record.user_agent for record in proxy.records} == {"test/1"}
    proxy.clear()
    call(proxy, "POST", PODS)
    assert [record.write for record in proxy.records] == [1]


def test_events_are_numbered_on_request(api: SmallApiServer, tmp_path: Path) -> None:
    upstream = write_kubeconfig(tmp_path / "upstream", f"http://127.0.0.1:{api.port}")
    with FaultProxy(upstream, count_events=True) as proxy:
        call(proxy, "POST", "/api/v1/namespaces/a/events", "x")
        assert len(proxy.writes) == 1


@pytest.mark.parametrize(("when", "committed"), [("before", ["1", "2"]), ("after", ["1", "2", "3"])])
def test_a_process_is_killed_at_its_third_write(
    proxy: FaultProxy, api: SmallApiServer, when: str, committed: list[str]
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.readline();" + WRITER, proxy.url.rpartition(":")[2]],
        stdin=subprocess.PIPE,
    )
    assert process.stdin is not None

    def kill() -> None:
        process.kill()
        process.wait()

    fault = proxy.kill_at(write=3, when=when, kill=kill)  # type: ignore[arg-type]
    process.communicate(b"\n", timeout=10)
    assert fault.fired.wait(10)
    assert process.returncode == -9
    assert api.committed == committed
    assert proxy.writes[2].fault == f"dropped {when}"
    assert proxy.writes[2].status == (201 if when == "after" else None)


def test_of_writes_at_the_same_time_none_overtakes_the_one_that_kills(proxy: FaultProxy, api: SmallApiServer) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.readline();" + MANY_WRITERS, proxy.url.rpartition(":")[2]],
        stdin=subprocess.PIPE,
    )

    def kill() -> None:
        time.sleep(0.3)
        process.kill()
        process.wait()

    fault = proxy.kill_at(write=5, when="before", kill=kill)
    process.communicate(b"\n", timeout=10)
    assert fault.fired.wait(10)
    time.sleep(0.3)
    assert len(api.committed) == 4
    assert len(proxy.writes) > 5


def test_a_run_with_fewer_writes_does_not_fire(proxy: FaultProxy) -> None:
    fault = proxy.kill_at(write=2, when="before", kill=lambda: None)
    call(proxy, "POST", PODS)
    assert proxy.wait_for_writes(1, 5)
    assert not proxy.wait_for_writes(2, 0.05)
    assert not fault.fired.is_set()


def test_a_dropped_answer_is_lost_for_the_caller_only(proxy: FaultProxy, api: SmallApiServer) -> None:
    fault = proxy.drop_at(write=1, when="after")
    with pytest.raises(LOST):
        call(proxy, "POST", PODS, "lost answer")
    assert fault.fired.is_set()
    assert api.committed == ["lost answer"]
    assert call(proxy, "POST", PODS, "next")[0] == 201


def test_watches_stream_without_delay_and_can_be_cut(proxy: FaultProxy) -> None:
    pods, services = Watch(proxy), Watch(proxy, "/api/v1/services")
    assert [pods.line(), pods.line(), pods.line()] == [0, 1, 2]
    assert sorted(proxy.open_watches) == [PODS, "/api/v1/services"]
    assert proxy.cut_watches("/pods") == 1
    assert pods.was_cut()
    assert services.line() == 0
    assert proxy.cut_watches() == 1
    assert Watch(proxy).line() == 0


def test_deaf_watches_stay_open_in_silence_new_ones_too(proxy: FaultProxy) -> None:
    pods, services = Watch(proxy, timeout=0.3), Watch(proxy, "/api/v1/services")
    assert pods.line() == 0
    proxy.deafen("/pods")
    assert pods.silent_for(0.2)
    fresh = Watch(proxy, timeout=0.3)
    assert fresh.response.status == 200
    assert fresh.silent_for(0.2)
    assert services.line() == 0
    assert call(proxy, "GET", PODS)[0] == 200
    assert any(record.fault == "deaf" for record in proxy.records)
    proxy.heal()
    assert proxy.open_watches == ("/api/v1/services",)
    assert Watch(proxy).line() == 0


def test_a_black_hole_takes_everything_and_answers_nothing(proxy: FaultProxy, api: SmallApiServer) -> None:
    watch = Watch(proxy, timeout=0.3)
    assert watch.line() == 0
    proxy.black_hole()
    assert watch.silent_for(0.2)
    for method in ("GET", "POST"):
        with pytest.raises(TimeoutError):
            call(proxy, method, PODS, timeout=0.2)
    assert api.committed == []
    proxy.heal()
    assert call(proxy, "POST", PODS)[0] == 201


def test_refused_connections_and_the_return(proxy: FaultProxy) -> None:
    watch = Watch(proxy)
    port = proxy.url
    proxy.refuse(0.4)
    assert watch.was_cut()
    with pytest.raises(ConnectionRefusedError):
        call(proxy, "GET", PODS)
    time.sleep(0.6)
    assert proxy.url == port
    assert call(proxy, "GET", PODS)[0] == 200
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        call(proxy, "GET", PODS)
    proxy.heal()
    assert call(proxy, "GET", PODS)[0] == 200


def test_latency(proxy: FaultProxy) -> None:
    proxy.slow_down(0.3)
    began = time.monotonic()
    call(proxy, "GET", PODS)
    assert time.monotonic() - began >= 0.3
    assert wait_until(lambda: proxy.records[-1].seconds, 5, what="the record is complete") >= 0.3


def test_a_caller_that_leaves_ends_its_watch(proxy: FaultProxy) -> None:
    watch = Watch(proxy)
    watch.line()
    watch.response.close()
    watch.connection.close()
    wait_until(lambda: not proxy.open_watches, 5, what="the watch is gone")


def test_an_api_server_that_is_gone_looks_gone(tmp_path: Path) -> None:
    with SmallApiServer() as gone:
        port = gone.port
    with FaultProxy(write_kubeconfig(tmp_path / "upstream", f"http://127.0.0.1:{port}")) as proxy:
        for method in ("GET", "POST"):
            with pytest.raises(LOST):
                call(proxy, method, PODS)


def test_connections_for_exec_are_refused_in_clear_words(proxy: FaultProxy) -> None:
    with contextlib.closing(connect(proxy)) as connection:
        connection.request("POST", f"{PODS}/x/exec", headers={"Upgrade": "websocket", "Connection": "Upgrade"})
        response = connection.getresponse()
        assert response.status == 501
        assert b"no upgraded connections" in response.read()


def test_no_thread_is_left(api: SmallApiServer, tmp_path: Path) -> None:
    before = threading.active_count()
    with FaultProxy(write_kubeconfig(tmp_path / "upstream", f"http://127.0.0.1:{api.port}")) as proxy:
        call(proxy, "GET", PODS)
    wait_until(lambda: threading.active_count() <= before, 5, what="its threads have ended")
