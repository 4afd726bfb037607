"""A bundle of certificates is taken as it is meant or refused with the reason."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from pronote_operator.api.casdelegation import CaBundle
from pronote_operator.certification import bundles
from pronote_operator.certification.bundles import MAX_CERTIFICATES
from pronote_operator.errors import BundleError, ReferenceMissing, Unusable
from pronote_operator.planning.ca_bundle import bundle_in, check_bundle_text, refused_bundle

NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
KEY = ec.generate_private_key(ec.SECP256R1())


def authority(begins_in_days: float = -1, ends_in_days: float = 30) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test")])
    builder = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=KEY.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=NOW + dt.timedelta(days=begins_in_days),
        not_valid_after=NOW + dt.timedelta(days=ends_in_days),
    )
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


GOOD = authority()
OVER = authority(-30, -1)


def certificates(text: str, now: dt.datetime) -> str:
    """As `Certifier.bundle` has it judged."""
    check_bundle_text(text)
    return bundles.certificates(text, now)


async def judge(text: str, now: dt.datetime) -> str:
    """`Certifier.bundle` without its process."""
    return certificates(text, now)


def test_nothing_but_certificates_is_handed_on() -> None:
    assert certificates(f"# Our authority\nSubject: whoever\n{GOOD}\nmore words\n", NOW) == GOOD


def test_certificates_that_are_over_are_taken_beside_a_good_one() -> None:
    assert certificates(OVER + GOOD, NOW).count("BEGIN CERTIFICATE") == 2


def private_key() -> str:
    return KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (lambda: "", "no certificates in PEM form"),
        (lambda: "-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n", "no certificates in PEM form"),
        (lambda: OVER, "still valid: the last ended on 2026-11-25"),
        (lambda: authority(2, 30), "valid yet: the first begins on 2026-11-28"),
        (lambda: OVER + authority(2, 30), "valid yet: the first begins on 2026-11-28"),
        (lambda: GOOD + private_key(), "private key"),
        (lambda: GOOD + "#" * (48 * 1024), "longer than 49152 characters"),
        (lambda: GOOD * (MAX_CERTIFICATES + 1), f"at most {MAX_CERTIFICATES}"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(text: Callable[[], str], why: str) -> None:
    with pytest.raises(BundleError, match=why) as refused:
        certificates(text(), NOW)
    assert "BEGIN" not in str(refused.value).replace("(-----BEGIN CERTIFICATE-----)", "")


WANTED = CaBundle.model_validate({"configMapName": "authority"})


def test_a_bundle_is_the_text_under_its_key() -> None:
    assert bundle_in({"data": {"ca.crt": GOOD, "other": OVER}}, WANTED) == GOOD


def test_a_configmap_that_is_not_there_is_waited_for() -> None:
    with pytest.raises(ReferenceMissing, match=r"^spec.cas.caBundle: ConfigMap authority does not exist"):
        bundle_in(None, WANTED)


@pytest.mark.parametrize(
    ("configmap", "why"),
    [
        ({"data": {"tls.crt": GOOD}}, "has no key ca.crt; it has: tls.crt"),
        ({"binaryData": {"ca.crt": "AA=="}}, "has no key ca.crt; it has no text keys"),
        ({}, "has no key ca.crt"),
    ],
)
def test_what_a_configmap_has_instead_must_be_mended(configmap: dict[str, object], why: str) -> None:
    with pytest.raises(Unusable, match=why) as refused:
        bundle_in(configmap, WANTED)
    assert refused.value.reason == "InvalidCaBundle"
    assert refused.value.message.startswith("spec.cas.caBundle")


def test_certificates_that_cannot_be_used_must_be_mended_where_they_are() -> None:
    refused = refused_bundle(WANTED, BundleError("holds no certificates"))
    assert refused.reason == "InvalidCaBundle"
    assert refused.message == "spec.cas.caBundle: key ca.crt of ConfigMap authority holds no certificates"
