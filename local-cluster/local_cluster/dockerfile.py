"""Reads what an image runs as from its Dockerfile, so that both ways of building give the same."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class RunSettings:
    """The settings of the last stage of a Dockerfile."""

    environment: dict[str, str]
    user: str
    entrypoint: list[str]
    command: list[str]


def run_settings(text: str, arguments: Mapping[str, str]) -> RunSettings:
    """The ENV, USER, ENTRYPOINT and CMD of the last stage.

    Args:
        text: of the Dockerfile; one setting a line, lists in JSON form.
        arguments: values of its build arguments.
    """
    last = re.split(r"^FROM .*$", text, flags=re.MULTILINE)[-1]
    environment: dict[str, str] = {}
    values = {"USER": "", "ENTRYPOINT": "[]", "CMD": "[]"}
    for instruction, value in re.findall(r"^(ENV|USER|ENTRYPOINT|CMD) (.*)$", last, re.MULTILINE):
        if instruction == "ENV":
            name, _, content = value.partition("=")
            environment[name] = re.sub(r"\$(\w+)", lambda found: arguments.get(found[1], ""), content)
        else:
            values[instruction] = value
    return RunSettings(environment, values["USER"], json.loads(values["ENTRYPOINT"]), json.loads(values["CMD"]))
