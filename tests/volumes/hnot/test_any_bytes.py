"""Whatever is on the claim, it is read or refused with the file's name; nothing else ever comes of it."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pronote_operator.api.fields import ESPACES
from pronote_operator.prepare.hnot_manifest import MAX_PART_BYTES, AnnexManifest, BaseManifest, name_problem
from pronote_operator.prepare.hnot_profils import new_users, read_profils
from pronote_operator.prepare.hnot_users import user_key
from pronote_operator.prepare.hnot_zip import opened
from pronote_operator.prepare.outcome import RefusedError
from pronote_server.espaces import Espace
from pronote_server.hnot.profils import profils_text
from pronote_server.user_records import NewUsers, UserRecord
from pronote_server.usernames import username_key
from tests.volumes.hnot.conftest import (
    HASH,
    IDENTIFIED,
    PHOTOS,
    UAI,
    USERS,
    Claim,
    checksum,
    identified_document,
    make_claim,
)

REASONS = {"HnotInvalid", "HnotTooLarge"}


@pytest.fixture(scope="module")
def shared() -> Iterator[Claim]:
    """A claim for all examples."""
    with tempfile.TemporaryDirectory() as folder:
        claim = make_claim(Path(folder))
        claim.with_base()
        claim.with_annex(files=PHOTOS)
        claim.with_profils()
        yield claim


@contextlib.contextmanager
def refusal_at_most(name: str) -> Iterator[None]:
    """Let refusals that name the file pass, and nothing else."""
    refusal: RefusedError | None = None
    try:
        yield
    except RefusedError as error:
        refusal = error
    if refusal is not None:
        assert refusal.reason in REASONS
        assert refusal.message.startswith(name)
        assert refusal.message.isprintable()


def read_zip(claim: Claim, name: str, content: bytes, model: type[Any]) -> None:
    """Read everything of a packed file."""
    (claim.upload / name).write_bytes(content)
    with refusal_at_most(name), opened(str(claim.upload), name, model) as packed:
        for member in packed.manifest.members:
            packed.read(member, lambda _piece: None)


@settings(deadline=None)
@given(content=st.binary(max_size=400), tail=st.sampled_from([b"", b"PK\5\6" + b"\0" * 18]))
def test_any_bytes_are_no_packed_file(shared: Claim, content: bytes, tail: bytes) -> None:
    read_zip(shared, "any.HNOT", content + tail, BaseManifest)


@settings(deadline=None)
@given(spliced=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 8), st.binary(max_size=8)), min_size=1, max_size=6))
def test_a_packed_file_with_pieces_replaced(shared: Claim, spliced: list[tuple[float, int, bytes]]) -> None:
    content = (shared.upload / "photos.HPHOTOS").read_bytes()
    for where, length, piece in spliced:
        place = int(where * len(content))
        content = content[:place] + piece + content[place + length :]
    read_zip(shared, "any.HPHOTOS", content, AnnexManifest)


@settings(deadline=None)
@given(place=st.integers(0, 400), piece=st.binary(min_size=1, max_size=4))
def test_a_directory_of_members_that_is_overwritten(shared: Claim, place: int, piece: bytes) -> None:
    content = (shared.upload / "photos.HPHOTOS").read_bytes()
    at = len(content) - 1 - place
    read_zip(shared, "any.HPHOTOS", (content[:at] + piece + content[at + len(piece) :])[: len(content)], AnnexManifest)


document = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([HASH, *USERS, *IDENTIFIED, IDENTIFIED[1]["identity"]]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["format", "uai", "users", "username", "modes", "sha256", "identity", "person", "x"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(content=st.binary(max_size=200) | document.map(lambda one: json.dumps(one).encode()))
def test_any_bytes_as_users(shared: Claim, content: bytes) -> None:
    (shared.upload / "any.profils").write_bytes(content)
    with refusal_at_most("any.profils"):
        read_profils(str(shared.upload), "any.profils")


@settings(deadline=None)
@given(changes=st.dictionaries(st.sampled_from(["uai", "version", "users", "createdTime", "x"]), document, max_size=3))
def test_users_with_any_member_changed_and_the_right_checksum(shared: Claim, changes: dict[str, Any]) -> None:
    changed_users(shared, json.loads((shared.upload / "users.profils").read_text()), changes)


@settings(deadline=None)
@given(
    place=st.sampled_from([(), ("identity",), ("identity", "person"), ("casAccounts", 0)]),
    name=st.sampled_from(
        ["identity", "espaces", "casAccounts", "person", "pupil", "pronoteId", "children", "user", "x"]
    ),
    value=document,
)
def test_a_user_with_any_part_changed_and_the_right_checksum(
    shared: Claim, place: tuple[str | int, ...], name: str, value: Any
) -> None:
    users = identified_document()
    part: Any = users["users"][1]
    for step in place:
        part = part[step]
    part[name] = value
    changed_users(shared, users, {})


def changed_users(shared: Claim, users: dict[str, Any], changes: dict[str, Any]) -> None:
    """Read users that were changed and have the checksum of what they are now."""
    users.pop("sha256", None)
    users.update(changes)
    with contextlib.suppress(UnicodeEncodeError):
        users["sha256"] = checksum(users)
    (shared.upload / "any.profils").write_text(json.dumps(users))
    with refusal_at_most("any.profils"):
        # What is handed to a server must be good for it, too: it would refuse to start.
        NewUsers.model_validate_json(new_users(read_profils(str(shared.upload), "any.profils"), 2026))


@given(name=st.text(max_size=40) | st.text(alphabet="./\\a:\0", max_size=12))
def test_an_allowed_name_stays_below_its_folder(name: str) -> None:
    if name_problem(name) is None:
        parts = Path("/folder", name).parts
        assert parts[:2] == ("/", "folder")
        assert len(parts) == 3 + name.count("/")
        assert ".." not in parts
        assert all(len(part.encode()) <= MAX_PART_BYTES for part in parts)


@given(name=st.text(max_size=70))
def test_names_of_users_are_compared_as_the_server_does(name: str) -> None:
    assert user_key(name) == username_key(name)


def test_the_server_understands_what_it_is_handed(shared: Claim) -> None:
    profils = read_profils(str(shared.upload), "users.profils")
    handed = NewUsers.model_validate_json(new_users(profils, 2026))
    assert [user.document() for user in handed.users] == USERS


def test_the_server_understands_the_identities_that_it_is_handed(shared: Claim) -> None:
    path = shared.with_identified_users()
    profils = read_profils(str(shared.upload), path.name)
    handed = NewUsers.model_validate_json(new_users(profils, 2026))
    assert [user.document() for user in handed.users] == IDENTIFIED
    assert {user.tells_identity for user in handed.users} == {True}


texts = st.text(min_size=1, max_size=100).filter(lambda text: text.isprintable() and text == text.strip())
national_ids = st.from_regex(r"[0-9A-Z]{11}", fullmatch=True)
persons = st.fixed_dictionaries(
    {"kind": st.sampled_from(["guardian", "teacher", "staff"]), "lastName": texts, "firstName": texts},
    optional={"birthDate": st.dates().map(str), "externalId": texts},
) | st.fixed_dictionaries(
    {"kind": st.just("guardian"), "lastName": texts, "firstName": texts},
    optional={"children": st.lists(national_ids, max_size=50)},
)
records = st.fixed_dictionaries(
    {
        "username": texts.filter(lambda text: username_key(text) is not None),
        "espaces": st.lists(st.sampled_from(ESPACES), min_size=1, max_size=9),
        "modes": st.lists(st.sampled_from(["administratif", "enseignant", "vie-scolaire"]), max_size=3),
        "superadministrator": st.booleans(),
        "locked": st.booleans(),
        "passwordHash": st.just(HASH),
        "identity": st.none()
        | st.fixed_dictionaries(
            {"pronoteId": st.from_regex(r"[0-9A-Z]{16}", fullmatch=True)}, optional={"person": persons}
        ),
        "casAccounts": st.lists(
            st.fixed_dictionaries({"casUrl": st.from_regex(r"https?://[!-~]{1,40}", fullmatch=True), "user": texts}),
            max_size=16,
            unique_by=lambda account: (account["casUrl"], account["user"]),
        ),
    }
)


@settings(deadline=None)
@given(record=records)
def test_whatever_a_server_exports_is_handed_over_as_it_was(shared: Claim, record: dict[str, Any]) -> None:
    exported = UserRecord.model_validate(record)
    head = {"uai": UAI, "version": "2026.2.5", "createdTime": "2026-11-24T08:00:00Z"}
    (shared.upload / "own.profils").write_bytes(profils_text([exported], head))
    handed = NewUsers.model_validate_json(new_users(read_profils(str(shared.upload), "own.profils"), 2026))
    assert [user.document() for user in handed.users] == [record]


def test_both_know_the_same_espaces() -> None:
    assert set(ESPACES) == {espace.value for espace in Espace}
