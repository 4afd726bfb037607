"""What a replica does when the server behind it closes, refuses, is slow or says too much."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

import aiohttp
import pytest

from pronote_net import upstream
from pronote_net.config import NetConfig
from pronote_net.metrics import UPSTREAM_ERRORS, Metrics
from pronote_net.upstream import Refused, Upstream, Visit, may_ask_again
from tests.conformance.certificates import Authority, new_authority, write_certificate
from tests.support.ports import free_port

VISIT = Visit(ip_address("192.0.2.10"), "session-1")
CALL = "/net/v1/calls/3/123/ab"
LOGIN = {"espace": "Eleves", "username": "a", "password": "b"}

Answering = Callable[[int, asyncio.StreamWriter], Awaitable[None]]
"""Answers the request of that number, or does not."""


@dataclass
class Scripted:
    """A server that does as it is told, and remembers what it was sent."""

    port: int
    answering: Answering
    requests: list[str] = field(default_factory=list)
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next((line for line in head.lower().split("\r\n") if line.startswith("content-length:")), ":0")
                body = await reader.readexactly(int(length.partition(":")[2]))
                self.requests.append(head + body.decode())
                await self.answering(len(self.requests), writer)
                await writer.drain()
        except (EOFError, ConnectionError):
            pass
        finally:
            writer.close()


async def say(writer: asyncio.StreamWriter, content: bytes = b"{}") -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(content), content))


async def answer_all(_number: int, writer: asyncio.StreamWriter) -> None:
    await say(writer)


async def close_at_the_second(number: int, writer: asyncio.StreamWriter) -> None:
    if number == 2:
        writer.close()
    else:
        await say(writer)


@dataclass
class Place:
    """Where both ends of the connection find their files."""

    folder: Path
    authority: Authority
    port: int

    def config(self) -> NetConfig:
        token, authority = self.folder / "token", self.folder / "ca.crt"
        return NetConfig(8000, 8080, f"https://localhost:{self.port}", "/pronote", token, authority, (), 1)

    @asynccontextmanager
    async def listening(self, answering: Answering) -> AsyncIterator[Scripted]:
        server = Scripted(self.port, answering)
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(self.folder / "tls.crt", self.folder / "tls.key")
        listener = await asyncio.start_server(server.serve, "127.0.0.1", self.port, ssl=tls)
        try:
            yield server
        finally:
            listener.close()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    authority = new_authority()
    write_certificate(tmp_path, authority, ("localhost",))
    (tmp_path / "token").write_text("token-1\n")
    return Place(tmp_path, authority, free_port())


@pytest.fixture
async def replica(place: Place) -> AsyncIterator[Upstream]:
    found = Upstream(place.config(), Metrics())
    yield found
    await found.close()


def errors(replica: Upstream) -> dict[str, float]:
    """What was counted as not answered."""
    counted = {error: replica._metrics.upstream_errors.labels(error)._value.get() for error in UPSTREAM_ERRORS}
    return {error: count for error, count in counted.items() if count}


async def test_requests_share_a_connection_and_tell_who_asks_for_whom(place: Place, replica: Upstream) -> None:
    async with place.listening(answer_all) as server:
        assert await replica.call(CALL, VISIT, b'{"id": "Navigation"}') == b"{}"
        assert await replica.ask("POST", "/net/v1/logins", VISIT, LOGIN) == {}
    assert server.connections == 1
    head, _, body = server.requests[0].partition("\r\n\r\n")
    assert head.startswith(f"POST {CALL} HTTP/1.1\r\n")
    assert body == '{"id": "Navigation"}'
    told = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:])
    assert told["authorization"] == "bearer token-1"
    assert told["x-visitor-address"] == "192.0.2.10"
    assert told["x-pronote-session"] == "session-1"
    assert told["content-type"] == "application/json"
    assert not {"cookie", "accept-encoding", "user-agent"} & set(told)


async def test_a_kept_connection_that_was_closed_meanwhile_is_not_used(place: Place, replica: Upstream) -> None:
    async def once(_number: int, writer: asyncio.StreamWriter) -> None:
        await say(writer)
        writer.close()

    async with place.listening(once) as server:
        for _ in range(2):
            assert await replica.ask("POST", "/net/v1/logins", VISIT, LOGIN) == {}
            await asyncio.sleep(0.05)
    assert len(server.requests) == 2


async def test_a_message_whose_answer_was_lost_is_sent_again(place: Place, replica: Upstream) -> None:
    async with place.listening(close_at_the_second) as server:
        assert await replica.call(CALL, VISIT, b"1") == b"{}"
        assert await replica.call(CALL, VISIT, b"2") == b"{}"
    assert [request[-1] for request in server.requests] == ["1", "2", "2"]
    assert errors(replica) == {}


@pytest.mark.parametrize("path", ["/net/v1/logins", "/net/v1/one-time-logins", "/net/v1/cas-logins"])
async def test_a_login_whose_answer_was_lost_is_not_sent_again(place: Place, replica: Upstream, path: str) -> None:
    async with place.listening(close_at_the_second) as server:
        assert await replica.ask("POST", path, VISIT, LOGIN) == {}
        with pytest.raises(Refused) as refused:
            await replica.ask("POST", path, VISIT, LOGIN)
    assert (refused.value.status, refused.value.reason) == (503, "OutOfService")
    assert len(server.requests) == 2
    assert errors(replica) == {"broken": 1}


async def test_a_server_that_refuses_connections_for_a_moment_is_asked_again(place: Place, replica: Upstream) -> None:
    asking = asyncio.create_task(replica.ask("POST", "/net/v1/logins", VISIT, LOGIN))
    await asyncio.sleep(upstream.RETRY_SECONDS / 4)
    async with place.listening(answer_all):
        assert await asking == {}


async def test_a_server_that_is_away_is_told_as_that(replica: Upstream) -> None:
    with pytest.raises(Refused) as refused:
        await replica.call(CALL, VISIT, b"1")
    assert (refused.value.status, refused.value.retry_after) == (503, 10)
    assert errors(replica) == {"connect": 1}


async def test_a_server_of_another_authority_is_sent_nothing(place: Place, replica: Upstream, tmp_path: Path) -> None:
    write_certificate(tmp_path / "other", new_authority(), ("localhost",))
    for name in ("tls.crt", "tls.key"):
        (tmp_path / "other" / name).replace(tmp_path / name)
    async with place.listening(answer_all) as server:
        with pytest.raises(Refused):
            await replica.call(CALL, VISIT, b"1")
    assert server.requests == []
    assert errors(replica) == {"connect": 1}


async def test_a_server_of_another_name_is_sent_nothing(place: Place, replica: Upstream) -> None:
    write_certificate(place.folder, place.authority, ("elsewhere.test",))
    async with place.listening(answer_all) as server:
        with pytest.raises(Refused):
            await replica.call(CALL, VISIT, b"1")
    assert server.requests == []


async def test_a_slow_answer_is_not_waited_for_nor_asked_for_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stay_silent(_number: int, _writer: asyncio.StreamWriter) -> None:
        pass

    monkeypatch.setattr(upstream, "READ_SECONDS", 0.1)
    impatient = Upstream(place.config(), Metrics())
    async with place.listening(stay_silent) as server:
        with pytest.raises(Refused) as refused:
            await impatient.call(CALL, VISIT, b"1")
        await impatient.close()
    assert refused.value.status == 503
    assert len(server.requests) == 1
    assert errors(impatient) == {"timeout": 1}


async def test_an_answer_that_is_too_large_is_given_up(
    place: Place, replica: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def boast(number: int, writer: asyncio.StreamWriter) -> None:
        await say(writer, b"x" * (200 * 1024) if number == 1 else b"{}")

    monkeypatch.setattr(upstream, "MAX_ANSWER_BYTES", 100 * 1024)
    async with place.listening(boast) as server:
        with pytest.raises(Refused):
            await replica.call(CALL, VISIT, b"1")
        assert await replica.call(CALL, VISIT, b"2") == b"{}"
    assert len(server.requests) == 2
    assert server.connections == 2
    assert errors(replica) == {"broken": 1}


async def test_who_finds_every_connection_taken_waits_a_bounded_time(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = asyncio.Event()

    async def wait(_number: int, writer: asyncio.StreamWriter) -> None:
        await released.wait()
        await say(writer)

    monkeypatch.setattr(upstream, "CONNECTIONS", 1)
    monkeypatch.setattr(upstream, "WAITING_SECONDS", 0.1)
    narrow = Upstream(place.config(), Metrics())
    async with place.listening(wait) as server:
        first = asyncio.create_task(narrow.call(CALL, VISIT, b"1"))
        await asyncio.sleep(0.05)
        with pytest.raises(Refused):
            await narrow.call(CALL, VISIT, b"2")
        released.set()
        assert await first == b"{}"
        assert await narrow.call(CALL, VISIT, b"3") == b"{}"
        await narrow.close()
    assert [request[-1] for request in server.requests] == ["1", "3"]
    assert errors(narrow) == {"timeout": 1}


async def test_a_request_that_is_given_up_leaves_its_place_and_its_connection(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent_at_first(number: int, writer: asyncio.StreamWriter) -> None:
        if number > 1:
            await say(writer)

    monkeypatch.setattr(upstream, "CONNECTIONS", 1)
    narrow = Upstream(place.config(), Metrics())
    async with place.listening(silent_at_first) as server:
        given_up = asyncio.create_task(narrow.call(CALL, VISIT, b"1"))
        while not server.requests:
            await asyncio.sleep(0.01)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        assert await narrow.call(CALL, VISIT, b"2") == b"{}"
        await narrow.close()
    assert server.connections == 2


async def test_a_new_token_and_a_new_authority_are_taken_over(
    place: Place, replica: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream, "RELOAD_SECONDS", 0.0)
    async with place.listening(answer_all):
        await replica.call(CALL, VISIT, b"1")
    write_certificate(place.folder, new_authority(), ("localhost",))
    (place.folder / "token").write_text("token-2\n")
    place.port = free_port()
    replica._config = place.config()
    async with place.listening(answer_all) as server:
        await replica.call(CALL, VISIT, b"2")
    assert "bearer token-2" in server.requests[0].lower()


def test_only_what_was_not_sent_or_may_be_done_twice_is_asked_again() -> None:
    lost, slow = aiohttp.ServerDisconnectedError(), aiohttp.SocketTimeoutError()
    assert may_ask_again(aiohttp.ConnectionTimeoutError(), repeatable=False)
    assert may_ask_again(lost, repeatable=True)
    assert may_ask_again(aiohttp.ClientOSError(), repeatable=True)
    assert not may_ask_again(lost, repeatable=False)
    assert not may_ask_again(slow, repeatable=True)
    assert not may_ask_again(aiohttp.ClientPayloadError(), repeatable=True)
