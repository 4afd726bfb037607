"""Snapshots of a base in a borg repository. Knows files and borg, and nothing of the cluster, the agent or prepare."""

from pronote_operator.snapshots.errors import Reason, SnapshotError
from pronote_operator.snapshots.model import StoredSnapshot, Verification
from pronote_operator.snapshots.repository import Repository

__all__ = ["Reason", "Repository", "SnapshotError", "StoredSnapshot", "Verification"]
