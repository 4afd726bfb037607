"""Connections on the server, of Clients and of PRONOTE.net: sessions in memory, in the order of their last requests.

The two applications have their own idle times, and so each its own order: whoever ends idle sessions looks only at
those that end.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from pronote_server.licences import Usage
from pronote_server.words import Application, Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pronote_server.espaces import Espace

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
        espace: Of PRONOTE.net; None for a Client.
        school_year: Of a past year's base, which is only read; None for the base in service.
        key: The token's digest, by which the session is found.
        ended: Called when the session ends, whatever ends it.
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
    espace: Espace | None = None
    school_year: int | None = None
    key: bytes = field(default=b"", repr=False)
    ended: Callable[[], None] | None = field(default=None, repr=False)


class TooManySessions(Exception):  # noqa: N818 - an answer, not a fault
    """`MAX_SESSIONS` is reached."""


def _digest(token: str) -> bytes:
    # Sessions are found by the digest, so that neither a memory dump nor the time of a look-up gives a token away.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


class Sessions:
    """All sessions of this process. Only the event loop touches them."""

    def __init__(self, idle_seconds: float, max_sessions: int = MAX_SESSIONS) -> None:
        self._lanes: dict[Application, OrderedDict[bytes, Session]] = {one: OrderedDict() for one in Application}
        self._idle = dict.fromkeys(Application, idle_seconds)
        self._counts: Counter[tuple[Application, Mode, Espace | None]] = Counter()
        self._superadministrators = 0
        self._max = max_sessions

    def idle_seconds(self, application: Application) -> float:
        """Return how long a session may be without a request before it ends."""
        return self._idle[application]

    def set_idle_seconds(self, application: Application, seconds: float) -> None:
        """Change that time, for open sessions, too."""
        self._idle[application] = seconds

    def open(
        self,
        application: Application,
        mode: Mode,
        person: Person,
        machine: str,
        address: str,
        instant: datetime,
        monotonic: float,
        espace: Espace | None = None,
        school_year: int | None = None,
    ) -> tuple[str, Session]:
        """Open a session and return its token, which is kept nowhere, and the session.

        Raises:
            TooManySessions: `max_sessions` is reached.
        """
        if len(self) >= self._max:
            raise TooManySessions
        token = secrets.token_urlsafe(TOKEN_BYTES)
        key = _digest(token)
        session = Session(
            secrets.token_hex(8),
            application,
            mode,
            person,
            machine,
            address,
            instant,
            instant,
            monotonic,
            espace,
            school_year,
            key,
        )
        self._lanes[application][key] = session
        self._count(session, 1)
        return token, session

    def find(self, token: str, monotonic: float) -> Session | None:
        """Return the session of a token, or None when there is none any more. Counts no request."""
        self.expire(monotonic)
        key = _digest(token)
        return next((lane[key] for lane in self._lanes.values() if key in lane), None)

    def is_open(self, session: Session, monotonic: float) -> bool:
        """Tell whether a session has not ended yet."""
        self.expire(monotonic)
        return session.key in self._lanes[session.application]

    def hear(self, session: Session, instant: datetime, monotonic: float) -> None:
        """Count a request of a session that has not ended."""
        session.last_seen = instant
        session.heard = monotonic
        self._lanes[session.application].move_to_end(session.key)

    def touch(self, token: str, instant: datetime, monotonic: float) -> Session | None:
        """Return the session of a token and count the request, or None when there is none any more."""
        session = self.find(token, monotonic)
        if session is not None:
            self.hear(session, instant, monotonic)
        return session

    def expire(self, monotonic: float) -> int:
        """End the sessions that have been idle too long; return how many. Looks only at those that it ends."""
        ended = 0
        for application, lane in self._lanes.items():
            while lane:
                oldest = next(iter(lane.values()))
                if monotonic - oldest.heard < self._idle[application]:
                    break
                self._end(oldest)
                ended += 1
        return ended

    def close(self, connection_id: str) -> bool:
        """End the session with this public id; return whether there was one."""
        return self.close_where(lambda session: session.id == connection_id) > 0

    def close_where(self, unwanted: Callable[[Session], bool]) -> int:
        """End every session that is not wanted any more; return how many."""
        found = [session for session in self if unwanted(session)]
        for session in found:
            self._end(session)
        return len(found)

    def by_connection_time(self) -> list[Session]:
        """Return the sessions, the longest connected first."""
        return sorted(self, key=lambda session: (session.connected, session.id))

    def usage(self) -> Usage:
        """Return the licence places that are taken."""
        modes = dict.fromkeys(Mode, 0)
        for (_, mode, _), count in self._counts.items():
            modes[mode] += count
        return Usage(
            modes[Mode.ADMINISTRATIF], self._superadministrators, modes[Mode.ENSEIGNANT], modes[Mode.VIE_SCOLAIRE]
        )

    def count(self, application: Application, mode: Mode, espace: Espace | None) -> int:
        """Return how many sessions there are of that kind."""
        return self._counts[application, mode, espace]

    def __iter__(self) -> Iterator[Session]:
        """Iterate over the sessions, the longest silent of each application first."""
        return iter([session for lane in self._lanes.values() for session in lane.values()])

    def __len__(self) -> int:
        return sum(len(lane) for lane in self._lanes.values())

    def _end(self, session: Session) -> None:
        del self._lanes[session.application][session.key]
        self._count(session, -1)
        if session.ended is not None:
            session.ended()

    def _count(self, session: Session, difference: int) -> None:
        self._counts[session.application, session.mode, session.espace] += difference
        if session.mode is Mode.ADMINISTRATIF and session.person.superadministrator:
            self._superadministrators += difference
