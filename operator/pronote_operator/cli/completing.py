"""Completion of words on the shell's command line: `kubectl pronote rollover status <Tab>`.

kubectl asks the program `kubectl_complete-pronote` on the PATH, with the words so far and the last one unfinished, for
lines with what could stand there, and then `:` with a number of its own (4: and no names of files).
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from typing import Any

PATIENCE = 3.0
"""Seconds: a person waits at the prompt."""
_NO_FILES = ":4"


def names_of_channels() -> list[str]:
    """The names of the version channels; none when the API server does not tell them: nobody asked for an error."""
    import aiohttp
    from kubernetes.aio.config import ConfigException

    from pronote_operator.cli.queries import channel_names, connected
    from pronote_operator.errors import ApiError

    async def asked() -> list[str]:
        async with asyncio.timeout(PATIENCE), connected() as (client, _):
            return await channel_names(client)

    try:
        return asyncio.run(asked())
    except (ApiError, ConfigException, aiohttp.ClientError, TimeoutError, OSError):
        return []


def completions(words: Sequence[str]) -> list[str]:
    """What could stand in the place of the last word: a command, an option, or the name that a command takes first."""
    from typer.main import get_command

    from pronote_operator.cli.main import cli

    *before, last = words or ("",)
    command: Any = get_command(cli)
    while before and before[0] in getattr(command, "commands", {}):
        command = command.commands[before.pop(0)]
    if last.startswith("-"):
        offered = [option for parameter in command.params for option in parameter.opts if option.startswith("--")]
    elif hasattr(command, "commands"):
        offered = [] if before else list(command.commands)
    elif before:
        offered = []
    else:
        context = command.make_context(command.name, [], resilient_parsing=True)
        arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
        offered = [item.value for argument in arguments[:1] for item in argument.shell_complete(context, last)]
    return [word for word in offered if word.startswith(last)]


def main() -> None:
    """Entry point of `kubectl_complete-pronote`."""
    logging.disable(logging.WARNING)  # what a library has to say would stand in the middle of the command line
    sys.stdout.write("".join(f"{word}\n" for word in completions(sys.argv[1:])) + f"{_NO_FILES}\n")
