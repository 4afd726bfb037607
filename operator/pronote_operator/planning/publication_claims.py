"""Which publication has a base, or an address, when several ask for it: the eldest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pronote_operator.errors import Unusable


@dataclass(frozen=True, slots=True)
class Claim:
    """What one publication asks for alone.

    Args:
        created: when it was made, as the API writes it.
        base: name of the base, in the same namespace.
        address: host and path; None when it asks for none of its own (a Service inside the cluster), or when it cannot
            be told yet.
    """

    created: str
    uid: str
    namespace: str
    name: str
    base: str
    address: tuple[str, str] | None

    @property
    def age(self) -> tuple[str, str]:
        """Smaller is elder; the UID decides within one second."""
        return (self.created, self.uid)


def rival(claim: Claim, others: Iterable[Claim]) -> Claim | None:
    """The eldest publication that has what this one asks for; None when nobody elder does.

    One that is itself held up by a third still counts: who is next must not depend on more than age.
    """
    elder = [other for other in others if other.age < claim.age and contested(claim, other) is not None]
    return min(elder, key=lambda other: other.age, default=None)


def contested(claim: Claim, other: Claim) -> str | None:
    """The field of the spec in which two publications ask for the same; None when they do not."""
    if claim.namespace == other.namespace and claim.base == other.base:
        return "spec.base"
    if claim.address is not None and claim.address == other.address:
        return "spec.host"
    return None


def stands_back(claim: Claim, other: Claim) -> Unusable:
    """What the younger one is told.

    A publication of another namespace is not named: tenants are not to learn each other's names.
    """
    if contested(claim, other) == "spec.base":
        holder = f"is published by Publication {other.name}, which is older"
        return Unusable("BaseTaken", f"spec.base: PronoteBase {claim.base} {holder}")
    host, path = claim.address or ("", "")
    holder = f"Publication {other.name}" if claim.namespace == other.namespace else "a Publication of another namespace"
    return Unusable("HostTaken", f"spec.host, spec.path: {host}{path} belongs to {holder}, which is older")
