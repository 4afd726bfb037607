"""Reads a ``.profils`` file: the users of a base and what they may do."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, FailFast, Field

from pronote_operator.prepare.hnot_manifest import Sha256, Shape, ShortText, Strict, parsed
from pronote_operator.prepare.hnot_upload import uploaded
from pronote_operator.prepare.outcome import RefusedError

MAX_BYTES: Final = 16 << 20
"""Largest file; 20,000 users have 6 MiB."""

MAX_USERS: Final = 20_000

MAX_HASH_MEMORY_KIB: Final = 65536
"""Largest memory of a password's hash (64 MiB): each login costs the server that much."""

_ARGON2ID: Final = re.compile(
    r"\$argon2id\$v=19\$m=([1-9][0-9]{0,5}),t=([1-9]|10),p=([1-4])\$[A-Za-z0-9+/]{11,64}\$[A-Za-z0-9+/]{22,128}"
)


def _hash(text: str) -> str:
    found = _ARGON2ID.fullmatch(text)
    if found is None or int(found[1]) > MAX_HASH_MEMORY_KIB:
        raise ValueError(f"must be an argon2id hash of at most {MAX_HASH_MEMORY_KIB} KiB and 10 passes")
    return text


def _name(text: str) -> str:
    if user_key(text) is None or text != text.strip():
        raise ValueError("must have 1 to 64 printable characters")
    return text


def user_key(username: str) -> str | None:
    """What user names are compared by, None when it is none. A test compares this with the server's rule."""
    name = unicodedata.normalize("NFC", username.strip())
    if not 1 <= len(name) <= 64 or not name.isprintable():
        return None
    return unicodedata.normalize("NFC", name.casefold())


class User(Strict):
    """One user."""

    username: Annotated[str, AfterValidator(_name)]
    modes: Annotated[
        tuple[Literal["administratif", "enseignant", "vie-scolaire"], ...], Field(min_length=1, max_length=3)
    ]
    superadministrator: bool
    locked: bool
    password_hash: Annotated[str, AfterValidator(_hash), Field(repr=False)]


class Profils(Strict):
    """The whole file."""

    format: Literal["pronote-profils/1"]
    uai: Annotated[str, Field(pattern=r"^[0-9]{7}[A-Z]$")]
    version: ShortText
    created_time: ShortText
    users: Annotated[tuple[User, ...], Field(max_length=MAX_USERS), FailFast()]
    sha256: Sha256


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
    profils = parsed(Profils, content, path, Shape(objects=MAX_USERS + 1, commas=7))
    if _checksum(content) != profils.sha256:
        raise RefusedError("HnotInvalid", f"{path} is not valid: its content is not what its checksum says")
    if len({user_key(user.username) for user in profils.users}) < len(profils.users):
        raise RefusedError("HnotInvalid", f"{path} is not valid: two users have the same name")
    return profils


def new_users(profils: Profils, school_year: int) -> bytes:
    """The file ``new-users.json`` of the instance contract, which the server takes over at its start."""
    users = [user.model_dump(mode="json", by_alias=True) for user in profils.users]
    document = {"uai": profils.uai, "schoolYear": school_year, "users": users}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _checksum(content: bytes) -> str | None:
    """SHA-256 of a document without its checksum, as JSON with sorted names and no spaces; None when it has none."""
    try:
        document = json.loads(content, object_pairs_hook=_each_once)
        del document["sha256"]
        text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return hashlib.sha256(text).hexdigest()


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name is there twice")
    return dict(pairs)
