"""`pronote-operator`: the command line of the operator process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import sys
from collections.abc import Coroutine
from typing import Annotated, Any

import typer

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The operator that hosts PRONOTE bases.",
)

logger = logging.getLogger("pronote_operator")


@cli.callback()
def _group() -> None:
    """The operator that hosts PRONOTE bases."""


@cli.command()
def run() -> None:
    """Reconcile until stopped. Settings come from PRONOTE_OPERATOR_* variables (docs/reference/settings.md)."""
    from pydantic import ValidationError

    from pronote_operator import logs
    from pronote_operator.settings import Settings

    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors():
            name = "_".join(str(part) for part in problem["loc"]).upper()
            typer.echo(f"PRONOTE_OPERATOR_{name}: {problem['msg']}", err=True)
        sys.exit(2)
    logs.configure(settings.log_level)
    from pronote_operator.process import Process

    process = Process(settings, identity=f"{os.environ.get('POD_NAME', 'operator')}-{secrets.token_hex(4)}")
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(asyncio.run(_until_stopped(process.run())))


@cli.command()
def version(short: Annotated[bool, typer.Option("--short", help="The number alone.")] = False) -> None:
    """Print the version."""
    from importlib.metadata import version as of

    number = of("pronote-operator")
    typer.echo(number if short else f"pronote-operator {number}")


async def _until_stopped(work: Coroutine[Any, Any, None]) -> int:
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return 0
    return 0


def main() -> None:
    """Entry point."""
    cli()
