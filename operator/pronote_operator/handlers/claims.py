"""Who asks for which base and address: all publications, and those that a change concerns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable

from pronote_operator.handlers.keys import Key
from pronote_operator.planning.publication_claims import Claim, rival


class Claims:
    """Claims by publication."""

    def __init__(self) -> None:
        self._claims: dict[Key, Claim] = {}
        self._asking: defaultdict[Hashable, set[Key]] = defaultdict(set)

    def put(self, key: Key, claim: Claim | None) -> set[Key]:
        """Note what a publication asks for (None: it is gone); the others that are concerned, none if it is no news."""
        before = self._claims.get(key)
        if before == claim:
            return set()
        concerned: set[Key] = set()
        if before is not None:
            for wanted in _wanted(before):
                self._asking[wanted].discard(key)
                concerned |= self._asking[wanted]
                if not self._asking[wanted]:
                    del self._asking[wanted]
            del self._claims[key]
        if claim is not None:
            self._claims[key] = claim
            for wanted in _wanted(claim):
                concerned |= self._asking[wanted]
                self._asking[wanted].add(key)
        return concerned

    def get(self, key: Key) -> Claim | None:
        """What a publication asks for."""
        return self._claims.get(key)

    def of_base(self, namespace: str, base: str) -> set[Key]:
        """The publications that ask for a base, which need not exist."""
        return set(self._asking.get((namespace, base), ()))

    def rival(self, key: Key) -> Claim | None:
        """The publication that has what this one asks for, being older."""
        claim = self._claims.get(key)
        if claim is None:
            return None
        others = {other for wanted in _wanted(claim) for other in self._asking.get(wanted, ())} - {key}
        return rival(claim, (self._claims[other] for other in others)) if others else None


def _wanted(claim: Claim) -> list[Hashable]:
    base = (claim.namespace, claim.base)
    return [base] if claim.address is None else [base, ("address", *claim.address)]
