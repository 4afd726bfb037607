"""The certificates of a base: an authority of its own, and the server's certificate from it.

Clients trust the authority that their connection parameters carry and nothing else, so it lives twenty years and a
renewal keeps it: a new authority would mean new parameters on every machine of the school.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pronote_operator.builders.certificates import Certificates

AUTHORITY_LIFETIME = timedelta(days=20 * 365)
LEAF_LIFETIME = timedelta(days=397)
"""The longest that common TLS clients accept."""
RENEWAL_BEFORE_END = timedelta(days=30)
_BACKDATED = timedelta(hours=1)
"""Clocks of machines in schools are not exact."""


class _UnusableError(ValueError):
    """Why a part cannot be used; the text names no secret."""


@dataclass(frozen=True, slots=True)
class _Pair:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def certified(
    held: Certificates | None, subject: str, organisation: str, names: Sequence[str], now: datetime
) -> Certificates:
    """`held` when all is well with it; else its renewal, or a first issue. Arguments as for `issued`."""
    if held is None:
        return issued(subject, organisation, names, now)
    if reason_to_renew(held, names, now) is not None:
        return renewed(held, subject, organisation, names, now)
    return held


def issued(subject: str, organisation: str, names: Sequence[str], now: datetime) -> Certificates:
    """A new authority, and a certificate for `names` from it.

    Args:
        subject: name of the base, at most 40 characters.
        organisation: its namespace, at most 63 characters.
        names: DNS names, or addresses; at least one.
        now: an aware time.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = _distinguished(f"{subject} authority", organisation)
    certificate = (
        _builder(name, name, key.public_key(), now - _BACKDATED, now + AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _leaf_from(_Pair(certificate, key), subject, organisation, names, now)


def renewed(
    current: Certificates, subject: str, organisation: str, names: Sequence[str], now: datetime
) -> Certificates:
    """A new certificate and key from the authority of `current`.

    The authority is replaced only when it cannot be used any more (damaged, not its key, about to end); arguments as
    for `issued`.
    """
    try:
        authority = _authority(current, now)
    except _UnusableError:
        return issued(subject, organisation, names, now)
    return _leaf_from(authority, subject, organisation, names, now)


def reason_to_renew(current: Certificates | None, names: Sequence[str], now: datetime) -> str | None:
    """Why the certificates must be issued or renewed (a sentence without secrets); None when all is well.

    Checked: every part can be read, the authority may sign and signed the certificate, keys belong to certificates, all
    `names` are covered, nothing has ended or ends within 30 days. `now` is aware.
    """
    if current is None:
        return "there is no complete set of certificates yet"
    try:
        authority = _authority(current, now)
        leaf = _pair("the certificate", current.leaf, current.leaf_key)
        _check_issued_by(leaf.certificate, authority.certificate)
        _check_time("the certificate", leaf.certificate, now)
    except _UnusableError as error:
        return str(error)
    missing = [name for name in names if _general_name(name) not in _alternative_names(leaf.certificate)]
    return f"the certificate does not cover {', '.join(missing)}" if missing else None


def renewal_time(current: Certificates) -> datetime:
    """When `reason_to_renew` will ask for a renewal because of age (UTC).

    Raises:
        ValueError: the certificates cannot be read.
    """
    ends = (
        x509.load_pem_x509_certificate(part.encode()).not_valid_after_utc for part in (current.leaf, current.authority)
    )
    return min(ends) - RENEWAL_BEFORE_END


def _leaf_from(authority: _Pair, subject: str, organisation: str, names: Sequence[str], now: datetime) -> Certificates:
    key = ec.generate_private_key(ec.SECP256R1())
    end = min(now - _BACKDATED + LEAF_LIFETIME, authority.certificate.not_valid_after_utc)
    issuer_key_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    certificate = (
        _builder(
            _distinguished(subject, organisation),
            authority.certificate.subject,
            key.public_key(),
            now - _BACKDATED,
            end,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(issuer_key_id, critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return Certificates(
        leaf=_pem(certificate),
        leaf_key=_key_pem(key),
        authority=_pem(authority.certificate),
        authority_key=_key_pem(authority.key),
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def _authority(current: Certificates, now: datetime) -> _Pair:
    """The authority of `current` if it may sign still.

    Raises:
        _UnusableError: it may not.
    """
    pair = _pair("the authority", current.authority, current.authority_key)
    try:
        allowed = pair.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        allowed = False
    if not allowed:
        raise _UnusableError("the authority is not a certificate authority")
    _check_issued_by(pair.certificate, pair.certificate)
    _check_time("the authority", pair.certificate, now)
    return pair


def _pair(what: str, certificate_pem: str, key_pem: str) -> _Pair:
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
        key = serialization.load_pem_private_key(key_pem.encode(), password=None)
        public_key = certificate.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _UnusableError(f"{what} or its key cannot be read") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != public_key:
        raise _UnusableError(f"the key of {what} does not belong to it")
    return _Pair(certificate, key)


def _check_issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> None:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm) as error:
        raise _UnusableError("the certificate is not signed by the authority") from error


def _check_time(what: str, certificate: x509.Certificate, now: datetime) -> None:
    if now < certificate.not_valid_before_utc:
        raise _UnusableError(f"{what} is not valid yet")
    if now >= certificate.not_valid_after_utc:
        raise _UnusableError(f"{what} has ended")
    if now >= certificate.not_valid_after_utc - RENEWAL_BEFORE_END:
        raise _UnusableError(f"{what} ends within {RENEWAL_BEFORE_END.days} days")


def _alternative_names(certificate: x509.Certificate) -> frozenset[x509.GeneralName]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return frozenset()
    return frozenset(extension.value)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _distinguished(common_name: str, organisation: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
