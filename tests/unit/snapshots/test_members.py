"""What a tar stream of borg brings is written below a folder."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from pronote_operator.snapshots.members import Member, write_members


def test_a_stream_is_read_to_its_end_however_the_end_falls_into_its_records(tmp_path: Path) -> None:
    # The first block of the end is the last of a record of 20 blocks; the second one is in a record of its own.
    content = b"x" * (18 * tarfile.BLOCKSIZE)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        item = tarfile.TarInfo("base.sqlite")
        item.size = len(content)
        tar.addfile(item, io.BytesIO(content))
    assert len(packed.getvalue()) == 2 * tarfile.RECORDSIZE
    packed.seek(0)
    members = {"base.sqlite": Member("base.sqlite", "base.sqlite", False, len(content))}
    assert write_members(packed, members, tmp_path, "archive-20261124T0130Z")
    assert packed.read() == b""
    assert (tmp_path / "base.sqlite").read_bytes() == content
