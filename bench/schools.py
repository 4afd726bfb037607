"""The bases that are measured: valid, all different, spread over a few namespaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pronote_operator.api.constants import API_VERSION
from pronote_operator.api.uai import uai_letter

NAMESPACES = 10
CHILDREN = 13
"""Objects that the operator makes for a base with a superadministrator of its own making."""
VERSION = "2026.2.5"
IMAGE = f"localhost/pronote-server:{VERSION}"
CHANNEL = "bench"


@dataclass(frozen=True, slots=True)
class School:
    """One base to create."""

    namespace: str
    name: str
    uai: str

    def manifest(self) -> dict[str, Any]:
        """The base as a person would write it: what is required, and nothing else."""
        return {
            "apiVersion": API_VERSION,
            "kind": "PronoteBase",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": {"uai": self.uai, "displayName": f"École {self.name}", "source": {"empty": {}}},
        }


def namespaces() -> list[str]:
    """The namespaces that hold the bases."""
    return [f"bench-{number}" for number in range(NAMESPACES)]


def school(number: int) -> School:
    """The base with a number from 0 on; numbers 10 apart share a namespace.

    Raises:
        ValueError: a UAI has 7 digits, so there are no more than ten million.
    """
    digits = f"{number:07d}"
    return School(namespaces()[number % NAMESPACES], f"school-{number:05d}", f"{digits}{uai_letter(digits)}")


def schools(count: int, first: int = 0) -> list[School]:
    """So many bases, the first one with the number ``first``."""
    return [school(number) for number in range(first, first + count)]


def channel() -> dict[str, Any]:
    """The default VersionChannel, with one release that is due."""
    return {
        "apiVersion": API_VERSION,
        "kind": "VersionChannel",
        "metadata": {"name": CHANNEL, "annotations": {"pronote.hosting/is-default": "true"}},
        "spec": {
            "releases": [{"version": VERSION, "image": IMAGE}],
            "calendars": {"metropole": {"yearEndArchive": "07-01", "newBase": "08-15", "switchover": "08-26"}},
        },
    }
