"""`pronote-operator`: the command line of the operator process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
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
    from pydantic import ValidationError

    from pronote_operator import logs
    from pronote_operator.cluster.lean import leave_out_synchronous_client
    from pronote_operator.settings import Settings

    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors():
            name = "_".join(str(part) for part in problem["loc"]).upper()
            typer.echo(f"PRONOTE_OPERATOR_{name}: {problem['msg']}", err=True)
        sys.exit(2)
    logs.configure(settings.log_level)
    leave_out_synchronous_client()
    from pronote_operator.process import Process

    async def until_stopped() -> None:
        task = asyncio.current_task()
        assert task is not None

        def claim_signals() -> None:
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, task.cancel)

        claim_signals()
        identity = f"{os.environ.get('POD_NAME', 'operator')}-{secrets.token_hex(4)}"
        with contextlib.suppress(asyncio.CancelledError):
            await Process(settings, identity=identity, claim_signals=claim_signals).run()

    asyncio.run(until_stopped())


@cli.command()
def version(short: Annotated[bool, typer.Option("--short", help="The number alone.")] = False) -> None:
    """Print the version."""
    from importlib.metadata import version as of

    number = of("pronote-operator")
    typer.echo(number if short else f"pronote-operator {number}")


def main() -> None:
    """Entry point."""
    cli()
