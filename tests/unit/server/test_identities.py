"""Who a user is, and how an ENT's words find one."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_server.espaces import Espace
from pronote_server.names import name_key
from pronote_server.storage import identities
from pronote_server.storage.identities import Child, Identity, PersonKind
from tests.unit.server.small_school import small_school

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

ZOE = Child(1, "LEFÈVRE-DUC Zoé", 1, "6A")
NOE = Child(2, "LEFÈVRE-DUC Noé", 2, "4B")


@pytest.fixture
def base(tmp_path: Path) -> sqlite3.Connection:
    return small_school(tmp_path)


def test_each_kind_of_user_is_told_apart(base: sqlite3.Connection) -> None:
    assert [identities.identity_of(base, user) for user in (11, 12, 13, 14, 99)] == [
        Identity(11, ZOE.display_name, PersonKind.PUPIL, frozenset({Espace.ELEVES}), (ZOE,), None, "A8BT6EGHDW3QFPX1"),
        # The oldest child first; the pupil whose mere contact she is is none of her business.
        Identity(
            12, "DUC Anne-Laure", PersonKind.GUARDIAN, frozenset({Espace.PARENTS}), (NOE, ZOE), None, "A8BT6EGHDW3QFPX2"
        ),
        Identity(
            13,
            "CŒUR Paul",
            PersonKind.TEACHER,
            frozenset({Espace.PROFESSEURS, Espace.VIE_SCOLAIRE}),
            (),
            2,
            "A8BT6EGHDW3QFPX3",
        ),
        Identity(14, "admin", PersonKind.NONE, frozenset(), (), None, None),
        None,
    ]


def test_who_is_locked_out_is_told(base: sqlite3.Connection) -> None:
    base.execute("UPDATE users SET locked = 1 WHERE id = 12")
    base.execute("UPDATE users SET locked = 1 WHERE id = 14")
    found = [identities.identity_of(base, user) for user in (11, 12, 13, 14)]
    assert [one.locked for one in found if one] == [False, True, False, True]


@pytest.mark.parametrize(
    ("last", "first", "born", "postal_code", "kind", "found"),
    [
        ("lefevre duc", "ZOE", date(2015, 2, 3), None, PersonKind.PUPIL, (11,)),
        ("Lefèvre-Duc", "Zoé", date(2015, 2, 4), None, PersonKind.PUPIL, ()),
        ("Lefèvre-Duc", "Zoé", date(2015, 2, 3), "69001", PersonKind.PUPIL, ()),
        ("Lefèvre-Duc", "Zoé", None, None, PersonKind.GUARDIAN, ()),
        ("Coeur", "Paul", None, "13001", PersonKind.TEACHER, (13,)),
        ("Duc", "Annelaure", date(1985, 1, 1), "75012", PersonKind.GUARDIAN, (12,)),
        ("Duc", "Anne-Laure", None, "", PersonKind.GUARDIAN, (12, 15)),
        ("", "", None, None, PersonKind.PUPIL, ()),
        ("-", " ", None, None, PersonKind.PUPIL, ()),
    ],
)
def test_names_must_be_the_same_and_the_rest_must_not_differ(
    base: sqlite3.Connection,
    last: str,
    first: str,
    born: date | None,
    postal_code: str | None,
    kind: PersonKind,
    found: tuple[int, ...],
) -> None:
    assert found == identities.find_by_identity(
        base, last_name=last, first_name=first, birth_date=born, postal_code=postal_code, kinds={kind}
    )


def test_a_pronote_identifier_names_one_user(base: sqlite3.Connection) -> None:
    assert identities.find_by_pronote_id(base, "A8BT6EGHDW3QFPX3") == 13
    assert identities.find_by_pronote_id(base, "") is None


def test_an_account_of_an_ent_is_tied_to_one_user_at_a_time(base: sqlite3.Connection) -> None:
    url = "https://cas.example.org/cas"
    assert identities.find_cas_user(base, url, "zoe.l") is None
    for user_id in (12, 11):
        identities.link_cas_user(base, url, "zoe.l", user_id)
        assert identities.find_cas_user(base, url, "zoe.l") == user_id
    identities.link_cas_user(base, url, "nobody", 99)
    assert identities.find_cas_user(base, url, "nobody") is None
    base.execute("DELETE FROM users WHERE id = 11")
    assert identities.find_cas_user(base, url, "zoe.l") is None


@given(st.text(max_size=20))
def test_a_name_is_compared_without_case_and_its_key_is_its_own_key(name: str) -> None:
    assert name_key(name_key(name)) == name_key(name)
    assert name_key(f" {name}-") == name_key(name)


def test_ligatures_and_accents_do_not_count() -> None:
    assert name_key("Œuvré d'Ægir") == name_key("OEUVRE DAEGIR")
    assert name_key("Ana") != name_key("Anna")
