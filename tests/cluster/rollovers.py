"""A rollover of two bases, one that goes well and one that goes back, under an operator that is killed on the way.

A run without a kill tells which writes and which requests to agents there are. In other runs, side by side with it, the
operator is killed at each of them: before the API server or the agent sees it, and after they answered and before the
operator learns. A rollover takes too long to be run for each, so one run is killed many times, at points that lie
apart: those of one path go round the runs. What was not reached so is made up for by runs with one kill.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.audit import AuditLog
from tests.cluster.fleets import bring_up, schools_of
from tests.cluster.killing import WHENS, Point
from tests.cluster.normalised import end_state, renamed
from tests.cluster.rolls import Fleet, Look
from tests.cluster.school_days import SchoolDays
from tests.cluster.stage import NEXT_VERSION, VERSION, Stage, channel, release
from tests.support.faultproxy import FaultProxy
from tests.support.faults import When
from tests.support.kube import condition_of
from tests.support.mortal_operator import Asked, Plan
from tests.support.operator_process import OperatorProcess
from tests.support.requestlog import Record

GOOD, BAD = "bon", "mauvais"
SPEED = 1.2
"""How fast the operators' clocks are: the minute that a restart may take, the shortest there is, is fifty seconds."""
QUIET_SECONDS = 3.0
PATIENCE = 360.0


@dataclass
class Place:
    """Two bases with a channel, and a way to the API server of their own.

    Args:
        operators: the namespace of their operators, as the policies name it.
    """

    fleet: Fleet
    days: SchoolDays
    proxy: FaultProxy
    kubeconfig: Path
    folder: Path
    audit: AuditLog
    operators: str

    @property
    def space(self) -> str:
        return self.fleet.channel

    def pods_made(self) -> int:
        """Pods that were started so far."""
        accesses = self.audit.accesses(namespace=self.space)
        return sum((one.verb, one.resource, one.code) == ("create", "pods", 201) for one in accesses)


@dataclass
class Outcome:
    """What a rollover came to.

    Args:
        space: its namespace.
        states: of each base in the end, comparable.
        rolls: `status.roll` of each.
        grown: by how much the generation of each StatefulSet grew.
        pods: that were started.
        writes: of its namespace.
        asked: of agents.
        killed: where it was killed.
        lives: how often the operator was started.
    """

    space: str
    states: dict[str, dict[str, Any]]
    rolls: dict[str, dict[str, Any]]
    years: dict[str, dict[int, str]]
    grown: dict[str, int]
    pods: int
    writes: tuple[Record, ...]
    asked: list[Asked]
    killed: list[Point | Asked]
    lives: int
    seconds: float

    @property
    def steps(self) -> Counter[Step]:
        """How many steps of each sort there were at which another run is to be killed.

        After each; before, where more than a status is written, or more than looked: before these all is as after the
        step before, since the operator's own memory is lost either way. An agent that takes long is asked the same
        again: what is sent more often than `_MOST_ASKED` says is no other step.
        """
        writes = ((record.path.replace(self.space, ""), record.nth or 0) for record in self.writes)
        return Counter(
            [
                *(step for path, nth in writes for when in WHENS if (step := _step(Point(path, nth, when)))),
                *(step for one in self.asked if one.nth <= _MOST_ASKED[one.request] and (step := _step(one))),
            ]
        )

    @property
    def kills(self) -> Counter[Step]:
        """How often it was killed at a step of each sort."""
        return Counter(step for one in self.killed if (step := _step(one)))


@dataclass
class Ordeal:
    """What a run goes through.

    Args:
        points: writes at which the operator is killed; paths without the namespace.
        deaths: moments of requests to agents at which it dies.
    """

    points: list[Point] = field(default_factory=list)
    deaths: list[Asked] = field(default_factory=list)


Step = tuple[str, str, When]
"""A sort of steps: written path, or base and request to its agent."""
_MOST = {
    "/apis/pronote.hosting/v1alpha1/namespaces//pronotebases/{}/status": 14,
    "/apis/apps/v1/namespaces//statefulsets/{}": 4,
    "/api/v1/namespaces//persistentvolumeclaims/{}-data": 3,
}
_MOST_ASKED = {"POST /v1/snapshots": 2, "GET /v1/snapshots": 2, "GET /v1/years": 2, "GET /v1/info": 1}
"""What there is in a rollover, and at how many of it a run is killed: at least as many as there are without a kill,
which makes for more."""


def _step(at: Point | Asked) -> Step | None:
    """The sort of steps that a moment is one of; None where nothing is gained by a kill (see `Outcome.steps`)."""
    what = ("", at.path) if isinstance(at, Point) else (at.base, at.request)
    only_seen = what[1].endswith("/status") or what[1].startswith("GET ")
    return None if only_seen and at.when == "before" else (*what, at.when)


def ordeals(runs: int) -> list[Ordeal]:
    """All that there may be to be killed at, each once, spread over so many runs."""
    paths = [(path.format(name), most) for name in (GOOD, BAD) for path, most in _MOST.items()]
    points = [
        point
        for path, most in paths
        for nth in range(1, most + 1)
        for when in WHENS
        if _step(point := Point(path, nth, when))
    ]
    moments = [
        asked
        for name in (GOOD, BAD)
        for request, most in _MOST_ASKED.items()
        # One more: of two kills at once only one counts.
        for nth in range(1, most + 2)
        for when in WHENS
        if _step(asked := Asked(name, request, nth, when))
    ]
    # In two runs more: where kills hold a run up for so long that the turn comes before the date's archive was taken,
    # one archive serves for both, and there is no second one.
    twice = [one for one in moments if one.nth == 2 and one.when == "after" and one.request.endswith("/v1/snapshots")]
    spread = [moments[number::runs] for number in range(runs)]
    return [
        Ordeal(points[number::runs], [*own, *(one for one in twice if number % 2 == 0 and one not in own)])
        for number, own in enumerate(spread)
    ]


def unreached(step: Step, fired: Sequence[Point | Asked], count: int) -> list[Ordeal]:
    """So many runs that are killed once each, at the first steps of this sort that are not among the fired.

    Until its only kill a run is as one without: the step comes, which it need not after others.
    """
    where, what, when = step

    def at(nth: int) -> Point | Asked:
        return Asked(where, what, nth, when) if where else Point(what, nth, when)

    free = itertools.islice((moment for nth in itertools.count(1) if (moment := at(nth)) not in fired), count)
    return [Ordeal(points=[one]) if isinstance(one, Point) else Ordeal(deaths=[one]) for one in free]


@contextmanager
def places(stage: Stage, audit: AuditLog, folder: Path, image: str, uai: str, count: int) -> Iterator[list[Place]]:
    """So many times two bases in service, before the days of the rollover, and no operator.

    No operator whose clock is a true one goes on beside one that is ahead: they would tell each channel two things, all
    the time.

    Args:
        folder: for files.
        image: of the release, which does not start for the school of this UAI.
    """
    days = SchoolDays.coming()
    with ExitStack() as stack:
        made: list[Place] = []
        for number in range(count):
            space = stack.enter_context(stage.space("rollover"))
            proxy = stack.enter_context(FaultProxy(stage.cluster.kubeconfig))
            own = folder / str(number)
            own.mkdir()
            fleet = Fleet(stage, space, schools_of(stage, space, (GOOD, BAD), versionChannel=space))
            fleet[BAD].spec["uai"] = uai
            due = {"version": NEXT_VERSION, "image": image, "from": days.evening(days.switchover)}
            stage.kube.apply(
                channel(
                    space,
                    releases=[release(VERSION, 0), due],
                    calendars={"metropole": days.calendar},
                    rollout={"maxConcurrent": 2, "maxFailures": 2, "progressDeadlineMinutes": 1},
                )
            )
            stack.callback(stage.kube.delete, "VersionChannel", space, None)
            at = made[0].space if made else space
            made.append(Place(fleet, days, proxy, proxy.write_kubeconfig(own / "kubeconfig"), own, audit, at))
        with stage.operator(*(place.space for place in made)) as operator:
            bring_up([school for place in made for school in place.fleet.schools])
            operator.terminate()
        yield made


def roll_over(there: Place, ordeal: Ordeal) -> Outcome:
    """Let the days come, with an operator that is started again whenever it was killed."""
    fleet, proxy = there.fleet, there.proxy
    began = time.monotonic()
    before, pods = fleet.generations(), there.pods_made()
    proxy.clear()
    hours = there.days.hours_until_night(there.days.switchover)
    plan = Plan(dt.datetime.now(dt.UTC), hours, SPEED, there.folder, ordeal.deaths)
    operator = fleet.stage.operator(
        there.space, kubeconfig=there.kubeconfig, leader_election=False, command=plan.command()
    )
    operator.environment["POD_NAMESPACE"] = there.operators
    faults = [
        (
            point,
            proxy.kill_at(
                write=point.nth,
                when=point.when,
                path=point.path.replace("/namespaces//", f"/namespaces/{there.space}/"),
                kill=operator.kill,
            ),
        )
        for point in ordeal.points
    ]
    lives = _live(there, operator, began)
    writes = _inside(there)
    asked = plan.asked()
    look = fleet.look()
    return Outcome(
        space=there.space,
        states={name: _comparable(there, name) for name in (GOOD, BAD)},
        rolls={name: base["status"]["roll"] for name, base in look.bases.items()},
        years={
            name: {one["schoolYear"]: one["state"] for one in base["status"].get("bases", ())}
            for name, base in look.bases.items()
        },
        grown={name: count - before[name] for name, count in fleet.generations().items()},
        pods=there.pods_made() - pods,
        writes=writes,
        asked=asked,
        killed=[
            *(point for point, fault in faults if fault.fired.is_set()),
            *(one for one in ordeal.deaths if one in asked),
        ],
        lives=lives,
        seconds=time.monotonic() - began,
    )


def _live(there: Place, operator: OperatorProcess, began: float) -> int:
    """Run an operator to the end of the rollover; how many lives it had."""
    lives = 0
    try:
        while True:
            if not operator.running:
                operator.start()
                lives += 1
            time.sleep(0.3)
            if _idle(there) and operator.running and _is_over(look := there.fleet.look()):
                return lives
            assert time.monotonic() - began < PATIENCE, _told(look, operator)
    finally:
        operator.kill()


def _told(look: Look, operator: OperatorProcess) -> str:
    statuses = {name: base["status"] for name, base in look.bases.items()}
    return f"not over within {PATIENCE:g} s: {statuses}\n{operator.tail()}"


def _is_over(look: Look) -> bool:
    return (
        look.phase(GOOD) == "Done"
        and look.up_to_date(GOOD) == ("True", "Current")
        and look.phase(BAD) == "RolledBack"
        # The year-end archive of the date, which had come too, is made up.
        and "archived" in look.bases[BAD]["status"].get("settledYears", {})
        and look.up_to_date(BAD) == ("False", "RolledBack")
        and all(condition_of(base, "Ready").get("status") == "True" for base in look.bases.values())
        and not look.down
    )


def _idle(there: Place) -> bool:
    latest = max((record.time for record in _inside(there)), default=0.0)
    return time.time() - latest > QUIET_SECONDS


def _inside(there: Place) -> tuple[Record, ...]:
    # Channels are watched by every operator here, and written by whoever comes first.
    inside = f"/namespaces/{there.space}/"
    return tuple(record for record in there.proxy.writes if inside in record.path)


def _comparable(there: Place, name: str) -> dict[str, Any]:
    """The state of a base in the end as any other run has it."""
    school = there.fleet[name]
    roll = school.get()["status"]["roll"]
    names = {
        # With the moment at which it was begun, in the id of the request by which it goes back.
        rf"{re.escape(roll['id'])}(-[0-9]{{10}})?": "ROLL",
        r"archive-annuelle-[0-9]{8}T[0-9]{4,6}Z": "YEAR-END-ARCHIVE",
        r"securite-[0-9]{8}T[0-9]{4,6}Z": "SAFETY",
        re.escape(school.uai): "UAI",
        re.escape(there.operators): "NAMESPACE",
    }
    state = renamed(end_state(school), names)
    if name == GOOD:
        # Where the turn came first, with an archive of its own, that of the date comes no more.
        state["status"]["settledYears"].pop("archived", None)
    kept = state["status"]["snapshots"]
    # An archive that was asked for and not noted any more is taken again: one more is no harm.
    kept["names"] = sorted(set(kept["names"]))
    kept["kinds"] = [{**kind, "kept": None, "lastAttemptTime": None} for kind in kept["kinds"]]
    return state
