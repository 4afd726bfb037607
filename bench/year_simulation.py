"""A fleet that lives through a school year in virtual time: the planners are the real ones, the servers are not.

A server is ready some minutes after its template changed, or, for a few releases and schools, never; an archive takes
as long. A person puts releases on the lists, and changes the spec of a channel that has halted on the next morning.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bench.year_oracle import Days, check_archived, check_begin, check_end, went_back
from bench.year_world import (
    CALENDARS,
    END,
    LISTED_BEFORE,
    RELEASES,
    START,
    WINDOW,
    Held,
    School,
    schools,
)
from pronote_operator.api.fields import share_of
from pronote_operator.planning import school_year
from pronote_operator.planning.outlook import Channel, RollingBase, member_of, outlook
from pronote_operator.planning.release_due import release_plan
from pronote_operator.planning.roll import roll_manifest, roll_of
from pronote_operator.planning.rollover import (
    ArchiveState,
    AskArchive,
    Done,
    Restart,
    RollBack,
    RollFacts,
    Step,
    Template,
    Wait,
    step,
    to_annotate,
)
from pronote_operator.planning.target import Target
from pronote_operator.planning.waves import Rules, WaveDecision, Waves

STEP = timedelta(minutes=5)
"""All that happens, happens on one of these."""
MOMENT = timedelta(minutes=5)
"""How long an archive takes, and a start."""
DEADLINE = timedelta(minutes=20)
MAX_CONCURRENT, MAX_FAILURES = "5%", "2%"
SOAK = timedelta(minutes=60)
WORKDAY = 9
"""When a person looks at what has halted, UTC."""


@dataclass
class Outcome:
    """What came of it.

    Args:
        seconds, cpu_seconds: that it all took, checks included.
        passes: over a base.
        decisions: over a channel.
        slowest, spent: CPU seconds of the longest decision and plan of waves, and of all.
        rebuilt: CPU seconds to take up all bases anew, as after a restart of the operator.
        rolls, failures: begun, and gone back.
        halts: (channel, when, failures) of each halt.
        peak: bases of a channel in flight at once, at most.
        looks: at one base on one day.
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    passes: int = 0
    decisions: int = 0
    slowest: float = 0.0
    spent: float = 0.0
    rebuilt: float = 0.0
    rolls: int = 0
    failures: int = 0
    halts: list[tuple[str, datetime, int]] = field(default_factory=list)
    peak: int = 0
    looks: int = 0


@dataclass(slots=True)
class _Line:
    """One channel as it is now."""

    name: str
    generation: int = 1
    waves: Waves = field(default_factory=Waves)
    halted: bool = False
    dirty: bool = True
    channel: Channel | None = None
    flying: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)


class Year:
    """See the module.

    Args:
        count: of bases.
        end: of the simulation, aware.
        restarts: how often the operator forgets all that it knows.
    """

    def __init__(self, count: int, end: datetime = END, restarts: int = 3) -> None:
        self.schools = {school.key: school for school in schools(count)}
        self.outcome = Outcome()
        self.days = Days()
        self.now = START
        self._end = end
        self._lines = {name: _Line(name) for name in RELEASES}
        self._events: list[tuple[datetime, int, str, Callable[[], None] | None]] = []
        self._numbers = 0
        for line in self._lines.values():
            self._renew(line)
            for release in RELEASES[line.name]:
                if release.from_ is not None:
                    listed = release.from_.replace(tzinfo=START.tzinfo) - LISTED_BEFORE
                    self._at(listed, act=lambda line=line: self._change(line))  # type: ignore[misc]
        for school in self.schools.values():
            self._begin_life(school)
        span = end - START
        for number in range(restarts):
            self._at(START + span * (number + 1) / (restarts + 1), act=self._restart)

    def run(self) -> Outcome:
        """Let time pass.

        Raises:
            OracleError: the fleet is not as it must be.
        """
        began, wall = time.process_time(), time.perf_counter()
        noon = START + timedelta(hours=12)
        while self._events and self._events[0][0] < self._end:
            self.now = self._events[0][0]
            while noon <= self.now:
                self.days.look(list(self.schools.values()), noon)
                noon += timedelta(days=1)
            self._moment()
        for school in self.schools.values():
            check_end(school, self._end)
        self.outcome.looks = self.days.looks
        self.outcome.seconds = time.perf_counter() - wall
        self.outcome.cpu_seconds = time.process_time() - began
        return self.outcome

    def _moment(self) -> None:
        """All that happens at one moment; then each channel is asked who begins."""
        due: dict[str, None] = {}
        while self._events and self._events[0][0] <= self.now:
            _, _, key, act = heapq.heappop(self._events)
            if act is not None:
                act()
            elif key in self._lines:
                self._lines[key].dirty = True
            else:
                due[key] = None
        for key in due:
            school = self.schools[key]
            if school.next_pass is not None and school.next_pass <= self.now:
                school.next_pass = None
                self._pass(school)
        for line in self._lines.values():
            if line.dirty:
                self._decide(line)

    def _decide(self, line: _Line) -> None:
        line.dirty = False
        rules, began = self._rules(line), time.process_time()
        decision = line.waves.decide(rules, self.now)
        line.waves.plan(rules, self.now)
        spent = time.process_time() - began
        self.outcome.decisions += 1
        self.outcome.spent += spent
        self.outcome.slowest = max(self.outcome.slowest, spent)
        if decision.begin:
            self._check(line, decision.begin)
        for key in decision.begin:
            self._pass(self.schools[key], may_begin=True)
            self.outcome.rolls += 1
        line.dirty = False
        if decision.again is not None:
            self._at(decision.again, line.name)
        self._note_halt(line, decision)

    def _note_halt(self, line: _Line, decision: WaveDecision) -> None:
        if decision.phase == "Halted" and not line.halted:
            self.outcome.halts.append((line.name, self.now, len(decision.failed)))
            morning = self.now.replace(hour=WORKDAY, minute=0)
            self._at(morning if morning > self.now else morning + timedelta(days=1), act=lambda: self._change(line))
        line.halted = decision.phase == "Halted"

    def _check(self, line: _Line, keys: Sequence[str]) -> None:
        """Whether they may begin, by what the simulation itself has counted."""
        total = sum(1 for one in self.schools.values() if one.channel == line.name and one.created <= self.now)
        canary = any(self.schools[key].canary for key in line.failed)
        flying = len(line.flying) + len(keys)
        allowed = -1 if canary else share_of(MAX_FAILURES, total)
        check_begin(
            (self.schools[key] for key in keys),
            self.now,
            flying=flying,
            limit=max(1, share_of(MAX_CONCURRENT, total)),
            failed=len(line.failed),
            allowed=allowed,
        )
        self.outcome.peak = max(self.outcome.peak, flying)

    def _pass(self, school: School, *, may_begin: bool = False) -> None:
        """One pass over a base, as a handler makes it."""
        if school.created > self.now:
            return
        line = self._lines[school.channel]
        base = self._base(school, line)
        ahead = outlook(base, self.now)
        line.waves.put(ahead.member)
        wish = replace(ahead.wish, may_begin=True) if may_begin else ahead.wish
        found = step(wish, base.facts, school.roll, self.now)
        self.outcome.passes += 1
        if found.roll is not school.roll or ahead.member.waits:
            line.dirty = True
            if found.roll is not school.roll:
                line.waves.put(member_of(replace(base, roll=found.roll), ahead))
        self._carry_out(school, found)
        self._count(school, line)
        self._year(school, ahead.year)
        for moment in (ahead.again, found.action.until if isinstance(found.action, Wait) else None):
            if moment is not None:
                self._pass_at(school, moment)

    def _base(self, school: School, line: _Line) -> RollingBase:
        assert line.channel is not None, "renewed at the beginning"
        runs = school.template.runs
        ready = school.ready_at is not None and school.ready_at <= self.now
        archived = school.roll is not None and school.archives.get(school.roll.snapshot or "", END) <= self.now
        return RollingBase(
            key=school.key,
            uid=school.uid,
            calendar=school.region.calendar,
            canary=school.canary,
            channel=line.channel,
            school=school_year.School(
                dates=CALENDARS[school.channel][school.region.calendar],
                tz=school.region.tz,
                known_since=school.created,
                serves=runs.school_year,
                years=school.years,
                done=school.done,
                pin=school.pin,
            ),
            facts=RollFacts(
                template=school.template,
                in_service=school.stopped_until is None,
                has_pod=school.has_pod,
                ready=ready,
                answer=(runs.version, runs.school_year) if ready else None,
                archive=ArchiveState.TAKEN if archived else ArchiveState.MISSING,
                noted=school.annotation,
            ),
            roll=school.roll,
            ready_since=school.ready_at if ready else None,
        )

    def _carry_out(self, school: School, found: Step) -> None:
        action, school.roll = found.action, found.roll
        if isinstance(action, AskArchive):
            school.archives.setdefault(action.name, self.now + MOMENT)
            self._pass_at(school, self.now + MOMENT)
        elif isinstance(action, Restart | RollBack):
            generation = self._lines[school.channel].generation
            fails = isinstance(action, Restart) and school.fails(action.template.runs, generation)
            if action.template.archive is not None:
                school.archives.setdefault(action.template.archive, self.now)
            check_archived(school, found.roll.snapshot if found.roll is not None else None, self.now)
            restore = action.template.restore or school.template.restore
            if isinstance(action, RollBack):
                assert found.roll is not None, "it goes back"
                went_back(school, found.roll.to, generation)
            school.template = replace(action.template, restore=restore)
            school.restarts.append(self.now)
            self._start(school, starts=not fails)
        elif isinstance(action, Done):
            assert found.roll is not None, "it is what is done"
            if found.roll.turns_year:
                self._turned(school, found.roll.from_.school_year, found.roll.to.school_year)
            self._pass_at(school, self.now + STEP)
        elif school.stopped_until is None and not school.has_pod:
            self._start(school, starts=True)
        note = to_annotate(found.roll, school.annotation)
        school.annotation = note or school.annotation

    def _start(self, school: School, *, starts: bool) -> None:
        school.has_pod = True
        school.ready_at = self.now + MOMENT if starts else None
        self._pass_at(school, self.now + MOMENT)

    def _count(self, school: School, line: _Line) -> None:
        roll = school.roll
        flies = roll is not None and roll.in_flight and school.stopped_until is None
        (line.flying.add if flies else line.flying.discard)(school.key)
        if roll is not None and roll.failed and roll.channel_generation == line.generation:
            self.outcome.failures += school.key not in line.failed
            line.failed.add(school.key)
        else:
            # Something else came due for it meanwhile, and is tried.
            line.failed.discard(school.key)

    def _year(self, school: School, plan: school_year.YearPlan) -> None:
        if school.stopped_until is not None or not school.has_pod:
            return
        if plan.archive is not None:
            school.year_ends.append(plan.archive.passing_year)
            school.done = school_year.noted(school.done, archived=plan.archive.passing_year)
        if plan.new_base is not None:
            school.years.append(Held(plan.new_base.year, "Prepared", self.now))
            school.done = school_year.noted(school.done, prepared=plan.new_base.year)

    def _turned(self, school: School, passed: int, year: int) -> None:
        made = next((held.created_time for held in school.years if held.school_year == year), self.now)
        kept = [
            Held(held.school_year, "Kept", held.created_time) for held in school.years if held.school_year == passed
        ]
        school.years = [*kept, Held(year, "InService", made)]
        school.done = school_year.noted(school.done, turned=year)

    def _begin_life(self, school: School) -> None:
        if school.created > START:
            self._at(school.created, act=lambda: self._create(school))
            return
        if school.stopped_until is not None:
            school.has_pod, school.ready_at = False, None
            self._at(school.stopped_until, act=lambda: self._put_in_service(school))
        if school.unpinned is not None:
            self._at(school.unpinned, act=lambda: self._unpin(school))
        if school.moves is not None:
            self._at(school.moves[0], act=lambda: self._move(school))
        self._pass_at(school, START)

    def _create(self, school: School) -> None:
        line, tz = self._lines[school.channel], school.region.tz
        assert line.channel is not None, "renewed at the beginning"
        year = school_year.first_year(CALENDARS[school.channel][school.region.calendar], tz, self.now)
        due = release_plan(line.channel.releases, tz, self.now, None)
        assert due.version is not None, "the first release has always been there"
        school.template = Template(Target(due.version, due.image or "", year))
        school.years, school.done = [Held(year, "InService", self.now)], school_year.YearDone()
        school.ready_at = self.now + MOMENT
        self._pass_at(school, self.now)

    def _put_in_service(self, school: School) -> None:
        school.stopped_until = None
        self._pass_at(school, self.now)

    def _unpin(self, school: School) -> None:
        school.pin = None
        self._pass_at(school, self.now)

    def _move(self, school: School) -> None:
        assert school.moves is not None, "asked of those that move"
        self._lines[school.channel].waves.remove(school.key)
        self._lines[school.channel].flying.discard(school.key)
        self._lines[school.channel].failed.discard(school.key)
        school.channel = school.moves[1]
        self._pass_at(school, self.now)

    def _change(self, line: _Line) -> None:
        """A person changes the spec of a channel: a release more on the list, or whatever mends what halted."""
        line.generation += 1
        line.halted = False
        line.failed.clear()
        self.days.last_change[line.name] = self.now
        self.days.generation[line.name] = line.generation
        self._renew(line)
        for school in self.schools.values():
            if school.channel == line.name:
                self._pass_at(school, self.now)

    def _renew(self, line: _Line) -> None:
        releases = [
            release
            for release in RELEASES[line.name]
            if release.from_ is None or release.from_.replace(tzinfo=START.tzinfo) - LISTED_BEFORE <= self.now
        ]
        line.channel = Channel(f"uid-{line.name}", line.generation, releases, WINDOW, DEADLINE)
        line.dirty = True

    def _restart(self) -> None:
        """The operator forgets all; what stands in `status` it reads again, and of one base in twenty not even that."""
        began = time.process_time()
        for line in self._lines.values():
            line.waves = Waves()
            line.dirty = True
        for number, school in enumerate(self.schools.values()):
            lost = number % 20 == 0
            school.roll = None if lost or school.roll is None else roll_of(roll_manifest(school.roll))
            if school.created <= self.now:
                line = self._lines[school.channel]
                line.waves.put(outlook(self._base(school, line), self.now).member)
                self._pass_at(school, self.now)
        self.outcome.rebuilt = max(self.outcome.rebuilt, time.process_time() - began)

    def _rules(self, line: _Line) -> Rules:
        return Rules(WINDOW, MAX_CONCURRENT, MAX_FAILURES, SOAK, line.generation, halted=line.halted)

    def _pass_at(self, school: School, moment: datetime) -> None:
        # An earlier pass comes first, and asks for a later one itself.
        if school.next_pass is None or moment < school.next_pass:
            school.next_pass = moment
            self._at(moment, school.key)

    def _at(self, moment: datetime, key: str = "", act: Callable[[], None] | None = None) -> None:
        self._numbers += 1
        heapq.heappush(self._events, (moment, self._numbers, key, act))
