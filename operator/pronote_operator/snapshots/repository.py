"""The repository of a base's snapshots, over the command borg (1.2).

Beside the repository, on the same volume, are ``catalogue.json`` (see `catalogue`), ``lock`` (see `lock`), ``reserve``
(see `reserve`), ``borg/`` (borg's own state: with it a restart of the pod need not read the whole repository again),
``config.copy`` (the repository's settings and its encrypted key, in case the original is damaged) and ``damaged/`` (see
`repair`). Nothing there is readable without the key, but for names, times and sizes.
"""

from __future__ import annotations

import datetime as dt
import errno
import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pronote_operator.api.snapshots import parsed_name
from pronote_operator.snapshots.checks import count_pupils
from pronote_operator.snapshots.errors import Reason, SnapshotError
from pronote_operator.snapshots.members import BASE_FILE, members_of, write_members
from pronote_operator.snapshots.mending import Mender
from pronote_operator.snapshots.model import StoredSnapshot, Verification
from pronote_operator.snapshots.repair import forget_old
from pronote_operator.snapshots.sources import Sources, sources_of, unread
from pronote_operator.snapshots.store import LONG_SECONDS, Store, of_volume
from pronote_operator.snapshots.verdict import Message

logger = logging.getLogger(__name__)

CREATE_OPTIONS: Final = ("--chunker-params", "fixed,4096", "--compression", "zstd,3")
"""4096 is the page of SQLite: a page that did not change is not stored again."""

CREATE_CODES: Final = frozenset({0, 1})
"""``borg create`` ends with 1 when it warns: of what, is looked at."""

MARGIN_BYTES: Final = 64 << 20
"""Room that a verification leaves on the volume of its scratch folder: the school writes there too."""

Progress = Callable[[int, int], None]
"""Gets bytes done and bytes in all, on whatever thread."""


class Repository:
    """One repository. Every method may block for long, and raises `SnapshotError`.

    Args:
        path: its folder. It is made at the first `take`; the folder that it is in exists.
        key_file: holds the passphrase.
        read_only: nothing is written, not even a lock: for a volume that is mounted read-only.
        cancelled: ends, once set, what is under way with the reason ``Cancelled``.
        background: whether borg gives way to everybody else.
        mends: whether a damaged repository is mended, which may take long. Where not, what is damaged fails, and the
            next snapshot of somebody who may mends it first.
    """

    def __init__(
        self,
        path: Path,
        key_file: Path,
        *,
        read_only: bool = False,
        cancelled: threading.Event | None = None,
        background: bool = False,
        mends: bool = True,
    ) -> None:
        self._store = Store(path, key_file, read_only=read_only, cancelled=cancelled, background=background)
        self._mender = Mender(self._store, allowed=mends)

    def close(self) -> None:
        """Remove what a read-only repository keeps in the folder for temporary files; it is of no use afterwards.

        Else that happens when the process ends, but not when it is ended by ``os._exit``.
        """
        self._store.close()

    # Reading

    def snapshots(self) -> tuple[StoredSnapshot, ...]:
        """All snapshots, oldest first; none when a repository was never made here.

        Raises:
            SnapshotError: the repository cannot be read; ``RepositoryMissing`` when a read-only one is not there.
        """
        with self._store.work():
            return self._store.with_reserve(self._store.listed).ordered

    def remembered(self) -> tuple[StoredSnapshot, ...]:
        """What `snapshots` gave the last time, oldest first. Never runs borg, never raises."""
        return self._store.catalogue().ordered

    def find(self, name: str) -> StoredSnapshot:
        """The snapshot of a name.

        Raises:
            SnapshotError: ``SnapshotMissing``, or the repository cannot be read.
        """
        found = self._by_name(name)
        if found is None:
            raise SnapshotError(Reason.SNAPSHOT_MISSING, f"there is no snapshot {name}")
        return found

    def extract(self, name: str, into: Path) -> StoredSnapshot:
        """Write ``base.sqlite`` and, if the snapshot has annexes, ``annexes/`` into a folder, and sync them.

        Args:
            into: made when it is not there; nothing in it is replaced.

        Raises:
            SnapshotError: ``SnapshotMissing``, ``SnapshotDamaged`` (what came so far is left there), …
            OSError: the folder's volume failed.
        """
        store = self._store
        with store.work():
            snapshot = self.find(name)
            into.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                whole = store.with_reserve(lambda: self._written(name, into))
            except SnapshotError as error:
                if error.reason is not Reason.REPOSITORY_DAMAGED:
                    raise
                # If the list of snapshots can be read, it is this one that is damaged.
                store.run("list", "--json", str(store.path))
                raise SnapshotError(Reason.SNAPSHOT_DAMAGED, f"parts of {name} cannot be read") from error
            if not whole:
                raise SnapshotError(Reason.SNAPSHOT_DAMAGED, f"{name} cannot be read to its end")
            return snapshot

    def verify(self, name: str, scratch: Path) -> Verification:
        """Read a snapshot as a whole: extract it aside, open its base, and have borg check every datum.

        Args:
            scratch: a folder for the extraction, removed before and after. Nothing else may be in it.

        Raises:
            SnapshotError: ``SnapshotDamaged``: remembered, see `StoredSnapshot.damaged`. ``RepositoryDamaged``: this
                snapshot is good, and the repository holds damage elsewhere. ``NoRoom``: nothing was tried.
        """
        store = self._store
        with store.work():
            snapshot = self.find(name)
            try:
                pupils, size = self._opened_aside(snapshot, scratch)
            except SnapshotError as error:
                if error.reason is Reason.SNAPSHOT_DAMAGED:
                    store.remember(store.catalogue().marked(name, damaged=True), suspect=True)
                elif error.reason is Reason.REPOSITORY_DAMAGED:
                    store.remember(store.catalogue(), suspect=True)
                raise
            if store.with_reserve(lambda: self._mender.check("--verify-data", store.archive(name))).any:
                store.remember(store.catalogue().marked(name, damaged=False), suspect=True)
                said = f"{name} is good, but the repository that it is in holds damage"
                raise SnapshotError(Reason.REPOSITORY_DAMAGED, said)
            verified = dt.datetime.now(dt.UTC)
            store.remember(store.catalogue().marked(name, damaged=False, verified=verified))
            return Verification(name, pupils, size, verified)

    @property
    def repository_bytes(self) -> int:
        """What the repository takes on its volume; without the reserve and borg's own state."""
        found = 0
        for folder, _, names in os.walk(self._store.path):
            for name in names:
                try:
                    found += Path(folder, name).lstat().st_blocks * 512
                except FileNotFoundError:
                    continue
        return found

    @property
    def volume_free_bytes(self) -> int:
        """What is free on its volume."""
        return _free_bytes(self._store.beside)

    # Writing

    def take(
        self,
        name: str,
        *,
        base: Path,
        annexes: Path | None,
        uai: str,
        school_year: int,
        version: str,
        taken: dt.datetime,
        progress: Progress | None = None,
    ) -> StoredSnapshot:
        """Store a snapshot. One of that name that is there already is given back, and nothing is stored.

        Args:
            name: see `api.snapshots`.
            base: folder with ``base.sqlite``, to which nobody writes (a checkpoint).
            annexes: folder of the annexes, or None for a snapshot without; files that come and go in it do no harm.
            taken: the moment that the base is of.
            progress: see `Progress`.

        Raises:
            SnapshotError: nothing half stored is listed. (What is ended after borg's commit is there, whole, and is
                given back when it is asked for again.)
            ValueError: the name is none.
        """
        kind, _ = parsed_name(name)
        store = self._store
        with store.work(), of_volume():
            store.make()
            if store.catalogue().suspect:
                self._mender.mend()
            there = self._mender.mending(lambda: self._by_name(name))
            if there is not None:
                return there
            sources = sources_of(base, annexes)
            described = StoredSnapshot(
                name, kind, school_year, version, uai, taken, sources.size_bytes, 0, 0.0, False, annexes is not None
            )
            self._mender.mending(lambda: self._store_archive(described, sources, progress))
            if store.catalogue().mended:
                self._mender.fill_gaps()
            return self.find(name)

    def delete(self, names: Iterable[str]) -> None:
        """Delete snapshots; a name that is not there is as good as deleted. Their room comes back by `compact`.

        Works on a full volume: the reserve is given away for it.
        """
        store = self._store
        with store.work(), of_volume():
            if not store.path.exists():
                return
            wanted = list(dict.fromkeys(names))
            self._mender.mending(lambda: store.with_reserve(lambda: self._delete(wanted)))

    def compact(self) -> None:
        """Give the room of deleted snapshots, and of what was left half stored, back to the volume."""
        store = self._store
        with store.work(), of_volume():
            if not store.path.exists():
                return
            forget_old(store.damaged_folder, time.time(), all_of_them=self.volume_free_bytes < MARGIN_BYTES)
            listed = self._mender.mending(store.listed).snapshots
            self._mender.mending(
                lambda: store.with_reserve(
                    lambda: store.run("compact", "--threshold", "5", str(store.path), seconds=LONG_SECONDS)
                )
            )
            store.keep_reserve()
            store.committed(listed)

    # Steps

    def _by_name(self, name: str) -> StoredSnapshot | None:
        return next((found for found in self._store.listed().ordered if found.name == name), None)

    def _written(self, name: str, into: Path) -> bool:
        store = self._store
        annexes = store.description(name).get("annexesPath")
        listing = ["--json-lines", "--format", "{type}{path}{size}{source}{health}", store.archive(name)]
        run = store.run("list", *listing, seconds=LONG_SECONDS)
        members = members_of(run.output.splitlines(), annexes, name)
        words = [*store.reading("export-tar"), store.archive(name), "-"]
        with store.borg.stream(words, seconds=LONG_SECONDS) as (tar, _):
            return write_members(tar, members, into, name)

    def _opened_aside(self, snapshot: StoredSnapshot, scratch: Path) -> tuple[int | None, int]:
        """Pupils and bytes of a snapshot that is extracted for a moment."""
        no_room = SnapshotError(Reason.NO_ROOM, f"verifying {snapshot.name} takes {snapshot.size_bytes} bytes of room")
        shutil.rmtree(scratch, ignore_errors=True)
        try:
            scratch.mkdir(mode=0o700, parents=True)
            if _free_bytes(scratch) < snapshot.size_bytes + MARGIN_BYTES:
                raise no_room
            self.extract(snapshot.name, scratch)
            pupils = count_pupils(scratch / BASE_FILE, snapshot.name)
            return pupils, sum(file.stat().st_size for file in scratch.rglob("*") if file.is_file())
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise no_room from error
            raise SnapshotError(Reason.STORE_FAILED, f"the scratch folder answered: {error.strerror}") from error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _store_archive(self, described: StoredSnapshot, sources: Sources, progress: Progress | None) -> None:
        store = self._store

        def on_progress(message: Message) -> None:
            if progress is not None and message.get("type") == "archive_progress" and "original_size" in message:
                progress(min(int(message["original_size"]), sources.size_bytes), sources.size_bytes)

        run = store.run(
            "create",
            "--json",
            "--progress",
            "--list",
            "--filter",
            "EC",
            *CREATE_OPTIONS,
            "--comment",
            _comment(described, sources.annexes_path),
            *sources.options,
            store.archive(described.name),
            *sources.paths,
            seconds=LONG_SECONDS,
            folder=sources.base,
            environment=sources.environment,
            on_progress=on_progress,
            accept=CREATE_CODES,
        )
        unreadable = unread(run, sources)
        if unreadable:
            self._delete_archives([described.name])
            said = f"{len(unreadable)} files could not be read whole, the first is {unreadable[0][-200:]}"
            raise SnapshotError(Reason.CHECKPOINT_FAILED, said)
        archive = json.loads(run.output)["archive"]
        stored = replace(
            described,
            stored_bytes=int(archive["stats"]["deduplicated_size"]),
            duration_seconds=round(float(archive["duration"]), 3),
        )
        store.committed({**store.catalogue().snapshots, str(archive["id"]): stored})

    def _delete(self, names: list[str]) -> None:
        store = self._store
        listed = {snapshot.name for snapshot in store.listed().ordered}
        doomed = [name for name in names if name in listed] + store.checkpoints()
        if doomed:
            self._delete_archives(doomed)

    def _delete_archives(self, names: list[str]) -> None:
        store = self._store
        store.run("delete", str(store.path), *names, seconds=LONG_SECONDS)
        store.committed({key: kept for key, kept in store.catalogue().snapshots.items() if kept.name not in names})


def _comment(described: StoredSnapshot, annexes_path: str | None) -> str:
    """What a snapshot says of itself; borg reads braces as placeholders unless they are doubled."""
    members: dict[str, Any] = {**described.as_json(), "annexesPath": annexes_path}
    for known_later in ("storedBytes", "durationSeconds", "damaged", "verifiedTime"):
        del members[known_later]
    return json.dumps(members, ensure_ascii=False).replace("{", "{{").replace("}", "}}")


def _free_bytes(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
