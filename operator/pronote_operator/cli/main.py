"""`kubectl pronote`: what a host asks most, without remembering field paths."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    from pronote_operator.cluster.client import KubeClient

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Look after PRONOTE bases.",
)
Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Namespace; default: the one of the current context.")
]
T = TypeVar("T")


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
        _refuse("give either the name of a base or --all-namespaces")
    found = _ask(lambda client, current: bases(client, None if all_namespaces else namespace or current, base))
    console = Console()
    if base is not None:
        console.print(base_details(found[0]))
    elif found:
        console.print(base_table(found))
    else:
        typer.echo("There is no base here.", err=True)


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

    text = _ask(lambda client, current: connection_parameters(client, namespace or current, base))
    if output is None:
        typer.echo(text)
    else:
        output.write_text(text + "\n", encoding="utf-8")
        typer.echo(f"Wrote {output}", err=True)


def _ask(question: Callable[[KubeClient, str], Awaitable[T]]) -> T:
    """Run a question with a connected client and the current namespace; failures become one line and exit code 1."""
    import aiohttp
    from kubernetes.aio.config import ConfigException

    from pronote_operator.cli.queries import NotFoundError, connected
    from pronote_operator.errors import ApiError

    async def asked() -> T:
        async with connected() as (client, current):
            return await question(client, current)

    try:
        return asyncio.run(asked())
    except NotFoundError as error:
        _refuse(str(error))
    except ApiError as error:
        _refuse(f"the API server refused: {error.message}")
    except ConfigException as error:
        where = os.environ.get("KUBECONFIG", "~/.kube/config")
        _refuse(f"no usable configuration in {where}: {error}")
    except (aiohttp.ClientError, TimeoutError) as error:
        _refuse(f"the API server cannot be reached: {error}")


def _refuse(message: str) -> NoReturn:
    typer.echo(f"error: {message}", err=True)
    sys.exit(1)


def main() -> None:
    """Entry point."""
    cli()
