"""How the plugin shows a rollover to people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pronote_operator.cli.connected import span
from pronote_operator.cli.rollover_end import Expected
from pronote_operator.cli.rollover_facts import Failed, Flying, Rollover, Waiting
from pronote_operator.cli.tables import cell
from pronote_operator.cli.times import local, local_text
from pronote_operator.planning.roll import Roll, RollPhase

_BAR_WIDTH = 24
_AMONG = 3
"""So many bases are named of those that wait for the same."""

_DOING = {
    RollPhase.ARCHIVING: "being archived",
    RollPhase.RESTARTING: "restarting",
    RollPhase.ROLLING_BACK: "going back",
    RollPhase.DONE: "done",
    RollPhase.ROLLED_BACK: "went back",
}

_TO_DO = """\
It has halted: {message}.
1. See why bases failed: kubectl describe pronotebase NAME -n NAMESPACE
2. Change the channel's spec: take the release out of its list, put a better one in its place, or, when \
the cause is gone, raise rollout.maxFailures.
Any change of the spec, `rollover pause` and `rollover resume` too, counts failures anew and has those that \
failed tried again with what is due then. Nobody who went over is taken back by it. \
More: docs/runbooks/rollover-halted.md"""


def status_shown(
    rollover: Rollover, end: Expected, now: dt.datetime, *, zone: str | None, most: int | None = None
) -> RenderableType:
    """How far a rollover is, who goes over, who failed, who waits, and when it should be over.

    Args:
        zone: that times are shown in; None for the one of this machine.
        most: rows of each table; None for all.
    """
    parts: list[RenderableType] = [_facts(rollover, end, now, zone)]
    if rollover.in_flight:
        parts += ["", Text(f"In flight: {len(rollover.in_flight)}", "bold"), _flying(rollover.in_flight, now, most)]
    if rollover.failed:
        title = f"Failed: {len(rollover.failed)} ({_number(rollover.may_fail)} may)"
        parts += ["", Text(title, "bold red"), _failed(rollover.failed, zone, most)]
    if rollover.waiting:
        count = sum(len(group.keys) for group in rollover.waiting)
        parts += ["", Text(f"Waiting: {_number(count)}", "bold"), _waiting(rollover.waiting, most)]
    if rollover.halted and not rollover.channel.spec.paused:
        parts += ["", *map(cell, _TO_DO.format(message=rollover.halted.rstrip(".")).splitlines())]
    return Group(*parts)


def plan_shown(rollover: Rollover, end: Expected, now: dt.datetime, *, zone: str | None) -> RenderableType:
    """The waves to come, or why there are none.

    Args:
        zone: that times are shown in; None for the one of this machine.
    """
    channel, plan = rollover.channel, rollover.channel.status.plan
    facts = _fact_table()
    facts.add_row("Channel", cell(channel.metadata.name))
    facts.add_row("Rollover", _phase(rollover))
    facts.add_row("Target", cell(channel.status.target or "-"))
    facts.add_row("To come", cell(_to_come(rollover, end)))
    facts.add_row("Expected end", cell(_end(rollover, end, now, zone)))
    facts.add_row("Next switchover", cell(switchover(rollover)))
    if not plan:
        why = nothing_planned(rollover)
        return Group(facts, "", cell(why[0].upper() + why[1:]))
    waves = _table("Wave", "Bases", "Starts", "", "Over about", right=("Bases",))
    for position, wave in enumerate(plan):
        starts, ends = wave.start_time, end.waves[position] if position < len(end.waves) else None
        if _held(rollover):
            starts = None
        waves.add_row(
            "canaries" if wave.wave == 0 else str(wave.wave),
            _number(wave.bases),
            local_text(starts, zone),
            _from_now(starts, now) if starts is not None else "",
            _short(ends, starts, zone),
        )
    parts: list[RenderableType] = [facts, "", waves]
    if end.untold:
        parts.append(cell(f"and {_number(end.untold)} bases after them, in waves that are told when these are over"))
    if _held(rollover):
        parts += ["", cell(f"None of these begins: {nothing_planned(rollover)}")]
    return Group(*parts)


def phase_words(rollover: Rollover) -> str:
    """The phase in words."""
    match rollover.channel.status.phase:
        case "Current":
            return "current: nobody waits for a turn"
        case "Scheduled":
            return "scheduled: the next wave waits for its hour"
        case "Canary":
            minutes = int(rollover.soak.total_seconds() // 60)
            return f"canaries: the others follow when they have been ready for {minutes} min"
        case "Progressing":
            return f"going on: {_number(rollover.at_once)} at once"
        case "Halted":
            return "HALTED: too many failed"
        case "Paused":
            return "paused on request: no further base goes over"
    return "not told by any operator"


def nothing_planned(rollover: Rollover) -> str:
    """Why no base goes over, in a sentence."""
    name, status = rollover.channel.metadata.name, rollover.channel.status
    if status.observed_generation < 0:
        return "Nothing is planned: no operator has looked at this channel yet."
    if rollover.channel.spec.paused:
        return f"the rollover is paused (spec.paused). It goes on with: kubectl pronote rollover resume {name}"
    if rollover.halted:
        return f"the rollover has halted. What to do: kubectl pronote rollover status {name}"
    if status.phase is None:
        return "Nothing is told: the operator of this channel serves some namespaces only."
    if rollover.in_flight:
        return "No further wave is planned: the last bases go over now."
    if status.phase == "Current":
        return "Nothing is planned: nobody waits for a turn, and nothing comes within 30 days."
    return "Nothing is planned: nobody waits for a turn."


def switchover(rollover: Rollover) -> str:
    """The next turn of the year."""
    coming = rollover.channel.status.next_switchover
    return f"{coming.date} (calendar {coming.calendar})" if coming is not None else "-"


def _facts(rollover: Rollover, end: Expected, now: dt.datetime, zone: str | None) -> RenderableType:
    facts = _fact_table()
    facts.add_row("Channel", cell(rollover.channel.metadata.name))
    facts.add_row("Rollover", _phase(rollover))
    facts.add_row("Target", cell(rollover.channel.status.target or "-"))
    facts.add_row("Progress", _progress(rollover.updated, rollover.total))
    facts.add_row("Expected end", cell(_end(rollover, end, now, zone)))
    facts.add_row("Next switchover", cell(switchover(rollover)))
    if not rollover.told:
        facts.add_row("Seen", cell("an earlier spec, or none"))
    return facts


def _phase(rollover: Rollover) -> Text:
    colours = {"Current": "green", "Halted": "bold red", "Paused": "yellow"}
    return Text(phase_words(rollover), colours.get(rollover.channel.status.phase or "", ""))


def _progress(updated: int, total: int) -> RenderableType:
    row = Table.grid(padding=(0, 2, 0, 0))
    share = f" ({100 * updated // total} %)" if total else ""
    bar = ProgressBar(total=max(1, total), completed=updated, width=_BAR_WIDTH)
    row.add_row(bar, cell(f"{_number(updated)} of {_number(total)} bases{share}"))
    return row


def _flying(flying: Sequence[Flying], now: dt.datetime, most: int | None) -> RenderableType:
    table = _table("Base", "Doing", "For", "To")
    for each in flying[:most]:
        roll = each.roll
        if roll is None:
            table.add_row(cell(each.key), "going over", "-", "-")
            continue
        since = roll.restarted if roll.restarted is not None else roll.started
        table.add_row(cell(each.key), _DOING[roll.phase], span(now - since), cell(_target(roll)))
    return _cut(table, len(flying), most)


def _failed(failed: Sequence[Failed], zone: str | None, most: int | None) -> RenderableType:
    table = _table("Base", "When", "Why")
    for each in failed[:most]:
        when = each.roll.completed or each.roll.restarted if each.roll is not None else None
        table.add_row(cell(each.key), f"{local(when, zone):%m-%d %H:%M}" if when else "-", cell(each.why or "-"))
    return _cut(table, len(failed), most)


def _waiting(groups: Sequence[Waiting], most: int | None) -> RenderableType:
    table = _table("Bases", "Why", "Reason", "Among them", right=("Bases",))
    for group in groups[:most]:
        among = ", ".join(group.keys[:_AMONG]) + (", …" if len(group.keys) > _AMONG else "")
        table.add_row(_number(len(group.keys)), cell(group.why), cell(group.reason), cell(among))
    return _cut(table, len(groups), most)


def _end(rollover: Rollover, end: Expected, now: dt.datetime, zone: str | None) -> str:
    if rollover.channel.spec.paused:
        return "not while it is paused"
    if rollover.halted:
        return "not before the channel's spec is changed"
    if end.whole is None:
        return "-"
    why = "by the plan" if end.measured is None else f"at {span(end.measured)} a base so far"
    return f"{_minutes(end.whole, zone)} ({_from_now(end.whole, now)}), {why}"


def _to_come(rollover: Rollover, end: Expected) -> str:
    waves, bases = len(rollover.channel.status.plan), rollover.planned + end.untold
    if not waves:
        return "nobody"
    more = "more than " if end.untold else ""
    return f"{_number(bases)} of {_number(rollover.total)} bases, in {more}{waves} wave{'s' if waves > 1 else ''}"


def _held(rollover: Rollover) -> bool:
    return rollover.channel.spec.paused or bool(rollover.halted)


def _target(roll: Roll) -> str:
    there = roll.from_ if roll.phase is RollPhase.ROLLING_BACK else roll.to
    return f"{there.version}, year {there.school_year}"


def _from_now(moment: dt.datetime, now: dt.datetime) -> str:
    return f"in {span(moment - now)}" if moment - now >= dt.timedelta(minutes=1) else "now"


def _short(moment: dt.datetime | None, after: dt.datetime | None, zone: str | None) -> str:
    """The time of day alone where the day is that of `after`."""
    if moment is None:
        return "-"
    there = local(moment, zone)
    same = after is not None and local(after, zone).date() == there.date()
    return f"{there:%H:%M}" if same else f"{there:%Y-%m-%d %H:%M}"


def _minutes(moment: dt.datetime, zone: str | None) -> str:
    return local_text(moment.replace(second=0, microsecond=0), zone)


def _number(count: int) -> str:
    return f"{count:,}"


def _cut(table: Table, count: int, most: int | None) -> RenderableType:
    return table if most is None or count <= most else Group(table, Text(f"and {count - most} more"))


def _fact_table() -> Table:
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    return facts


def _table(*titles: str, right: Sequence[str] = ()) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in titles:
        fold = title in ("Base", "Why", "Among them", "Over about")
        justify = "right" if title in right else "left"
        table.add_column(title, no_wrap=not fold, overflow="fold", justify=justify)  # type: ignore[arg-type]
    return table
