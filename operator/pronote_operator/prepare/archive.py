"""``archive``: a snapshot of what was in service until now, before a plan does anything else to the volume.

A base that is out of service has no agent that could take one. So the plan that it is started with asks for it, under a
name, once: the journal knows that it was taken, also when retention has removed it since. What cannot be archived is
not touched: the plan is refused, and the roll that it belongs to goes back.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pronote_operator.prepare import disk
from pronote_operator.prepare.journal import ARCHIVE, History
from pronote_operator.prepare.outcome import RefusedError, RetryError
from pronote_operator.prepare.steps import Verdict
from pronote_operator.prepare.turns import year_in_service
from pronote_operator.prepare.volume import BASE_FILE, Layout, VolumeView

if TYPE_CHECKING:
    from pronote_operator.prepare.places import Places
    from pronote_operator.prepare.plan import DataPlan

REASON: Final = "ArchiveFailed"
"""Of a refusal: nothing was changed, because what is in service could not be archived."""

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


def archive_due(plan: DataPlan, history: History) -> str | None:
    """The name of the archive that a plan asks for and that was not taken yet; None for none."""
    asked = plan.archive
    return asked.name if asked is not None and history.end_of(asked.name) is None else None


def served_until_now(plan: DataPlan, volume: VolumeView) -> int:
    """The school year that was in service before this plan.

    By the journal, once a year was turned on the volume; else it is the passing year, or the plan's own. One that is
    not on the volume (any more) cannot be meant.
    """
    passing = plan.new_year.past if plan.new_year is not None else None
    meant = (year_in_service(volume.history), passing)
    return next((year for year in meant if year in volume.years_present and year is not None), plan.school_year)


@dataclass(frozen=True)
class ArchiveFirst:
    """Archive what was in service.

    Args:
        name: of the archive; one of that name that is in the repository is as good.
        uai: of the school.
        school_year: that was in service, see `served_until_now`.
        places: of the volumes.
        now: gives the present instant, RFC 3339.
    """

    name: str
    uai: str
    school_year: int
    places: Places
    now: Callable[[], str]

    @property
    def kind(self) -> str:
        """See `Step`."""
        return ARCHIVE

    @property
    def key(self) -> str:
        """See `Step`."""
        return self.name

    def assess(self, volume: VolumeView) -> Verdict:
        """See `Step`."""
        return "CarryOut" if volume.history.end_of(self.key) is None else "AlreadyDone"

    def carry_out(self, layout: Layout) -> str:
        """See `Step`. Once there is a snapshot, a further run finds it.

        Raises:
            RefusedError: ``ArchiveFailed``; the message says why.
            RetryError: a server has the base open, or the repository is in use or did not answer as it should.
        """
        # Imports borg's side and SQLite: three times what a run with nothing to do takes.
        from pronote_operator.prepare.sqlite import is_open_elsewhere
        from pronote_operator.prepare.stored import MENDED_NEXT
        from pronote_operator.snapshots import Reason, SnapshotError

        if is_open_elsewhere(layout.year(self.school_year), BASE_FILE):
            raise RetryError("BaseInUse", "a server that is not yet gone has the base open")
        try:
            return self._stored(layout)
        except SnapshotError as error:
            if error.reason in (Reason.BUSY, Reason.STORE_FAILED, Reason.TIMED_OUT, Reason.CANCELLED):
                raise RetryError(error.reason.value, f"it could not be archived yet: {error.message}") from error
            hint = f"; {MENDED_NEXT}" if error.reason is Reason.REPOSITORY_DAMAGED else ""
            raise self._refusal(error.reason.value, error.message + hint) from error
        except RefusedError as refused:
            raise self._refusal(refused.reason, refused.message) from refused
        except OSError as error:
            if error.errno not in _FULL:
                raise
            raise self._refusal("NoRoom", "the data volume is full") from error
        finally:
            # A sweep would remove it too, and say so in the journal: a line for each of many tries.
            with contextlib.suppress(OSError):
                disk.remove_tree(layout.safety(self.school_year))

    def _stored(self, layout: Layout) -> str:
        from pronote_operator.prepare.stored import own_repository
        from pronote_operator.prepare.storing import holds_data, last_version, store

        if not holds_data(layout, self.school_year):
            return "nothing was in service"
        repository = own_repository(self.places)
        there = repository.snapshots()
        if any(one.name == self.name for one in there):
            return f"{self.name} was there already"
        found = store(
            layout,
            repository,
            self.name,
            uai=self.uai,
            school_year=self.school_year,
            version=last_version(there),
            moment=dt.datetime.fromisoformat(self.now()),
            what="the archive",
        )
        as_it_was = " as it was: SQLite could not open it" if found == "AsItWas" else ""
        return f"it holds what was in service of {self.school_year}{as_it_was}"

    def _refusal(self, reason: str, message: str) -> RefusedError:
        said = f"what was in service of {self.school_year} could not be archived first"
        return RefusedError(REASON, f"{said}, so nothing was changed ({reason}: {message})")
