"""docs/reference/kubectl-pronote.md names every command with its arguments and options, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import typer.main

from pronote_operator.cli.main import cli

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "kubectl-pronote.md"
ROW = re.compile(r"^\| `([a-z ]*[a-z])([^`]*)` \| ([^|]*) \|", re.MULTILINE)


def parts(command: Any) -> tuple[str, set[str]]:
    """The arguments as the usage shows them, and the options but for the one that all have."""
    given = [p for p in command.params if p.param_type_name == "argument"]
    arguments = [p.metavar or (p.name.upper() if p.required else f"[{p.name.upper()}]") for p in given]
    options = {p.opts[0] for p in command.params if p.param_type_name == "option"}
    return " ".join(arguments), options - {"--namespace"}


def commands(group: Any, before: str = "") -> dict[str, Any]:
    """The commands of a group by their words, with those of the groups in it."""
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        words = f"{before}{name}"
        found |= commands(command, f"{words} ") if hasattr(command, "commands") else {words: command}
    return found


def test_every_command_is_in_the_reference_with_its_options() -> None:
    program: Any = typer.main.get_command(cli)
    documented = {
        name: (arguments.strip(), set(re.findall(r"`(--[a-z-]+)`", options)))
        for name, arguments, options in ROW.findall(PAGE.read_text())
    }
    assert documented == {name: parts(command) for name, command in commands(program).items()}
