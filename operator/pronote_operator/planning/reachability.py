"""What a CAS server's answer, or the lack of one, is called; and when it is asked again."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from pronote_operator.api.constants import REACHABLE
from pronote_operator.planning.conditions import Condition

ANSWER_SECONDS = 5
REACHABLE_SECONDS = 300.0
UNREACHABLE_SECONDS = 30.0
"""While it does not answer it is asked more often, so that the condition heals soon after the server."""

_EXPIRED, _NOT_YET_VALID = 10, 9
_OTHER_HOST = frozenset({62, 64})
_UNKNOWN_AUTHORITY = frozenset({2, 18, 19, 20, 21, 27})
"""Codes of X509_verify_cert_error_string(3): what OpenSSL says of a certificate."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether a CAS server answers.

    Args:
        reason: of the condition Reachable.
        message: a sentence for people; nothing that the server said.
    """

    reason: str
    message: str

    @property
    def reachable(self) -> bool:
        """Whether it answers."""
        return self.reason == "Answering"

    @property
    def again(self) -> float:
        """Seconds until it is asked again, before jitter."""
        return REACHABLE_SECONDS if self.reachable else UNREACHABLE_SECONDS

    def condition(self) -> Condition:
        """The condition Reachable."""
        return Condition(REACHABLE, "True" if self.reachable else "False", self.reason, self.message)


NOT_ASKED_YET = Condition(REACHABLE, "Unknown", "NotAskedYet", "The CAS server was not asked yet")


def answered(status: int) -> Reach:
    """It answered with this HTTP status."""
    if status >= 500:
        return Reach("ServerError", "The CAS server answers with an error of its own (HTTP 5xx)")
    return Reach("Answering", "The CAS server answers")


def timed_out() -> Reach:
    """It did not answer in time."""
    return Reach("TimedOut", f"The CAS server does not answer within {ANSWER_SECONDS} s")


def connect_failed(why: str) -> Reach:
    """There is no connection."""
    return Reach("ConnectFailed", f"No connection to the CAS server: {why}")


def not_trusted(code: int) -> Reach:
    """Its certificate is not trusted, with this code of OpenSSL."""
    if code == _EXPIRED:
        # OpenSSL says the same of an authority's certificate as of the server's own.
        why = "its certificate, or that of its authority, has ended"
    elif code == _NOT_YET_VALID:
        why = "its certificate, or that of its authority, is not valid yet"
    elif code in _OTHER_HOST:
        why = "its certificate is for another host"
    elif code in _UNKNOWN_AUTHORITY:
        why = "its certificate is signed by an unknown authority"
    else:
        why = f"its certificate is not good (OpenSSL's code {code})"
    return Reach("CertificateNotTrusted", f"The CAS server cannot be trusted: {why}")


def may_be_asked(address: str) -> bool:
    """Whether a CAS server can be at this address: not on the operator's own machine, nor on its link.

    There are services that trust whoever reaches them: on loopback, and where clouds hand out credentials (link-local).
    Private addresses must be possible: an ENT is often in the same data centre.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return not (ip.is_loopback or ip.is_link_local or ip.is_multicast or ip.is_unspecified)
