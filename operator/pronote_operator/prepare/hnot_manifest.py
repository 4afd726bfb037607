"""What a packed file says of itself: its manifest, read strictly, and the names that its members may have."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, FailFast, Field, ValidationError
from pydantic.alias_generators import to_camel

from pronote_operator.prepare.outcome import RefusedError

BASE_MEMBER: Final = "base.sqlite"

MAX_FILES: Final = 50_000
"""Files of one packed file; what is more is packed into further ones. Bounds the memory that its manifest takes."""

MAX_NAME_BYTES: Final = 1024
"""Longest path of a file, bytes."""

MAX_PART_BYTES: Final = 255
"""Longest name of a file or folder, bytes: what file systems allow."""

MAX_DEPTH: Final = 16
"""Most parts of a path."""

SchoolYear = Annotated[int, Field(ge=2000, le=2999)]
ShortText = Annotated[str, Field(max_length=64, pattern=r"^[ -~]*$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def name_problem(name: str) -> str | None:
    """Why a file may not have a name, None when it may."""
    try:
        parts = name.encode().split(b"/")
    except UnicodeEncodeError:
        return "is not valid Unicode"
    if "\\" in name or any(character < " " or character == "\x7f" for character in name):
        return "holds a backslash or a control character"
    if name.startswith("/") or name[1:2] == ":":
        return "is absolute"
    if any(part in (b".", b"..") for part in parts):
        return "holds . or .."
    if any(not 1 <= len(part) <= MAX_PART_BYTES for part in parts):
        return f"has a part that is empty or longer than {MAX_PART_BYTES} bytes"
    if len(parts) > MAX_DEPTH or len(name.encode()) > MAX_NAME_BYTES:
        return f"has more than {MAX_DEPTH} parts or {MAX_NAME_BYTES} bytes"
    return None


def _allowed(name: str) -> str:
    problem = name_problem(name)
    if problem:
        raise ValueError(f"the name {shown(name)} {problem}")
    return name


def shown(name: str) -> str:
    """A name for a message: short, and without anything that a terminal or a log would not show as it is."""
    return ascii(name if len(name) <= 80 else f"{name[:77]}...")


class Strict(BaseModel):
    """A part of a document of the format. Members that are not known are refused: they mean a later version."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, alias_generator=to_camel, hide_input_in_errors=True
    )


class Member(Strict):
    """A file that is packed."""

    name: Annotated[str, Field(max_length=MAX_NAME_BYTES), AfterValidator(_allowed)]
    sha256: Sha256
    size_bytes: Annotated[int, Field(ge=0, le=2**50)]


class Manifest(Strict):
    """What every packed file says."""

    uai: Annotated[str, Field(pattern=r"^[0-9]{7}[A-Z]$")]
    school_year: SchoolYear
    version: ShortText
    created_time: ShortText
    members: Annotated[tuple[Member, ...], Field(max_length=MAX_FILES), FailFast()]

    @property
    def size_bytes(self) -> int:
        """What is packed, in all."""
        return sum(member.size_bytes for member in self.members)


class BaseManifest(Manifest):
    """Manifest of a ``.HNOT``."""

    format: Literal["pronote-hnot/1"]
    members: Annotated[tuple[Member, ...], Field(min_length=1, max_length=1)]

    @property
    def prefix(self) -> str:
        """What the names of members begin with in the zip."""
        return ""


class AnnexManifest(Manifest):
    """Manifest of an annex file (.HPHOTOS, .HCOURRIERS, .HDOCJOINTS)."""

    format: Literal["pronote-annex/1"]
    kind: Literal["photos", "letters", "documents"]

    @property
    def prefix(self) -> str:
        """See `BaseManifest`."""
        return "files/"


M = TypeVar("M", bound=Strict)

_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
"""A string of JSON; possessive, so that a long one costs no memory."""


@dataclass(frozen=True)
class Shape:
    """How much a JSON document of the format may hold.

    Attributes:
        objects: with the document itself.
        commas: in each object, with the one behind it.
    """

    objects: int
    commas: int

    def has_room_for(self, content: bytes) -> bool:
        """Whether a text has no more structure than that.

        JSON like ``[[],[],…`` takes twenty times its size and more once it is parsed, and each member that is wrong
        takes 2 KB for its report: what has too much of it is not parsed at all. To look takes a second for 16 MiB of
        nothing but short strings, and no more memory than the text.
        """
        # A member has two strings at most; the rest is for quotes inside strings.
        if content.count(b'"') > 8 * self.objects * self.commas + 1000:
            return False
        bare = _without_strings(content)
        bounds = {b"{": self.objects, b"[": self.objects, b",": self.objects * self.commas + 16}
        return all(bare.count(mark) <= bound for mark, bound in bounds.items())


def _without_strings(content: bytes) -> bytearray:
    # Not `sub`, which keeps 200 bytes for each string until it has seen the last one.
    bare, end = bytearray(), 0
    for string in _STRING.finditer(content):
        bare += content[end : string.start()]
        end = string.end()
    return bare + content[end:]


def parsed(model: type[M], content: bytes, path: str, shape: Shape) -> M:
    """A document of the format.

    Args:
        path: of the file, for the message.
        shape: that the document has at most.

    Raises:
        RefusedError: ``HnotInvalid``, with the members that are wrong.
    """
    if not shape.has_room_for(content):
        raise RefusedError("HnotInvalid", f"{path} is not valid: it holds more than its format has a place for")
    try:
        return model.model_validate_json(content)
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_context=False, include_input=False)
    told = [f"{_field(error['loc'])}: {error['msg'].removeprefix('Value error, ')}" for error in errors[:5]]
    raise RefusedError("HnotInvalid", f"{path} is not valid: {'; '.join(told)}")


def _field(place: tuple[int | str, ...]) -> str:
    return ".".join(shown(part)[1:-1] if isinstance(part, str) else str(part) for part in place) or "document"


def check_owner(path: str, uai: str, school_year: int | None, of: tuple[str, int]) -> None:
    """Refuse a file of another school, or of another school year if it is of one.

    Raises:
        RefusedError: ``UaiMismatch`` or ``SchoolYearMismatch``.
    """
    wanted_uai, wanted_year = of
    if uai != wanted_uai:
        raise RefusedError("UaiMismatch", f"{path} is of the school {uai}; the base is of {wanted_uai}")
    if school_year is not None and school_year != wanted_year:
        raise RefusedError(
            "SchoolYearMismatch",
            f"{path} is of school year {school_year}; the base is being made for {wanted_year}: "
            f"set spec.schoolYear.pin to {school_year}",
        )
