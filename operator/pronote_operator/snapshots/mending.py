"""Finds damage in a repository and mends it; see `repair` for why nothing good is lost."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from pronote_operator.snapshots.errors import Reason, SnapshotError
from pronote_operator.snapshots.repair import Problems, give_back, problems_of, put_aside
from pronote_operator.snapshots.store import LONG_SECONDS, Result, Store

logger = logging.getLogger(__name__)

CHECK_CODES: Final = frozenset({0, 1})
"""``borg check`` ends with 1 when it finds damage."""


class Mender:
    """Mends one repository, whose lock is held.

    Args:
        allowed: whether it may: to check all of a large repository takes long.
    """

    def __init__(self, store: Store, *, allowed: bool) -> None:
        self._store = store
        self._allowed = allowed

    def check(self, *arguments: str) -> Problems:
        """What ``borg check`` finds.

        Raises:
            SnapshotError: it could not look.
        """
        run = self._store.run("check", "--info", *arguments, seconds=LONG_SECONDS, accept=CHECK_CODES)
        found = problems_of(run)
        return replace(found, any=found.any or run.code != 0)

    def mending(self, action: Callable[[], Result]) -> Result:
        """Do something; where damage prevents it, mend the repository and do it then.

        What borg does not explain may come of damage as well: then the next snapshot has the repository checked.
        """
        try:
            return action()
        except SnapshotError as error:
            damaged = error.reason is Reason.REPOSITORY_DAMAGED
            if error.reason is Reason.STORE_FAILED or (damaged and not self._allowed):
                self._store.remember(self._store.catalogue(), suspect=True)
            if not damaged or not self._allowed:
                raise
        self.mend()
        return action()

    def mend(self) -> None:
        """Mend the repository, if that is allowed, and if it is damaged indeed; see `repair` for what is not lost."""
        if not self._allowed:
            return
        store = self._store
        path = str(store.path)
        store.mend_small_files()
        if not self.check("--verify-data", path).any:
            # Whole. If it was refused all the same, it is older than what borg remembers, as after a disk that lost
            # its last writes.
            store.accept_older()
            store.remember(store.catalogue(), suspect=False, generation="")
            store.listed()
            return
        logger.error("The repository of the snapshots is damaged and is mended")
        aside = put_aside(store.path, store.damaged_folder)
        try:
            found = self.check("--repair", "--verify-data", path)
        finally:
            give_back(aside)
            store.forget_state()
        catalogue = store.listed()
        for name in found.archives:
            catalogue = catalogue.marked(name, damaged=True)
        store.remember(catalogue, suspect=False, mended=bool(found.archives))
        logger.warning(
            "The repository of the snapshots was mended",
            extra={"fields": {"damagedSnapshots": sorted(found.archives)}},
        )

    def fill_gaps(self) -> None:
        """Put data that were stored again into the gaps that a repair left in earlier snapshots, if that is allowed."""
        if not self._allowed:
            return
        store = self._store
        still = self.check("--repair", "--archives-only", str(store.path)).archives
        store.forget_state()
        catalogue = store.listed()
        for snapshot in catalogue.ordered:
            catalogue = catalogue.marked(snapshot.name, damaged=snapshot.damaged and snapshot.name in still)
        store.remember(catalogue, mended=bool(still))
