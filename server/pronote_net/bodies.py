"""What visitors send, within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from pronote_net.upstream import Refused
from pronote_server.bodies import MAX_BODY_BYTES, BodyRefused, read_within

if TYPE_CHECKING:
    from starlette.requests import Request

MAX_FORM_BYTES: Final = 16 * 1024
MAX_FIELDS: Final = 16


async def read_body(request: Request, limit: int = MAX_BODY_BYTES) -> bytes:
    """Read the whole body; what the server would not take is not passed on to it.

    Args:
        limit: Bytes.

    Raises:
        Refused: It is larger, too slow, or does not come to its end.
    """
    try:
        return await read_within(request, limit)
    except BodyRefused as refused:
        raise Refused(refused.status, refused.reason) from None


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
