"""The ground floor of a repository: its files, its locks, its runs of borg, and the list of what is in it."""

from __future__ import annotations

import configparser
import contextlib
import errno
import json
import logging
import re
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

from pronote_operator.api.snapshots import parsed_name
from pronote_operator.snapshots import reserve
from pronote_operator.snapshots.borg import Borg
from pronote_operator.snapshots.catalogue import Catalogue, read_catalogue, write_catalogue
from pronote_operator.snapshots.errors import Reason, SnapshotError
from pronote_operator.snapshots.lock import OwnLock, living_owner
from pronote_operator.snapshots.model import StoredSnapshot, moment, unreadable
from pronote_operator.snapshots.shadow import shadow_of
from pronote_operator.snapshots.verdict import MESSAGES, Message, Run

logger = logging.getLogger(__name__)

QUICK_SECONDS: Final = 900.0
LONG_SECONDS: Final = 6 * 3600.0
"""Bounds of runs of borg that read little (but may have to read the list of chunks anew), and of all others."""

_READERS: Final = frozenset({"list", "export-tar"})

_NONCE: Final = re.compile(rb"[0-9a-f]{16}")

Result = TypeVar("Result")


class Store:
    """See `repository.Repository` for the arguments."""

    def __init__(
        self, path: Path, key_file: Path, *, read_only: bool, cancelled: threading.Event | None, background: bool
    ) -> None:
        self.path = path
        self.read_only = read_only
        self.beside = path.parent
        self.damaged_folder = self.beside / "damaged"
        self._catalogue_file = self.beside / "catalogue.json"
        self._reserve_file = self.beside / "reserve"
        self._config_copy = self.beside / "config.copy"
        self._memory: Catalogue | None = None
        self._shadow: Path | None = None
        self._lock = OwnLock(self.beside / "lock")
        if read_only:
            self._state = Path(tempfile.mkdtemp(prefix="borg-"))
            self._finalizer = weakref.finalize(self, shutil.rmtree, self._state, ignore_errors=True)
        else:
            self._state = self.beside / "borg"
        self.borg = Borg(
            self._state,
            key_file,
            keep_open=lambda: self._lock.descriptors,
            cancelled=cancelled,
            background=background,
        )

    def close(self) -> None:
        """See `repository.Repository.close`."""
        if self.read_only:
            self._finalizer()

    @contextlib.contextmanager
    def work(self) -> Iterator[None]:
        """Hold the repository; whatever a dead process left locked is unlocked. May be nested.

        Raises:
            SnapshotError: ``Busy``; or ``RepositoryMissing`` for a read-only one that is not there.
        """
        if self.read_only:
            if not self.path.is_dir():
                raise SnapshotError(Reason.REPOSITORY_MISSING, MESSAGES[Reason.REPOSITORY_MISSING])
            yield
            return
        with contextlib.ExitStack() as stack:
            with of_volume():
                if stack.enter_context(self._lock.held()):
                    self._break_locks()
            yield

    def run(
        self,
        command: str,
        *arguments: str,
        seconds: float = QUICK_SECONDS,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        on_progress: Callable[[Message], None] | None = None,
        accept: frozenset[int] = frozenset({0}),
    ) -> Run:
        """Run borg; see `borg.Borg.run`. Damaged settings of the repository are replaced by their copy first."""

        def once() -> Run:
            # Anew: a stand-in for the repository has another path.
            words = [*self.reading(command), *(self._standing_in(argument) for argument in arguments)]
            return self.borg.run(
                words, seconds=seconds, folder=folder, environment=environment, on_progress=on_progress, accept=accept
            )

        try:
            return once()
        except SnapshotError as error:
            wrong = error.reason in (Reason.KEY_WRONG, Reason.REPOSITORY_DAMAGED, Reason.STORE_FAILED)
            if not wrong or not (self._stand_in() if self.read_only else self._restore_config()):
                raise
        return once()

    def reading(self, command: str) -> list[str]:
        """The words that a command begins with.

        Reading takes no lock of borg's, which a volume that is full or mounted read-only would not take: ours is held,
        and nobody writes to a volume that is mounted read-only.
        """
        return [command, "--bypass-lock"] if command in _READERS else [command]

    def archive(self, name: str) -> str:
        """borg's word for an archive."""
        return self._standing_in(f"{self.path}::{name}")

    def make(self) -> None:
        """Make the repository, unless it is there. It appears whole or not at all."""
        if self.path.exists() and not self._emptied():
            reserve.keep(self._reserve_file, self.path)
            return
        if self.path.exists():
            logger.error("All data of the repository are gone: it is put aside and made anew")
            self.damaged_folder.mkdir(mode=0o700, exist_ok=True)
            self.path.rename(self.damaged_folder / str(time.time_ns()))
        aside = self.path.with_name(f"{self.path.name}.new")
        shutil.rmtree(aside, ignore_errors=True)
        self.borg.run(["init", "--encryption", "repokey", str(aside)], seconds=QUICK_SECONDS)
        _set_segment_bytes(aside / "config")
        shutil.copyfile(aside / "config", self._config_copy)
        aside.rename(self.path)
        self._catalogue_file.unlink(missing_ok=True)
        reserve.keep(self._reserve_file, self.path)

    def catalogue(self) -> Catalogue:
        """What is remembered, right or not."""
        if self._memory is not None:
            return self._memory
        return read_catalogue(self._catalogue_file)

    def remember(self, catalogue: Catalogue, **members: Any) -> Catalogue:
        """Change what is remembered; ``members`` as of `Catalogue`."""
        catalogue = replace(catalogue, **members)
        if self.read_only:
            self._memory = catalogue
        else:
            write_catalogue(self._catalogue_file, catalogue)
        return catalogue

    def listed(self) -> Catalogue:
        """What is in the repository, from the catalogue if nothing was committed since, else from borg."""
        if not self.path.exists():
            return Catalogue()
        if self._emptied():
            raise SnapshotError(Reason.REPOSITORY_DAMAGED, "all data of the repository of the snapshots are gone")
        known = self.catalogue()
        generation = self._generation()
        if generation and generation == known.generation:
            return known
        listing = json.loads(self.run("list", "--json", str(self.path)).output)
        archives = {str(archive["id"]): str(archive["name"]) for archive in listing["archives"]}
        wanted = {key: name for key, name in archives.items() if _is_name(name)}
        unknown = {key: name for key, name in wanted.items() if key not in known.snapshots}
        found = {key: snapshot for key, snapshot in known.snapshots.items() if key in wanted}
        gone = {snapshot.name: snapshot for key, snapshot in known.snapshots.items() if key not in wanted}
        for key, name, description in self._descriptions(unknown):
            found[key] = _snapshot(name, description, gone.get(name))
        return self.remember(known, snapshots=found, generation=self._generation())

    def committed(self, snapshots: dict[str, StoredSnapshot]) -> None:
        """Remember the list after a change of ours, without asking borg for it. It was right before (`listed`)."""
        self.remember(self.catalogue(), snapshots=snapshots, generation=self._generation())

    def description(self, name: str) -> dict[str, Any]:
        """What a snapshot says of itself.

        Raises:
            SnapshotError: it cannot be read.
        """
        found = self._comments("--glob-archives", name)
        if name not in found:
            raise SnapshotError(Reason.SNAPSHOT_MISSING, f"there is no snapshot {name}")
        return found[name]

    def checkpoints(self) -> list[str]:
        """borg's own marks of snapshots that were interrupted after a long time."""
        listing = json.loads(self.run("list", "--consider-checkpoints", "--json", str(self.path)).output)
        names = [str(archive["name"]) for archive in listing["archives"]]
        return [name for name in names if not _is_name(name) and ".checkpoint" in name]

    def with_reserve(self, action: Callable[[], Result]) -> Result:
        """Do what must work on a full volume as well: deleting, and reading, for which borg writes a little too."""
        try:
            return action()
        except SnapshotError as error:
            if error.reason is not Reason.VOLUME_FULL or self.read_only:
                raise
        logger.warning("The volume of the snapshots is full: its reserve is used")
        reserve.release(self._reserve_file)
        try:
            return action()
        finally:
            self.keep_reserve()

    def keep_reserve(self) -> None:
        """Make the reserve again."""
        reserve.keep(self._reserve_file, self.path)

    def forget_state(self) -> None:
        """Remove borg's memory of the repository: it is read anew, and says nothing that is not there any more."""
        shutil.rmtree(self._state / ".cache", ignore_errors=True)

    def accept_older(self) -> None:
        """Let borg take the repository although it remembers a newer state: its last transaction was lost.

        What borg remembers of nonces stays: none may be used twice.
        """
        self.forget_state()
        for newest in (self._state / ".config" / "borg" / "security").glob("*/manifest-timestamp"):
            newest.unlink()

    def _emptied(self) -> bool:
        """Whether there is nothing left in the repository that could be lost."""
        return not any(file.is_file() for file in (self.path / "data").glob("*/*"))

    def _generation(self) -> str:
        """The repository's last transaction; empty when it was interrupted at an unlucky moment."""
        numbers = [int(file.suffix[1:]) for file in self.path.glob("index.*") if file.suffix[1:].isdigit()]
        return str(max(numbers)) if numbers else ""

    def _descriptions(self, unknown: dict[str, str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
        if not unknown:
            return
        try:
            comments = self._comments()
        except SnapshotError as error:
            if error.reason is not Reason.REPOSITORY_DAMAGED:
                raise
            comments = {}
            for name in unknown.values():
                with contextlib.suppress(SnapshotError):
                    comments |= self._comments("--glob-archives", name)
        for key, name in unknown.items():
            yield key, name, comments.get(name, {})

    def _comments(self, *options: str) -> dict[str, dict[str, Any]]:
        run = self.run("list", "--json", "--format", "{comment}", *options, str(self.path))
        found = {}
        for archive in json.loads(run.output)["archives"]:
            try:
                members = json.loads(archive["comment"])
            except ValueError:
                members = {}
            found[str(archive["name"])] = members if isinstance(members, dict) else {}
        return found

    def _break_locks(self) -> None:
        """Remove what killed borgs left locked. We hold our own lock: none of ours is alive."""
        locks = [
            folder / name
            for folder in (self.path, *(self._state / ".cache" / "borg").glob("*"))
            for name in ("lock.exclusive", "lock.roster")
        ]
        for lock in locks:
            if not lock.exists():
                continue
            owner = living_owner(lock) if lock.is_dir() else None
            if owner is not None:
                raise SnapshotError(Reason.BUSY, f"{MESSAGES[Reason.BUSY]}: borg, process {owner}")
            if lock.is_dir():
                logger.warning("A lock of a process that is gone is broken")
                shutil.rmtree(lock)
            else:
                lock.unlink()

    def _standing_in(self, argument: str) -> str:
        """An argument of borg, with the path of the stand-in instead of the repository's if there is one."""
        path, divider, name = argument.partition("::")
        return f"{self._shadow}{divider}{name}" if self._shadow is not None and path == str(self.path) else argument

    def _stand_in(self) -> bool:
        """Make a stand-in for a repository that cannot be written to and would have to be.

        Returns:
            Whether it was made now.
        """
        if self._shadow is not None:
            return False
        with of_volume():
            self._shadow = shadow_of(self.path, self._state)
        return True

    def mend_small_files(self) -> None:
        """Remove what borg cannot read and makes anew: its cache, and a count of which it keeps a copy."""
        self.forget_state()
        nonce = self.path / "nonce"
        copies = list((self._state / ".config" / "borg" / "security").glob("*/nonce"))
        if copies and nonce.exists() and not _NONCE.fullmatch(nonce.read_bytes()):
            nonce.unlink()

    def _restore_config(self) -> bool:
        """Put the copy of the repository's settings back, if they differ.

        Returns:
            Whether it did.
        """
        config = self.path / "config"
        try:
            copy = self._config_copy.read_bytes()
            now = config.read_bytes() if config.exists() else b""
            if self.read_only or not self.path.is_dir() or now == copy or not copy:
                return False
            logger.error("The settings of the repository are damaged: their copy is put back")
            aside = config.with_name("config.new")
            aside.write_bytes(copy)
            aside.replace(config)
        except OSError:
            return False
        return True


def _is_name(name: str) -> bool:
    try:
        parsed_name(name)
    except ValueError:
        return False
    return True


def _snapshot(name: str, description: dict[str, Any], earlier: StoredSnapshot | None) -> StoredSnapshot:
    """A snapshot by its description; what only the catalogue knows is taken from an ``earlier`` entry of it."""
    try:
        found = StoredSnapshot.from_json({**description, "name": name})
    except (ValueError, KeyError, TypeError):
        return unreadable(name)
    if earlier is None or earlier.taken != moment(description["takenTime"]):
        return found
    return replace(
        found,
        stored_bytes=earlier.stored_bytes,
        duration_seconds=earlier.duration_seconds,
        damaged=earlier.damaged,
        verified=earlier.verified,
    )


def _set_segment_bytes(config: Path) -> None:
    parser = configparser.ConfigParser(interpolation=None)
    # `parser.read` would pass over a fault of the volume in the middle, and what it has read so far is no settings yet:
    # lists of lines, which would be written as such.
    parser.read_string(config.read_text(encoding="utf-8"))
    parser["repository"]["max_segment_size"] = str(reserve.SEGMENT_BYTES)
    with config.open("w", encoding="utf-8") as file:
        parser.write(file)


@contextlib.contextmanager
def of_volume() -> Iterator[None]:
    """What the snapshots' own volume answers, as `SnapshotError`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SnapshotError(Reason.VOLUME_FULL, MESSAGES[Reason.VOLUME_FULL]) from error
        said = f"the volume of the snapshots answered: {error.strerror}"
        raise SnapshotError(Reason.STORE_FAILED, said) from error
