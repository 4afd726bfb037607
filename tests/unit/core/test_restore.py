"""A restore is asked for once per request id, stays in the plan, and is told as the volume's journal tells it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from pronote_operator.api.base_status import RestoreStatus
from pronote_operator.api.pronotebase import RestoreRequest
from pronote_operator.planning.restore import (
    EndedRestore,
    RestoreReport,
    ended_restore,
    is_open,
    is_spent,
    reports,
    restore_in_force,
    restore_status,
    restored_condition,
    source_steps,
    spent_report,
)

NOW = dt.datetime(2026, 11, 24, 8, tzinfo=dt.UTC)
WANTED = RestoreRequest.model_validate({"requestId": "a", "snapshot": "archive-20261123T0130Z"})
PLANNED = ("a", "archive-20261123T0130Z")


def told(result: str = "Succeeded", request_id: str = "a", **members: Any) -> RestoreReport:
    answer = {
        "requestId": request_id,
        "result": result,
        "snapshot": "archive-20261123T0130Z",
        "safetySnapshot": "securite-20261124T080000Z",
        "startedTime": "2026-11-24T08:00:00Z",
        "completedTime": "2026-11-24T08:00:09Z",
        **members,
    }
    return reports({"restores": [answer]})[0]


def status(
    wanted: RestoreRequest | None = WANTED,
    before: dict[str, Any] | None = None,
    planned: tuple[str, str] | None = PLANNED,
    in_service: bool = True,
    told: tuple[RestoreReport, ...] = (),
) -> dict[str, Any] | None:
    known = RestoreStatus.model_validate(before) if before else None
    return restore_status(wanted, known, planned=planned, in_service=in_service, told=told, now=NOW)


def test_what_was_never_asked_for_is_not_told() -> None:
    assert status(wanted=None, planned=None) is None
    assert restored_condition(None, (), []) is None
    assert restore_in_force(None, None) is None


def test_a_request_goes_from_pending_to_running_to_its_end() -> None:
    first = status(planned=None)
    assert first is not None
    assert (first["phase"], first["startedTime"]) == ("Pending", "2026-11-24T08:00:00Z")
    running = status(before=first)
    assert running is not None
    assert running["phase"] == "Running"
    done = status(before=running, told=(told(),))
    assert done == {
        "requestId": "a",
        "phase": "Succeeded",
        "snapshot": "archive-20261123T0130Z",
        "safetySnapshot": "securite-20261124T080000Z",
        "startedTime": "2026-11-24T08:00:00Z",
        "completedTime": "2026-11-24T08:00:09Z",
    }
    condition = restored_condition(done, (told(),), [])
    assert condition is not None
    assert (condition.status, condition.reason) == ("True", "Succeeded")


def test_the_end_is_read_back_from_the_status_as_it_was_written() -> None:
    precise = told(startedTime="2026-11-24T08:00:00.166Z", completedTime="2026-11-24T08:00:09.257Z")
    done = status(told=(precise,))
    assert done is not None
    assert (done["startedTime"], done["completedTime"]) == ("2026-11-24T08:00:00Z", "2026-11-24T08:00:09Z")
    assert status(before=done) == done, "nothing is left to write"
    nonsense = told(startedTime="soon", completedTime=7)
    assert (nonsense.started, nonsense.completed) == (None, None)


def test_a_stopped_base_says_when_it_will_be_restored() -> None:
    waiting = status(in_service=False)
    assert waiting is not None
    assert waiting["phase"] == "Pending"
    assert "put in service" in waiting["message"]


def test_a_failure_keeps_its_reason_after_the_pass_that_learnt_it() -> None:
    report = told("Failed", reason="SnapshotMissing", message="there is no archive-20261123T0130Z")
    failed = status(told=(report,))
    condition = restored_condition(failed, (report,), [])
    assert condition is not None
    assert (condition.status, condition.reason) == ("False", "SnapshotMissing")
    later = status(before=failed)
    assert later == failed, "nothing is written again"
    kept = restored_condition(later, (), [{"type": "Restored", "status": "False", "reason": "SnapshotMissing"}])
    assert kept is not None
    assert kept == condition


def test_a_request_that_is_removed_changes_nothing() -> None:
    done = status(told=(told(),))
    assert status(wanted=None, before=done) == done
    assert restore_in_force(None, PLANNED) == PLANNED


def test_a_request_removed_while_it_runs_is_followed_to_its_end() -> None:
    running = status()
    assert running is not None
    followed = status(wanted=None, before=running)
    assert followed is not None
    assert followed["phase"] == "Running"
    ended = status(wanted=None, before=running, told=(told(),))
    assert ended is not None
    assert ended["phase"] == "Succeeded"


def test_an_id_that_was_carried_out_asks_for_nothing_even_with_another_snapshot() -> None:
    again = RestoreRequest.model_validate({"requestId": "a", "snapshot": "archive-20261101T0130Z"})
    assert restore_in_force(again, PLANNED) == PLANNED
    done = status(told=(told(),))
    assert status(wanted=again, before=done) == done


def test_a_new_id_asks_again_for_the_same_snapshot() -> None:
    again = RestoreRequest.model_validate({"requestId": "b", "snapshot": "archive-20261123T0130Z"})
    assert restore_in_force(again, PLANNED) == ("b", "archive-20261123T0130Z")
    done = RestoreStatus.model_validate(status(told=(told(),)))
    assert is_open(again, done)


def test_a_lost_status_is_told_anew_from_the_journal() -> None:
    assert is_open(WANTED, None)
    found = status(before=None, told=(told(request_id="older"), told()))
    assert found is not None
    assert found["phase"] == "Succeeded"


@pytest.mark.parametrize("answer", [{}, {"restores": None}, {"restores": ["x", {}]}, {"source": [], "restores": 3}])
def test_an_answer_without_sense_tells_nothing(answer: dict[str, Any]) -> None:
    assert reports(answer) == ()
    assert source_steps(answer) == ()


def test_the_steps_of_a_source_are_sentences() -> None:
    steps = [{"name": "hnot-base", "message": "base.HNOT: 600 pupils"}, {"name": "hnot-profils"}, "x"]
    assert source_steps({"source": {"kind": "hnot", "steps": steps}}) == ("base.HNOT: 600 pupils", "hnot-profils")


def test_a_request_that_was_carried_out_on_a_lost_volume_is_spent() -> None:
    known = RestoreStatus.model_validate(status(told=(told(),)))
    ended = ended_restore(known, "")
    assert ended == EndedRestore("a", "Succeeded", "2026-11-24T08:00:09Z")
    assert ended_restore(None, ended.note) == ended, "the claim remembers it when the status is lost"
    assert ended_restore(RestoreStatus.model_validate(status()), ended.note) == ended, "while another one runs, too"
    assert ended_restore(None, "") is None
    assert ended_restore(None, "mangled") is None

    assert is_spent(WANTED, ended, None)
    assert is_spent(WANTED, ended, "2026-11-24T08:00:10Z")
    assert not is_spent(WANTED, ended, "2026-11-01T08:00:00Z"), "the journal of that volume knows it"
    assert not is_spent(WANTED.model_copy(update={"request_id": "b"}), ended, None), "a new one"
    assert not is_spent(None, ended, None)
    assert not is_spent(WANTED, None, None)

    again = status(planned=None, told=(spent_report(WANTED, ended),))
    assert again is not None
    assert (again["phase"], again["completedTime"]) == ("Succeeded", "2026-11-24T08:00:09Z")
