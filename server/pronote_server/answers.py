"""What every HTTP answer of the server has in common: JSON, its errors, and the bounds on what is read."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from pronote_server.bodies import MAX_BODY_BYTES, BodyRefused, read_within
from pronote_server.errors import Refusal
from pronote_server.http_server import http_date
from pronote_server.settings import explain

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from pronote_server.metrics import Metrics

log = logging.getLogger(__name__)

M = TypeVar("M", bound=BaseModel)


class Json(Response):
    """A JSON answer that nobody may keep."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the body."""
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def error_answer(refusal: Refusal) -> Json:
    """Return the answer that says why a request is refused."""
    headers = {} if refusal.retry_after is None else {"retry-after": str(refusal.retry_after)}
    body = {"reason": refusal.reason, "message": refusal.message, **refusal.details}
    return Json(body, status_code=refusal.status, headers=headers)


async def on_refusal(_request: Request, refusal: Exception) -> Response:
    """Handle a `Refusal` raised by an endpoint."""
    if not isinstance(refusal, Refusal):
        raise refusal
    return error_answer(refusal)


async def on_http_error(_request: Request, error: Exception) -> Response:
    """Handle Starlette's own errors: no such path, no such method."""
    status: int = getattr(error, "status_code", 500)
    reason = {404: "NotFound", 405: "MethodNotAllowed"}.get(status, "BadRequest")
    headers: dict[str, str] | None = getattr(error, "headers", None)
    return Json({"reason": reason, "message": "No such resource or method."}, status_code=status, headers=headers)


async def on_failure(_request: Request, _error: Exception) -> Response:
    """Answer a fault of the server; Starlette raises it again, and it is logged without its message."""
    return Json({"reason": "InternalError", "message": "The server has failed; its log says where."}, status_code=500)


def printable(text: str) -> str:
    """Validate a text of a request.

    Raises:
        ValueError: It holds control characters.
    """
    if not text.isprintable():
        raise ValueError("must not hold control characters")
    return text


async def read_model(request: Request, model: type[M], max_bytes: int = MAX_BODY_BYTES) -> M:
    """Read a JSON body and validate it.

    Raises:
        Refusal: The body is no JSON, not of the model, too large or too slow. Never repeats what was sent.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise Refusal(415, "UnsupportedMediaType", "The body must be application/json.")
    try:
        return model.model_validate_json(await read_body(request, max_bytes))
    except ValidationError as error:
        raise Refusal(400, "InvalidRequest", f"The request is not valid: {explain(error)}.") from None


async def read_body(request: Request, max_bytes: int = MAX_BODY_BYTES) -> bytes:
    """Read the whole body within the bounds.

    Raises:
        Refusal: It is too large, too slow, or does not come to its end.
    """
    try:
        return await read_within(request, max_bytes)
    except BodyRefused as refused:
        raise Refusal(refused.status, refused.reason, refused.message) from None


class Envelope:
    """ASGI middleware: adds the common headers and counts the answers of one listener."""

    def __init__(self, app: ASGIApp, metrics: Metrics, listener: str) -> None:
        self._app = app
        self._counters = {code: metrics.requests.labels(listener, f"{code}xx") for code in range(2, 6)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_enveloped(message: Message) -> None:
            if message["type"] == "http.response.start":
                counter = self._counters.get(message["status"] // 100)
                if counter is not None:
                    counter.inc()
                message["headers"] = [
                    *message["headers"],
                    (b"date", http_date()),
                    (b"cache-control", b"no-store"),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        await self._app(scope, receive, send_enveloped)
