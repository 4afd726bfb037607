"""(h) What the snapshots of a base take on their volume, and what taking one costs in CPU."""

from __future__ import annotations

import ctypes
import datetime as dt
import resource
import shutil
import statistics
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bench.figures import Figure
from bench.school_days import MARKS_A_DAY, SchoolBase, changed_pages
from local_cluster.progress import Progress
from pronote_operator.api.snapshots import SnapshotKind, snapshot_name
from pronote_operator.snapshots import Repository, StoredSnapshot

KEY: Final = "h"
DAYS: Final = 30
BACKUPS: Final = 12
SNAPSHOTS: Final = DAYS + BACKUPS
MEGABYTES: Final = 50
LARGE_MEGABYTES: Final = 500
SHARE: Final = 0.01

_START: Final = dt.datetime(2026, 10, 1, 1, 30, tzinfo=dt.UTC)


@dataclass
class Shelf:
    """A repository for one base, and the CPU that its snapshots cost."""

    root: Path
    repository: Repository
    cpu_seconds: list[float]
    number: int = 0

    def take(self, base: SchoolBase) -> StoredSnapshot:
        """Take the next snapshot; only storing it is measured, the copy is the server's work."""
        checkpoint = base.checkpoint(self.root / "checkpoint")
        slot = _START + dt.timedelta(hours=2 * self.number)
        self.number += 1
        before = _cpu_seconds()
        found = self.repository.take(
            snapshot_name(SnapshotKind.BACKUP, slot),
            base=checkpoint,
            annexes=None,
            uai="0750654D",
            school_year=2026,
            version="bench",
            taken=slot,
        )
        self.cpu_seconds.append(_cpu_seconds() - before)
        return found

    @property
    def bytes(self) -> int:
        """Length of the repository's files, once what is superseded was given back."""
        self.repository.compact()
        return sum(file.stat().st_size for file in (self.root / "repository").rglob("*") if file.is_file())


def measure(progress: Progress, folder: Path | None = None) -> list[Figure]:
    """Measure all three; some minutes.

    Args:
        folder: for bases and repositories, 3 GB; a temporary one when None.
    """
    with tempfile.TemporaryDirectory(dir=folder) as root:
        with progress.step(f"(h) {SNAPSHOTS} snapshots of school days"):
            days = _school_days(_shelf(Path(root), "days"), MARKS_A_DAY)
            busy, _ = _school_days(_shelf(Path(root), "busy"), 3 * MARKS_A_DAY)
            busy = replace(busy, name=f"{busy.name} with three times the marks", goal=None, strict=False)
        with progress.step(f"(h) {SNAPSHOTS} snapshots with {SHARE:.0%} of all rows rewritten"):
            rewritten = _rewritten(_shelf(Path(root), "rewritten"))
        with progress.step(f"(h) a base of {LARGE_MEGABYTES} MB"):
            large = _large(_shelf(Path(root), "large"))
    return [*days, busy, *rewritten, *large]


def _school_days(shelf: Shelf, marks: int) -> list[Figure]:
    """30 nights, then 12 backups over the last day: what the default policy keeps."""
    base = SchoolBase(shelf.root / "live.sqlite", MEGABYTES, marks=marks)
    for _ in range(DAYS):
        base.write_day()
        shelf.take(base)
    for _ in range(BACKUPS):
        base.write_day(1 / BACKUPS)
        shelf.take(base)
    size, stored = base.size_bytes, shelf.bytes
    base.close()
    note = f"{stored / 1e6:.1f} MB for {SNAPSHOTS} snapshots of a base that ends with {size / 1e6:.1f} MB"
    return [
        Figure(KEY, f"storage of {SNAPSHOTS} snapshots, school days", stored / size, "bases", 2, True, note),
        _cpu(shelf, MEGABYTES),
    ]


def _rewritten(shelf: Shelf) -> list[Figure]:
    base = SchoolBase(shelf.root / "live.sqlite", MEGABYTES, seed=2)
    shelf.take(base)
    first = shelf.bytes
    earlier = shelf.root / "earlier.sqlite"
    compressed = 0
    for _ in range(SNAPSHOTS - 1):
        shutil.copyfile(shelf.root / "checkpoint" / "base.sqlite", earlier)
        base.rewrite(SHARE)
        shelf.take(base)
        compressed += _compressed(changed_pages(earlier, shelf.root / "checkpoint" / "base.sqlite"))
    base.close()
    grown = shelf.bytes - first
    count = SNAPSHOTS - 1
    note = (
        f"{grown / count / 1e6:.2f} MB a snapshot; the changed pages, each with zstd 3: {compressed / count / 1e6:.2f}"
    )
    return [
        Figure(KEY, f"growth over changed pages, {SHARE:.0%} of rows", grown / compressed, "", 1.3, False, note),
        Figure(KEY, "CPU per snapshot, 50 MB, 1% of rows", statistics.median(shelf.cpu_seconds[1:]), "s"),
    ]


def _large(shelf: Shelf) -> list[Figure]:
    base = SchoolBase(shelf.root / "live.sqlite", LARGE_MEGABYTES, seed=3)
    for _ in range(4):
        base.write_day()
        shelf.take(base)
    base.close()
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return [
        _cpu(shelf, LARGE_MEGABYTES),
        Figure(KEY, "memory of borg at most", peak, "MiB", note=f"resident, for bases of up to {LARGE_MEGABYTES} MB"),
    ]


def _cpu(shelf: Shelf, megabytes: int) -> Figure:
    first, *later = shelf.cpu_seconds
    note = f"median of {len(later)}, after a school day; the first one {first:.2f} s"
    return Figure(KEY, f"CPU per snapshot, {megabytes} MB", statistics.median(later), "s", note=note)


def _shelf(root: Path, name: str) -> Shelf:
    folder = root / name
    folder.mkdir()
    (root / "key").write_text("bench")
    return Shelf(folder, Repository(folder / "repository", root / "key"), [])


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _compressed(pages: Iterable[bytes]) -> int:
    """What pages come to when each is compressed as borg compresses a chunk."""
    library = ctypes.CDLL("libzstd.so.1")
    library.ZSTD_compress.restype = ctypes.c_size_t
    library.ZSTD_compress.argtypes = [
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_int,
    ]
    target = ctypes.create_string_buffer(8192)
    return sum(int(library.ZSTD_compress(target, len(target), page, len(page), 3)) for page in pages)
