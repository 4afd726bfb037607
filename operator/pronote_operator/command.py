"""The commands of `pronote-operator`."""

from __future__ import annotations

from typing import Annotated

import typer

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The operator that hosts PRONOTE bases.",
)


@cli.callback()
def _group() -> None:
    """The operator that hosts PRONOTE bases."""


@cli.command()
def run() -> None:
    """Reconcile until stopped. Settings come from PRONOTE_OPERATOR_* variables (docs/reference/settings.md)."""
    from pronote_operator.running import run_operator

    run_operator()


@cli.command()
def version(short: Annotated[bool, typer.Option("--short", help="The number alone.")] = False) -> None:
    """Print the version."""
    from importlib.metadata import version as of

    number = of("pronote-operator")
    typer.echo(number if short else f"pronote-operator {number}")
