"""A server's admin API to script, certificates, a token, and an agent in front of them on real sockets."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
import yarl
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pronote_operator.agent.metrics import AgentMetrics
from pronote_operator.agent.mounted import Certificate, Token
from pronote_operator.agent.served import ServedNote
from pronote_operator.agent.server import Server
from pronote_operator.agent.snapshot_api import SnapshotApi
from pronote_operator.agent.snapshot_metrics import SnapshotMetrics
from pronote_operator.agent.snapshots import Snapshots
from pronote_operator.agent.web import admin_application, probe_application
from pronote_operator.agent.work import Desk
from pronote_operator.agent.year_api import YearApi

TOKEN = "0123456789abcdef0123456789abcdef"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class FakeServer:
    """An admin API: answers are set by ``METHOD /path``; requests are kept with their headers and bodies."""

    answers: dict[str, Answer | web.Response] = field(default_factory=dict)
    seen: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0
    runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen, on the port of the last time if there was one."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._handle)
        self.runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self.runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening."""
        if self.runner:
            await self.runner.cleanup()
            self.runner = None

    def json(self, what: str, value: object, status: int = 200) -> None:
        """Answer with JSON."""

        async def answer(_request: web.Request) -> web.Response:
            return web.json_response(value, status=status)

        self.answers[what] = answer

    def text(self, what: str, text: str) -> None:
        """Answer with text."""

        async def answer(_request: web.Request) -> web.Response:
            return web.Response(text=text)

        self.answers[what] = answer

    def requests(self, what: str) -> int:
        """How often a request came."""
        return sum(line == what for line, _, _ in self.seen)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        line = f"{request.method} {request.raw_path}"
        self.seen.append((line, dict(request.headers), await request.read()))
        answer = self.answers.get(line)
        if answer is None:
            return web.json_response({"reason": "NotFound"}, status=404)
        return answer if isinstance(answer, web.Response) else await answer(request)


@dataclass(frozen=True)
class Agent:
    """An agent's two listeners, and the files that it watches."""

    probes: str
    admin: str
    admin_port: int
    token_file: Path
    tls: Path
    volume: Path
    snapshots_volume: Path
    snapshots: Snapshots
    desk: Desk
    session: aiohttp.ClientSession

    async def get(self, path: str) -> tuple[int, str]:
        """A request to the port of the probes."""
        async with self.session.get(self.probes + path) as response:
            return response.status, await response.text()

    def call(
        self, method: str, path: str, token: str | None = TOKEN, **options: object
    ) -> aiohttp.client._RequestContextManager:
        """A request to the guarded port; the path is sent as it is."""
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        return self.session.request(
            method,
            yarl.URL(self.admin + path, encoded=True),
            headers=headers | dict(options.pop("headers", {})),  # type: ignore[call-overload]
            ssl=False,
            **options,  # type: ignore[arg-type]
        )


def write_certificate(folder: Path, common_name: str) -> None:
    """Put a self-signed ``tls.crt`` and its ``tls.key`` in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "tls.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "tls.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def mount_secret(folder: Path, revision: str, write: Callable[[Path], object]) -> None:
    """Write a Secret as the kubelet does: a new folder, then one link swapped by rename."""
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / f"..{revision}"
    data.mkdir()
    write(data)
    link = folder / "..data_tmp"
    link.symlink_to(data.name)
    link.rename(folder / "..data")
    for file in data.iterdir():
        entry = folder / file.name
        if not entry.is_symlink():
            entry.symlink_to(f"..data/{file.name}")


async def common_name_at(port: int) -> str:
    """The common name of the certificate that a TLS port presents now."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    subject = x509.load_der_x509_certificate(der).subject
    return str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    """A ready server."""
    fake = FakeServer()
    fake.json("GET /livez", {"live": True})
    fake.json("GET /readyz", {"ready": True})
    fake.text("GET /metrics", "# HELP pronote_info A.\n# TYPE pronote_info gauge\npronote_info 1\n")
    await fake.start()
    yield fake
    await fake.stop()


@asynccontextmanager
async def running_agent(root: Path, admin_url: str, volume: Path, join_seconds: float = 20.0) -> AsyncIterator[Agent]:
    """An agent in front of a server.

    Args:
        root: for its files; the snapshots volume in it is used again by the next agent there.
        admin_url: of the server.
        volume: the data volume.
        join_seconds: how long a caller waits for long work.
    """
    if not (root / "tls").exists():
        mount_secret(root / "tls", "1", lambda folder: write_certificate(folder, "first"))
        mount_secret(root / "agent", "1", lambda folder: (folder / "token").write_text(TOKEN))
        (root / "snapshots").mkdir()
        (root / "key").write_text("correct horse battery staple")
    own = AgentMetrics("1.2.3", "0750654D")
    client = Server(admin_url)
    certificate = Certificate(root / "tls")
    folder = root / "snapshots"
    snapshots = Snapshots(client, volume, folder, root / "key", "0750654D", SnapshotMetrics(own.registry, folder))
    desk = Desk(join_seconds)
    apis = SnapshotApi(snapshots, desk, volume), YearApi(client, volume, "0750654D")
    runners = []
    for application, context in (
        (probe_application(client, own, ServedNote(client, volume)), None),
        (
            admin_application(client, Token(root / "agent/token"), own, apis),
            certificate.context,
        ),
    ):
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        runners.append(runner)
    probe_port, admin_port = (runner.addresses[0][1] for runner in runners)
    await snapshots.start()
    async with aiohttp.ClientSession() as session:
        yield Agent(
            f"http://127.0.0.1:{probe_port}",
            f"https://127.0.0.1:{admin_port}",
            admin_port,
            root / "agent/token",
            root / "tls",
            volume,
            folder,
            snapshots,
            desk,
            session,
        )
    snapshots.cancel()
    await desk.stop()
    await client.close()
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def agent(server: FakeServer, tmp_path: Path) -> AsyncIterator[Agent]:
    """An agent in front of the scripted server."""
    async with running_agent(tmp_path, f"http://127.0.0.1:{server.port}", tmp_path / "data") as found:
        yield found
