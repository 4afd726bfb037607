"""The commands `pronote-server pupil …`: they open the base themselves, also while the server has it open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pronote_server.errors import EXIT_USAGE, StartError
from pronote_server.pupil_file import PupilFileError, read_pupils
from pronote_server.storage import school
from pronote_server.storage.connection import write_transaction
from pronote_server.storage.database import own_base

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def import_file(environment: Mapping[str, str], path: Path) -> int:
    """Enter every pupil of a file, or none; return how many.

    Raises:
        StartError: The base cannot be opened, or a line of the file is not valid: names the line and the field.
    """
    try:
        pupils = read_pupils(path)
    except PupilFileError as error:
        raise StartError(str(error), EXIT_USAGE) from None
    with own_base(environment) as connection:
        try:
            with write_transaction(connection):
                school.add_pupils(connection, [pupil for _, pupil in pupils])
        except school.PupilExists as error:
            line = pupils[error.position][0]
            raise StartError(f"line {line}: nationalId: this pupil is in the base already.", EXIT_USAGE) from None
    return len(pupils)


def every(environment: Mapping[str, str]) -> list[school.Pupil]:
    """Return the pupils, by id.

    Raises:
        StartError: The base cannot be opened.
    """
    with own_base(environment) as connection:
        return school.list_pupils(connection, 0, -1)


def count(environment: Mapping[str, str]) -> int:
    """Return how many pupils there are.

    Raises:
        StartError: The base cannot be opened.
    """
    with own_base(environment) as connection:
        return school.count_pupils(connection)
