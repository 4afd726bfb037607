"""Certificates for tests: an authority and what it signs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Authority:
    """A certificate authority of its own."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        """The authority's certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()


def new_authority(name: str = "Test authority") -> Authority:
    """Make an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(name, name, key.public_key(), timedelta(days=30)).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    return Authority(key, builder.sign(key, hashes.SHA256()))


def write_certificate(
    folder: Path, authority: Authority, names: tuple[str, ...], lifetime: timedelta = timedelta(days=7)
) -> x509.Certificate:
    """Write `tls.crt`, `tls.key` and `ca.crt` for host names or addresses; return the certificate.

    A negative lifetime gives a certificate that has ended.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
    issuer = authority.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    certificate = (
        _builder(names[0], str(issuer), key.public_key(), lifetime)
        .add_extension(alternatives, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(authority.key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "tls.crt": certificate.public_bytes(serialization.Encoding.PEM),
        "tls.key": key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        "ca.crt": authority.pem.encode(),
    }
    for name, content in files.items():
        temporary = folder / f".{name}.new"
        temporary.write_bytes(content)
        temporary.replace(folder / name)
    return certificate


def _builder(
    subject: str, issuer: str, public_key: ec.EllipticCurvePublicKey, lifetime: timedelta
) -> x509.CertificateBuilder:
    end = datetime.now(UTC) + lifetime
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=60))
        .not_valid_after(end)
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
