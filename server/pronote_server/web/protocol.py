"""The web protocol's messages: what a client sends, and what it is answered. Pure; bounded in memory and in time.

A message is one JSON object: the session's number, an order number, the name of a function, and its data. The data is
an object in clear, or text in capital hexadecimal digits when a page has said that messages are compressed, encrypted,
or both (compressed first). Clients compress the hexadecimal digits of the JSON; servers compress the JSON itself.

Order numbers are 1, 3, 5 … from the client and the next even one in the answer, each encrypted with the key in force.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

from pronote_server.bodies import MAX_BODY_BYTES
from pronote_server.web.cipher import BLOCK, CipherError, decrypt, encrypt

if TYPE_CHECKING:
    from pronote_server.web.coding import Coding

MAX_DATA_BYTES: Final = 4 * MAX_BODY_BYTES
"""Largest data of a message once it is inflated: four times what a body may have."""

MAX_ORDER_DIGITS: Final = 64
"""Longest order number, hexadecimal digits: two blocks, room for any number that a session reaches."""

MAX_FUNCTION: Final = 64
"""Longest name of a function, characters."""

COMPRESSION_LEVEL: Final = 6
"""What clients use as well."""

SMALL_BYTES: Final = 4096
"""Up to here a content is compressed within a window of its own size, which every client inflates."""


class ErrorCode(IntEnum):
    """The protocol's own errors (`G`), which clients know."""

    ACCESS_REFUSED = 3
    SESSION_EXPIRED = 10
    PAGE_EXPIRED = 11
    FOREIGN_OBJECT = 22
    TOO_MANY_ATTEMPTS = 25


TITLES: Final = {
    ErrorCode.ACCESS_REFUSED: "Accès refusé",
    ErrorCode.SESSION_EXPIRED: "La session a expiré",
    ErrorCode.PAGE_EXPIRED: "La page a expiré !",
    ErrorCode.FOREIGN_OBJECT: "Cet objet provient d'une session précédente",
    ErrorCode.TOO_MANY_ATTEMPTS: "Trop de demandes d'autorisation",
}
"""What a person is shown."""


class ProtocolError(Exception):
    """A message that is no message of this session.

    Args:
        code: What the client is told.
    """

    def __init__(self, code: ErrorCode = ErrorCode.PAGE_EXPIRED) -> None:
        super().__init__(code.name)
        self.code = code


@dataclass(frozen=True)
class Names:
    """How the members of a message are called, which changed in 2025."""

    function: str
    order: str
    data: str
    inner: str
    signature: str


SINCE_2025: Final = Names("id", "no", "dataSec", "data", "Signature")
"""Names of today's clients."""

BEFORE_2025: Final = Names("nom", "numeroOrdre", "donneesSec", "donnees", "_Signature_")
"""Names of clients that were written before."""


@dataclass(frozen=True)
class Keys:
    """Key and initial vector that are in force in a session."""

    key: bytes
    vector: bytes


@dataclass(frozen=True)
class Envelope:
    """A message whose data is not opened yet.

    Attributes:
        names: The generation of names that the client speaks.
        function: Name of the function.
        content: The data: an object, or text in hexadecimal digits.
    """

    names: Names
    function: str
    content: dict[str, Any] | str


@dataclass(frozen=True)
class Message:
    """What a client asks for.

    Attributes:
        data: Arguments of the function.
        signature: The tab (onglet) and the member (a guardian's child) that it is asked for.
    """

    data: dict[str, Any]
    signature: dict[str, Any]


def read_envelope(body: bytes) -> Envelope:
    """Take a body apart.

    Raises:
        ProtocolError: It is no message.
    """
    message = _json_object(body)
    names = SINCE_2025 if SINCE_2025.data in message or SINCE_2025.function in message else BEFORE_2025
    function, content = message.get(names.function), message.get(names.data)
    if not isinstance(function, str) or not 1 <= len(function) <= MAX_FUNCTION:
        raise ProtocolError
    if not isinstance(content, dict | str):
        raise ProtocolError
    return Envelope(names, function, content)


def read_message(envelope: Envelope, coding: Coding, keys: Keys) -> Message:
    """Open the data of a message.

    Raises:
        ProtocolError: It is not coded as the session's page said, or inflates past `MAX_DATA_BYTES`.
    """
    data = _open(envelope.content, coding, keys)
    inner, signature = data.get(envelope.names.inner, {}), data.get(envelope.names.signature, {})
    if not isinstance(inner, dict) or not isinstance(signature, dict):
        raise ProtocolError
    return Message(inner, signature)


def _open(content: dict[str, Any] | str, coding: Coding, keys: Keys) -> dict[str, Any]:
    if isinstance(content, dict):
        # A client that was told to encrypt must do so; whoever does not may be someone in between.
        if coding.plain:
            return content
        raise ProtocolError
    if coding.plain:
        raise ProtocolError
    raw = _from_hex(content)
    if coding.encrypted:
        raw = _decrypt(keys, raw)
    if coding.compressed:
        raw = _from_hex(_inflate(raw, 2 * MAX_DATA_BYTES))
    return _json_object(raw)


def answer(
    envelope: Envelope, coding: Coding, keys: Keys, session: int, order: int, data: dict[str, Any]
) -> dict[str, Any]:
    """Return the message that answers `envelope`.

    Args:
        envelope: What is answered.
        coding: How the session's page said that messages are coded.
        keys: In force when the client reads the answer.
        session: The session's number.
        order: The answer's own order number.
        data: What the function gives.
    """
    names = envelope.names
    inner: dict[str, Any] = {names.function: envelope.function, names.inner: data}
    content: dict[str, Any] | str = inner
    if not coding.plain:
        raw = json.dumps(inner, separators=(",", ":")).encode()
        if coding.compressed:
            raw = _deflate(raw)
        if coding.encrypted:
            raw = encrypt(keys.key, keys.vector, raw)
        content = raw.hex().upper()
    return {
        names.function: envelope.function,
        "session": session,
        names.order: write_order(keys, order),
        names.data: content,
    }


def error_message(code: ErrorCode) -> dict[str, Any]:
    """Return the message of an error."""
    return {"Erreur": {"G": int(code), "Titre": TITLES[code]}}


def read_order(keys: Keys, text: str) -> int:
    """Return an order number.

    Raises:
        ProtocolError: It was not encrypted with these keys, or is no number.
    """
    if len(text) > MAX_ORDER_DIGITS:
        raise ProtocolError
    digits = _decrypt(keys, _from_hex(text))
    if not digits.isdigit() or len(digits) > BLOCK:
        raise ProtocolError
    return int(digits)


def write_order(keys: Keys, number: int) -> str:
    """Write an order number."""
    return encrypt(keys.key, keys.vector, str(number).encode()).hex()


def _decrypt(keys: Keys, content: bytes) -> bytes:
    try:
        return decrypt(keys.key, keys.vector, content)
    except CipherError:
        raise ProtocolError from None


def _from_hex(text: str | bytes) -> bytes:
    try:
        return bytes.fromhex(text if isinstance(text, str) else text.decode("ascii"))
    except ValueError:
        raise ProtocolError from None


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise ProtocolError from None
    if not isinstance(value, dict):
        raise ProtocolError
    return value


def _deflate(content: bytes) -> bytes:
    # Setting up the memory of a whole window costs more than a small content's compression.
    window, memory = (12, 5) if len(content) <= SMALL_BYTES else (zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL)
    compressor = zlib.compressobj(COMPRESSION_LEVEL, wbits=-window, memLevel=memory)
    return compressor.compress(content) + compressor.flush()


def _inflate(content: bytes, limit: int) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(content, limit)
    except zlib.error:
        raise ProtocolError from None
    if not inflater.eof:
        raise ProtocolError
    return inflated
