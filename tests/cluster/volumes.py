"""Volumes of bases as folders of this machine, where a test can do to them what a disk does at its worst."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.schools import School


def folder_of(school: School, which: str) -> Path:
    """The folder of a volume: `data` or `snapshots`."""
    claim = school.child("PersistentVolumeClaim", f"{school.name}-{which}")
    volume = school.kube.get("PersistentVolume", claim["spec"]["volumeName"], None)
    assert volume is not None, "the claim is not bound"
    return Path(volume["spec"]["local"]["path"])


def segments(school: School) -> list[Path]:
    """The files that hold the data of the snapshots, oldest first."""
    data = folder_of(school, "snapshots") / "repository" / "data"
    return sorted((path for path in data.glob("*/*") if path.name.isdigit()), key=lambda path: int(path.name))


def flip_a_byte(path: Path) -> None:
    """Change the byte in the middle of a file, in place."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        (byte,) = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 0xFF]))


def add_annex(school: School, size: int) -> Path:
    """A photo in the annexes: bytes that are nowhere else."""
    (year,) = (folder_of(school, "data") / "years").iterdir()
    path = year / "annexes" / f"photo-{secrets.token_hex(4)}.jpg"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(secrets.token_bytes(size))
    for made in (path.parent, path):
        owner = year.stat()
        os.chown(made, owner.st_uid, owner.st_gid)
    return path


@contextmanager
def small(school: School, which: str, size: str, aside: Path) -> Iterator[Path]:
    """Let a volume be a small one (a tmpfs) with the same content; the base must be stopped at both ends.

    Args:
        school: whose.
        which: volume.
        size: as mount takes it, `80m`.
        aside: an empty folder to work in.

    Yields:
        The volume's folder.
    """
    folder = folder_of(school, which)
    _run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0777", "tmpfs", str(aside))
    try:
        _run("cp", "-a", f"{folder}/.", str(aside))
        _run("mount", "--bind", str(aside), str(folder))
        try:
            yield folder
        finally:
            _run("umount", "--lazy", str(folder))
    finally:
        _run("umount", "--lazy", str(aside))


def fill(folder: Path) -> Path:
    """Take all free room of a volume; the file to remove again."""
    filler = folder / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(shutil.disk_usage(folder).free, 1))
    return filler


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
