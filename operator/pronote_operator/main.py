"""`pronote-operator`: the command line of the operator process."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point."""
    if sys.argv[1:] == ["run"]:
        # As the image starts it: what reads command lines would stay in memory for as long as the operator runs.
        from pronote_operator.running import run_operator

        run_operator()
    else:
        from pronote_operator.command import cli

        cli()
