"""`kubectl pronote`: what a host asks most, without remembering field paths."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pronote_operator.cli.asking import Namespace, ask, explain, refuse
from pronote_operator.cli.connections import blocked, connections, disconnect, unblock
from pronote_operator.cli.publications import publications
from pronote_operator.cli.rollover import rollover
from pronote_operator.cli.snapshots import backup, restore, snapshots

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Look after PRONOTE bases.",
)


@cli.command()
def status(
    base: Annotated[str | None, typer.Argument(help="Name of a base; default: all of the namespace.")] = None,
    namespace: Namespace = None,
    all_namespaces: Annotated[bool, typer.Option("--all-namespaces", "-A", help="Bases of all namespaces.")] = False,
) -> None:
    """Show bases: whether they serve, with which version, and what is in the way."""
    from rich.console import Console

    from pronote_operator.cli.queries import bases
    from pronote_operator.cli.tables import base_details, base_table

    if base is not None and all_namespaces:
        refuse("give either the name of a base or --all-namespaces")
    found = ask(lambda client, current: bases(client, None if all_namespaces else namespace or current, base))
    console = Console()
    if base is not None:
        console.print(base_details(found[0]))
    elif found:
        console.print(base_table(found))
    else:
        explain("There is no base here.")


@cli.command()
def parameters(
    base: Annotated[str, typer.Argument(help="Name of a base.")],
    namespace: Namespace = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; default: standard output.")
    ] = None,
) -> None:
    """Fetch the connection parameters that a school's Clients are preset with (pronote-client apply-parameters)."""
    from pronote_operator.cli.queries import connection_parameters

    text = ask(lambda client, current: connection_parameters(client, namespace or current, base))
    if output is None:
        typer.echo(text)
    else:
        output.write_text(text + "\n", encoding="utf-8")
        explain(f"Wrote {output}")


for command in (publications, snapshots, backup, restore, connections, disconnect, blocked, unblock):
    cli.command()(command)
cli.add_typer(rollover, name="rollover")


def main() -> None:
    """Entry point."""
    cli()
