"""What visitors send, within bounds."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect

from pronote_net.upstream import Refused

if TYPE_CHECKING:
    from starlette.requests import Request

MAX_CALL_BYTES: Final = 256 * 1024
"""Largest message of the web protocol."""

MAX_FORM_BYTES: Final = 16 * 1024
MAX_FIELDS: Final = 16
BODY_SECONDS: Final = 10.0


async def read_body(request: Request, limit: int) -> bytes:
    """Read the whole body.

    Args:
        limit: Bytes.

    Raises:
        Refused: It is larger, or takes longer than BODY_SECONDS.
    """
    declared = request.headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdigit() and len(declared) < 16 and int(declared) <= limit):
        raise Refused(413, "BodyTooLarge")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise Refused(413, "BodyTooLarge")
    except TimeoutError:
        raise Refused(408, "RequestTimeout") from None
    except ClientDisconnect:
        raise Refused(400, "InvalidRequest") from None
    return bytes(body)


async def read_form(request: Request) -> dict[str, str]:
    """Read the fields of a form; a field that comes twice makes it invalid.

    Raises:
        Refused: It is no form of ours.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Refused(415, "InvalidRequest")
    body = await read_body(request, MAX_FORM_BYTES)
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, strict_parsing=bool(body), errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError:
        raise Refused(400, "InvalidRequest") from None
    if len({name for name, _ in pairs}) != len(pairs):
        raise Refused(400, "InvalidRequest")
    return dict(pairs)
