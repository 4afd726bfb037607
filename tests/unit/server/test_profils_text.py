"""The users of a base as a `.profils` file has them, word for word."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from pronote_server.hnot.profils import exported_users, profils_text
from pronote_server.storage.identities import link_cas_user
from tests.unit.server.small_school import small_school

if TYPE_CHECKING:
    from pathlib import Path

HASH = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43
HEAD = {"uai": "0750654D", "version": "2026.2.5", "createdTime": "2026-11-24T08:00:00Z"}
RIGHTS = f'"superadministrator": false, "locked": false, "passwordHash": "{HASH}"'
USERS = (
    f'{{"username": "admin", "espaces": [], "modes": ["administratif"], {RIGHTS}, "identity": null, '
    '"casAccounts": []}',
    f'{{"username": "anne", "espaces": ["Parents"], "modes": [], {RIGHTS}, "identity": {{"pronoteId": '
    '"A8BT6EGHDW3QFPX2", "person": {"kind": "guardian", "lastName": "DUC", "firstName": "Anne-Laure", "children": '
    # Without the pupil whose mere contact she is.
    '["00000000001", "00000000002"]}}, "casAccounts": [{"casUrl": "https://ent.example.org/cas", "user": "anne.l"}]}',
    f'{{"username": "paul", "espaces": ["Professeurs", "VieScolaire"], "modes": [], {RIGHTS}, "identity": '
    '{"pronoteId": "A8BT6EGHDW3QFPX3", "person": {"kind": "teacher", "lastName": "CŒUR", "firstName": "Paul", '
    '"birthDate": "1980-01-01", "externalId": "epp:7"}}, "casAccounts": []}',
    f'{{"username": "zoe", "espaces": ["Eleves"], "modes": [], {RIGHTS}, "identity": {{"pronoteId": '
    '"A8BT6EGHDW3QFPX1", "pupil": "00000000001"}, "casAccounts": []}',
)


def test_the_file_is_a_line_for_each_user_between_the_head_and_the_checksum(tmp_path: Path) -> None:
    base = small_school(tmp_path)
    base.execute("UPDATE users SET password_hash = ?", (HASH,))
    base.execute("UPDATE people SET external_id = 'epp:7' WHERE id = 2")
    base.execute("INSERT INTO user_modes VALUES (14, 'administratif')")
    link_cas_user(base, "https://ent.example.org/cas", "anne.l", 12)
    found = exported_users(base)
    assert found.warnings == ("users without any right, in the .HNOT only: 1",)
    lines = profils_text(found.records, HEAD).decode().splitlines()
    assert lines[:5] == [
        '{"format": "pronote-profils/2",',
        '"uai": "0750654D",',
        '"version": "2026.2.5",',
        '"createdTime": "2026-11-24T08:00:00Z",',
        '"users": [',
    ]
    assert [line.removesuffix(",") for line in lines[5:-2]] == list(USERS)
    document = json.loads("".join(lines))
    checksum = document.pop("sha256")
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert checksum == hashlib.sha256(text.encode()).hexdigest()


def test_a_base_without_users_has_a_file_without_users(tmp_path: Path) -> None:
    base = small_school(tmp_path)
    base.execute("DELETE FROM users")
    found = exported_users(base)
    assert (found.records, found.warnings) == ((), ())
    assert json.loads(profils_text(found.records, HEAD))["users"] == []
