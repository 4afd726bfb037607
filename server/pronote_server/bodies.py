"""Reads the body of a request within bounds: those of the server, and of the replicas that pass messages on to it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from starlette.requests import ClientDisconnect

if TYPE_CHECKING:
    from starlette.requests import Request

MAX_BODY_BYTES: Final = 64 * 1024
"""Largest body of a request, unless an endpoint says otherwise; so also the largest message of the web protocol."""

BODY_SECONDS: Final = 10.0
"""The body of a request must have come by then."""

MAX_DIGITS: Final = 16
"""Digits of a length that are read at all."""


class BodyRefused(Exception):  # noqa: N818 - an answer, not a fault
    """A body that is not taken.

    Args:
        status: HTTP status.
        reason: CamelCase word of the contract.
        message: One sentence; never repeats what was sent.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message


async def read_within(request: Request, limit: int = MAX_BODY_BYTES) -> bytes:
    """Read the whole body; of one that is declared larger, nothing.

    Args:
        limit: Bytes.

    Raises:
        BodyRefused: 413, it is larger; 408, it takes longer than BODY_SECONDS; 400, the visitor has gone.
    """
    too_large = BodyRefused(413, "BodyTooLarge", f"The body is larger than {limit} bytes.")
    declared = request.headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdigit() and len(declared) <= MAX_DIGITS and int(declared) <= limit):
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise too_large
    except TimeoutError:
        raise BodyRefused(408, "RequestTimeout", "The body did not come in time.") from None
    except ClientDisconnect:
        raise BodyRefused(400, "InvalidRequest", "The connection was closed.") from None
    return bytes(body)
