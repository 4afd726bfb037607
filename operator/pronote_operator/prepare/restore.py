"""Restore in place ("ouvrir cette archive"): a snapshot takes the place of what is in service.

The steps of one try, each on the disk before the next: ``begin``; the snapshot is looked up; the safety snapshot
(``safety``); the snapshot is unpacked aside and checked; ``swap``; the renames; ``end``. Until ``swap`` nothing in
service was touched: whatever goes wrong ends the request as failed, and the server starts on the data that it had. From
``swap`` on there is only forward, whatever the plan of the run that finds it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pronote_operator.prepare import disk, swap
from pronote_operator.prepare.journal import History, Journal, restore_key
from pronote_operator.prepare.outcome import RefusedError, RetryError
from pronote_operator.prepare.places import Places
from pronote_operator.prepare.plan import DataPlan, RestoreRequest
from pronote_operator.prepare.restores import MAX_TRIES, STEP, OpenRestore, Restored, open_restore
from pronote_operator.prepare.safety import Safety, safety_name, take_safety
from pronote_operator.prepare.sqlite import base_problem, is_open_elsewhere
from pronote_operator.prepare.stored import MENDED_NEXT, need_room, own_repository, usable
from pronote_operator.prepare.sweep import sweep
from pronote_operator.prepare.volume import BASE_FILE, Layout, VolumeView
from pronote_operator.snapshots import Reason, SnapshotError

TRY_SECONDS: Final = 1800.0
"""After which a try is given up: a repository that answers no more must not keep a school out of service."""

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


def settle(plan: DataPlan, places: Places, layout: Layout, volume: VolumeView, journal: Journal) -> Restored | None:
    """Finish or end the request that an earlier run left open, then carry out the one that the plan asks for.

    Returns:
        How the last of them ended; None when nothing was to be done.

    Raises:
        RetryError: something is in use; a further run goes on.
        OSError: the data volume failed; likewise. `MAX_TRIES` bounds both, once a try was begun.
    """
    ended, history = None, volume.history
    opened = open_restore(history)
    if opened is not None and (opened.in_swap or not _is_asked(plan, opened)):
        request = _Request(opened.request, opened.school_year, opened, layout, journal)
        ended = request.finished() if opened.in_swap else request.withdrawn()
        opened = None
    asked = plan.restore
    if (
        asked is None
        or history.end_of(restore_key(asked.request_id))
        or (ended and ended.request_id == asked.request_id)
    ):
        return ended
    # For the room. What a finished exchange replaced is gone already, and gone is fine.
    sweep(layout, volume, journal)
    request = _Request(asked, plan.school_year, opened, layout, journal)
    return request.carried_out(plan, places, history)


def _is_asked(plan: DataPlan, opened: OpenRestore) -> bool:
    return (
        plan.restore is not None
        and plan.restore.request_id == opened.request.request_id
        and plan.school_year == opened.school_year
    )


class _Request:
    """One request, from where an earlier run left it (``opened``) to its end."""

    def __init__(
        self, asked: RestoreRequest, school_year: int, opened: OpenRestore | None, layout: Layout, journal: Journal
    ) -> None:
        self._id = asked.request_id
        self._snapshot = asked.snapshot
        self._year = school_year
        self._opened = opened
        self._layout = layout
        self._journal = journal
        self._started = opened.started if opened else journal.now()
        self._safety = opened.safety if opened and opened.safety_taken else None
        self._safety_said = ""

    def finished(self) -> Restored:
        """The renames are brought to their end."""
        assert self._opened is not None
        assert self._opened.keeps_annexes is not None
        return self._swapped(self._opened.keeps_annexes)

    def withdrawn(self) -> Restored:
        """It is no longer asked for. It must end: what its safety snapshot holds is old once the server was started."""
        return self._failed("Withdrawn", "the request was withdrawn before it was carried out")

    def carried_out(self, plan: DataPlan, places: Places, history: History) -> Restored:
        """A try, if one is left. See `settle`."""
        tries = self._opened.tries if self._opened else 0
        if tries >= MAX_TRIES:
            why = (
                f"the last one said: {self._opened.fault}" if self._opened and self._opened.fault else "each was killed"
            )
            return self._failed("TriedTooOften", f"{tries} tries did not come to an end; {why}")
        if is_open_elsewhere(self._layout.year(self._year), BASE_FILE):
            raise RetryError("BaseInUse", "a server that is not yet gone has the base open")
        moment = dt.datetime.fromisoformat(self._journal.now())
        used = (str(record.get("safetySnapshot")) for record in history.records)
        safety = self._opened.safety if self._opened else safety_name(moment, used)
        self._record("begin", requestId=self._id, snapshot=self._snapshot, schoolYear=self._year, safetySnapshot=safety)
        try:
            keeps_annexes = self._unpacked(plan, places, safety, moment)
        except RefusedError as refused:
            return self._failed(refused.reason, refused.message)
        except SnapshotError as error:
            if error.reason is Reason.BUSY:
                self._fault(error.message)
                raise RetryError(error.reason.value, error.message) from error
            reason = "TimedOut" if error.reason is Reason.CANCELLED else error.reason.value
            hint = f"; {MENDED_NEXT}" if error.reason is Reason.REPOSITORY_DAMAGED else ""
            return self._failed(reason, error.message + hint)
        except OSError as error:
            if error.errno in _FULL:
                return self._failed("NoRoom", "the data volume is full")
            self._fault(f"{error.strerror or error}")
            raise
        except Exception as error:  # noqa: BLE001 - no fault of ours may keep a school out of service
            frame = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(frame.filename).name}:{frame.lineno}"
            return self._failed("InternalError", f"{type(error).__name__} at {where}: {error}")
        swap.clear_way(self._layout, self._year)
        self._record("swap", keepsAnnexes=keeps_annexes)
        return self._swapped(keeps_annexes)

    def _unpacked(self, plan: DataPlan, places: Places, safety: str, moment: dt.datetime) -> bool:
        """The snapshot is aside, whole and of this base. Returns whether the annexes that are there stay."""
        layout, staging = self._layout, self._layout.staging(self._year)
        disk.remove_tree(staging)
        with _in_time() as cancelled:
            repository = own_repository(places, cancelled)
            stored = repository.snapshots()
            wanted = usable(stored, self._snapshot, plan.uai, self._year, plan.name)
            need_room(layout.own, wanted.size_bytes, f"{wanted.name}, unpacked,")
            self._record_safety(take_safety(plan, layout, repository, safety, stored, moment))
            disk.make_folder(staging)
            repository.extract(wanted.name, Path(staging))
        problem = base_problem(f"{staging}/{BASE_FILE}", plan.uai, self._year)
        if problem is not None:
            raise RefusedError("SnapshotDamaged", f"the base in {wanted.name} cannot be put in service: {problem}")
        disk.sync_folder(layout.own)
        return not wanted.annexes

    def _record_safety(self, taken: Safety) -> None:
        self._safety, self._safety_said = taken.name, taken.message
        self._record("safety", safetySnapshot=taken.name, message=taken.message)

    def _swapped(self, keeps_annexes: bool) -> Restored:
        layout, year = self._layout, self._year
        if swap.put_back(layout, year):
            return self._failed("SwapFailed", "what was unpacked is gone from the volume before it was put in place")
        try:
            swap.put_in_place(layout, year, keeps_annexes=keeps_annexes)
        except OSError as error:
            if not swap.is_untouched(layout, year):
                raise
            return self._failed("SwapFailed", f"the folder of the base cannot be moved: {error.strerror}")
        ended = self._ended("Restored", "Restored", self._restored_said())
        with contextlib.suppress(OSError):
            swap.clear_way(layout, year)
        return ended

    def _restored_said(self) -> str:
        safety = self._safety_said or (f"{self._safety} holds what was in service" if self._safety else "")
        return f"{self._snapshot} is in service" + (f"; {safety}" if safety else "")

    def _failed(self, reason: str, message: str) -> Restored:
        # Before the line: it is what a full volume needs, and nothing will look for it again but a sweep.
        for path in (self._layout.staging(self._year), self._layout.safety(self._year)):
            with contextlib.suppress(OSError):
                disk.remove_tree(path)
        return self._ended("Failed", reason, message)

    def _ended(self, result: str, reason: str, message: str) -> Restored:
        self._record(
            "end",
            requestId=self._id,
            snapshot=self._snapshot,
            schoolYear=self._year,
            safetySnapshot=self._safety,
            startedTime=self._started,
            result=result,
            reason=reason,
            message=message[:MESSAGE_CHARACTERS],
        )
        return Restored(self._id, "Succeeded" if result == "Restored" else "Failed", reason, message)

    def _fault(self, message: str) -> None:
        with contextlib.suppress(OSError):
            self._record("fault", message=message[:MESSAGE_CHARACTERS])

    def _record(self, event: str, **members: object) -> None:
        self._journal.append(event, key=restore_key(self._id), step=STEP, **members)


MESSAGE_CHARACTERS: Final = 600


@contextlib.contextmanager
def _in_time() -> Iterator[threading.Event]:
    cancelled = threading.Event()
    timer = threading.Timer(TRY_SECONDS, cancelled.set)
    timer.daemon = True
    timer.start()
    try:
        yield cancelled
    finally:
        timer.cancel()
