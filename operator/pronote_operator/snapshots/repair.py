"""What ``borg check`` found, and how a damaged repository is mended without losing what is good in it.

``borg check --repair`` takes out of each segment what does not match its checksum, writes the index anew, and fills the
gaps in snapshots with zeros, which it remembers as gaps. So it touches damaged segments and damaged snapshots only. It
is run once a check that changes nothing has found damage, and after every segment was linked aside: borg replaces files
and never writes into one, so the links keep the originals. Those that were not replaced are given back at once; the
damaged originals stay a week, for a person, or for a disk that can be read again.

A chunk that was lost is stored again when the next snapshot has the same page, because the index does not list it any
more. A further repair then puts it into the gaps: snapshots that shared the page are whole again.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pronote_operator.snapshots.verdict import Run

KEPT_SECONDS: Final = 7 * 86400

_ANALYZING: Final = re.compile(r"Analyzing archive (\S+) \(\d+/\d+\)")
_OF_ARCHIVE: Final = re.compile(r"(\S+): .*(?:New missing file chunk detected|Previously missing file chunk is still)")
_BROKEN: Final = re.compile(r"item metadata chunk missing|Did not get expected metadata|crashed while unpacking|"
                            r"Archive metadata block|while decrypting or unpacking item|integrity error")  # fmt: skip


@dataclass(frozen=True)
class Problems:
    """What one run of ``borg check`` found."""

    any: bool
    archives: frozenset[str]
    """Names of the archives with parts missing."""


def problems_of(run: Run) -> Problems:
    """Read the messages of ``borg check --info``."""
    archives: set[str] = set()
    current = ""
    errors = False
    for message in run.messages:
        text = str(message.get("message", ""))
        errors |= message.get("levelname") in ("ERROR", "CRITICAL")
        if found := _ANALYZING.search(text):
            current = found[1]
        elif found := _OF_ARCHIVE.match(text):
            archives.add(found[1])
        elif current and message.get("levelname") == "ERROR" and _BROKEN.search(text):
            archives.add(current)
    return Problems(errors or bool(archives), frozenset(archives))


def put_aside(repository: Path, folder: Path) -> Path:
    """Link every segment and the settings of a repository aside. Takes no room before segments are replaced.

    Returns:
        The folder with the links.

    Raises:
        OSError: it cannot be done; then nothing may be repaired.
    """
    aside = folder / str(time.time_ns())
    aside.mkdir(parents=True, mode=0o700)
    shutil.copyfile(repository / "config", aside / "config")
    for segment in _files(repository / "data"):
        target = aside / segment.relative_to(repository)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(segment, target)
    return aside


def give_back(aside: Path) -> None:
    """Remove the links to segments that were not replaced."""
    kept = False
    for segment in _files(aside / "data"):
        if segment.stat().st_nlink > 1:
            segment.unlink()
        else:
            kept = True
    if not kept:
        shutil.rmtree(aside, ignore_errors=True)


def forget_old(folder: Path, now: float, *, all_of_them: bool = False) -> None:
    """Remove damaged originals that were kept long enough.

    Args:
        folder: of `put_aside`.
        now: seconds since 1970.
        all_of_them: whatever their age.
    """
    for aside in folder.glob("*") if folder.is_dir() else ():
        if all_of_them or not aside.name.isdigit() or now - int(aside.name) / 1e9 > KEPT_SECONDS:
            shutil.rmtree(aside, ignore_errors=True)


def _files(folder: Path) -> Iterable[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
