"""What goes into a snapshot, while the school is at work on its annexes."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pronote_operator.snapshots import Reason, SnapshotError
from pronote_operator.snapshots.sources import sources_of

BASE, LETTER, PHOTO = b"b" * 4096, b"l" * 100, b"p" * 20


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A checkpoint."""
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "base.sqlite").write_bytes(BASE)
    return folder


@pytest.fixture
def annexes(tmp_path: Path) -> Path:
    """A letter, and photos two folders down."""
    folder = tmp_path / "annexes"
    (folder / "photos/6A").mkdir(parents=True)
    (folder / "letter.txt").write_bytes(LETTER)
    for number in range(3):
        (folder / f"photos/6A/{number}.jpg").write_bytes(PHOTO)
    return folder


def delete_letter(annexes: Path) -> None:
    (annexes / "letter.txt").unlink()


def delete_photo(annexes: Path) -> None:
    (annexes / "photos/6A/1.jpg").unlink()


def delete_class(annexes: Path) -> None:
    shutil.rmtree(annexes / "photos/6A")


def delete_photos(annexes: Path) -> None:
    shutil.rmtree(annexes / "photos")


def make_a_file_of_class(annexes: Path) -> None:
    delete_class(annexes)
    (annexes / "photos/6A").write_bytes(PHOTO)


@pytest.mark.parametrize(
    ("listed", "change", "annexes_bytes"),
    [
        (".", delete_letter, 3 * len(PHOTO)),
        (".", delete_photos, len(LETTER)),
        ("photos", delete_class, len(LETTER)),
        ("photos", make_a_file_of_class, len(LETTER)),
        ("photos/6A", delete_photo, len(LETTER) + 2 * len(PHOTO)),
        ("photos/6A", delete_class, len(LETTER)),
        ("photos/6A", make_a_file_of_class, len(LETTER)),
    ],
)
def test_annexes_that_vanish_once_their_folder_was_listed_are_passed_over(
    checkpoint: Path,
    annexes: Path,
    monkeypatch: pytest.MonkeyPatch,
    listed: str,
    change: Callable[[Path], None],
    annexes_bytes: int,
) -> None:
    real = os.scandir

    def scandir(path: str) -> list[os.DirEntry[str]]:
        entries = list(real(path))
        if Path(path) == annexes / listed:
            with monkeypatch.context() as unchanged:
                unchanged.setattr(os, "scandir", real)
                change(annexes)
        return entries

    monkeypatch.setattr(os, "scandir", scandir)
    found = sources_of(checkpoint, annexes)
    assert found.size_bytes == len(BASE) + annexes_bytes
    assert found.excluded == ()


class Unreadable:
    """An entry of a folder on a disk that fails."""

    path = "unreadable"

    def is_dir(self, *, follow_symlinks: bool) -> bool:
        return False

    def stat(self, *, follow_symlinks: bool) -> os.stat_result:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_annexes_whose_disk_fails_are_no_failure_of_the_snapshots_volume(
    checkpoint: Path, annexes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "scandir", lambda _: [Unreadable()])
    with pytest.raises(SnapshotError, match="annexes cannot be read: Input/output error") as failed:
        sources_of(checkpoint, annexes)
    assert failed.value.reason is Reason.CHECKPOINT_FAILED


def test_links_and_devices_among_the_annexes_are_left_out(checkpoint: Path, annexes: Path) -> None:
    (annexes / "link").symlink_to(checkpoint / "base.sqlite")
    (annexes / "nowhere").symlink_to("nothing")
    os.mkfifo(annexes / "photos/pipe")
    found = sources_of(checkpoint, annexes)
    assert set(found.excluded) == {str(annexes / name) for name in ("link", "nowhere", "photos/pipe")}
    assert found.size_bytes == len(BASE) + len(LETTER) + 3 * len(PHOTO)
