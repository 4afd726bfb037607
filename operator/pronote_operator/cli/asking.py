"""How a command of the plugin asks the API server, and how it ends when it cannot."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    from pronote_operator.cluster.client import KubeClient

Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Namespace; default: the one of the current context.")
]
T = TypeVar("T")


def ask(question: Callable[[KubeClient, str], Awaitable[T]]) -> T:
    """Run a question with a connected client and the current namespace; failures become one line and exit code 1."""
    import aiohttp
    from kubernetes.aio.config import ConfigException

    from pronote_operator.cli.queries import NotFoundError, RefusedError, connected
    from pronote_operator.errors import ApiError

    async def asked() -> T:
        async with connected() as (client, current):
            return await question(client, current)

    try:
        return asyncio.run(asked())
    except (NotFoundError, RefusedError) as error:
        refuse(str(error))
    except ApiError as error:
        refuse(f"the API server refused: {error.message}")
    except ConfigException as error:
        where = os.environ.get("KUBECONFIG", "~/.kube/config")
        refuse(f"no usable configuration in {where}: {error}")
    except (aiohttp.ClientError, TimeoutError) as error:
        refuse(f"the API server cannot be reached: {error}")


def explain(message: str) -> None:
    """A line for the person, on standard error: standard output is for what is piped on."""
    typer.echo(message, err=True)


def refuse(message: str) -> NoReturn:
    """End the command with exit code 1 and one line that says why."""
    explain(f"error: {message}")
    sys.exit(1)
