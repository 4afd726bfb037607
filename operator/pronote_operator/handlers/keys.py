"""What the queue works on."""

from __future__ import annotations

from typing import NamedTuple


class Key(NamedTuple):
    """One object of ours: `namespace` is empty for cluster-scoped kinds."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


def base_key(namespace: str, name: str) -> Key:
    """Key of a PronoteBase."""
    return Key("PronoteBase", namespace, name)


def text_of(key: Key) -> str:
    """What the planner knows a base by: `namespace/name`."""
    return f"{key.namespace}/{key.name}"


def policy_key(name: str) -> Key:
    """Key of a BackupPolicy."""
    return Key("BackupPolicy", "", name)


def channel_key(name: str) -> Key:
    """Key of a VersionChannel."""
    return Key("VersionChannel", "", name)


def publication_key(namespace: str, name: str) -> Key:
    """Key of a Publication."""
    return Key("Publication", namespace, name)


def delegation_key(namespace: str, name: str) -> Key:
    """Key of a CasDelegation."""
    return Key("CasDelegation", namespace, name)
