"""How one base rolls, and how it goes back."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pronote_operator.api.snapshots import SnapshotKind
from pronote_operator.planning.roll import Roll, RollPhase, further, roll_id, roll_manifest, roll_of
from pronote_operator.planning.rollover import (
    ARCHIVE_TIME,
    ArchiveState,
    AskArchive,
    Done,
    Restart,
    RollBack,
    RolledBack,
    RollFacts,
    Step,
    Template,
    Wait,
    Wish,
    step,
    to_annotate,
    was_tried,
)
from pronote_operator.planning.target import Target

NOW = datetime(2026, 8, 26, 18, 0, 5, tzinfo=UTC)
OLD, NEW = Target("2025.2.11", "pronote:old", 2025), Target("2026.2.5", "pronote:new", 2026)
SOFTWARE = replace(NEW, school_year=2025)
DEADLINE = timedelta(minutes=20)
WISH = Wish("uid-1", "channel-1", 7, NEW, may_begin=True, deadline=DEADLINE)
SERVING = RollFacts(Template(OLD), answer=("2025.2.11", 2025))
STOPPED = replace(SERVING, in_service=False, has_pod=False, ready=False, answer=None)
STARTED = replace(STOPPED, in_service=True)
"""Put in service, and its pod is not asked for yet."""
YEAR_END = "archive-annuelle-20260826T180005Z"
MINUTE = timedelta(minutes=1)


def begun(due: Target = NEW) -> Roll:
    found = step(replace(WISH, due=due), SERVING, None, NOW)
    assert found.roll is not None
    return found.roll


def restarted(due: Target = NEW) -> Roll:
    found = step(replace(WISH, due=due), replace(SERVING, archive=ArchiveState.TAKEN), begun(due), NOW + MINUTE)
    assert found.roll is not None
    return found.roll


def roll_of_step(found: Step) -> Roll:
    assert found.roll is not None
    return found.roll


def test_a_turn_of_the_year_begins_with_a_year_end_archive() -> None:
    found = step(WISH, SERVING, None, NOW)
    assert found.action == AskArchive(SnapshotKind.YEAR_END_ARCHIVE, "archive-annuelle-20260826T180005Z")
    assert found.roll is not None
    assert (found.roll.phase, found.roll.from_, found.roll.to) == (RollPhase.ARCHIVING, OLD, NEW)
    assert found.roll.snapshot == "archive-annuelle-20260826T180005Z"


def test_a_change_of_software_begins_with_an_ordinary_archive() -> None:
    found = step(replace(WISH, due=SOFTWARE), SERVING, None, NOW)
    assert found.action == AskArchive(SnapshotKind.ARCHIVE, "archive-20260826T180005Z")


def test_an_archive_is_asked_for_under_its_name_until_it_is_there() -> None:
    roll = begun()
    later = step(WISH, SERVING, roll, NOW + 10 * MINUTE)
    assert later == Step(AskArchive(SnapshotKind.YEAR_END_ARCHIVE, "archive-annuelle-20260826T180005Z"), roll)


def test_image_and_year_change_in_one_restart_after_the_archive() -> None:
    found = step(WISH, replace(SERVING, archive=ArchiveState.TAKEN), begun(), NOW + MINUTE)
    assert found.action == Restart(Template(NEW, new_year_from=2025))
    assert found.roll is not None
    assert (found.roll.phase, found.roll.restarted) == (RollPhase.RESTARTING, NOW + MINUTE)


def test_a_change_of_software_leaves_the_plan_of_the_year_as_it_is() -> None:
    facts = replace(SERVING, template=Template(OLD, 2024), archive=ArchiveState.TAKEN)
    found = step(replace(WISH, due=SOFTWARE), facts, begun(SOFTWARE), NOW + MINUTE)
    assert found.action == Restart(Template(SOFTWARE, new_year_from=2024))


def test_the_servers_own_answer_ends_a_roll() -> None:
    waiting = RollFacts(Template(NEW, 2025), ready=True, answer=None)
    assert step(WISH, waiting, restarted(), NOW + 2 * MINUTE).action == Wait(NOW + MINUTE + DEADLINE)
    found = step(WISH, replace(waiting, answer=("2026.2.5", 2026)), restarted(), NOW + 3 * MINUTE)
    assert found.action == Done()
    assert found.roll is not None
    assert (found.roll.phase, found.roll.completed) == (RollPhase.DONE, NOW + 3 * MINUTE)


def test_not_ready_in_time_goes_back_to_the_image_the_year_and_the_archive_before() -> None:
    roll = restarted()
    stuck = RollFacts(Template(NEW, 2025), ready=False)
    assert step(WISH, stuck, roll, NOW + 20 * MINUTE).action == Wait(NOW + 21 * MINUTE)
    found = step(WISH, stuck, roll, NOW + 21 * MINUTE)
    assert found.action == RollBack(Template(OLD, None, (roll.rollback_request, "archive-annuelle-20260826T180005Z")))
    assert found.roll is not None
    assert (found.roll.phase, found.roll.failed) == (RollPhase.ROLLING_BACK, True)
    assert "20 minutes" in found.roll.message


def test_a_server_that_answers_another_year_goes_back() -> None:
    wrong = RollFacts(Template(NEW, 2025), ready=True, answer=("2026.2.5", 2025))
    assert isinstance(step(WISH, wrong, restarted(), NOW + 5 * MINUTE).action, Wait)
    found = step(WISH, wrong, restarted(), NOW + 21 * MINUTE)
    assert isinstance(found.action, RollBack)
    assert found.roll is not None
    assert "2025" in found.roll.message


def test_a_plan_that_prepare_refused_goes_back_at_once() -> None:
    refused = RollFacts(Template(NEW, 2025), ready=True, answer=("2026.2.5", 2025), refused="no space")
    assert isinstance(step(WISH, refused, restarted(), NOW + 2 * MINUTE).action, RollBack)


def test_a_release_that_is_taken_off_the_list_is_gone_back_from_before_the_deadline_unless_it_serves() -> None:
    withdrawn = replace(WISH, due=None, withdrawn=True)
    stuck = RollFacts(Template(NEW, 2025), ready=False)
    found = step(withdrawn, stuck, restarted(), NOW + 2 * MINUTE)
    assert isinstance(found.action, RollBack)
    assert found.roll is not None
    assert "does not list" in found.roll.message
    serves = RollFacts(Template(NEW, 2025), ready=True, answer=("2026.2.5", 2026))
    assert step(withdrawn, serves, restarted(), NOW + 2 * MINUTE).action == Done()


def test_what_was_in_service_in_time_is_not_taken_back_because_it_broke_before_it_was_asked() -> None:
    seen = step(WISH, RollFacts(Template(NEW, 2025), ready=True), restarted(), NOW + 5 * MINUTE)
    assert seen.roll is not None
    assert seen.roll.ready == NOW + 5 * MINUTE
    broke = RollFacts(Template(NEW, 2025), ready=False)
    assert step(WISH, broke, seen.roll, NOW + 21 * MINUTE).action == Done()


def test_going_back_ends_when_the_old_server_answers() -> None:
    back = step(WISH, RollFacts(Template(NEW, 2025), ready=False), restarted(), NOW + 21 * MINUTE)
    assert isinstance(back.action, RollBack)
    there = RollFacts(back.action.template, ready=True, answer=("2025.2.11", 2025))
    ended = step(WISH, there, back.roll, NOW + 25 * MINUTE)
    assert ended.action == RolledBack()
    assert ended.roll is not None
    assert ended.roll.phase is RollPhase.ROLLED_BACK


def test_going_back_ends_too_where_the_old_server_does_not_come_back() -> None:
    back = step(WISH, RollFacts(Template(NEW, 2025), ready=False), restarted(), NOW + 21 * MINUTE)
    assert isinstance(back.action, RollBack)
    ended = step(WISH, RollFacts(back.action.template, ready=False), back.roll, NOW + 41 * MINUTE)
    assert ended.action == RolledBack()
    assert ended.roll is not None
    assert "not in service" in ended.roll.message


def rolled_back() -> tuple[Roll, RollFacts]:
    back = step(WISH, RollFacts(Template(NEW, 2025), ready=False), restarted(), NOW + 21 * MINUTE)
    assert isinstance(back.action, RollBack)
    there = RollFacts(back.action.template, ready=True, answer=("2025.2.11", 2025))
    ended = step(WISH, there, back.roll, NOW + 25 * MINUTE)
    assert ended.roll is not None
    return ended.roll, there


def test_what_went_back_is_not_tried_again_until_the_channels_spec_changes() -> None:
    roll, there = rolled_back()
    assert step(WISH, there, roll, NOW + timedelta(days=9)) == Step(RolledBack(), roll)
    assert isinstance(
        step(replace(WISH, channel_generation=8), there, roll, NOW + timedelta(days=9)).action, AskArchive
    )
    assert isinstance(step(replace(WISH, channel_uid="other"), there, roll, NOW + timedelta(days=9)).action, AskArchive)


def test_what_went_back_is_known_although_the_status_is_lost() -> None:
    roll, there = rolled_back()
    assert step(WISH, there, None, NOW + timedelta(days=9)).action == RolledBack()
    assert was_tried(WISH, there, None)
    noted = replace(there, noted=roll)
    assert step(WISH, noted, None, NOW + timedelta(days=9)) == Step(RolledBack(), roll)


def test_another_target_may_be_tried() -> None:
    roll, there = rolled_back()
    later = replace(WISH, due=replace(NEW, version="2026.2.6"))
    assert isinstance(step(later, there, roll, NOW + timedelta(days=9)).action, AskArchive)


def test_without_its_turn_a_base_waits() -> None:
    assert step(replace(WISH, may_begin=False), SERVING, None, NOW) == Step(Wait(), None)


def test_a_base_that_is_not_ready_or_is_being_restored_begins_no_roll() -> None:
    for facts in (replace(SERVING, ready=False), replace(SERVING, busy=True)):
        assert step(WISH, facts, None, NOW) == Step(Wait(), None)


def test_with_nothing_due_nothing_is_done() -> None:
    assert step(replace(WISH, due=None), SERVING, None, NOW) == Step(Wait(), None)
    assert step(replace(WISH, due=OLD), SERVING, None, NOW) == Step(Wait(), None)


def test_a_suspended_base_is_not_touched() -> None:
    for roll in (None, begun(), restarted()):
        assert step(WISH, replace(SERVING, suspended=True), roll, NOW + timedelta(days=1)) == Step(Wait(), roll)


def test_a_template_that_somebody_changed_back_is_rolled_again() -> None:
    done = replace(restarted(), phase=RollPhase.DONE, completed=NOW + 5 * MINUTE)
    changed, later = replace(SERVING, noted=done), NOW + timedelta(days=3)
    found = step(WISH, changed, done, later)
    assert found.roll is not None
    assert (found.roll.phase, found.roll.started) == (RollPhase.ARCHIVING, later)
    assert step(WISH, changed, found.roll, later + MINUTE) == found


def test_a_base_out_of_service_takes_no_roll_and_starts_with_what_is_due() -> None:
    assert step(WISH, STOPPED, None, NOW) == Step(Wait(), None)
    started = step(replace(WISH, may_begin=False), STARTED, None, NOW)
    assert started.action == Restart(Template(NEW, 2025, archive=YEAR_END))
    assert started.roll is not None
    assert (started.roll.phase, started.roll.snapshot) == (RollPhase.RESTARTING, YEAR_END)
    there = RollFacts(Template(NEW, 2025, archive=YEAR_END), ready=False)
    assert step(WISH, there, started.roll, NOW + 19 * MINUTE).action == Wait(NOW + DEADLINE)
    back = step(WISH, there, started.roll, NOW + 20 * MINUTE)
    assert back.action == RollBack(Template(OLD, None, (started.roll.rollback_request, YEAR_END)))


def test_a_change_of_software_of_a_base_out_of_service_begins_with_an_ordinary_archive() -> None:
    earlier = replace(STARTED, template=Template(OLD, 2024, ("r1", "archive-20260601T0230Z"), "archive-20260501T0230Z"))
    started = step(replace(WISH, due=SOFTWARE), earlier, None, NOW)
    assert started.action == Restart(Template(SOFTWARE, 2024, archive="archive-20260826T180005Z"))


def test_the_archive_of_an_earlier_roll_is_none_of_what_was_entered_since() -> None:
    done = replace(restarted(SOFTWARE), phase=RollPhase.DONE, completed=NOW)
    stopped = replace(STARTED, template=Template(SOFTWARE), archive=ArchiveState.TAKEN, noted=done)
    started = step(WISH, stopped, done, NOW + timedelta(days=9))
    assert started.action == Restart(Template(NEW, 2025, archive="archive-annuelle-20260904T180005Z"))


def test_a_base_whose_archive_prepare_cannot_take_goes_back_at_once_and_names_what_was_not_taken() -> None:
    started = step(WISH, STARTED, None, NOW)
    refused = RollFacts(Template(NEW, 2025, archive=YEAR_END), ready=False, refused="ArchiveFailed: no room")
    back = step(WISH, refused, started.roll, NOW + MINUTE)
    assert isinstance(back.action, RollBack)
    assert back.action.template.restore == (roll_of_step(back).rollback_request, YEAR_END)
    assert back.action.template.archive is None
    assert "no room" in roll_of_step(back).message


def test_a_start_that_was_noted_and_not_carried_out_is_repeated_under_the_same_name() -> None:
    started = step(WISH, STARTED, None, NOW)
    later = NOW + timedelta(hours=5)
    again = step(WISH, STARTED, started.roll, later)
    assert again.action == started.action, "it may be under way, and its answer lost"
    assert roll_of_step(again).snapshot == YEAR_END
    # Somebody had it run what it ran before: what it takes up since is in no archive.
    meanwhile = replace(STARTED, has_pod=True, ready=True)
    assert step(WISH, meanwhile, started.roll, later).action == Restart(Template(NEW, 2025, archive=YEAR_END))


def test_a_base_that_is_stopped_between_its_archive_and_its_restart_is_archived_anew_when_it_is_started() -> None:
    archived = replace(SERVING, archive=ArchiveState.TAKEN)
    assert step(WISH, archived, restarted(), NOW + 2 * MINUTE).action == Restart(Template(NEW, 2025))
    next_day = NOW + timedelta(days=1)
    found = step(WISH, replace(STARTED, archive=ArchiveState.TAKEN), restarted(), next_day)
    assert roll_of_step(found).snapshot == "archive-annuelle-20260827T180005Z"
    assert found.action == Restart(Template(NEW, 2025, archive="archive-annuelle-20260827T180005Z"))


def test_a_base_that_is_stopped_again_after_its_start_keeps_the_name_of_its_archive() -> None:
    started = step(WISH, STARTED, None, NOW)
    there = RollFacts(Template(NEW, 2025, archive=YEAR_END), in_service=False, has_pod=False, ready=False)
    stopped = step(WISH, there, started.roll, NOW + 5 * MINUTE)
    assert (stopped.action, roll_of_step(stopped).snapshot) == (Wait(), YEAR_END)
    again = step(WISH, replace(there, in_service=True), stopped.roll, NOW + timedelta(days=1))
    assert (again.action, roll_of_step(again).snapshot) == (Wait(NOW + timedelta(days=1) + DEADLINE), YEAR_END)


def test_a_base_that_is_stopped_before_its_restart_forgets_the_roll() -> None:
    stopped = replace(SERVING, in_service=False)
    assert step(WISH, stopped, begun(), NOW + MINUTE) == Step(Wait(), None)


def test_a_base_that_is_stopped_in_its_restart_has_the_whole_time_when_it_is_started_again() -> None:
    stopped = RollFacts(Template(NEW, 2025), in_service=False, has_pod=False, ready=False)
    paused = step(WISH, stopped, restarted(), NOW + 5 * MINUTE)
    assert paused.roll is not None
    assert paused.roll.restarted is None
    next_day = NOW + timedelta(days=1)
    found = step(WISH, replace(stopped, in_service=True, has_pod=True), paused.roll, next_day)
    assert found.action == Wait(next_day + DEADLINE)


def test_a_base_that_cannot_be_archived_is_not_rolled() -> None:
    found = step(WISH, replace(SERVING, archive_asked=NOW), begun(), NOW + ARCHIVE_TIME)
    assert found.action == RolledBack()
    assert found.roll is not None
    assert found.roll.failed
    assert step(WISH, SERVING, found.roll, NOW + timedelta(days=1)).action == RolledBack()


def test_an_archive_that_grew_old_while_nobody_acted_is_not_restarted_on() -> None:
    later = NOW + timedelta(days=7)
    waits = replace(WISH, may_begin=False)
    for archive in (ArchiveState.TAKEN, ArchiveState.MISSING):
        there = replace(SERVING, archive=archive)
        assert step(waits, there, begun(), later) == Step(Wait(), None), "it has its turn to wait for again"
        again = step(WISH, there, begun(), later)
        assert again.action == AskArchive(SnapshotKind.YEAR_END_ARCHIVE, "archive-annuelle-20260902T180005Z")
        assert roll_of_step(again).started == later
    asked = replace(SERVING, archive_asked=later - MINUTE)
    assert step(waits, asked, begun(), later) == Step(Wait(), None), "no failure: nobody was there to ask for it"


def test_what_is_in_the_way_of_a_base_keeps_it_from_beginning_and_ends_what_has_touched_nothing() -> None:
    blocked = replace(SERVING, blocked=True)
    assert step(WISH, blocked, None, NOW) == Step(Wait(), None)
    for archive in ArchiveState:
        assert step(WISH, replace(blocked, archive=archive), begun(), NOW + MINUTE) == Step(Wait(), None)
        assert step(WISH, replace(blocked, archive=archive), restarted(), NOW + MINUTE) == Step(Wait(), None)
    given = RollFacts(Template(NEW, 2025), ready=False, blocked=True, noted=restarted())
    assert step(WISH, given, restarted(), NOW + 2 * MINUTE).roll == restarted(), "one that was restarted goes on"


def test_a_start_goes_on_with_what_is_due_whatever_was_in_its_way() -> None:
    assert step(WISH, replace(STARTED, blocked=True), None, NOW).action == Restart(
        Template(NEW, 2025, archive=YEAR_END)
    )


def test_a_template_that_was_refused_is_asked_for_again_and_has_failed_after_an_hour() -> None:
    refused = replace(SERVING, archive=ArchiveState.TAKEN)
    again = step(WISH, refused, restarted(), NOW + 10 * MINUTE)
    assert again.action == Restart(Template(NEW, 2025))
    ended = step(WISH, refused, roll_of_step(again), NOW + ARCHIVE_TIME)
    assert ended.action == RolledBack()
    assert roll_of_step(ended).failed
    assert "refused" in roll_of_step(ended).message
    week = step(WISH, refused, ended.roll, NOW + timedelta(days=7))
    assert week.action == RolledBack(), "not tried again for this spec of the channel"


def test_a_template_that_was_refused_is_not_asked_for_any_more_when_something_else_is_due() -> None:
    refused = replace(SERVING, archive=ArchiveState.TAKEN)
    later = NOW + 10 * MINUTE
    instead = step(replace(WISH, due=SOFTWARE), refused, restarted(), later)
    assert roll_of_step(instead).to == SOFTWARE
    assert instead.action == AskArchive(SnapshotKind.ARCHIVE, "archive-20260826T181005Z")
    assert step(replace(WISH, due=None), refused, restarted(), later) == Step(Wait(), None)


def test_a_template_whose_answer_was_lost_is_asked_for_as_it_was() -> None:
    """It may be in force, and `prepare` at work."""
    lost = replace(SERVING, archive=ArchiveState.TAKEN, unanswered=True)
    for due in (NEW, SOFTWARE, None):
        for later in (NOW + MINUTE, NOW + timedelta(hours=5)):
            found = step(replace(WISH, due=due), lost, restarted(), later)
            assert found.action == Restart(Template(NEW, 2025)), (due, later)


def test_a_restore_that_failed_on_the_way_back_is_told() -> None:
    back = step(WISH, RollFacts(Template(NEW, 2025), ready=False), restarted(), NOW + 21 * MINUTE)
    assert isinstance(back.action, RollBack)
    there = RollFacts(back.action.template, answer=("2025.2.11", 2025), not_restored="its data could not be restored")
    ended = step(WISH, there, back.roll, NOW + 23 * MINUTE)
    assert ended.action == RolledBack()
    assert roll_of_step(ended).message.endswith(
        "minutes with release 2026.2.5 and school year 2026; its data could not be restored"
    )


def test_each_roll_goes_back_by_a_request_of_its_own() -> None:
    first, later = restarted(), replace(restarted(), started=NOW + timedelta(days=3))
    assert first.id == later.id
    assert first.rollback_request != later.rollback_request
    for roll in (first, later):
        there = replace(SERVING, template=Template(OLD, None, (roll.rollback_request, YEAR_END)))
        assert step(WISH, there, None, NOW).action == RolledBack(), "known as tried by the restore in force alone"


def test_a_target_that_is_not_due_any_more_is_dropped_before_anything_was_touched() -> None:
    assert step(replace(WISH, due=None), SERVING, begun(), NOW + MINUTE) == Step(Wait(), None)
    before = replace(begun(SOFTWARE), id="earlier", phase=RollPhase.DONE, started=NOW - timedelta(days=90))
    kept = step(replace(WISH, due=None), replace(SERVING, noted=before), begun(), NOW + MINUTE)
    assert kept == Step(Wait(), before)


def test_a_roll_that_has_restarted_goes_on_whatever_is_due_meanwhile() -> None:
    there = RollFacts(Template(NEW, 2025), ready=False)
    assert step(replace(WISH, due=None, may_begin=False), there, restarted(), NOW + 2 * MINUTE).roll == restarted()


@pytest.mark.parametrize("phase", list(RollPhase))
def test_a_roll_is_read_as_it_was_written(phase: RollPhase) -> None:
    roll = replace(restarted(), phase=phase, completed=NOW if phase is RollPhase.DONE else None, message="why")
    assert roll_of(roll_manifest(roll)) == roll


@pytest.mark.parametrize("junk", [None, {}, {"id": "x"}, {**roll_manifest(begun()), "startedTime": "yesterday"}])
def test_what_is_no_roll_is_none(junk: dict[str, Any] | None) -> None:
    assert roll_of(junk) is None


def test_of_two_records_the_further_one_counts() -> None:
    first, later = begun(), replace(begun(), id="other", started=NOW + MINUTE)
    assert further(first, later) == further(later, first) == later
    assert further(first, restarted()) == restarted()
    assert further(None, first) == first


def test_the_id_of_a_roll_is_that_of_base_channel_generation_and_target() -> None:
    known = roll_id("uid", "channel", 1, NEW)
    others = {roll_id("uid2", "channel", 1, NEW), roll_id("uid", "c", 1, NEW), roll_id("uid", "channel", 2, NEW)}
    assert known == roll_id("uid", "channel", 1, replace(NEW))
    assert len({known, roll_id("uid", "channel", 1, SOFTWARE)} | others) == 5


@dataclass
class World:
    """One base, its StatefulSet, its volume and its agent; what the operator does is carried out, or cut short.

    Args:
        works: whether the new release starts.
        in_service: by the spec; the StatefulSet asks for a pod when it is written next.
        archivable: whether `prepare` can take an archive.
    """

    works: bool
    in_service: bool = True
    archivable: bool = True
    now: datetime = NOW
    template: Template = field(default_factory=lambda: Template(OLD))
    has_pod: bool = True
    prepared: bool = True
    changed: datetime = NOW - timedelta(days=1)
    annotation: Roll | None = None
    status: dict[str, Any] | None = None
    entered: int = 0
    archives: dict[str, int] = field(default_factory=dict)
    templates: list[Template] = field(default_factory=list)
    restores: list[tuple[str, str]] = field(default_factory=list)
    wish: Wish = WISH

    @property
    def is_ready(self) -> bool:
        starts = self.template.runs == OLD or self.works
        return self.has_pod and self.prepared and starts and self.now >= self.changed + 3 * MINUTE

    def facts(self) -> RollFacts:
        runs, roll = self.template.runs, further(roll_of(self.status), self.annotation)
        taken = roll is not None and roll.snapshot in self.archives
        return RollFacts(
            self.template,
            in_service=self.in_service,
            has_pod=self.has_pod,
            ready=self.is_ready,
            answer=(runs.version, runs.school_year) if self.is_ready else None,
            archive=ArchiveState.TAKEN if taken else ArchiveState.MISSING,
            refused=None if self.prepared else "ArchiveFailed",
            noted=self.annotation,
        )

    def prepare(self) -> None:
        """What `prepare` does before a server starts; a release that does not start spoils the data."""
        archive, restore = self.template.archive, self.template.restore
        self.prepared = archive is None or archive in self.archives or self.archivable
        if not self.prepared:
            return
        if archive is not None:
            self.archives.setdefault(archive, self.entered)
        if restore is not None and restore not in self.restores:
            self.restores.append(restore)
            self.entered = self.archives.get(restore[1], self.entered)
        if self.template.runs == NEW and not self.works:
            self.entered = -1

    def run(self, cut: int) -> None:
        """One pass: the action, the annotation that goes with it, the status; cut short after so many of them."""
        if self.is_ready and self.template.runs == OLD:
            self.entered += 1
        found = step(self.wish, self.facts(), roll_of(self.status), self.now)
        if cut < 1:
            return
        if isinstance(found.action, AskArchive):
            self.archives.setdefault(found.action.name, self.entered)
        before = (self.template, self.has_pod)
        if isinstance(found.action, Restart | RollBack):
            assert found.roll is not None
            archived = found.roll.snapshot in self.archives or self.template.archive == found.roll.snapshot
            assert archived or found.action.template.archive == found.roll.snapshot, (
                "nothing restarts without an archive"
            )
            restore = found.action.template.restore or self.template.restore
            self.template = replace(found.action.template, restore=restore)
            self.annotation = found.roll
            self.templates.append(self.template)
        if self.has_pod != self.in_service:
            # The roll is noted in the same write.
            self.annotation = to_annotate(found.roll, self.annotation) or self.annotation
        self.has_pod = self.in_service
        if self.has_pod and before != (self.template, True):
            self.changed = self.now
            self.prepare()
        if cut < 2:
            return
        self.status = roll_manifest(found.roll) if found.roll is not None else None
        if cut >= 3 and (note := to_annotate(found.roll, self.annotation)) is not None:
            self.annotation = note


EVENTS = st.lists(
    st.tuples(st.sampled_from([0, 1, 2, 3, 3, 3]), st.booleans(), st.sampled_from([1, 1, 2, 7, 30])), max_size=12
)


@settings(max_examples=40, deadline=None)
@given(EVENTS, st.booleans())
def test_a_roll_ends_well_or_goes_back_once_wherever_passes_are_cut_short(
    events: list[tuple[int, bool, int]], works: bool
) -> None:
    world = World(works)
    live(world, events)
    check_end(world)


@settings(max_examples=60, deadline=None)
@given(EVENTS, EVENTS, EVENTS, st.booleans(), st.booleans())
def test_a_base_out_of_service_is_archived_as_it_is_started_and_loses_nothing_wherever_passes_are_cut_short(
    before: list[tuple[int, bool, int]],
    between: list[tuple[int, bool, int]],
    after: list[tuple[int, bool, int]],
    works: bool,
    archivable: bool,
) -> None:
    """It is stopped, started, stopped again at any moment of its start, and started for good."""
    world = World(works, archivable=archivable)
    world.wish = replace(WISH, due=None)
    world.run(3)
    world.in_service = False
    world.run(3)
    entered = world.entered
    world.wish = WISH
    for in_service, events in ((False, before), (True, between), (False, after)):
        world.in_service = in_service
        live(world, events, rest=0)
    world.in_service = True
    live(world, after)
    check_end(world, works=works and archivable)
    assert world.entered >= entered


def live(world: World, events: list[tuple[int, bool, int]], rest: int = 50) -> None:
    """So many passes, the last of them not cut short."""
    for cut, lose_status, minutes in [*events, *[(3, False, 2)] * rest]:
        world.run(cut)
        if lose_status:
            world.status = None
        world.now += minutes * MINUTE


def check_end(world: World, *, works: bool | None = None) -> None:
    """The roll has ended, as it must with such a release, and further passes change nothing."""
    works = world.works if works is None else works
    roll = roll_of(world.status)
    assert roll is not None
    assert [template for template in world.templates if template.runs == NEW]
    if works:
        assert (roll.phase, world.template.runs) == (RollPhase.DONE, NEW)
    else:
        assert (roll.phase, world.template.runs) == (RollPhase.ROLLED_BACK, OLD)
        assert len({request for request, _ in world.restores}) == 1
    assert len(world.templates) == (1 if works else 2), "each template is given once"
    # Once it has ended, a lost status changes nothing.
    world.status = None
    for _ in range(30):
        world.run(3)
        world.now += MINUTE
    assert len(world.templates) == (1 if works else 2)


@settings(max_examples=12, deadline=None)
@given(EVENTS)
def test_a_changed_channel_gives_a_base_that_went_back_another_try(events: list[tuple[int, bool, int]]) -> None:
    world = World(works=False)
    live(world, events)
    world.works, world.wish = True, replace(WISH, channel_generation=8)
    for _ in range(40):
        world.run(3)
        world.now += 2 * MINUTE
    assert world.template.runs == NEW
