"""Asking a CAS server whether it answers, over real TLS."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from pronote_operator.cluster.cas import CasClient
from pronote_operator.planning.delegation import CasServer
from pronote_operator.planning.reachability import Reach, may_be_asked
from tests.support.ports import free_port

NOW = dt.datetime.now(dt.UTC)
Serve = Callable[..., Awaitable[int]]


class Authority:
    """An authority, and what it signs."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority")])
        self.pem = self._signed("Authority", self._key, days=1, ca=True)

    def server(self, folder: Path, host: str = "localhost", *, days: float = 1) -> ssl.SSLContext:
        """A server's TLS with a certificate for `host` that ends in so many days."""
        key = ec.generate_private_key(ec.SECP256R1())
        path = folder / "server.pem"
        path.write_text(
            self._signed(host, key, days=days)
            + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _signed(self, name: str, key: ec.EllipticCurvePrivateKey, *, days: float, ca: bool = False) -> str:
        builder = x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=NOW - dt.timedelta(days=9),
            not_valid_after=NOW + dt.timedelta(days=days),
        )
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    runners: list[web.AppRunner] = []

    async def start(tls: ssl.SSLContext | None, answer: Callable[[web.Request], Awaitable[web.Response]]) -> int:
        app = web.Application()
        app.router.add_get("/cas/login", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        assert site._server is not None
        return int(site._server.sockets[0].getsockname()[1])  # type: ignore[attr-defined]

    yield start
    for runner in runners:
        await runner.cleanup()


def says(status: int, **headers: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text="hello", headers=headers)

    return answer


def anywhere(_: str) -> bool:
    return True


async def ask(port: int, authority: Authority | None, *, host: str = "localhost", seconds: float = 5) -> Reach:
    bundle = authority.pem if authority is not None else None
    return await CasClient(allowed=anywhere, seconds=seconds).ask(CasServer(f"https://{host}:{port}/cas", bundle))


@pytest.mark.parametrize("status", [200, 302, 401, 404])
async def test_any_answer_below_500_will_do(status: int, authority: Authority, serve: Serve, tmp_path: Path) -> None:
    port = await serve(authority.server(tmp_path), says(status, Location="https://127.0.0.1:1/elsewhere"))
    reach = await ask(port, authority)
    assert (reach.reason, reach.reachable) == ("Answering", True)


async def test_an_error_of_the_server_will_not(authority: Authority, serve: Serve, tmp_path: Path) -> None:
    reach = await ask(await serve(authority.server(tmp_path), says(503)), authority)
    assert (reach.reason, reach.reachable) == ("ServerError", False)


@pytest.mark.parametrize(
    ("host", "days", "trusted", "why"),
    [
        ("localhost", -1, True, "has ended"),
        ("cas.example.org", 1, True, "for another host"),
        ("localhost", 1, False, "unknown authority"),
    ],
)
async def test_a_certificate_that_is_not_good_is_told_apart(
    host: str, days: float, trusted: bool, why: str, authority: Authority, serve: Serve, tmp_path: Path
) -> None:
    port = await serve(authority.server(tmp_path, host, days=days), says(200))
    reach = await ask(port, authority if trusted else None)
    assert reach.reason == "CertificateNotTrusted"
    assert why in reach.message


async def test_a_server_that_is_slow_is_not_waited_for(authority: Authority, serve: Serve, tmp_path: Path) -> None:
    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(0.1)
        return web.Response()

    reach = await ask(await serve(authority.server(tmp_path), slow), authority, seconds=0.03)
    assert reach.reason == "TimedOut"


async def test_what_never_ends_is_not_read(authority: Authority, serve: Serve, tmp_path: Path) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)

    reach = await ask(await serve(authority.server(tmp_path), endless), authority)
    assert reach.reason == "Answering"


async def test_what_does_not_speak_tls_is_no_cas_server(serve: Serve) -> None:
    assert (await ask(await serve(None, says(200)), None)).reason == "ConnectFailed"


async def test_nobody_there() -> None:
    reach = await ask(free_port(), None)
    assert reach.reason == "ConnectFailed"
    assert "nobody accepts" in reach.message


async def test_a_name_that_stands_for_nothing() -> None:
    reach = await ask(443, None, host="nobody.invalid")
    assert reach.reason == "ConnectFailed"
    assert "does not resolve" in reach.message


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_the_operators_own_machine_is_not_asked(
    host: str, authority: Authority, serve: Serve, tmp_path: Path
) -> None:
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.Response()

    port = await serve(authority.server(tmp_path), answer)
    reach = await CasClient().ask(CasServer(f"https://{host}:{port}/cas", authority.pem))
    assert reach.reason == "ConnectFailed"
    assert "own machine or link" in reach.message
    assert seen == []


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("192.0.2.1", True),
        ("10.1.2.3", True),
        ("192.168.1.1", True),
        ("fd00::1", True),
        ("2001:db8::1", True),
        ("127.0.0.53", False),
        ("::1", False),
        ("169.254.169.254", False),
        ("fe80::1%eth0", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:169.254.169.254", False),
        ("0.0.0.0", False),
        ("::", False),
        ("224.0.0.1", False),
        ("ff02::1", False),
    ],
)
def test_where_a_cas_server_can_be(address: str, may: bool) -> None:
    assert may_be_asked(address) is may
