"""Answers the messages of the web protocol: the order of numbers, keys and retries around the functions.

What a message can change, and when:

- A message whose order number does not decrypt with the session's key, or is not ahead of the last, changes nothing:
  the session's own client goes on.
- The message that was answered last, sent again, is given the same answer and does nothing twice.
- A number that is ahead by more than the next is taken: a message was lost on its way, or a proxy answered it, and the
  client counted it. None that was passed is taken any more.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

from pronote_server.clock import now_utc
from pronote_server.web import protocol
from pronote_server.web.functions.call import Call
from pronote_server.web.functions.registry import find_function
from pronote_server.web.protocol import ErrorCode, ProtocolError
from pronote_server.web.school_reader import visitor_of

if TYPE_CHECKING:
    from pronote_server.addresses import Address
    from pronote_server.espaces import Espace
    from pronote_server.instance import Instance
    from pronote_server.web.dialogues import Dialogue
    from pronote_server.web.school_reader import Visitor

MAX_LOST: Final = 16
"""Messages in a row that may be lost on their way."""


async def answer(instance: Instance, espace: Espace, number: int, order: str, body: bytes, address: Address) -> bytes:
    """Return the body that answers a message, also for the protocol's own errors.

    Raises:
        Refusal: The visitor's address was suspended by this very message.
    """
    dialogue = instance.web.dialogues.find(number, time.monotonic())
    if dialogue is None or dialogue.espace is not espace:
        return _body(protocol.error_message(ErrorCode.SESSION_EXPIRED))
    async with dialogue.lock:
        again = instance.web.answers.find(number, order, body, time.monotonic())
        if again is not None:
            _hear(instance, dialogue)
            return again
        try:
            sequence = _sequence(dialogue, order)
        except ProtocolError as error:
            return _body(protocol.error_message(error.code))
        found = await _answer(instance, dialogue, sequence, body, address)
        instance.web.answers.keep(number, order, body, found, time.monotonic())
        return found


def _sequence(dialogue: Dialogue, order: str) -> int:
    sequence = protocol.read_order(dialogue.keys, order)
    ahead = sequence - dialogue.order
    if ahead % 2 == 0 or not 1 <= ahead <= 1 + 2 * MAX_LOST:
        raise ProtocolError
    return sequence


async def _answer(instance: Instance, dialogue: Dialogue, sequence: int, body: bytes, address: Address) -> bytes:
    try:
        envelope = protocol.read_envelope(body)
        message = protocol.read_message(envelope, dialogue.coding, dialogue.keys)
        visitor = await _visitor(instance, dialogue)
        call = Call(instance, dialogue, address, message.data, message.signature, visitor)
        data = await find_function(envelope.function)(call)
    except ProtocolError as error:
        # The client counts a message that was answered with an error, too.
        dialogue.order = sequence + 1
        return _body(protocol.error_message(error.code))
    if call.vector is not None:
        dialogue.keys = protocol.Keys(dialogue.keys.key, call.vector)
    dialogue.order = sequence + 1
    reply = protocol.answer(envelope, dialogue.coding, dialogue.keys, dialogue.number, dialogue.order, data)
    if call.key is not None:
        dialogue.keys = protocol.Keys(call.key, dialogue.keys.vector)
    if call.leaves and dialogue.session is not None:
        instance.sessions.close(dialogue.session.id)
    return _body(reply)


async def _visitor(instance: Instance, dialogue: Dialogue) -> Visitor | None:
    """Return who has logged in, None before; and count the message."""
    session = dialogue.session
    if session is None:
        return None
    visitor = await visitor_of(instance, session)
    if visitor is None:
        instance.sessions.close(session.id)
    if visitor is None or not instance.sessions.is_open(session, time.monotonic()):
        raise ProtocolError(ErrorCode.SESSION_EXPIRED)
    _hear(instance, dialogue)
    return visitor


def _hear(instance: Instance, dialogue: Dialogue) -> None:
    monotonic = time.monotonic()
    if dialogue.session is not None and instance.sessions.is_open(dialogue.session, monotonic):
        instance.sessions.hear(dialogue.session, now_utc(), monotonic)


def _body(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()
