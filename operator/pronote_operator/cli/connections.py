"""The commands around connections: who is connected, end connections, which addresses are suspended, release them."""

from __future__ import annotations

import datetime as dt
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from pronote_operator.cli.asking import Namespace, ask, explain, refuse

if TYPE_CHECKING:
    from pronote_operator.cli.connected import BlockedAddress, Connection, Connections
    from pronote_operator.cluster.agent import Agent
    from pronote_operator.cluster.client import KubeClient

WORKERS = 4
"""Connections that are ended at once."""


class Output(StrEnum):
    """How connections are shown."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"


class BlockedOutput(StrEnum):
    """How suspended addresses are shown."""

    TABLE = "table"
    JSON = "json"


class Application(StrEnum):
    """What holds a connection."""

    CLIENT = "Client"
    PRONOTE_NET = "PRONOTE.net"


class Mode(StrEnum):
    """What somebody is connected as."""

    ADMINISTRATIF = "administratif"
    ENSEIGNANT = "enseignant"
    VIE_SCOLAIRE = "vie-scolaire"
    CONSULTATION = "consultation"


class Espace(StrEnum):
    """Where somebody is connected in a browser."""

    DIRECTION = "Direction"
    PROFESSEURS = "Professeurs"
    VIE_SCOLAIRE = "VieScolaire"
    PARENTS = "Parents"
    ELEVES = "Eleves"
    ACCOMPAGNANTS = "Accompagnants"
    ENTREPRISE = "Entreprise"
    ACADEMIE = "Academie"
    INSCRIPTION = "Inscription"


Base = Annotated[str, typer.Argument(help="Name of a base.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def connections(
    base: Base,
    namespace: Namespace = None,
    application: Annotated[
        list[Application] | None, typer.Option("--application", case_sensitive=False, help="Only of this application.")
    ] = None,
    mode: Annotated[list[Mode] | None, typer.Option("--mode", case_sensitive=False, help="Only in this mode.")] = None,
    espace: Annotated[
        list[Espace] | None, typer.Option("--espace", case_sensitive=False, help="Only in this Espace.")
    ] = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="How to show them; wide: with addresses.")] = (
        Output.TABLE
    ),
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again every 2 s, until Ctrl-C.")] = False,
) -> None:
    """Show who is connected to a base, with Clients and in browsers, and the places of the licences."""
    import json

    from pronote_operator.cli.connected import Choice, connections_in
    from pronote_operator.cli.connection_tables import connections_shown, screen
    from pronote_operator.cli.reaching import reached
    from pronote_operator.cli.watching import watch as watched

    choice = Choice(applications=application or (), modes=mode or (), espaces=espace or ())
    if watch and (output is Output.JSON or not sys.stdout.isatty()):
        refuse("--watch shows a table on a terminal; for a program, ask again and again with -o json")

    async def asked(client: KubeClient, current: str) -> tuple[str, Connections]:
        space = namespace or current
        async with reached(client, space, base) as there:
            if watch:
                await watched(there, choice, wide=output is Output.WIDE)
            return space, connections_in(await there.agent.connections())

    try:
        space, found = ask(asked)
    except KeyboardInterrupt:
        if watch:
            return
        raise
    chosen = choice.of(found.connections)
    if output is Output.JSON:
        report = found.model_copy(update={"connections": chosen}).model_dump(mode="json", by_alias=True)
        typer.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        now, name = dt.datetime.now(dt.UTC), f"{space}/{base}"
        screen().print(connections_shown(name, found, chosen, now, wide=output is Output.WIDE))


def disconnect(
    base: Base,
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Ids of connections.")] = None,
    namespace: Namespace = None,
    user: Annotated[str | None, typer.Option("--user", help="All connections of this user.")] = None,
    machine: Annotated[str | None, typer.Option("--machine", help="All Clients on this machine.")] = None,
    all_of: Annotated[
        Espace | None, typer.Option("--all-of", case_sensitive=False, help="Everybody in this Espace.")
    ] = None,
    yes: Yes = False,
) -> None:
    """End connections of a base: by id, of a user, of a machine, or of an Espace."""
    from pronote_operator.cli.connected import Choice, connections_in, number
    from pronote_operator.cli.connection_tables import connection_table, screen
    from pronote_operator.cli.reaching import reached

    if sum(map(bool, (ids, user, machine, all_of))) != 1:
        raise typer.BadParameter("give either ids, or one of --user, --machine and --all-of")
    choice = Choice(ids=ids or (), user=user, machine=machine, espaces=[all_of] if all_of else ())

    async def asked(client: KubeClient, current: str) -> tuple[int, int, tuple[str, ...]]:
        async with reached(client, namespace or current, base) as there:
            found = connections_in(await there.agent.connections()).connections
            chosen = choice.of(found)
            if chosen:
                screen().print(connection_table(chosen, dt.datetime.now(dt.UTC), wide=False))
                _confirm(f"End {number(len(chosen), 'connection')} of base {base}?", yes)
            ended = await _ended(there.agent, chosen)
            return len(chosen), ended, choice.missing(found)

    chosen, ended, missing = ask(asked)
    gone = f"; {chosen - ended} had ended meanwhile" if chosen > ended else ""
    explain(f"Ended {number(ended, 'connection')} of base {base}{gone}.")
    if missing:
        refuse(f"base {base} has no connection {', '.join(missing)}: kubectl pronote connections {base}")


def blocked(
    base: Base,
    namespace: Namespace = None,
    output: Annotated[BlockedOutput, typer.Option("--output", "-o", help="How to show them.")] = BlockedOutput.TABLE,
) -> None:
    """Show the addresses that are suspended after wrong logins to a base."""
    import json

    from pronote_operator.cli.connected import blocked_in
    from pronote_operator.cli.connection_tables import blocked_table, screen
    from pronote_operator.cli.reaching import reached

    async def asked(client: KubeClient, current: str) -> tuple[BlockedAddress, ...]:
        async with reached(client, namespace or current, base) as there:
            return blocked_in(await there.agent.blocked_addresses())

    found = ask(asked)
    if output is BlockedOutput.JSON:
        report = [each.model_dump(mode="json", by_alias=True) for each in found]
        typer.echo(json.dumps({"blockedAddresses": report}, indent=2))
    elif found:
        screen().print(blocked_table(found, dt.datetime.now(dt.UTC)))
    else:
        explain(f"No address is suspended at base {base}.")


def unblock(
    base: Base,
    addresses: Annotated[
        list[str] | None, typer.Argument(metavar="[ADDRESS]...", help="Addresses, as `blocked` shows them.")
    ] = None,
    namespace: Namespace = None,
    all_: Annotated[bool, typer.Option("--all", help="Every suspended address.")] = False,
) -> None:
    """Release suspended addresses of a base; their wrong logins are forgotten."""
    from pronote_operator.cli.connected import address_of, blocked_in, number
    from pronote_operator.cli.reaching import reached

    if bool(addresses) == all_:
        raise typer.BadParameter("give either addresses or --all")

    async def asked(client: KubeClient, current: str) -> tuple[int, list[str]]:
        wanted = [address_of(text) for text in addresses or ()]
        async with reached(client, namespace or current, base) as there:
            if all_:
                wanted = [each.address for each in blocked_in(await there.agent.blocked_addresses())]
            missing = [address for address in wanted if not await there.agent.release(address)]
            return len(wanted) - len(missing), missing

    released, missing = ask(asked)
    explain(f"Released {number(released, 'address')} of base {base}.")
    if missing and not all_:
        refuse(f"not suspended at base {base}: {', '.join(missing)}")


def on_a_terminal() -> bool:
    """Whether there is a person to ask."""
    return sys.stdin.isatty()


def _confirm(question: str, yes: bool) -> None:
    """Ask on a terminal, unless told not to.

    Raises:
        RefusedError: there is nobody to ask, or the answer is no.
    """
    from pronote_operator.cli.queries import RefusedError

    if yes:
        return
    if not on_a_terminal():
        raise RefusedError("there is no terminal to ask on: give --yes")
    if not typer.confirm(question, err=True):
        raise RefusedError("nothing was ended")


async def _ended(agent: Agent, chosen: tuple[Connection, ...]) -> int:
    """End connections, a few at once; how many there still were."""
    import asyncio

    waiting = iter(chosen)

    async def work() -> int:
        return sum([await agent.disconnect(connection.id) for connection in waiting])

    return sum(await asyncio.gather(*(work() for _ in range(WORKERS))))
