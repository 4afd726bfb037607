"""Licences: limits are never passed, and reserved places hold, whatever the order of arrivals."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from pronote_server.licences import Usage, admit
from pronote_server.sessions import Person, Sessions
from pronote_server.settings import Licences
from pronote_server.words import Application, Mode

INSTANT = datetime(2026, 11, 24, 8, tzinfo=UTC)

arrivals = st.lists(
    st.tuples(st.sampled_from(list(Mode)), st.booleans(), st.booleans()),
    max_size=60,
)
"""Each: the mode, whether a superadministrator, and whether somebody leaves first."""


@st.composite
def licences(draw: st.DrawFn) -> Licences:
    """Any valid licences."""
    administrative = draw(st.integers(0, 6))
    return Licences(
        administrative=administrative,
        teachers=draw(st.integers(0, 6)),
        reservedForAdministrators=draw(st.integers(0, administrative)),
    )


@given(licences(), arrivals)
def test_no_limit_is_passed_and_reserved_places_stay_superadministrators(
    limits: Licences, coming: list[tuple[Mode, bool, bool]]
) -> None:
    sessions = Sessions(3600)
    for mode, superadministrator, leaves in coming:
        if leaves and len(sessions):
            sessions.close(next(iter(sessions)).id)
        if admit(limits, sessions.usage(), mode, superadministrator).granted:
            person = Person("x", "x", 1, superadministrator)
            sessions.open(Application.CLIENT, mode, person, "", "192.0.2.1", INSTANT, 0.0)
        usage = sessions.usage()
        others = usage.administrative - usage.superadministrators
        assert usage.administrative <= limits.administrative
        assert usage.teachers <= limits.teachers
        assert others <= limits.administrative - limits.reserved_for_administrators


@given(licences(), st.integers(0, 6), st.integers(0, 6))
def test_a_superadministrator_gets_in_unless_superadministrators_hold_the_reserved_places(
    limits: Licences, others: int, superadministrators: int
) -> None:
    open_places = limits.administrative - limits.reserved_for_administrators
    usage = Usage(min(others, open_places) + superadministrators, superadministrators)
    admission = admit(limits, usage, Mode.ADMINISTRATIF, True)
    if superadministrators < limits.reserved_for_administrators:
        assert admission.granted


def test_lowering_a_limit_below_what_is_taken_admits_nobody_more() -> None:
    limits = Licences(administrative=2, teachers=1, reservedForAdministrators=1)
    assert not admit(limits, Usage(4, 0), Mode.ADMINISTRATIF, False).granted
    assert not admit(limits, Usage(4, 4), Mode.ADMINISTRATIF, True).granted
    assert not admit(limits, Usage(0, 0, 3), Mode.ENSEIGNANT, False).granted


@given(licences(), st.integers(0, 10_000))
def test_vie_scolaire_has_no_limit(limits: Licences, taken: int) -> None:
    admission = admit(limits, Usage(school_life=taken), Mode.VIE_SCOLAIRE, False)
    assert admission.granted
    assert admission.limit is None


def test_the_limit_that_a_refusal_names_is_the_persons_own() -> None:
    limits = Licences(administrative=4, teachers=50, reservedForAdministrators=1)
    assert admit(limits, Usage(3, 0), Mode.ADMINISTRATIF, False).limit == 3
    assert admit(limits, Usage(4, 1), Mode.ADMINISTRATIF, True).limit == 4
