"""Each alert both ways: it fires when it should, and not for a new base, a stopped one or a replaced pod."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.alerts.promtool import (
    DAY,
    HOUR,
    MINUTE,
    Base,
    Check,
    Kind,
    announces,
    fires,
    judge,
    silent,
)

BACKUP = {"kind": "backup"}
TOO_OLD = "PronoteSnapshotTooOld"
NEVER = "PronoteSnapshotNeverSucceeded"
FAILING = "PronoteSnapshotFailing"
RESTORE = "PronoteRestoreFailed"


def each(every: float, start: float, end: float) -> tuple[float, ...]:
    """Moments from `start` on, one each `every` seconds, before `end`."""
    return tuple(
        start + every * number for number in range(int((end - start) // every) + 1) if start + every * number < end
    )


def healthy(until: float) -> Base:
    """A base with a backup every two hours and an archive a day, none of which failed."""
    backups, archives = each(2 * HOUR, HOUR, until), each(DAY, 3 * HOUR, until)
    return Base({"backup": Kind(2 * HOUR, backups, backups), "archive": Kind(DAY, archives, archives)})


def backups_end(at: float, **more: object) -> Base:
    """A base whose backups, every two hours, are not even tried any more from `at` on."""
    taken = each(2 * HOUR, HOUR, at)
    return replace(Base({"backup": Kind(2 * HOUR, taken, taken)}), **more)  # type: ignore[arg-type]


ALL = (TOO_OLD, NEVER, FAILING, RESTORE)


def test_a_healthy_base_is_quiet(tmp_path: Path) -> None:
    moments = (30 * MINUTE, 9 * HOUR, 2 * DAY, 3 * DAY + 4 * HOUR)
    judge(healthy(4 * DAY), tmp_path, *(silent(alert, at) for alert in ALL for at in moments))


# Too old.


def test_a_backup_is_too_old_when_its_successor_is_neither_taken_nor_made_up(tmp_path: Path) -> None:
    base = backups_end(12 * HOUR)  # the last one at 11:00; the next at 13:00, made up until 15:00
    judge(base, tmp_path, silent(TOO_OLD, 15 * HOUR), fires(TOO_OLD, 15 * HOUR + 15 * MINUTE, **BACKUP))


def test_each_kind_has_the_interval_of_its_own_schedule(tmp_path: Path) -> None:
    base = Base({"archive": Kind(DAY, (3 * HOUR,), (3 * HOUR,))})
    late = DAY + 5 * HOUR
    judge(base, tmp_path, silent(TOO_OLD, late), fires(TOO_OLD, late + 15 * MINUTE, kind="archive"))


def test_an_archive_holds_what_a_backup_does(tmp_path: Path) -> None:
    backups, archives = (HOUR,), (4 * HOUR,)
    base = Base({"backup": Kind(2 * HOUR, backups, backups), "archive": Kind(DAY, archives, archives)})
    judge(base, tmp_path, silent(TOO_OLD, 7 * HOUR), fires(TOO_OLD, 8 * HOUR + 15 * MINUTE, **BACKUP))


def test_kinds_without_a_schedule_do_not_age(tmp_path: Path) -> None:
    kinds = {**healthy(2 * DAY).kinds, "safety": Kind(None, (HOUR,), (HOUR,))}
    judge(Base(kinds), tmp_path, silent(TOO_OLD, 2 * DAY))


def test_a_replaced_pod_hides_no_backup_that_is_too_old(tmp_path: Path) -> None:
    replaced = 17 * HOUR
    base = backups_end(12 * HOUR, down=((replaced, replaced + 5 * MINUTE),), pods=((0, "a:8080"), (replaced, "b:8080")))
    moments = (replaced - MINUTE, replaced + 3 * MINUTE, replaced + 6 * MINUTE, 20 * HOUR)
    judge(base, tmp_path, *(fires(TOO_OLD, at, **BACKUP) for at in moments))


def test_a_replaced_pod_raises_no_alert(tmp_path: Path) -> None:
    replaced = 10 * HOUR
    base = replace(
        healthy(20 * HOUR), down=((replaced, replaced + 8 * MINUTE),), pods=((0, "a:8080"), (replaced, "b:8080"))
    )
    moments = (replaced + 4 * MINUTE, replaced + 45 * MINUTE, 20 * HOUR)
    judge(base, tmp_path, *(silent(alert, at) for alert in ALL for at in moments))


def test_a_stopped_base_is_no_alert_and_has_time_when_it_is_started(tmp_path: Path) -> None:
    stopped, started = 20 * HOUR, 20 * HOUR + 3 * DAY
    base = backups_end(20 * HOUR, down=((stopped, started),), pods=((0, "a:8080"), (started, "b:8080")))
    quiet = (stopped + 30 * MINUTE, stopped + 2 * DAY, started + 5 * MINUTE, started + 3 * HOUR)
    late = fires(TOO_OLD, started + 4 * HOUR + 15 * MINUTE, **BACKUP)
    judge(base, tmp_path, *(silent(alert, at) for alert in ALL for at in quiet), late)


def test_a_school_that_is_stopped_at_weekends_is_not_late_on_monday(tmp_path: Path) -> None:
    """The archive of Monday night is the first that can be there."""
    stopped, started = 18 * HOUR, 18 * HOUR + 62 * HOUR
    archives = (3 * HOUR, 4 * DAY + 3 * HOUR)
    base = Base({"archive": Kind(DAY, archives, archives)}, down=((stopped, started),))
    judge(base, tmp_path, *(silent(TOO_OLD, started + hours * HOUR) for hours in (1, 8, 18, 20)))


def test_an_alert_ends_when_the_base_is_stopped(tmp_path: Path) -> None:
    base = backups_end(12 * HOUR, down=((18 * HOUR, 9 * DAY),))
    judge(base, tmp_path, fires(TOO_OLD, 18 * HOUR - MINUTE, **BACKUP), silent(TOO_OLD, 18 * HOUR + 20 * MINUTE))


def test_an_alert_ends_with_the_next_good_backup(tmp_path: Path) -> None:
    taken = (*each(2 * HOUR, HOUR, 12 * HOUR), 18 * HOUR)
    base = Base({"backup": Kind(2 * HOUR, taken, taken)})
    judge(base, tmp_path, fires(TOO_OLD, 17 * HOUR, **BACKUP), silent(TOO_OLD, 18 * HOUR + 2 * MINUTE))


# Never succeeded.


def test_a_new_base_has_a_day_for_its_first_snapshot(tmp_path: Path) -> None:
    quiet = (silent(NEVER, at) for at in (10 * MINUTE, 12 * HOUR, DAY))
    judge(Base(), tmp_path, *quiet, fires(NEVER, DAY + 35 * MINUTE))


def test_a_kind_that_was_tried_and_never_taken_is_noticed_by_its_own_schedule(tmp_path: Path) -> None:
    base = Base({"backup": Kind(2 * HOUR, each(2 * HOUR, HOUR, 2 * DAY))})
    noticed = (fires(NEVER, at, **BACKUP) for at in (4 * HOUR + 35 * MINUTE, DAY + 12 * HOUR))
    judge(base, tmp_path, silent(NEVER, 4 * HOUR), *noticed)


def test_archives_that_never_succeed_are_noticed_beside_good_backups(tmp_path: Path) -> None:
    base = Base({**healthy(2 * DAY).kinds, "archive": Kind(DAY, each(DAY, 3 * HOUR, 2 * DAY))})
    judge(base, tmp_path, fires(NEVER, DAY + 3 * HOUR, kind="archive"))


def test_the_first_snapshot_of_a_base_of_long_standing_is_not_late_while_it_is_taken(tmp_path: Path) -> None:
    base = Base({"backup": Kind(2 * HOUR, (20 * HOUR,), (20 * HOUR + 10 * MINUTE,))})
    judge(base, tmp_path, silent(NEVER, 20 * HOUR + 5 * MINUTE), silent(NEVER, 21 * HOUR))


def test_a_replaced_pod_does_not_begin_the_wait_anew(tmp_path: Path) -> None:
    base = Base(down=((12 * HOUR, 12 * HOUR + 10 * MINUTE),), pods=((0, "a:8080"), (12 * HOUR, "b:8080")))
    judge(base, tmp_path, fires(NEVER, DAY + 35 * MINUTE))


def test_a_base_that_is_stopped_half_of_the_day_never_ran_for_a_day(tmp_path: Path) -> None:
    base = Base(down=((12 * HOUR, DAY), (DAY + 12 * HOUR, 2 * DAY)))
    judge(base, tmp_path, *(silent(NEVER, at) for at in (18 * HOUR, DAY + 6 * HOUR, 2 * DAY + HOUR)))


# Failing.


def failing_from(at: float, until: float) -> Base:
    """A base whose backups are tried every two hours, and fail from `at` on."""
    return Base({"backup": Kind(2 * HOUR, each(2 * HOUR, HOUR, until), each(2 * HOUR, HOUR, at))})


def test_a_try_that_fails_is_told_before_the_last_good_one_is_too_old(tmp_path: Path) -> None:
    base = failing_from(10 * HOUR, DAY)  # good at 9:00, fails at 11:00
    told = 11 * HOUR + 40 * MINUTE
    judge(base, tmp_path, silent(FAILING, told - 20 * MINUTE), fires(FAILING, told, **BACKUP), silent(TOO_OLD, told))


def test_it_goes_on_through_tries_and_ends_with_a_good_one(tmp_path: Path) -> None:
    base = Base({"backup": Kind(2 * HOUR, each(2 * HOUR, HOUR, DAY), (HOUR, 3 * HOUR, 17 * HOUR))})
    failing = (fires(FAILING, at, **BACKUP) for at in (6 * HOUR, 11 * HOUR + 10 * MINUTE, 16 * HOUR))
    judge(base, tmp_path, *failing, silent(FAILING, 17 * HOUR + 2 * MINUTE))


def test_a_first_try_that_fails_is_told_too(tmp_path: Path) -> None:
    judge(Base({"backup": Kind(2 * HOUR, (HOUR,))}), tmp_path, fires(FAILING, HOUR + 40 * MINUTE, **BACKUP))


def test_a_snapshot_that_takes_its_time_has_not_failed(tmp_path: Path) -> None:
    again = DAY + 3 * HOUR
    base = Base({"archive": Kind(DAY, (3 * HOUR, again), (3 * HOUR, again + 25 * MINUTE))})
    judge(base, tmp_path, *(silent(FAILING, again + minutes * MINUTE) for minutes in (5, 20, 40)))


def test_an_agent_that_is_replaced_and_forgets_its_tries_ends_no_alert(tmp_path: Path) -> None:
    replaced = DAY + 6 * HOUR
    base = Base(
        {"archive": Kind(DAY, (3 * HOUR, DAY + 3 * HOUR), (3 * HOUR,))},
        down=((replaced, replaced + 10 * MINUTE),),
        pods=((0, "a:8080"), (replaced, "b:8080")),
    )
    moments = (replaced - 5 * MINUTE, replaced + 5 * MINUTE, replaced + 10 * MINUTE, replaced + 20 * HOUR)
    judge(base, tmp_path, *(fires(FAILING, at, kind="archive") for at in moments))


def test_a_stopped_base_does_not_fail(tmp_path: Path) -> None:
    stopped, started = 14 * HOUR, 3 * DAY
    pods = ((0, "a:8080"), (started, "b:8080"))
    base = replace(failing_from(10 * HOUR, stopped), down=((stopped, started),), pods=pods)
    quiet = (silent(FAILING, at) for at in (stopped + 20 * MINUTE, started + HOUR))
    judge(base, tmp_path, fires(FAILING, stopped - 5 * MINUTE, **BACKUP), *quiet)


# Restore failed.


def test_a_failed_restore_is_told_at_once_and_for_a_day(tmp_path: Path) -> None:
    base = replace(healthy(2 * DAY), restores_failed=(10 * HOUR,))
    told = (fires(RESTORE, at) for at in (10 * HOUR, DAY + 9 * HOUR))
    judge(base, tmp_path, silent(RESTORE, 10 * HOUR - 5 * MINUTE), *told, silent(RESTORE, DAY + 11 * HOUR))


def test_a_restore_that_succeeds_afterwards_ends_it(tmp_path: Path) -> None:
    base = replace(healthy(DAY), restores_failed=(10 * HOUR,), restores_done=(2 * HOUR, 12 * HOUR))
    judge(base, tmp_path, fires(RESTORE, 11 * HOUR), silent(RESTORE, 12 * HOUR + MINUTE))


def test_a_restore_that_succeeded_before_does_not_hide_it(tmp_path: Path) -> None:
    base = replace(healthy(DAY), restores_failed=(10 * HOUR,), restores_done=(9 * HOUR,))
    judge(base, tmp_path, fires(RESTORE, 11 * HOUR))


def test_a_replaced_pod_does_not_end_it_and_a_stop_does(tmp_path: Path) -> None:
    gaps = ((11 * HOUR, 11 * HOUR + 9 * MINUTE), (15 * HOUR, DAY))
    base = replace(healthy(DAY), restores_failed=(10 * HOUR,), down=gaps)
    told = (fires(RESTORE, 11 * HOUR + minutes * MINUTE) for minutes in (5, 10))
    judge(base, tmp_path, *told, silent(RESTORE, 15 * HOUR + 20 * MINUTE))


# The words.


def test_the_alerts_name_the_base_and_what_is_missing(tmp_path: Path) -> None:
    announces(
        backups_end(12 * HOUR),
        tmp_path,
        TOO_OLD,
        15 * HOUR + 30 * MINUTE,
        **BACKUP,
        summary="The newest backup of base schools/jean-moulin is too old.",
        description="It was taken 4h 30m 0s ago. The next one was due and was not made up either. What the school has "
        "entered since is in no backup.",
    )
    announces(
        Base(),
        tmp_path,
        NEVER,
        DAY + 60 * MINUTE,
        summary="Base schools/jean-moulin has no snapshot.",
        description="It has been running for 1d 1h 0m 0s, and no snapshot of it was ever taken. If its volume is "
        "lost, so are the data of the school.",
    )
    announces(
        failing_from(10 * HOUR, DAY),
        tmp_path,
        FAILING,
        12 * HOUR,
        **BACKUP,
        summary="The last backup of base schools/jean-moulin failed.",
        description="No backup has succeeded since. Earlier ones are kept, whatever the policy says, and the next slot "
        "is tried in any case.",
    )
    announces(
        replace(healthy(DAY), restores_failed=(10 * HOUR,)),
        tmp_path,
        RESTORE,
        12 * HOUR,
        summary="A restore of base schools/jean-moulin failed.",
        description="It failed 2h 0m 0s ago. The school goes on working on the data that it had before, or is started "
        "on them.",
    )


@pytest.mark.parametrize("wrong", [silent(FAILING, 15 * HOUR), fires(FAILING, 15 * HOUR), fires(TOO_OLD, 15 * HOUR)])
def test_the_judge_itself_is_not_always_content(wrong: Check, tmp_path: Path) -> None:
    """A check that cannot fail shows nothing: a silence, an alert without its label, an alert with another name."""
    with pytest.raises(AssertionError, match="FAILED"):
        judge(failing_from(10 * HOUR, DAY), tmp_path, wrong)
