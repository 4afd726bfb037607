"""Connections on the server: sessions in memory, in the order in which they were last heard of."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from pronote_server.licences import Usage
from pronote_server.words import Application, Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKEN_BYTES: Final = 32
"""Random bytes of a session token: 256 bits, more than can be guessed."""

MAX_SESSIONS: Final = 20_000
"""Sessions at the same time, so that modes without a licence limit take a bounded memory."""


@dataclass(frozen=True)
class Person:
    """Who is connected.

    Attributes:
        username: The name as it is shown.
        key: The name as it is compared.
        user_id: Row in the base; None for the superadministrator of the files.
        superadministrator: May take a reserved place.
    """

    username: str
    key: str
    user_id: int | None
    superadministrator: bool


@dataclass(slots=True)
class Session:
    """One connection.

    Attributes:
        id: Public name of the connection; not the token.
        last_seen: Instant of the last request, for people.
        heard: The same on the monotonic clock, seconds, for the idle time-out.
    """

    id: str
    application: Application
    mode: Mode
    person: Person
    machine: str
    address: str
    connected: datetime
    last_seen: datetime
    heard: float


class TooManySessions(Exception):  # noqa: N818 - an answer, not a fault
    """`MAX_SESSIONS` is reached."""


def _digest(token: str) -> bytes:
    # Sessions are found by the digest, so that neither a memory dump nor the time of a look-up gives a token away.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


class Sessions:
    """All sessions of this process. Only the event loop touches them."""

    def __init__(self, idle_seconds: float, max_sessions: int = MAX_SESSIONS) -> None:
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()
        self._idle = idle_seconds
        self._max = max_sessions

    @property
    def idle_seconds(self) -> float:
        """A session without a request for this long ends."""
        return self._idle

    def open(
        self,
        application: Application,
        mode: Mode,
        person: Person,
        machine: str,
        address: str,
        instant: datetime,
        monotonic: float,
    ) -> tuple[str, Session]:
        """Open a session and return its token, which is kept nowhere, and the session.

        Raises:
            TooManySessions: `max_sessions` is reached.
        """
        if len(self._sessions) >= self._max:
            raise TooManySessions
        token = secrets.token_urlsafe(TOKEN_BYTES)
        session = Session(
            secrets.token_hex(8), application, mode, person, machine, address, instant, instant, monotonic
        )
        self._sessions[_digest(token)] = session
        return token, session

    def touch(self, token: str, instant: datetime, monotonic: float) -> Session | None:
        """Return the session of a token and count the request, or None when there is none any more."""
        self.expire(monotonic)
        key = _digest(token)
        session = self._sessions.get(key)
        if session is None:
            return None
        session.last_seen = instant
        session.heard = monotonic
        self._sessions.move_to_end(key)
        return session

    def expire(self, monotonic: float) -> int:
        """End the sessions that have been idle too long; return how many. Looks only at those that it ends."""
        ended = 0
        while self._sessions:
            key, oldest = next(iter(self._sessions.items()))
            if monotonic - oldest.heard < self._idle:
                break
            del self._sessions[key]
            ended += 1
        return ended

    def close(self, connection_id: str) -> bool:
        """End the session with this public id; return whether there was one."""
        return self.close_where(lambda session: session.id == connection_id) > 0

    def close_where(self, unwanted: Callable[[Session], bool]) -> int:
        """End every session that is not wanted any more; return how many."""
        keys = [key for key, session in self._sessions.items() if unwanted(session)]
        for key in keys:
            del self._sessions[key]
        return len(keys)

    def by_connection_time(self) -> list[Session]:
        """Return the sessions, the longest connected first."""
        return sorted(self._sessions.values(), key=lambda session: (session.connected, session.id))

    def usage(self) -> Usage:
        """Count the licence places that are taken."""
        counts = dict.fromkeys(Mode, 0)
        superadministrators = 0
        for session in self._sessions.values():
            counts[session.mode] += 1
            superadministrators += session.mode is Mode.ADMINISTRATIF and session.person.superadministrator
        return Usage(
            counts[Mode.ADMINISTRATIF], superadministrators, counts[Mode.ENSEIGNANT], counts[Mode.VIE_SCOLAIRE]
        )

    def __iter__(self) -> Iterator[Session]:
        """Iterate over the sessions, the longest silent first."""
        return iter(list(self._sessions.values()))

    def __len__(self) -> int:
        return len(self._sessions)
