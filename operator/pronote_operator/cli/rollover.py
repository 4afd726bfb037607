"""The commands around the rollover of a version channel: what is planned, how far it is, pause it, resume it."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pronote_operator.cli.asking import ask, explain, refuse

if TYPE_CHECKING:
    from pronote_operator.cli.requests import Outcome
    from pronote_operator.cli.rollover_facts import Rollover
    from pronote_operator.cli.rollover_requests import PauseRequest
    from pronote_operator.cluster.client import KubeClient


class Output(StrEnum):
    """How a rollover is shown."""

    TABLE = "table"
    JSON = "json"


def _complete(incomplete: str) -> list[str]:
    from pronote_operator.cli.completing import names_of_channels

    return [name for name in names_of_channels() if name.startswith(incomplete)]


Channel = Annotated[str, typer.Argument(help="Name of a version channel: kubectl get pnvc.", autocompletion=_complete)]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="How to show it.")]
TimeZone = Annotated[
    str | None, typer.Option("--time-zone", help="Show times in this zone, such as Indian/Reunion; default: here.")
]

rollover = typer.Typer(
    no_args_is_help=True,
    help="See and steer how the bases of a version channel go over to a release and to a school year.",
)

_NO_FLEET = "Bases of all namespaces cannot be listed: how the single ones are is not known."
_PAUSE_HELP = (
    "Pausing changes the channel's spec. Failures so far count no more, a halt is over, and bases that went back are "
    "tried again when it is resumed."
)


@rollover.command()
def plan(channel: Channel, output: OutputOption = Output.TABLE, time_zone: TimeZone = None) -> None:
    """Show the waves to come: how many bases each has, when it starts, and when it should be over."""
    from pronote_operator.cli.rollover_end import expected_end
    from pronote_operator.cli.rollover_report import plan_report
    from pronote_operator.cli.rollover_tables import plan_shown

    _check_zone(time_zone)
    found, now = _looked_at(channel), dt.datetime.now(dt.UTC)
    _tell_what_is_missing(found)
    end = expected_end(found, now)
    if output is Output.JSON:
        typer.echo(json.dumps(plan_report(found, end), indent=2, ensure_ascii=False))
    else:
        _print(plan_shown(found, end, now, zone=time_zone))


@rollover.command()
def status(
    channel: Channel,
    output: OutputOption = Output.TABLE,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Look again until it is over (exit code 0) or has halted (1).")
    ] = False,
    timeout: Annotated[
        str | None, typer.Option("--timeout", help="With --watch: how long: 90s, 15m, 8h. Default: for ever.")
    ] = None,
    time_zone: TimeZone = None,
) -> None:
    """Show how far it is: who goes over, who failed, who waits and why, and when it should be over."""
    from pronote_operator.cli.rollover_end import expected_end
    from pronote_operator.cli.rollover_report import status_report
    from pronote_operator.cli.rollover_tables import status_shown
    from pronote_operator.cli.rollover_watching import watched
    from pronote_operator.cli.waiting import seconds

    if timeout is not None and not watch:
        refuse("--timeout is for --watch")
    _check_zone(time_zone)
    live = output is Output.TABLE and sys.stdout.isatty()

    async def asked(client: KubeClient, _: str) -> tuple[Rollover, Outcome | None]:
        patience = seconds(timeout) if timeout is not None else None
        return await watched(client, channel, zone=time_zone, patience=patience, live=live)

    found, outcome = ask(asked) if watch else (_looked_at(channel), None)
    _tell_what_is_missing(found)
    now = dt.datetime.now(dt.UTC)
    end = expected_end(found, now)
    if output is Output.JSON:
        typer.echo(json.dumps(status_report(found, end), indent=2, ensure_ascii=False))
    else:
        _print(status_shown(found, end, now, zone=time_zone))
    if outcome is not None and not outcome.good:
        refuse(outcome.message)
    if outcome is not None:
        explain(f"Done: {outcome.message}.")
    elif watch:
        refuse(f"the rollover of channel {channel} is not over after {timeout}; it goes on by itself")


@rollover.command(epilog=_PAUSE_HELP)
def pause(channel: Channel) -> None:
    """Take no further base over for the time being; those in flight go to their end. Writes spec.paused alone."""
    from pronote_operator.cli.rollover_requests import pause_request

    _paused(channel, pause_request)


@rollover.command(epilog=_PAUSE_HELP)
def resume(channel: Channel) -> None:
    """End a pause. A rollover that has halted is not resumed: it goes on when the channel's spec is changed."""
    from pronote_operator.cli.rollover_requests import resume_request

    _paused(channel, resume_request)


def _paused(name: str, request: Callable[[Any, tuple[str, ...]], PauseRequest]) -> None:
    from pronote_operator.api.versionchannel import VersionChannel
    from pronote_operator.cli.queries import channel_body
    from pronote_operator.cli.requests import FIELD_MANAGER
    from pronote_operator.cli.rollover_requests import others_that_apply
    from pronote_operator.cluster.kinds import CHANNELS

    async def asked(client: KubeClient, _: str) -> PauseRequest:
        body = await channel_body(client, name)
        wanted = request(VersionChannel.model_validate(body), others_that_apply(body))
        if wanted.change is not None:
            await client.merge_as(FIELD_MANAGER, CHANNELS, None, name, wanted.change)
        return wanted

    for sentence in ask(asked).told:
        explain(sentence)


def _looked_at(name: str) -> Rollover:
    from pronote_operator.cli.queries import channel_named, fleet_of
    from pronote_operator.cli.rollover_facts import Rollover

    async def asked(client: KubeClient, _: str) -> Rollover:
        return Rollover(await channel_named(client, name), await fleet_of(client, name))

    return ask(asked)


def _tell_what_is_missing(found: Rollover) -> None:
    if found.fleet is None:
        explain(_NO_FLEET)


def _check_zone(name: str | None) -> None:
    from pronote_operator.cli.times import known_zone

    if name is not None and known_zone(name) != name:
        refuse(f"--time-zone {name}: no time zone of that name is known here; such as Europe/Paris or Pacific/Noumea")


def _print(shown: Any) -> None:
    from rich.console import Console

    Console(highlight=False).print(shown)
