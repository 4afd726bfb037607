"""What the server remembers of PRONOTE.net beside the connections."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pronote_server.web.dialogues import Dialogues
from pronote_server.web.once import LINK_SECONDS, ONE_TIME_LOGIN_SECONDS, TICKET_SECONDS, Once
from pronote_server.web.recent_answers import RecentAnswers

if TYPE_CHECKING:
    from pronote_server.espaces import Espace
    from pronote_server.web.coding import Coding


@dataclass(frozen=True)
class OneTimeLogin:
    """What a validated ticket has given.

    Attributes:
        user_id: Who may come in.
        espace: Where.
        digest: What stands for the password in the protocol.
    """

    user_id: int
    espace: Espace
    digest: str = field(repr=False)


@dataclass(frozen=True)
class Link:
    """An account of an ENT that waits to be tied to one of this base."""

    espace: Espace
    cas_url: str = field(repr=False)
    cas_user: str = field(repr=False)


class WebState:
    """The sessions of the protocol, and what can be used once. Only the event loop touches it."""

    def __init__(self, coding: Coding) -> None:
        self.coding = coding
        self.dialogues = Dialogues()
        self.answers = RecentAnswers()
        self.one_time_logins: Once[OneTimeLogin] = Once(ONE_TIME_LOGIN_SECONDS)
        self.tickets: Once[bool] = Once(TICKET_SECONDS)
        self.links: Once[Link] = Once(LINK_SECONDS)
        self._csrf_key = secrets.token_bytes(32)

    def csrf(self, token: str) -> str:
        """Return the csrf token of a session in a browser; it gives nothing away of the session's own token."""
        return hmac.digest(self._csrf_key, token.encode("utf-8", "surrogatepass"), "sha256").hex()

    def forget(self, number: int) -> None:
        """Forget a session of the protocol, which has ended."""
        self.dialogues.forget(number)
        self.answers.forget(number)

    def expire(self, monotonic: float) -> None:
        """Forget what is too old."""
        self.dialogues.expire(monotonic)
        self.answers.expire(monotonic)
        self.one_time_logins.expire(monotonic)
        self.tickets.expire(monotonic)
        self.links.expire(monotonic)


def once_key(*parts: str) -> bytes:
    """Return what is kept of a secret of one use: neither memory nor the time of a look-up gives it away."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()
