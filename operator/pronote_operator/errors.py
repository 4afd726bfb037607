"""Errors that the operator's parts raise to each other."""

from __future__ import annotations


class ApiError(Exception):
    """The API server refused a request.

    Args:
        status: HTTP status code.
        reason: machine-readable reason of the `Status` object (`NotFound`, `Conflict`, `Invalid` …).
        message: the server's message.
        cause: the first of the `Status` object's causes, or the empty string.
    """

    def __init__(self, status: int, reason: str, message: str, cause: str = "") -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
        self.cause = cause

    @property
    def namespace_ends(self) -> bool:
        """Whether it was refused because the namespace is being deleted, which nobody can call off."""
        return self.cause == "NamespaceTerminating"


class Unusable(Exception):  # noqa: N818 - it is a verdict on a person's input, named as the condition names it
    """What a person must mend before work can go on: becomes `Stalled=True`.

    Args:
        reason: machine reason of the condition, CamelCase.
        message: names the field and what is allowed.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class BundleError(ValueError):
    """Certificates of a person cannot be used; the message says why, and has nothing of what was given but dates."""


class ReferenceMissing(Exception):  # noqa: N818 - as above
    """A named object does not exist (yet): becomes `Ready=False ReferenceNotFound` and heals when it appears."""
