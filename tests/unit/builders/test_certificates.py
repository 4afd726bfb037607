"""Certificates of a base: checked as a Client checks them, renewed in time, from the same authority."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from hypothesis import given, settings
from hypothesis import strategies as st

from pronote_operator.builders.certificates import Certificates
from pronote_operator.builders.endpoints import server_names
from pronote_operator.certification.issuing import issued, reason_to_renew, renewal_time, renewed
from tests.unit.builders.children import context

NOW = datetime(2026, 9, 1, 8, tzinfo=UTC)
NAMES = server_names(context())


@pytest.fixture(scope="module")
def current() -> Certificates:
    return issued("jean-moulin", "schools", NAMES, NOW)


def verified(certificates: Certificates, name: str, now: datetime) -> bool:
    authority, leaf = (
        x509.load_pem_x509_certificate(pem.encode()) for pem in (certificates.authority, certificates.leaf)
    )
    subject = x509.DNSName(name)
    verifier = PolicyBuilder().store(Store([authority])).time(now).build_server_verifier(subject)
    try:
        verifier.verify(leaf, [])
    except VerificationError:
        return False
    return True


def test_the_names_are_those_by_which_clients_and_operator_call() -> None:
    assert server_names(context(options={"client_host_template": "{uai}.pronote.example.org"})) == (
        "0750654d.pronote.example.org",
        "jean-moulin-client.schools.svc",
        "jean-moulin-client.schools.svc.cluster.local",
        "jean-moulin-agent.schools.svc",
        "jean-moulin-0.jean-moulin-agent.schools.svc",
    )


def test_no_name_is_covered_twice() -> None:
    assert NAMES[0] == "jean-moulin-client.schools.svc"
    assert len(NAMES) == len(set(NAMES)) == 4


@pytest.mark.parametrize("name", NAMES)
def test_a_client_that_trusts_the_authority_alone_accepts_every_name(current: Certificates, name: str) -> None:
    assert verified(current, name, NOW)
    assert verified(current, name, NOW + timedelta(days=390))
    assert not verified(current, name, NOW + timedelta(days=398))


def test_another_name_or_another_authority_is_not_accepted(current: Certificates) -> None:
    assert not verified(current, "other-client.schools.svc", NOW)
    stranger = issued("jean-moulin", "schools", NAMES, NOW)
    assert not verified(replace(current, authority=stranger.authority), NAMES[0], NOW)


def test_lifetimes_are_397_days_and_twenty_years(current: Certificates) -> None:
    leaf, authority = (x509.load_pem_x509_certificate(pem.encode()) for pem in (current.leaf, current.authority))
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(days=397)
    assert authority.not_valid_after_utc == NOW + timedelta(days=20 * 365)
    assert leaf.not_valid_before_utc < NOW


def test_good_certificates_are_left_alone_until_thirty_days_before_their_end(current: Certificates) -> None:
    due = renewal_time(current)
    assert reason_to_renew(current, NAMES, NOW) is None
    assert reason_to_renew(current, NAMES, due - timedelta(seconds=1)) is None
    assert reason_to_renew(current, NAMES, due) == "the certificate ends within 30 days"
    assert reason_to_renew(current, NAMES, due + timedelta(days=31)) == "the certificate has ended"


def test_a_renewal_keeps_the_authority_and_changes_the_key(current: Certificates) -> None:
    later = renewal_time(current)
    new = renewed(current, "jean-moulin", "schools", NAMES, later)
    assert (new.authority, new.authority_key) == (current.authority, current.authority_key)
    assert new.leaf_key != current.leaf_key
    assert reason_to_renew(new, NAMES, later) is None
    assert verified(new, NAMES[0], later + timedelta(days=300))


def test_a_new_host_name_is_a_reason_to_renew(current: Certificates) -> None:
    wanted = ("moulin.example.org", *NAMES)
    assert reason_to_renew(current, wanted, NOW) == "the certificate does not cover moulin.example.org"
    assert reason_to_renew(renewed(current, "jean-moulin", "schools", wanted, NOW), wanted, NOW) is None


def test_names_that_are_no_longer_wanted_are_no_reason(current: Certificates) -> None:
    assert reason_to_renew(current, NAMES[:1], NOW) is None


def test_an_address_may_stand_for_a_name() -> None:
    certificates = issued("moulin", "schools", ["192.0.2.7"], NOW)
    assert reason_to_renew(certificates, ["192.0.2.7"], NOW) is None
    assert reason_to_renew(certificates, ["192.0.2.8"], NOW) is not None


def test_what_is_damaged_is_said_and_mended(current: Certificates) -> None:
    other = issued("jean-moulin", "schools", NAMES, NOW)
    cases = {
        "the certificate or its key cannot be read": replace(current, leaf="nonsense"),
        "the authority or its key cannot be read": replace(current, authority_key="nonsense"),
        "the key of the certificate does not belong to it": replace(current, leaf_key=other.leaf_key),
        "the key of the authority does not belong to it": replace(current, authority_key=other.authority_key),
        "the certificate is not signed by the authority": replace(
            current, authority=other.authority, authority_key=other.authority_key
        ),
        "the authority is not a certificate authority": replace(
            current, authority=current.leaf, authority_key=current.leaf_key
        ),
    }
    for reason, damaged in cases.items():
        assert reason_to_renew(damaged, NAMES, NOW) == reason
        mended = renewed(damaged, "jean-moulin", "schools", NAMES, NOW)
        assert reason_to_renew(mended, NAMES, NOW) is None


def test_no_certificates_are_a_reason() -> None:
    assert reason_to_renew(None, NAMES, NOW) == "there is no complete set of certificates yet"


def test_certificates_of_a_clock_that_was_ahead_are_renewed(current: Certificates) -> None:
    assert reason_to_renew(current, NAMES, NOW - timedelta(days=1)) == "the authority is not valid yet"


def test_an_authority_near_its_end_is_replaced_and_never_outlived(current: Certificates) -> None:
    near_end = NOW + timedelta(days=20 * 365 - 100)
    clipped = renewed(current, "jean-moulin", "schools", NAMES, near_end)
    leaf, authority = (x509.load_pem_x509_certificate(pem.encode()) for pem in (clipped.leaf, clipped.authority))
    assert clipped.authority == current.authority
    assert leaf.not_valid_after_utc == authority.not_valid_after_utc
    at_end = renewed(current, "jean-moulin", "schools", NAMES, NOW + timedelta(days=20 * 365 - 29))
    assert at_end.authority != current.authority


@settings(max_examples=30)
@given(
    st.sampled_from(["leaf", "leaf_key", "authority", "authority_key"]),
    st.text(max_size=60) | st.just("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
)
def test_no_content_of_a_secret_makes_the_check_fail(part: str, text: str) -> None:
    good = issued("jean-moulin", "schools", NAMES, NOW)
    damaged = replace(good, **{part: text})
    reason = reason_to_renew(damaged, NAMES, NOW)
    assert reason is not None
    assert reason_to_renew(renewed(damaged, "jean-moulin", "schools", NAMES, NOW), NAMES, NOW) is None


def test_the_longest_names_fit() -> None:
    ctx = context(metadata={"name": "b" * 40, "namespace": "n" * 63})
    certificates = issued(ctx.name, ctx.namespace, server_names(ctx), NOW)
    assert reason_to_renew(certificates, server_names(ctx), NOW) is None
