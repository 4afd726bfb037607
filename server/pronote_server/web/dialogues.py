"""Sessions of the web protocol: counters and keys, from the page that opens one to the connection that it becomes.

A page that nobody has logged in from is no connection: it takes no licence, is shown nowhere, and ends after two
minutes. Pages are bounded for each address and in all, and the oldest give way, so that opening pages costs a visitor
nothing and the server a fixed amount of memory.

The number of a session is all that a message names it by, and knowing it is worth nothing: a message must bear the next
order number encrypted with the session's key. Whatever does not changes nothing.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pronote_server.web.cipher import NO_KEY, NO_VECTOR
from pronote_server.web.protocol import Keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pronote_server.accounts import Account
    from pronote_server.espaces import Espace
    from pronote_server.sessions import Session
    from pronote_server.web.challenge import Challenge
    from pronote_server.web.coding import Coding

PAGE_SECONDS: Final = 120.0
"""A page must have logged in by then."""

MAX_PAGES: Final = 8192
"""Pages without a login, in all."""

MAX_PAGES_PER_ADDRESS: Final = 512
"""The same from one address group: more than a whole school opens in the seconds that a login takes."""

LOWEST_NUMBER: Final = 10**15
HIGHEST_NUMBER: Final = 2**53 - 1
"""Numbers of sessions: as large as a client's JSON takes exactly, so that none is guessed within a page's life."""

FRESH_KEYS: Final = Keys(NO_KEY, NO_VECTOR)
"""Keys of a session that has said nothing yet."""


@dataclass(frozen=True)
class PendingLogin:
    """A challenge that was sent.

    Attributes:
        account: Who is let in by the right answer; None when nobody is, whatever is answered.
        user_id: Whom it is counted for, let in or not.
    """

    challenge: Challenge
    account: Account | None
    user_id: int | None


@dataclass(slots=True)
class Dialogue:
    """One session of the web protocol.

    Attributes:
        number: Names it in pages and messages.
        address: The visitor's, when the page was opened.
        group: What pages are bounded by.
        opened: On the monotonic clock, seconds.
        order: Last order number of an answer: even.
        attempts: Logins that were begun.
        session: The connection, once it has logged in.
        lock: Messages of one session are answered one after another.
    """

    number: int
    espace: Espace
    coding: Coding
    address: str
    group: str
    opened: float
    keys: Keys = FRESH_KEYS
    order: int = 0
    attempts: int = 0
    pending: PendingLogin | None = None
    session: Session | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Dialogues:
    """All sessions of the web protocol. Only the event loop touches them."""

    def __init__(self, max_pages: int = MAX_PAGES, max_pages_per_address: int = MAX_PAGES_PER_ADDRESS) -> None:
        self._pages: OrderedDict[int, Dialogue] = OrderedDict()
        self._groups: dict[str, OrderedDict[int, None]] = {}
        self._connected: dict[int, Dialogue] = {}
        self._max_pages = max_pages
        self._max_per_address = max_pages_per_address

    def open(self, espace: Espace, coding: Coding, address: str, group: str, monotonic: float) -> Dialogue:
        """Open a session for a page."""
        self.expire(monotonic)
        siblings = self._groups.get(group)
        if siblings is not None and len(siblings) >= self._max_per_address:
            self._forget_page(next(iter(siblings)))
        elif len(self._pages) >= self._max_pages:
            self._forget_page(next(iter(self._pages)))
        number = self._new_number()
        dialogue = Dialogue(number, espace, coding, address, group, monotonic)
        self._pages[number] = dialogue
        self._groups.setdefault(group, OrderedDict())[number] = None
        return dialogue

    def find(self, number: int, monotonic: float) -> Dialogue | None:
        """Return the session of that number."""
        self.expire(monotonic)
        return self._connected.get(number) or self._pages.get(number)

    def connect(self, dialogue: Dialogue, session: Session) -> None:
        """Turn a page into a connection; it lives as long as the connection does."""
        self._forget_page(dialogue.number)
        dialogue.session = session
        dialogue.pending = None
        self._connected[dialogue.number] = dialogue

    def forget(self, number: int) -> None:
        """Forget a session."""
        self._connected.pop(number, None)
        self._forget_page(number)

    def expire(self, monotonic: float) -> None:
        """Forget the pages that nobody has logged in from. Looks only at those that it forgets."""
        while self._pages:
            oldest = next(iter(self._pages.values()))
            if monotonic - oldest.opened < PAGE_SECONDS:
                break
            self._forget_page(oldest.number)

    @property
    def pages(self) -> int:
        """How many pages nobody has logged in from."""
        return len(self._pages)

    def connected(self) -> Iterator[Dialogue]:
        """Iterate over those that have logged in."""
        return iter(list(self._connected.values()))

    def _new_number(self) -> int:
        while True:
            number = LOWEST_NUMBER + secrets.randbelow(HIGHEST_NUMBER - LOWEST_NUMBER)
            if number not in self._pages and number not in self._connected:
                return number

    def _forget_page(self, number: int) -> None:
        page = self._pages.pop(number, None)
        if page is None:
            return
        siblings = self._groups[page.group]
        del siblings[number]
        if not siblings:
            del self._groups[page.group]
