"""What can go wrong: a server that cannot start (`StartError`) and a request that is refused (`Refusal`)."""

from __future__ import annotations

from typing import Final

EXIT_USAGE: Final = 64
"""`sysexits.h` EX_USAGE: a `pronote-server user` command asks for something that cannot be done."""

EXIT_OS: Final = 71
"""`sysexits.h` EX_OSERR: a port cannot be opened."""

EXIT_BUSY: Final = 75
"""`sysexits.h` EX_TEMPFAIL: another server process holds this base."""

EXIT_CONFIG: Final = 78
"""`sysexits.h` EX_CONFIG: environment, mounted files or data folder cannot be served; a restart alone mends nothing."""


class StartError(Exception):
    """The process cannot do its work; the message names what to mend.

    Args:
        message: One sentence for whoever reads the pod's log. Holds no secret.
        exit_code: Exit code of the process.
    """

    def __init__(self, message: str, exit_code: int = EXIT_CONFIG) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not a fault of the server
    """A request that is answered with an error.

    Args:
        status: HTTP status.
        reason: CamelCase word for programs (docs/reference/instance-contract.md lists them).
        message: One English sentence for people. Never repeats what the caller sent.
        details: Further members of the JSON answer, such as the limit that was reached.
        retry_after: Seconds for the Retry-After header.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        details: dict[str, object] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.details = details or {}
        self.retry_after = retry_after
