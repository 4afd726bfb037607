"""A writable stand-in for a repository on a volume that is mounted read-only.

A repository whose last writer was killed at an unlucky moment has to be written to before it can be read: borg replays
its last segments into a new index. So small files are copied and segments are linked, and borg works on that.
"""

from __future__ import annotations

import shutil
from pathlib import Path


def shadow_of(repository: Path, folder: Path) -> Path:
    """Make a stand-in.

    Args:
        repository: which is not changed.
        folder: takes the copies: the index of a large base has some tens of megabytes.

    Returns:
        Its path, in the folder.

    Raises:
        OSError: the folder takes no more.
    """
    shadow = folder / "repository"
    shutil.rmtree(shadow, ignore_errors=True)
    (shadow / "data").mkdir(parents=True, mode=0o700)
    for file in repository.iterdir():
        if file.is_file() and not file.name.startswith("lock."):
            shutil.copyfile(file, shadow / file.name)
    for segments in (repository / "data").iterdir():
        (shadow / "data" / segments.name).mkdir()
        for segment in segments.iterdir():
            (shadow / "data" / segments.name / segment.name).symlink_to(segment)
    return shadow
