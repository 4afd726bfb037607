"""The annexes (fichiers annexes) of a base: plain files beside it, in a folder for each kind."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from pronote_server.hnot.packing import Source

if TYPE_CHECKING:
    from pathlib import Path

FOLDER: Final = "annexes"
"""Folder beside `base.sqlite`."""

MAX_NAME_BYTES: Final = 1024
"""Longest path of an annex below the folder of its kind, bytes."""

MAX_DEPTH: Final = 16
"""Most parts of such a path."""


class AnnexKind(StrEnum):
    """Kind of an annex file: the name of its folder, and `kind` in its manifest."""

    PHOTOS = "photos"
    LETTERS = "letters"
    DOCUMENTS = "documents"

    @property
    def suffix(self) -> str:
        """End of the packed file's name: photos, courriers, documents joints."""
        return {"photos": ".HPHOTOS", "letters": ".HCOURRIERS", "documents": ".HDOCJOINTS"}[self.value]


@dataclass(frozen=True)
class Annexes:
    """What the folder of annexes holds.

    Attributes:
        files: The files of each kind that has any, by name.
        left_out: How many entries cannot be packed: outside the three folders, no regular files, or a name that the
            format does not allow.
    """

    files: dict[AnnexKind, tuple[Source, ...]]
    left_out: int


def find_annexes(year_folder: Path) -> Annexes:
    """Look for the annexes of a base. Links are never followed.

    Raises:
        OSError: A folder cannot be read.
    """
    root = year_folder / FOLDER
    files: dict[AnnexKind, list[Source]] = {}
    left_out = 0
    for folder, subfolders, names in os.walk(root, onerror=_fail):
        # A link to a folder stands among the folders and is not walked into: it counts among what is left out.
        left_out += sum(os.path.islink(os.path.join(folder, name)) for name in subfolders)  # noqa: PTH114, PTH118
        for name in names:
            path = root / os.path.relpath(folder, root) / name
            parts = path.relative_to(root).parts
            inner = "/".join(parts[1:])
            if parts[0] not in set(AnnexKind) or not _may_be_packed(path, inner):
                left_out += 1
                continue
            files.setdefault(AnnexKind(parts[0]), []).append(Source(inner, f"files/{inner}", path))
    return Annexes(
        {kind: tuple(sorted(files[kind], key=lambda one: one.name)) for kind in AnnexKind if kind in files}, left_out
    )


def _may_be_packed(path: Path, inner: str) -> bool:
    if not stat.S_ISREG(path.lstat().st_mode) or not inner or inner.count("/") >= MAX_DEPTH:
        return False
    try:
        encoded = inner.encode()
    except UnicodeEncodeError:
        return False
    return len(encoded) <= MAX_NAME_BYTES and not re.search(r"[\x00-\x1f\x7f\\]", inner)


def _fail(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
