"""Who the users are goes from one base of a school to another: whoever is not found there keeps everybody out."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from pronote_server.config import BaseConfig
from pronote_server.errors import StartError
from pronote_server.espaces import Espace
from pronote_server.hnot.profils import exported_users, profils_text
from pronote_server.storage import identities, users
from pronote_server.storage.connection import write_transaction
from pronote_server.storage.create import ensure_base
from pronote_server.storage.database import open_base
from pronote_server.storage.identities import PersonKind
from pronote_server.storage.new_users import take_over_users
from pronote_server.words import Mode
from tests.volumes.server.killed import KILLED_AT_STEP

if TYPE_CHECKING:
    from pathlib import Path

HASH = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43
BASE = {"kind": "empty", "uai": "0750654D", "schoolYear": 2026, "slotMinutes": 60}
HOURS = {"dayStart": "08:00", "dayEnd": "18:00"}
CAS = "https://ent.example.org/cas"

PUPILS = (
    ("060000001AB", "MARTIN", "Zoé", "2015-02-03"),
    ("060000002AB", "MARTIN", "Noé", "2012-04-05"),
    ("060000003AB", "PETIT", "Ana", "2015-06-07"),
)
PEOPLE = (
    # kind, last name, first name, birth date, number, children
    ("guardian", "MARTIN", "Anne", None, "901", ("060000001AB", "060000002AB")),
    # Of the same name, and guardian of another child.
    ("guardian", "Martin", "ANNE", None, None, ("060000003AB",)),
    ("teacher", "CŒUR", "Paul", "1980-01-01", "epp:7", ()),
    ("staff", "DUC", "Luc", None, None, ()),
)
USERS: tuple[tuple[str, list[str], list[str], str | None, int | None, list[str]], ...] = (
    # name, modes, Espaces, national number of a pupil, place in PEOPLE, accounts
    ("zoe", [], ["Eleves"], "060000001AB", None, ["zoe.m"]),
    ("anne", [], ["Parents", "Accompagnants"], None, 0, ["anne.m", "anne.old"]),
    ("anne2", [], ["Parents"], None, 1, []),
    ("paul", ["enseignant"], ["Professeurs"], None, 2, []),
    ("luc", ["vie-scolaire"], ["VieScolaire"], None, 3, []),
    ("admin", ["administratif"], [], None, None, []),
)


def _school(folder: Path, *, reverse: bool = False, numbers: bool = True) -> BaseConfig:
    """A base with pupils and people and no users; in another order all rows are others."""
    folder.mkdir(parents=True)
    (folder / "new-base.json").write_text(json.dumps(BASE | HOURS), encoding="utf-8")
    config = BaseConfig(folder, 2026, "0750654D", "2026.2.5")
    ensure_base(config)
    step = -1 if reverse else 1
    with closing(open_base(config)) as base, write_transaction(base):
        base.execute("INSERT INTO classes (name) VALUES ('6A')")
        rows = {}
        for pupil in PUPILS[::step]:
            rows[pupil[0]] = base.execute(
                "INSERT INTO pupils (national_id, last_name, first_name, birth_date, class_id) VALUES (?, ?, ?, ?, 1)",
                pupil,
            ).lastrowid
        for kind, last, first, born, number, children in PEOPLE[::step]:
            person = base.execute(
                "INSERT INTO people (kind, last_name, first_name, birth_date, external_id) VALUES (?, ?, ?, ?, ?)",
                (kind, last, first, born, number if numbers else None),
            ).lastrowid
            for child in children:
                base.execute("INSERT INTO guardianships VALUES (?, ?, 'MERE', 1)", (person, rows[child]))
    return config


def _with_users(config: BaseConfig) -> BaseConfig:
    with closing(open_base(config)) as base, write_transaction(base):
        for number, (name, modes, espaces, pupil, place, accounts) in enumerate(USERS):
            row = users.merge_user(
                base,
                name,
                name,
                HASH,
                frozenset(map(Mode, modes)),
                False,
                False,
                "then",
                frozenset(map(Espace, espaces)),
            )
            person = None if place is None else PEOPLE[place]
            base.execute(
                "INSERT INTO user_identities SELECT ?, (SELECT id FROM pupils WHERE national_id = ?),"
                " (SELECT id FROM people WHERE (kind, last_name, first_name) = (?, ?, ?)), ?",
                (row, pupil, *(person[:3] if person else (None, None, None)), f"A8BT6EGHDW3QFPX{number}"),
            )
            for account in accounts:
                identities.link_cas_user(base, CAS, account, row)
    return config


def _exported(config: BaseConfig) -> list[dict[str, Any]]:
    """The users of a base, as an export writes and a load hands them over."""
    head = {"uai": "0750654D", "version": "1", "createdTime": "then"}
    with closing(open_base(config)) as base:
        found = exported_users(base)
    assert found.warnings == ()
    told: list[dict[str, Any]] = json.loads(profils_text(found.records, head))["users"]
    return told


def _hand_over(config: BaseConfig, *wanted: dict[str, Any]) -> None:
    document = {"uai": "0750654D", "schoolYear": 2026, "users": wanted}
    (config.folder / "new-users.json").write_text(json.dumps(document), encoding="utf-8")


def _everybody(config: BaseConfig) -> dict[str, Any]:
    """Who each user is, without the rows of the base."""
    with closing(open_base(config)) as base:
        assert base.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert base.execute("PRAGMA foreign_key_check").fetchall() == []
        everybody = {}
        for user in users.list_users(base):
            who = identities.identity_of(base, user.id)
            assert who is not None
            links = base.execute("SELECT cas_url, cas_user FROM cas_links WHERE user_id = ?", (user.id,)).fetchall()
            children = sorted(child.display_name for child in who.children)
            rights = (sorted(user.modes), sorted(user.espaces))
            everybody[user.username] = (who.kind, who.display_name.upper(), children, who.pronote_id, rights, links)
    return everybody


def _user(**changes: Any) -> dict[str, Any]:
    """A user who is a guardian."""
    person = {"kind": "guardian", "lastName": "Martin", "firstName": "Anne", "children": ["060000002AB"]}
    common = {"username": "anne", "modes": [], "superadministrator": False, "locked": False, "passwordHash": HASH}
    identity = {"pronoteId": "A8BT6EGHDW3QFPX9", "person": {**person, **changes}}
    return {**common, "espaces": ["Parents"], "identity": identity, "casAccounts": []}


@pytest.mark.parametrize("numbers", [True, False])
def test_users_are_who_they_were_in_a_base_with_other_rows(tmp_path: Path, numbers: bool) -> None:
    origin = _with_users(_school(tmp_path / "origin"))
    other = _school(tmp_path / "other", reverse=True, numbers=numbers)
    _hand_over(other, *_exported(origin))
    assert take_over_users(other) == len(USERS)
    there = _everybody(other)
    assert there == _everybody(origin)
    assert there["anne"][:3] == (PersonKind.GUARDIAN, "MARTIN ANNE", ["MARTIN Noé", "MARTIN Zoé"])
    assert there["anne"][5] == [(CAS, "anne.m"), (CAS, "anne.old")]
    assert there["admin"][:2] == (PersonKind.NONE, "ADMIN")


def test_users_of_a_base_without_an_identity_stay_without_one(tmp_path: Path) -> None:
    origin = _with_users(_school(tmp_path / "origin"))
    with closing(open_base(origin)) as base, write_transaction(base):
        base.execute("DELETE FROM user_identities")
    other = _with_users(_school(tmp_path / "other"))
    _hand_over(other, *_exported(origin))
    take_over_users(other)
    assert _everybody(other) == _everybody(origin)
    assert {who[0] for who in _everybody(other).values()} == {PersonKind.NONE}


def test_what_an_older_file_does_not_tell_stays_as_it_is(tmp_path: Path) -> None:
    config = _with_users(_school(tmp_path / "base"))
    before = _everybody(config)
    paul = {"username": "Paul", "modes": ["vie-scolaire"], "superadministrator": False, "locked": False}
    _hand_over(config, {**paul, "passwordHash": HASH})
    take_over_users(config)
    after = _everybody(config)
    kind, name, children, pronote_id, _rights, links = before.pop("paul")
    rights = (["vie-scolaire"], [Espace.PROFESSEURS, Espace.VIE_SCOLAIRE])
    assert after.pop("Paul") == (kind, name, children, pronote_id, rights, links)
    assert after == before


def test_users_who_have_changed_places_are_who_the_file_says(tmp_path: Path) -> None:
    origin = _with_users(_school(tmp_path / "origin"))
    told = _exported(origin)
    by_name = {user["username"]: user for user in told}
    zoe, anne = by_name["zoe"], by_name["anne"]
    swapped = ("identity", "casAccounts", "espaces")
    for member in swapped:
        zoe[member], anne[member] = anne[member], zoe[member]
    _hand_over(origin, *told)
    before = _everybody(origin)
    take_over_users(origin)
    after = _everybody(origin)
    assert (after["zoe"][:4], after["anne"][:4]) == (before["anne"][:4], before["zoe"][:4])
    assert after["zoe"][5] == before["anne"][5]


@pytest.mark.parametrize(
    ("person", "found"),
    [
        ({}, "MARTIN Anne"),
        ({"lastName": "martin ", "firstName": "ANNE"}, None),
        ({"lastName": "mar-tin", "firstName": "Ànne"}, "MARTIN Anne"),
        ({"children": ["060000003AB"]}, "Martin ANNE"),
        # Its number is enough: people marry, and families change.
        ({"externalId": "901", "lastName": "PETIT", "children": []}, "MARTIN Anne"),
        # A number that nobody here has: by name, among those without one.
        ({"externalId": "902", "children": ["060000003AB"]}, "Martin ANNE"),
        ({"externalId": "902"}, None),
        ({"kind": "teacher", "lastName": "Coeur", "firstName": "Paul", "children": []}, "CŒUR Paul"),
        (
            {"kind": "teacher", "lastName": "Coeur", "firstName": "Paul", "children": [], "birthDate": "1980-01-02"},
            None,
        ),
        ({"kind": "staff", "lastName": "Coeur", "firstName": "Paul", "children": []}, None),
        ({"kind": "staff", "lastName": "-", "firstName": "'", "children": []}, None),
        ({"children": []}, None),
        ({"children": ["069999999AB"]}, None),
        ({"children": ["060000001AB", "060000003AB"]}, "more than one"),
    ],
)
def test_only_who_can_be_nobody_else_is_taken(tmp_path: Path, person: dict[str, Any], found: str | None) -> None:
    config = _school(tmp_path / "base")
    _hand_over(config, _user(**person))
    if found in (None, "more than one"):
        with pytest.raises(StartError) as caught:
            take_over_users(config)
        assert caught.value.exit_code == 78
        if "users.0.identity: " in str(caught.value):
            assert (found or "who is not in the base") in str(caught.value)
        else:
            assert "users.0.identity.person.lastName" in str(caught.value)
        assert "artin" not in str(caught.value).lower()
        assert _everybody(config) == {}
        assert (config.folder / "new-users.json").exists()
        return
    take_over_users(config)
    with closing(open_base(config)) as base:
        (name,) = base.execute(
            "SELECT last_name || ' ' || first_name FROM people JOIN user_identities ON person_id = people.id"
        ).fetchone()
    assert name == found


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"identity": {"pronoteId": "A8BT6EGHDW3QFPX9", "pupil": "060000001AB"}}, "users.1.identity: another user is"),
        ({"identity": {"pronoteId": "A8BT6EGHDW3QFPX0"}}, "users.1.identity: another user is"),
        (
            {"identity": {"pronoteId": "A8BT6EGHDW3QFPX9", "pupil": "069999999AB"}},
            "users.1.identity: names a pupil who",
        ),
        ({"casAccounts": [{"casUrl": CAS, "user": "zoe.m"}]}, "users.1.casAccounts: another user"),
    ],
)
def test_what_a_user_who_stays_has_is_not_taken_away(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    config = _with_users(_school(tmp_path / "base"))
    before = _everybody(config)
    luc = next(user for user in _exported(config) if user["username"] == "luc")
    _hand_over(config, {**luc, "locked": True}, {**_user(), "username": "new", **changes})
    with pytest.raises(StartError, match=r"new-users\.json") as caught:
        take_over_users(config)
    assert told in str(caught.value)
    assert _everybody(config) == before
    assert (config.folder / "new-users.json").exists()


def test_a_refusal_names_a_few_of_many_faults(tmp_path: Path) -> None:
    config = _school(tmp_path / "base")
    nobody = [
        {
            **_user(lastName="Inconnu"),
            "username": f"u{n}",
            "identity": {"pronoteId": f"A8BT6EGHDW3QFP{n:02}", "pupil": f"0699999{n:02}AB"},
        }
        for n in range(9)
    ]
    _hand_over(config, *nobody)
    with pytest.raises(StartError) as caught:
        take_over_users(config)
    assert str(caught.value).count("names a pupil") == 5
    assert ", and 4 more" in str(caught.value)


def test_killed_at_every_step_everybody_is_somebody_or_nobody_is(tmp_path: Path) -> None:
    told = _exported(_with_users(_school(tmp_path / "origin")))
    work = "from pronote_server.storage.new_users import take_over_users as work"

    def run(folder: Path, step: int) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-c", KILLED_AT_STEP.replace("# WORK", work), str(folder), str(step)]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    whole = _school(tmp_path / "whole")
    _hand_over(whole, *told)
    counted = run(whole.folder, -1)
    assert counted.returncode == 0, counted.stderr
    after, steps = _everybody(whole), int(counted.stdout)
    seen = set()
    for step in [*range(max(1, steps - 60), steps - 12, 9), *range(steps - 12, steps + 1)]:
        config = _school(tmp_path / str(step))
        _hand_over(config, *told)
        assert run(config.folder, step).returncode == -signal.SIGKILL
        half_way = _everybody(config)
        assert half_way in ({}, after)
        assert half_way == after or (config.folder / "new-users.json").exists()
        seen.add(len(half_way))
        take_over_users(config)
        assert _everybody(config) == after
    assert seen == {0, len(USERS)}


def test_what_no_file_can_hold_is_left_out_and_told(tmp_path: Path) -> None:
    config = _with_users(_school(tmp_path / "base"))
    with closing(open_base(config)) as base, write_transaction(base):
        (zoe, luc) = (
            base.execute("SELECT id FROM users WHERE username = ?", (n,)).fetchone()[0] for n in ("zoe", "luc")
        )
        for number in range(20):
            identities.link_cas_user(base, CAS, f"zoe{number:02}", zoe)
        identities.link_cas_user(base, CAS, "a\nb", luc)
        base.execute("DELETE FROM user_modes WHERE user_id = ?", (luc,))
        base.execute("DELETE FROM user_espaces WHERE user_id = ?", (luc,))
        found = exported_users(base)
    assert [record.username for record in found.records] == ["admin", "anne", "anne2", "paul", "zoe"]
    assert len(found.records[-1].cas_accounts or ()) == 16
    assert [warning.rpartition(": ")[2] for warning in found.warnings] == ["1", "6"]


def test_a_base_that_the_format_has_no_place_for_is_not_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = _with_users(_school(tmp_path / "base"))
    with closing(open_base(config)) as base:
        records = exported_users(base).records
        monkeypatch.setattr("pronote_server.hnot.profils.MAX_BYTES", 100)
        with pytest.raises(StartError, match="at most 100"):
            profils_text(records, {})
        monkeypatch.setattr("pronote_server.hnot.profils.MAX_USERS", 5)
        with pytest.raises(StartError, match="6 users"):
            exported_users(base)
        monkeypatch.undo()
        with write_transaction(base):
            base.execute("UPDATE users SET password_hash = 'Secret-Horse-7' WHERE username = 'luc'")
        with pytest.raises(StartError, match="passwordHash") as caught:
            exported_users(base)
    assert "Secret" not in str(caught.value)
