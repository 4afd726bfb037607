"""Asking the server: TLS that trusts the school's own authority only, and errors that a person understands.

The certificate must be signed by the authority of the parameters and bear the host of the parameters, also when the
Client is told to connect elsewhere (`--connect`): that changes the way to the server, never who the server must be.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import httpx

from pronote_client.errors import ClientError, ExitCode

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from pronote_client.parameters import Parameters

TIMEOUT: Final = httpx.Timeout(30.0, connect=10.0)
"""Seconds: a server that is busy answers within a few; one that is stopped does not accept the connection."""

MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
"""Largest answer that is read: some fifty thousand connections."""

EXIT_CODES: Final[dict[str, ExitCode]] = {
    "WrongCredentials": ExitCode.WRONG_CREDENTIALS,
    "LicenceFull": ExitCode.LICENCE_FULL,
    "AddressSuspended": ExitCode.ADDRESS_REFUSED,
    "AddressProhibited": ExitCode.ADDRESS_REFUSED,
    "MachineDisabled": ExitCode.MACHINE_DISABLED,
    "OutOfService": ExitCode.OUT_OF_SERVICE,
    "Busy": ExitCode.OUT_OF_SERVICE,
    "SessionExpired": ExitCode.NOT_LOGGED_IN,
    "ModeNotAllowed": ExitCode.NOT_ALLOWED,
    "AccountLocked": ExitCode.NOT_ALLOWED,
    "SchoolYearReadOnly": ExitCode.NOT_ALLOWED,
    "UnknownSchoolYear": ExitCode.USAGE,
}
"""Reasons of the Client protocol; any other is a fault."""


@dataclass(frozen=True)
class Target:
    """Where to connect."""

    host: str
    port: int


def parse_target(text: str) -> Target:
    """Read `HOST:PORT`, an IPv6 address in brackets.

    Raises:
        ClientError: It is neither.
    """
    host, separator, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if not separator or not host or not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise ClientError("--connect must be HOST:PORT, such as 127.0.0.1:49300.", ExitCode.USAGE)
    return Target(host, int(port))


def trust(parameters: Parameters) -> ssl.SSLContext:
    """Return a context that accepts the school's own authority and nothing else, TLS 1.2 or later."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = True
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=parameters.ca_certificate)
    return context


class Connection:
    """Asks one school's server.

    Args:
        parameters: Who the server must be.
        connect: Where to connect; None for the host and port of the parameters.
    """

    def __init__(self, parameters: Parameters, connect: Target | None = None) -> None:
        self._parameters = parameters
        target = connect or Target(parameters.host, parameters.port)
        host = f"[{target.host}]" if ":" in target.host else target.host
        self._where = f"{host}:{target.port}"
        self._http = httpx.Client(
            base_url=f"https://{self._where}",
            verify=trust(parameters),
            timeout=TIMEOUT,
            follow_redirects=False,
            # No proxy and no further authorities from the environment.
            trust_env=False,
            headers={"host": _host_header(parameters)},
        )

    def __enter__(self) -> Self:
        """Use the connection in a `with` block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self._http.close()

    def ask(self, method: str, path: str, body: object = None, token: str | None = None) -> dict[str, Any]:
        """Send a request and return the JSON object of the answer.

        Raises:
            ClientError: The server is not reached, is not the school's, or refuses.
        """
        headers = {"authorization": f"Bearer {token}"} if token else {}
        # The name that TLS asks for and that the certificate is checked against.
        extensions = {"sni_hostname": self._parameters.host}
        try:
            request = self._http.build_request(method, path, json=body, headers=headers, extensions=extensions)
            response = self._http.send(request, stream=True)
            try:
                content = _read(response)
            finally:
                response.close()
        except httpx.TransportError as error:
            raise self._unreachable(error) from None
        return _answer(response.status_code, content)

    def _unreachable(self, error: httpx.TransportError) -> ClientError:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLCertVerificationError):
                why = cause.verify_message.rstrip(".")
                return ClientError(
                    f"The server at {self._where} does not show the certificate of {self._parameters.label} ({why}). "
                    "Nothing was sent to it. If the school has new parameters, apply them.",
                    ExitCode.CERTIFICATE,
                )
            cause = cause.__cause__ or cause.__context__
        return ClientError(
            f"The server of {self._parameters.label} is out of service: {self._where} does not answer.",
            ExitCode.OUT_OF_SERVICE,
        )


def _host_header(parameters: Parameters) -> str:
    host = f"[{parameters.host}]" if ":" in parameters.host else parameters.host
    return f"{host}:{parameters.port}"


def _read(response: httpx.Response) -> bytes:
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            raise ClientError("The server's answer is too large.", ExitCode.FAULT)
    return bytes(content)


def _answer(status: int, content: bytes) -> dict[str, Any]:
    import json

    try:
        document = json.loads(content)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise ClientError(f"The server gave an answer that is not understood (status {status}).", ExitCode.FAULT)
    if 200 <= status < 300:
        return document
    reason = document.get("reason")
    raise ClientError(_sentence(document), EXIT_CODES.get(str(reason), ExitCode.FAULT))


def _sentence(document: dict[str, Any]) -> str:
    """Say what a refusal means, with the figures that help; the server's own sentence where nothing is to be added."""
    match document.get("reason"):
        case "WrongCredentials":
            return "User name or password is wrong."
        case "LicenceFull":
            return (
                f"All {document.get('limit')} places in mode {document.get('mode')} are taken: "
                "wait until somebody logs out, or ask an administrator to end a connection."
            )
        case "AddressSuspended":
            return f"This address is suspended until {_local(document.get('until'))} after too many wrong logins."
        case "MachineDisabled":
            return "An administrator has disabled this machine's Client."
        case "SessionExpired":
            return "The session has expired: log in again."
        case "OutOfService":
            return "The server is out of service at the moment."
        case _:
            text = str(document.get("message", "The server refuses, and does not say why."))
            return "".join(letter for letter in text if letter.isprintable())


def _local(instant: object) -> str:
    try:
        return datetime.fromisoformat(str(instant)).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
    except ValueError:
        return str(instant)
