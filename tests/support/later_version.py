"""A later version of the operator, as far as pods are concerned: this one with other defaults in its builders.

    python -m tests.support.later_version

runs `pronote-operator run` so. Whatever of a pod is the operator's own contribution is another: resources, probes, the
time to end, a variable more in each container. The image of `agent` and `prepare` is a setting.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from pronote_operator import command
from pronote_operator.builders import podtemplate

COMMAND = (sys.executable, "-m", "tests.support.later_version")
"""The command of such an operator."""
VARIABLE = "PRONOTE_LATER"
"""That each of its containers has."""


def change_defaults(put: Callable[[Any, str, Any], None]) -> None:
    """Change the builders' defaults, by `setattr` or by one that is undone again."""
    amounts = {"cpu": "77m", "memory": "177Mi"}
    put(podtemplate, "SERVER_RESOURCES", {"requests": amounts, "limits": {"cpu": "3", "memory": "777Mi"}})
    put(podtemplate, "AGENT_RESOURCES", {"requests": amounts, "limits": {"cpu": "3", "memory": "555Mi"}})
    put(podtemplate, "PREPARE_RESOURCES", {"requests": amounts, "limits": {"cpu": "3", "memory": "444Mi"}})
    put(podtemplate, "TERMINATION_GRACE_SECONDS", podtemplate.TERMINATION_GRACE_SECONDS + 5)
    probe, container = podtemplate._probe, podtemplate._container

    def slower(path: str, *, period: int, failures: int) -> dict[str, Any]:
        return probe(path, period=period + 1, failures=failures + 1)

    def with_more(*args: Any, env: dict[str, str], **others: Any) -> dict[str, Any]:
        return container(*args, env={**env, VARIABLE: "1"}, **others)

    put(podtemplate, "_probe", slower)
    put(podtemplate, "_container", with_more)


if __name__ == "__main__":
    change_defaults(setattr)
    command.cli(["run"])
