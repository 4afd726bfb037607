"""TLS for Clients: the certificate is read again when its files change, for new connections only."""

from __future__ import annotations

import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

HANDSHAKE_STEPS: Final = 10
"""Bound of the exchange in memory by which a certificate is checked; three are needed."""


class CertificateError(Exception):
    """The certificate files are not good; the message says why.

    Args:
        usable: The certificate, when it can be served although Clients will refuse it (it has ended, for one).
    """

    def __init__(self, message: str, usable: Certificate | None = None) -> None:
        super().__init__(message)
        self.usable = usable


@dataclass(frozen=True)
class Certificate:
    """A certificate that is ready to be served.

    Attributes:
        context: Serves it.
        expiry: When it ends, seconds since 1970; 0 when Clients will not trust it.
    """

    context: ssl.SSLContext
    expiry: float


def load_certificate(folder: Path) -> Certificate:
    """Read `tls.crt` and `tls.key`, and check that they belong together and that `ca.crt` has signed them.

    Raises:
        CertificateError: A file is missing or malformed, the key is another's, the certificate has ended, or Clients
            that trust `ca.crt` only would refuse it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # With a password an encrypted key is refused; without one OpenSSL would ask for it on the terminal.
        context.load_cert_chain(folder / "tls.crt", folder / "tls.key", password="")
    except OSError as error:  # ssl.SSLError is one
        raise CertificateError(f"The TLS certificate cannot be read: {_why(error)}.") from None
    try:
        return Certificate(context, _expiry(context, folder / "ca.crt"))
    except OSError as error:
        message = f"Clients will not trust the TLS certificate: {_why(error)}."
        raise CertificateError(message, Certificate(context, 0.0)) from None


def _why(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return error.strerror or type(error).__name__


def _expiry(context: ssl.SSLContext, authority: Path) -> float:
    """Shake hands in memory as a Client would; return the end of the certificate that it was shown."""
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # The name is the Client's affair: it knows by which one the school is reached.
    trust.check_hostname = False
    trust.load_verify_locations(authority)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    client = trust.wrap_bio(to_client, to_server)
    for _ in range(HANDSHAKE_STEPS):
        try:
            client.do_handshake()
            break
        except ssl.SSLWantReadError:
            pass
        with suppress(ssl.SSLWantReadError):
            server.do_handshake()
    shown = client.getpeercert()
    if not shown:
        raise ssl.SSLError(0, "no certificate was shown")
    return float(ssl.cert_time_to_seconds(str(shown["notAfter"])))


class TlsListener:
    """The context that a listening socket keeps for ever; each handshake is handed the certificate in force.

    Replacing the context in the callback that runs at the start of every handshake (with or without a server name)
    changes certificate and key at once, and leaves open connections alone.
    """

    def __init__(self, certificate: Certificate) -> None:
        self.certificate = certificate
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _listening: ssl.SSLContext) -> None:
        connection.context = self.certificate.context
