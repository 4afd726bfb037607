"""One call of a function, and how values are written in answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pronote_server.web.protocol import ErrorCode, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import date

    from pronote_server.addresses import Address
    from pronote_server.instance import Instance
    from pronote_server.web.dialogues import Dialogue
    from pronote_server.web.school_reader import Visitor

    Function = Callable[["Call"], Awaitable[dict[str, Any]]]


@dataclass
class Call:
    """One call of a function.

    Attributes:
        address: The visitor's.
        data: Arguments, as the client sent them: nothing of them is checked yet.
        signature: The tab and the member it is asked for, likewise.
        who: Who has logged in; None before.
        vector: Set by a function: the initial vector from the answer on.
        key: Set by a function: the key after the answer.
        leaves: Set by a function: the session ends with the answer.
    """

    instance: Instance
    dialogue: Dialogue
    address: Address
    data: dict[str, Any]
    signature: dict[str, Any]
    who: Visitor | None = None
    vector: bytes | None = field(default=None, repr=False)
    key: bytes | None = field(default=None, repr=False)
    leaves: bool = False

    @property
    def visitor(self) -> Visitor:
        """Who has logged in.

        Raises:
            ProtocolError: Nobody has.
        """
        if self.who is None:
            raise ProtocolError(ErrorCode.ACCESS_REFUSED)
        return self.who

    def require_session(self) -> None:
        """Refuse who has not logged in.

        Raises:
            ProtocolError: Nobody has.
        """
        _ = self.visitor

    def text(self, name: str, longest: int) -> str:
        """Return an argument that is a text.

        Raises:
            ProtocolError: It is missing, something else, or too long.
        """
        value = self.data.get(name)
        if not isinstance(value, str) or len(value) > longest:
            raise ProtocolError(ErrorCode.ACCESS_REFUSED)
        return value


def typed(kind: int, value: Any) -> dict[str, Any]:
    """Write a value with its kind: 7 a date, 8 a set of numbers, 10 a mark, 21 HTML, 24 a list, 25 an object."""
    return {"_T": kind, "V": value}


def written_date(day: date) -> dict[str, Any]:
    """Write a date."""
    return typed(7, day.strftime("%d/%m/%Y"))


def written_list(items: list[dict[str, Any]]) -> dict[str, Any]:
    """Write a list."""
    return typed(24, items)
