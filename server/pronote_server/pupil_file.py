"""The CSV file of `pupil import`, validated as a whole before anything of it is entered."""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from typing import TYPE_CHECKING, Final

from pronote_server.storage.school import NewPupil

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COLUMNS: Final = ("nationalId", "lastName", "firstName", "birthDate", "class")
"""Names in the first line, in any order."""

MAX_FILE_BYTES: Final = 16 * 1024 * 1024
"""Far more than the largest school's file."""

MAX_PUPILS: Final = 20_000
"""Pupils in one file."""

MAX_TOLD: Final = 10
"""Faults that a refusal names."""

NATIONAL_ID: Final = re.compile(r"[0-9A-Z]{11}")
"""The INE: eleven digits and capitals. Its check letter has had several rules over the years and is not looked at."""


class PupilFileError(Exception):
    """The file cannot be imported; the message names lines and fields, never a value of them."""


def read_pupils(path: Path) -> list[tuple[int, NewPupil]]:
    """Read and validate a file; return its pupils, each with the number of its line.

    UTF-8, with or without a byte order mark; separated by commas or by semicolons, as the first line shows.

    Raises:
        PupilFileError: It cannot be read, or a line is not valid.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise PupilFileError(f"The file cannot be read: {error.strerror}.") from None
    if len(content) > MAX_FILE_BYTES:
        raise PupilFileError(f"The file is larger than {MAX_FILE_BYTES} bytes.")
    return parse_pupils(content)


def parse_pupils(content: bytes) -> list[tuple[int, NewPupil]]:
    """Validate the content of a file; see `read_pupils`."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PupilFileError(f"line {line}: is not UTF-8.") from None
    first_line = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in first_line else ",", strict=True)
    pupils: list[tuple[int, NewPupil]] = []
    faults: list[str] = []
    seen: dict[str, int] = {}
    try:
        columns = _columns(next(reader, []))
        for row in reader:
            line = reader.line_num
            if not row:
                continue
            if len(row) != len(columns):
                faults.append(f"line {line}: has {len(row)} fields instead of {len(columns)}")
            else:
                fields = {column: value.strip() for column, value in zip(columns, row, strict=True)}
                found = [f"line {line}: {fault}" for fault in _faults(fields, seen)]
                faults += found
                if not found:
                    seen[fields["nationalId"]] = line
                    pupils.append((line, _pupil(fields)))
            if len(faults) >= MAX_TOLD:
                break
            if len(pupils) > MAX_PUPILS:
                raise PupilFileError(f"The file has more than {MAX_PUPILS} pupils.")
    except csv.Error:
        faults.append(f"line {reader.line_num}: is not valid CSV")
    if faults:
        raise PupilFileError("; ".join(faults[:MAX_TOLD]) + ".")
    return pupils


def _columns(header: list[str]) -> list[str]:
    columns = [name.strip() for name in header]
    if sorted(columns) != sorted(COLUMNS):
        raise PupilFileError(f"line 1: must name the columns {', '.join(COLUMNS)}.")
    return columns


def _faults(fields: dict[str, str], seen: dict[str, int]) -> Iterator[str]:
    if not NATIONAL_ID.fullmatch(fields["nationalId"]):
        yield "nationalId: must be eleven digits and capital letters"
    elif fields["nationalId"] in seen:
        yield f"nationalId: is the same as on line {seen[fields['nationalId']]}"
    for column, longest in (("lastName", 100), ("firstName", 100), ("class", 30)):
        if not 1 <= len(fields[column]) <= longest or not fields[column].isprintable():
            yield f"{column}: must have 1 to {longest} printable characters"
    if _date(fields["birthDate"]) is None:
        yield "birthDate: must be a date such as 2014-05-31, from 1980 to 2199"


def _date(text: str) -> date | None:
    if not re.fullmatch(r"(19[89][0-9]|2[01][0-9]{2})-[0-9]{2}-[0-9]{2}", text, re.ASCII):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _pupil(fields: dict[str, str]) -> NewPupil:
    return NewPupil(
        fields["nationalId"],
        fields["lastName"],
        fields["firstName"],
        date.fromisoformat(fields["birthDate"]),
        fields["class"],
    )
