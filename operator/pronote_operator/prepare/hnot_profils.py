"""Reads a ``.profils`` file: the users of a base, what they may do, and who they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import FailFast, Field

from pronote_operator.prepare.hnot_manifest import Sha256, Shape, ShortText, Strict, parsed
from pronote_operator.prepare.hnot_upload import uploaded
from pronote_operator.prepare.hnot_users import IdentifiedUser, User, twice
from pronote_operator.prepare.outcome import RefusedError

MAX_BYTES: Final = 16 << 20
"""Largest file; 20,000 users have 12 MiB."""

MAX_USERS: Final = 20_000

MAX_USER_BYTES: Final = 128 << 10
"""Longest text of one user; sixteen accounts of ENTs with the longest addresses have 50 KiB.

What is wrong is kept in each report of it, and reported by up to nine members that are missing."""

MAX_HEAD_BYTES: Final = 1 << 10
"""Longest text of a member beside the users."""

MAX_HEAD_MEMBERS: Final = 16

_SHAPE: Final = Shape(objects=8 * MAX_USERS + 1, commas=4)
"""Of a file in which each user has an identity, a person's children and an account: four objects, and four arrays."""


class _Profils(Strict):
    uai: Annotated[str, Field(pattern=r"^[0-9]{7}[A-Z]$")]
    version: ShortText
    created_time: ShortText
    sha256: Sha256


class FirstProfils(_Profils):
    """The whole file, of the first format."""

    format: Literal["pronote-profils/1"]
    users: Annotated[tuple[User, ...], Field(max_length=MAX_USERS), FailFast()]


class SecondProfils(_Profils):
    """The whole file, of the format that is written today."""

    format: Literal["pronote-profils/2"]
    users: Annotated[tuple[IdentifiedUser, ...], Field(max_length=MAX_USERS), FailFast()]


Profils = FirstProfils | SecondProfils


@dataclass(frozen=True)
class _Outline:
    """What must be known of a document before it is read.

    Attributes:
        head: the document without its users.
        sha256: the checksum that it should bear; None when it can have none.
    """

    format: object
    head: bytes
    sha256: str | None


def read_profils(root: str, path: str) -> Profils:
    """Read and check a file of the claim.

    Raises:
        RefusedError: ``HnotMissing``, ``HnotUnreadable``, ``HnotInvalid`` or ``HnotTooLarge``.
        OSError: the claim failed.
    """
    with uploaded(root, path) as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise RefusedError("HnotTooLarge", f"{path} is larger than {MAX_BYTES} bytes")
    if not _SHAPE.has_room_for(content):
        raise _too_much(path)
    outline = _outline(content, path)
    profils: Profils
    if outline.format == "pronote-profils/1":
        parsed(FirstProfils, outline.head, path, _SHAPE)
        profils = parsed(FirstProfils, content, path, _SHAPE)
    else:
        parsed(SecondProfils, outline.head, path, _SHAPE)
        profils = parsed(SecondProfils, content, path, _SHAPE)
    if outline.sha256 != profils.sha256:
        raise RefusedError("HnotInvalid", f"{path} is not valid: its content is not what its checksum says")
    problem = twice(profils.users)
    if problem:
        raise RefusedError("HnotInvalid", f"{path} is not valid: two users have the same {problem}")
    return profils


def new_users(profils: Profils, school_year: int) -> bytes:
    """The file ``new-users.json`` of the instance contract, which the server takes over at its start.

    It tells what the file tells and no more: a server that knows of no identities is handed none by an older file.
    """
    users = [user.model_dump(mode="json", by_alias=True, exclude_unset=True) for user in profils.users]
    document = {"uai": profils.uai, "schoolYear": school_year, "users": users}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _outline(content: bytes, path: str) -> _Outline:
    """Look at a document before it is read, and compute the checksum that it should bear.

    That is the SHA-256 of the document without its own, as JSON with sorted names and no spaces. A document in which an
    object has a name twice has none, since one reader would take the first for good and another the last.

    Raises:
        RefusedError: ``HnotInvalid``: it is no JSON object, or a part of it is larger than any of the format.
    """
    repeated = False

    def noted(pairs: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal repeated
        members = dict(pairs)
        repeated = repeated or len(members) < len(pairs)
        return members

    digest = hashlib.sha256()
    try:
        document = json.loads(content, object_pairs_hook=noted)
        if not isinstance(document, dict):
            raise RefusedError("HnotInvalid", f"{path} is not valid: it is no JSON object")
        if len(document) > MAX_HEAD_MEMBERS:
            raise _too_much(path)
        head = json.dumps({**document, "users": []}).encode()
        document.pop("sha256", None)
        for piece, bound in _canonical(document):
            if len(piece) > bound:
                raise _too_much(path)
            digest.update(piece)
    except (ValueError, RecursionError):
        raise RefusedError("HnotInvalid", f"{path} is not valid: it is no JSON") from None
    return _Outline(document.get("format"), head, None if repeated else digest.hexdigest())


def _canonical(document: dict[str, object]) -> Iterator[tuple[bytes, int]]:
    """A document with sorted names and no spaces, in pieces, each with the most bytes that it may have.

    As one text it would take ten times as much memory.
    """

    def text(value: object) -> bytes:
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

    for place, name in enumerate(sorted(document)):
        yield (b"," if place else b"{") + text(name) + b":", MAX_HEAD_BYTES
        value = document[name]
        if name == "users" and isinstance(value, list):
            yield b"[", 1
            for number, each in enumerate(value):
                yield (b"," if number else b"") + text(each), MAX_USER_BYTES
            yield b"]", 1
        else:
            yield text(value), MAX_HEAD_BYTES
    yield b"}" if document else b"{}", 2


def _too_much(path: str) -> RefusedError:
    return RefusedError("HnotInvalid", f"{path} is not valid: it holds more than its format has a place for")
