"""Sessions: tokens, the order in which they were heard of, the idle time-out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pronote_server.sessions import Person, Session, Sessions, TooManySessions
from pronote_server.words import Application, Mode

START = datetime(2026, 11, 24, 8, tzinfo=UTC)
IDLE = 100.0


def _open(sessions: Sessions, now: float, name: str = "x", mode: Mode = Mode.ENSEIGNANT) -> tuple[str, Session]:
    person = Person(name, name, 1, False)
    return sessions.open(Application.CLIENT, mode, person, "pc", "192.0.2.1", START + timedelta(seconds=now), now)


class SessionOrder(RuleBasedStateMachine):
    """Whatever happens, exactly the sessions heard of within the idle time are there, the longest silent first."""

    def __init__(self) -> None:
        super().__init__()
        self.sessions = Sessions(IDLE)
        self.now = 0.0
        self.heard: dict[str, float] = {}

    def _alive(self) -> dict[str, float]:
        return {token: heard for token, heard in self.heard.items() if self.now - heard < IDLE}

    @rule()
    def open(self) -> None:
        """Somebody logs in."""
        token, _ = _open(self.sessions, self.now)
        self.heard[token] = self.now

    @rule(seconds=st.floats(0, 60))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    @precondition(lambda self: self.heard)
    @rule(data=st.data())
    def touch(self, data: st.DataObject) -> None:
        """Somebody asks for something."""
        token = data.draw(st.sampled_from(sorted(self.heard)))
        found = self.sessions.touch(token, START, self.now)
        assert (found is not None) == (token in self._alive())
        if found is not None:
            self.heard[token] = self.now

    @precondition(lambda self: self.heard)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        """Somebody is disconnected."""
        token = data.draw(st.sampled_from(sorted(self.heard)))
        session = self.sessions.touch(token, START, self.now)
        if session is not None:
            assert self.sessions.close(session.id)
        del self.heard[token]

    @invariant()
    def those_heard_of_are_there_in_order(self) -> None:
        """Compare with the model."""
        self.sessions.expire(self.now)
        assert [session.heard for session in self.sessions] == sorted(self._alive().values())
        assert self.sessions.usage().teachers == len(self._alive())


TestSessionOrder = SessionOrder.TestCase


def test_tokens_are_long_different_and_kept_nowhere() -> None:
    sessions = Sessions(IDLE)
    opened = [_open(sessions, 0.0) for _ in range(100)]
    tokens = {token for token, _ in opened}
    assert len(tokens) == 100
    assert all(len(token) >= 43 for token in tokens)
    assert not any(token in repr(vars(sessions)) for token in tokens)
    assert not tokens & {session.id for _, session in opened}


@pytest.mark.parametrize("token", ["", "x", "é" * 50, "\udc80", "a" * 10_000])
def test_any_other_token_is_nobody(token: str) -> None:
    sessions = Sessions(IDLE)
    _open(sessions, 0.0)
    assert sessions.touch(token, START, 1.0) is None


def test_connections_are_listed_by_the_time_of_connection() -> None:
    sessions = Sessions(IDLE)
    opened = [_open(sessions, float(second), str(second))[0] for second in range(5)]
    sessions.touch(opened[0], START, 50.0)
    assert [session.person.username for session in sessions.by_connection_time()] == ["0", "1", "2", "3", "4"]


def test_sessions_are_bounded() -> None:
    sessions = Sessions(IDLE, max_sessions=2)
    _open(sessions, 0.0)
    _open(sessions, 0.0)
    with pytest.raises(TooManySessions):
        _open(sessions, 0.0)
