"""Errors that a person reads, and the exit code of each for programs."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of `pronote-client`; programs rely on them (docs/reference/instance-contract.md)."""

    DONE = 0
    FAULT = 1
    USAGE = 2
    WRONG_CREDENTIALS = 3
    LICENCE_FULL = 4
    ADDRESS_REFUSED = 5
    MACHINE_DISABLED = 6
    OUT_OF_SERVICE = 7
    CERTIFICATE = 8
    NOT_LOGGED_IN = 9
    PARAMETERS = 10
    NOT_ALLOWED = 11


class ClientError(Exception):
    """Something that the Client cannot do.

    Args:
        message: One sentence that says what is wrong and, where it helps, what to do. Holds no secret.
        exit_code: Exit code of the command.
    """

    def __init__(self, message: str, exit_code: ExitCode) -> None:
        super().__init__(message)
        self.exit_code = exit_code
