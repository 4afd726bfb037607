"""The command that shows publications: what is published of which base, where, and to whom it is delegated."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from pronote_operator.cli.asking import Namespace, ask, explain, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pronote_operator.cli.published import Published
    from pronote_operator.cluster.client import KubeClient


class Output(StrEnum):
    """How publications are shown."""

    TABLE = "table"
    JSON = "json"


def publications(
    publication: Annotated[
        str | None, typer.Argument(help="Name of a publication; default: all of the namespace.")
    ] = None,
    namespace: Namespace = None,
    all_namespaces: Annotated[
        bool, typer.Option("--all-namespaces", "-A", help="Publications of all namespaces.")
    ] = False,
    sessions: Annotated[
        bool, typer.Option("--sessions", help="Of one publication: how many visitors are logged in to each Espace.")
    ] = False,
    output: Annotated[Output, typer.Option("--output", "-o", help="How to show them.")] = Output.TABLE,
) -> None:
    """Show publications: of which base, at which address, which Espaces, which ENTs, and what is in the way."""
    import json

    from pronote_operator.cli.connected import connections_in
    from pronote_operator.cli.connection_tables import screen
    from pronote_operator.cli.publication_tables import publication_details, publication_table
    from pronote_operator.cli.published import report, sessions_in
    from pronote_operator.cli.queries import published
    from pronote_operator.cli.reaching import reached

    if publication is not None and all_namespaces:
        refuse("give either the name of a publication or --all-namespaces")
    if sessions and publication is None:
        refuse("--sessions asks the server of one base: give the name of a publication")

    async def asked(client: KubeClient, current: str) -> tuple[list[Published], Mapping[str, int] | None]:
        found = await published(client, None if all_namespaces else namespace or current, publication)
        if not sessions:
            return found, None
        one = found[0].publication
        async with reached(client, one.metadata.namespace, one.spec.base) as there:
            return found, sessions_in(connections_in(await there.agent.connections()))

    found, counts = ask(asked)
    if output is Output.JSON:
        typer.echo(json.dumps(report(found, counts), indent=2, ensure_ascii=False))
    elif publication is not None:
        screen().print(publication_details(found[0], counts))
    elif found:
        screen().print(publication_table(found))
    else:
        explain("There is no publication here.")
