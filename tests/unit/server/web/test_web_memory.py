"""What the server remembers of visitors is bounded, and forgotten in time."""

from __future__ import annotations

from datetime import UTC, datetime

from pronote_server.espaces import Espace
from pronote_server.sessions import Person, Sessions
from pronote_server.web.coding import CodingName
from pronote_server.web.dialogues import PAGE_SECONDS, Dialogues
from pronote_server.web.key_files import GRACE_SECONDS, AcceptedTokens
from pronote_server.web.once import Once
from pronote_server.web.recent_answers import KEEP_SECONDS, RecentAnswers
from pronote_server.words import Application, Mode

CLEAR = CodingName.CLEAR.coding
NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)


def test_pages_are_bounded_by_address_and_in_all_and_the_oldest_give_way() -> None:
    dialogues = Dialogues(max_pages=4, max_pages_per_address=2)
    first = [dialogues.open(Espace.ELEVES, CLEAR, "a", "a", 0.0).number for _ in range(3)]
    assert [dialogues.find(number, 0.0) is not None for number in first] == [False, True, True]
    others = [dialogues.open(Espace.ELEVES, CLEAR, group, group, 1.0).number for group in "bcd"]
    assert dialogues.pages == 4
    assert dialogues.find(first[1], 1.0) is None
    assert all(dialogues.find(number, 1.0) is not None for number in others)


def test_a_page_that_nobody_logs_in_from_ends_and_a_connection_does_not() -> None:
    dialogues, sessions = Dialogues(), Sessions(3600)
    page = dialogues.open(Espace.ELEVES, CLEAR, "a", "a", 0.0)
    kept = dialogues.open(Espace.ELEVES, CLEAR, "a", "a", 0.0)
    person = Person("x", "x", 1, False)
    _, session = sessions.open(Application.PRONOTE_NET, Mode.CONSULTATION, person, "", "a", NOW, 0.0, Espace.ELEVES)
    session.ended = lambda: dialogues.forget(kept.number)
    dialogues.connect(kept, session)
    assert dialogues.find(page.number, PAGE_SECONDS) is None
    assert dialogues.find(kept.number, PAGE_SECONDS) is kept
    assert sessions.close(session.id)
    assert dialogues.find(kept.number, PAGE_SECONDS) is None


def test_each_application_has_its_own_idle_time() -> None:
    sessions = Sessions(100)
    person = Person("x", "x", 1, False)
    _, web = sessions.open(Application.PRONOTE_NET, Mode.ENSEIGNANT, person, "", "a", NOW, 0.0, Espace.PROFESSEURS)
    _, client = sessions.open(Application.CLIENT, Mode.ENSEIGNANT, person, "", "a", NOW, 0.0)
    sessions.set_idle_seconds(Application.PRONOTE_NET, 50)
    assert sessions.usage().teachers == 2
    assert (sessions.is_open(web, 60), sessions.is_open(client, 60)) == (False, True)
    assert sessions.usage().teachers == 1
    assert sessions.count(Application.PRONOTE_NET, Mode.ENSEIGNANT, Espace.PROFESSEURS) == 0


def test_an_answer_is_had_again_for_the_same_message_only_and_for_a_while() -> None:
    answers = RecentAnswers(max_bytes=10)
    answers.keep(1, "aa", b"body", b"answer", 0.0)
    assert answers.find(1, "aa", b"body", 1.0) == b"answer"
    assert answers.find(1, "aa", b"other", 1.0) is None
    assert answers.find(1, "ab", b"body", 1.0) is None
    assert answers.find(1, "aa", b"body", KEEP_SECONDS) is None
    answers.keep(2, "aa", b"body", b"another", 2.0)
    assert (answers.find(1, "aa", b"body", 2.0), len(answers)) == (None, 1)


def test_what_can_be_used_once_is_taken_once_in_time() -> None:
    once: Once[str] = Once(10, max_entries=2)
    once.put(b"a", "a", 0.0)
    assert (once.peek(b"a", 5.0), once.take(b"a", 5.0), once.take(b"a", 5.0)) == ("a", "a", None)
    once.put(b"b", "b", 5.0)
    assert once.take(b"b", 15.0) is None
    for key in (b"c", b"d", b"e"):
        once.put(key, "x", 20.0)
    assert (once.peek(b"c", 20.0), len(once)) == (None, 2)


def test_the_earlier_token_is_believed_for_a_while() -> None:
    tokens = AcceptedTokens()
    assert not tokens.accept(b"", 0.0)
    tokens.put_in_force(b"first", 0.0)
    tokens.put_in_force(b"second", 100.0)
    tokens.put_in_force(b"second", 150.0)
    assert [tokens.accept(shown, 100.0 + GRACE_SECONDS - 1) for shown in (b"first", b"second", b"x")] == [
        True,
        True,
        False,
    ]
    assert [tokens.accept(shown, 100.0 + GRACE_SECONDS) for shown in (b"first", b"second")] == [False, True]
