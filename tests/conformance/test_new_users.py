"""Users handed over with a base: taken over before the server is ready, or the start is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.harness import UAI, YEAR

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.harness import Server, Volume

USER = {
    "username": "durand",
    "modes": ["enseignant"],
    "superadministrator": False,
    "locked": False,
    "passwordHash": "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43,
}

VISITOR = {
    **USER,
    "username": "martin",
    "espaces": ["Parents", "Eleves"],
    "modes": [],
    "identity": {"pronoteId": "A8BT6EGHDW3QFPX1"},
    "casAccounts": [{"casUrl": "https://ent.example.org/cas", "user": "martin"}],
}
NOBODY_HERE = {"kind": "guardian", "lastName": "MARTIN", "firstName": "Anne", "children": ["060000001AB"]}
OTHER_ID = {"pronoteId": "A8BT6EGHDW3QFPX2"}


def _hand_over(volume: Volume, **changes: Any) -> None:
    document = {"uai": UAI, "schoolYear": YEAR, "users": [USER], **changes}
    (volume.year_folder / "new-users.json").write_text(json.dumps(document), encoding="utf-8")


def test_users_are_taken_over_once_and_annexes_left_alone(volume: Volume, new_server: Callable[..., Server]) -> None:
    photo = volume.year_folder / "annexes/photos/6A/moreau.jpg"
    photo.parent.mkdir(parents=True)
    photo.write_bytes(b"a face")
    _hand_over(volume)
    server = new_server()
    server.start()
    assert not (volume.year_folder / "new-users.json").exists()
    assert server.stop() == 0
    _hand_over(volume, users=[{**USER, "locked": True}])
    server.start()
    assert not (volume.year_folder / "new-users.json").exists()
    assert server.stop() == 0
    assert photo.read_bytes() == b"a face"


def test_users_are_taken_over_with_their_espaces_and_identities(
    volume: Volume, new_server: Callable[..., Server]
) -> None:
    _hand_over(volume, users=[USER, VISITOR])
    server = new_server()
    server.start()
    assert not (volume.year_folder / "new-users.json").exists()
    assert server.stop() == 0
    # Of the same users everybody has changed places, and one is nobody any more.
    swapped = {member: VISITOR[member] for member in ("espaces", "identity", "casAccounts")}
    _hand_over(volume, users=[{**USER, **swapped}, {**VISITOR, "identity": None, "casAccounts": []}])
    server.start()
    assert not (volume.year_folder / "new-users.json").exists()
    assert server.stop() == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"users": [{**VISITOR, "espaces": ["Famille"]}]},
        {"users": [{**VISITOR, "espaces": []}]},
        {"users": [{**VISITOR, "identity": {**OTHER_ID, "pupil": "060000001AB"}}]},
        {"users": [{**VISITOR, "identity": {**OTHER_ID, "person": NOBODY_HERE}}]},
        {"users": [{**VISITOR, "identity": {**OTHER_ID, "row": 1}}]},
        {"users": [VISITOR, {**VISITOR, "username": "anne", "casAccounts": []}]},
        {"users": [VISITOR, {**VISITOR, "username": "anne", "identity": OTHER_ID}]},
        {"uai": "0210066H"},
        {"schoolYear": YEAR - 1},
        {"users": [USER, {**USER, "username": "Durand"}]},
        {"users": [{**USER, "modes": ["eleve"]}]},
        {"users": [{**USER, "passwordHash": "Correct-Horse-7-Battery"}]},
    ],
)
def test_a_list_that_is_not_good_is_refused_and_left(
    volume: Volume, new_server: Callable[..., Server], changes: dict[str, Any]
) -> None:
    server = new_server()
    server.start()
    assert server.stop() == 0
    base = (volume.year_folder / "base.sqlite").read_bytes()
    _hand_over(volume, **changes)
    server.launch()
    assert server.end() == 78
    assert "Correct-Horse" not in server.log
    assert (volume.year_folder / "new-users.json").exists()
    assert (volume.year_folder / "base.sqlite").read_bytes() == base
