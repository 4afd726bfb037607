"""Users that a base takes over: all of them or none, killed at every step of it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_server.config import BaseConfig
from pronote_server.errors import StartError
from pronote_server.storage import users
from pronote_server.storage.connection import write_transaction
from pronote_server.storage.create import ensure_base
from pronote_server.storage.database import open_base
from pronote_server.storage.new_users import _parse, take_over_users
from pronote_server.words import Mode
from tests.volumes.server.killed import KILLED_AT_STEP

if TYPE_CHECKING:
    from pathlib import Path

HASH = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43
BASE = {"kind": "empty", "uai": "0750654D", "schoolYear": 2026, "slotMinutes": 60}
HOURS = {"dayStart": "08:00", "dayEnd": "18:00"}


def _user(username: str, **changes: Any) -> dict[str, Any]:
    user = {"username": username, "modes": ["enseignant"], "superadministrator": False, "locked": False}
    return {**user, "passwordHash": HASH, **changes}


DUPONT = _user("DUPONT", modes=["administratif", "vie-scolaire"], superadministrator=True)
DURAND = _user("durand", locked=True)
ZOE = _user(
    "zoe",
    modes=[],
    espaces=["Eleves"],
    identity={"pronoteId": "A8BT6EGHDW3QFPX1", "pupil": "060000001AB"},
    casAccounts=[],
)


def _request(folder: Path, *wanted: object, **changes: object) -> None:
    document = {"uai": "0750654D", "schoolYear": 2026, "users": wanted, **changes}
    (folder / "new-users.json").write_text(json.dumps(document), encoding="utf-8")


def _base(folder: Path) -> BaseConfig:
    """A base with the users Dupont and martin."""
    folder.mkdir(exist_ok=True)
    (folder / "new-base.json").write_text(json.dumps(BASE | HOURS), encoding="utf-8")
    config = BaseConfig(folder, 2026, "0750654D", "2026.2.5")
    ensure_base(config)
    with closing(open_base(config)) as connection, write_transaction(connection):
        for name in ("Dupont", "martin"):
            users.add_user(connection, name, name.casefold(), "old", frozenset({Mode.ENSEIGNANT}), False, "then")
    return config


def _present(config: BaseConfig) -> list[tuple[str, str, bool, bool, tuple[str, ...]]]:
    with closing(open_base(config)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [
            (one.username, one.password_hash, one.superadministrator, one.locked, tuple(sorted(one.modes)))
            for one in users.list_users(connection)
        ]


BEFORE = [("Dupont", "old", False, False, ("enseignant",)), ("martin", "old", False, False, ("enseignant",))]
AFTER = [
    ("DUPONT", HASH, True, False, ("administratif", "vie-scolaire")),
    ("durand", HASH, False, True, ("enseignant",)),
    BEFORE[1],
]


def test_users_are_added_and_changed_by_name_and_others_stay(tmp_path: Path) -> None:
    config = _base(tmp_path)
    with closing(open_base(config)) as connection:
        before = users.find_user(connection, "dupont")
    _request(tmp_path, DUPONT, DURAND)
    assert take_over_users(config) == 2
    assert _present(config) == AFTER
    with closing(open_base(config)) as connection:
        after = users.find_user(connection, "dupont")
    assert before is not None
    assert after is not None
    assert after.id == before.id, "the audit goes on to name the same user"
    assert [path.name for path in tmp_path.iterdir()] == ["base.sqlite"]
    assert take_over_users(config) is None


def test_killed_at_every_step_all_users_are_in_or_none(tmp_path: Path) -> None:
    def run(folder: Path, step: int) -> subprocess.CompletedProcess[str]:
        command = "from pronote_server.storage.new_users import take_over_users as work"
        words = [sys.executable, "-c", KILLED_AT_STEP.replace("# WORK", command), str(folder), str(step)]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    _base(tmp_path / "whole")
    _request(tmp_path / "whole", DUPONT, DURAND)
    counted = run(tmp_path / "whole", -1)
    assert counted.returncode == 0, counted.stderr
    steps = int(counted.stdout)
    assert steps > 15
    seen = []
    # Every step from the transaction on, and a sample of those that open the base.
    for step in [*range(1, steps - 16, 4), *range(max(1, steps - 16), steps + 1)]:
        config = _base(tmp_path / str(step))
        _request(config.folder, DUPONT, DURAND)
        assert run(config.folder, step).returncode == -signal.SIGKILL
        half_way = _present(config)
        assert half_way in (BEFORE, AFTER)
        assert half_way == AFTER or (config.folder / "new-users.json").exists()
        seen.append(half_way == AFTER)
        take_over_users(config)
        assert _present(config) == AFTER
        assert [path.name for path in config.folder.iterdir()] == ["base.sqlite"]
    assert set(seen) == {False, True}


@pytest.mark.parametrize(
    ("wanted", "changes", "named"),
    [
        ([DURAND], {"uai": "0210066H"}, "another school"),
        ([DURAND], {"schoolYear": 2025}, "another school"),
        ([DURAND], {"more": 1}, "more: Extra inputs"),
        ([DURAND, _user("Durand")], {}, "two users have the same name"),
        ([_user("zoé"), _user("zoe\u0301")], {}, "two users have the same name"),
        ([_user("")], {}, "users.0.username"),
        ([_user("a\tb")], {}, "users.0.username"),
        ([_user("a", modes=[])], {}, "users.0.modes"),
        ([_user("a", modes=[], espaces=[])], {}, "users.0.modes"),
        ([_user("a", espaces=["Famille"])], {}, "users.0.espaces.0"),
        ([_user("a", espaces=["Eleves"] * 10)], {}, "users.0.espaces"),
        ([_user("a", identity={})], {}, "users.0.identity.pronoteId"),
        ([_user("a", identity={"pronoteId": "secret"})], {}, "users.0.identity.pronoteId"),
        ([_user("a", identity={"pronoteId": "A8BT6EGHDW3QFPX1", "row": 1})], {}, "users.0.identity.row: Extra inputs"),
        ([_user("a", identity={"pronoteId": "A8BT6EGHDW3QFPX1", "pupil": "secret"})], {}, "users.0.identity.pupil"),
        (
            [_user(name, identity={"pronoteId": "A8BT6EGHDW3QFPX1"}) for name in ("a", "b")],
            {},
            "two users have the same PRONOTE identifier",
        ),
        (
            [
                _user(name, identity={"pronoteId": f"A8BT6EGHDW3QFPX{name}", "pupil": "060000001AB"})
                for name in ("A", "B")
            ],
            {},
            "two users have the same pupil",
        ),
        (
            [_user(name, casAccounts=[{"casUrl": "https://a", "user": "x"}]) for name in ("a", "b")],
            {},
            "two users have the same account of an ENT",
        ),
        ([_user("a", casAccounts=[{"casUrl": "ftp://secret", "user": "x"}])], {}, "users.0.casAccounts.0.casUrl"),
        ([_user("a", casAccounts=[{"casUrl": "https://a", "user": ""}])], {}, "users.0.casAccounts.0.user"),
        (
            [_user("a", identity={"pronoteId": "A8BT6EGHDW3QFPX1", "pupil": "060000001AB"})],
            {},
            "users.0.identity: names a pupil who is not in the base",
        ),
        ([_user("a", modes=["eleve"])], {}, "users.0.modes.0"),
        ([_user("a", locked="no")], {}, "users.0.locked"),
        ([_user("a", passwordHash="secret")], {}, "users.0.passwordHash"),
        ([_user("a", passwordHash=HASH.replace("m=19456", "m=999999"))], {}, "users.0.passwordHash"),
        ([_user("a", passwordHash=HASH.replace("t=2", "t=99"))], {}, "users.0.passwordHash"),
        ([_user("a", passwordHash=HASH.replace("argon2id", "argon2i"))], {}, "users.0.passwordHash"),
    ],
)
def test_a_file_that_is_not_good_changes_nothing_and_is_told(
    tmp_path: Path, wanted: list[object], changes: dict[str, object], named: str
) -> None:
    config = _base(tmp_path)
    _request(tmp_path, *wanted, **changes)
    with pytest.raises(StartError, match=r"new-users\.json") as caught:
        take_over_users(config)
    assert named in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.exit_code == 78
    assert _present(config) == BEFORE
    assert (tmp_path / "new-users.json").exists()


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from([DURAND, ZOE]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["uai", "schoolYear", "users", "username", "x"]), inner, max_size=4)
        ),
    ).map(lambda document: json.dumps(document).encode())
)
def test_whatever_the_file_holds_it_is_taken_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp()
    file = folder / "any-users.json"
    file.write_bytes(content)
    try:
        wanted = _parse(file, BaseConfig(folder, 2026, "0750654D", "1"))
    except StartError:
        return
    assert wanted is not None
