"""Opens the files that ``source.hnot`` names, below the claim and nowhere else."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from pronote_operator.prepare.outcome import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOT_PLAIN = (errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.ENODEV)


@contextmanager
def uploaded(root: str, path: str) -> Iterator[IO[bytes]]:
    """Open a plain file of the claim for reading.

    No link is followed, not even among the folders: whoever fills a claim must not choose what else prepare reads, such
    as the key of the snapshots.

    Args:
        root: where the claim is mounted.
        path: of the file in it, a `ClaimPath`.

    Raises:
        RefusedError: ``HnotMissing``, ``HnotInvalid`` (no plain file, or a link on the way), ``HnotUnreadable``.
        OSError: the claim failed.
    """
    descriptor = _descend(root, path)
    try:
        plain = stat.S_ISREG(os.fstat(descriptor).st_mode)
        if not plain:
            raise RefusedError("HnotInvalid", f"{path} is no plain file")
        file = os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise
    with file:
        yield file


def _descend(root: str, path: str) -> int:
    try:
        here = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise RefusedError("HnotMissing", f"{path} cannot be found: the claim of source.hnot is not mounted") from None
    except PermissionError:
        message = f"{path} cannot be reached: user {os.getuid()} may not open the claim's root folder; change its mode"
        raise RefusedError("HnotUnreadable", message) from None
    parts = path.split("/")
    for number, part in enumerate(parts, start=1):
        # NONBLOCK: opening a pipe would wait for a writer that never comes.
        flags = os.O_NONBLOCK if number == len(parts) else os.O_DIRECTORY
        try:
            there = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=here)
        except OSError as error:
            raise _explained(error, path) from None
        finally:
            os.close(here)
        here = there
    return here


def _explained(error: OSError, path: str) -> Exception:
    if error.errno == errno.ENOENT:
        return RefusedError("HnotMissing", f"{path} is not on the claim of source.hnot")
    if error.errno in _NOT_PLAIN:
        return RefusedError("HnotInvalid", f"{path} is no plain file, or is reached by a link: links are not followed")
    if error.errno in (errno.EACCES, errno.EPERM):
        return RefusedError("HnotUnreadable", f"{path} cannot be read by user {os.getuid()}: change its mode")
    return OSError(error.errno, error.strerror, path)
