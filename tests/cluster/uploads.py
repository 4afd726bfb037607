"""Packed files on a claim that is a folder of this machine, good ones and others."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.schools import School
from tests.cluster.volumes import folder_of
from tests.support.kube import Kube

USER = 10001
"""Whom prepare runs as."""


def put(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, and folders for it, which belong to the user of the pods."""
    for folder in reversed(path.parents):
        if not folder.exists():
            folder.mkdir()
            os.chown(folder, USER, USER)
    aside = path.with_name(f".{path.name}.new")
    aside.write_bytes(content)
    os.chown(aside, USER, USER)
    aside.rename(path)


@contextmanager
def claim(kube: Kube, namespace: str, name: str, folder: Path) -> Iterator[None]:
    """A claim `name` whose volume is a folder."""
    volume = f"upload-{secrets.token_hex(4)}"
    common = {"accessModes": ["ReadWriteOnce"], "storageClassName": ""}
    kube.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": volume},
            "spec": {
                **common,
                "capacity": {"storage": "1Gi"},
                "persistentVolumeReclaimPolicy": "Retain",
                "claimRef": {"namespace": namespace, "name": name},
                "hostPath": {"path": str(folder), "type": "Directory"},
            },
        }
    )
    try:
        kube.apply(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": name, "namespace": namespace},
                "spec": {**common, "volumeName": volume, "resources": {"requests": {"storage": "1Gi"}}},
            }
        )
        yield
    finally:
        kube.delete("PersistentVolume", volume, None)


@dataclass(frozen=True)
class Export:
    """What `pronote-server export-hnot` wrote of a base, by file name, and what was in the base."""

    files: dict[str, bytes]
    users: list[str]
    pupils: str
    annexes: dict[str, bytes]

    def put(self, folder: Path, *names: str) -> None:
        """Put files into a folder; all when none is named."""
        for name in names or self.files:
            put(folder / name, self.files[name])


def export(school: School) -> Export:
    """Export a base that serves, with its annexes and users."""
    data = folder_of(school, "data")
    command = ("--output", "/var/lib/pronote/export", "--annexes", "--profils")
    written = school.execute("pronote-server", "export-hnot", *command).split()
    files = {Path(path).name: (data / "export" / Path(path).name).read_bytes() for path in written}
    pupils = school.execute("pronote-server", "pupil", "list")
    return Export(files, school.users(), pupils, annexes_of(school))


def annexes_of(school: School) -> dict[str, bytes]:
    """Annexes of a base by their paths."""
    (year,) = (folder_of(school, "data") / "years").iterdir()
    found = (path for path in (year / "annexes").rglob("*") if path.is_file())
    return {str(path.relative_to(year / "annexes")): path.read_bytes() for path in found}


# Bad files.


def of_another_school(good: bytes, aside: Path) -> bytes:
    """The same base, said to be another school's."""
    return _packed_again(good, aside, lambda manifest: manifest.update(uai="0210066H"))


def truncated(good: bytes, _aside: Path) -> bytes:
    """A copy that ended early."""
    return good[: len(good) // 2]


def with_a_path_out(good: bytes, aside: Path) -> bytes:
    """One more member, whose name leads out of the folder."""
    return _packed_again(good, aside, _listing("../../key", b"x"), {"../../key": (0, b"x")})


def with_a_link(good: bytes, aside: Path) -> bytes:
    """One more member, which is a link."""
    target = b"/etc/pronote/snapshot-key/passphrase"
    return _packed_again(good, aside, _listing("link", target), {"link": (stat.S_IFLNK | 0o777, target)})


def bomb(good: bytes, aside: Path) -> bytes:
    """Half a gigabyte of nothing in half a megabyte."""
    return _packed_again(good, aside, lambda _: None, {"zeros": (0, bytes(512 << 20))})


def _listing(name: str, content: bytes) -> Callable[[dict[str, object]], object]:
    def add(manifest: dict[str, object]) -> None:
        members = manifest["members"]
        assert isinstance(members, list)
        members.append({"name": name, "sha256": hashlib.sha256(content).hexdigest(), "sizeBytes": len(content)})

    return add


def _packed_again(
    good: bytes,
    aside: Path,
    edit: Callable[[dict[str, object]], object],
    more: dict[str, tuple[int, bytes]] | None = None,
) -> bytes:
    path = aside / "again.zip"
    path.write_bytes(good)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members.pop("manifest.json"))
    edit(manifest)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", json.dumps(manifest))
        for name, content in members.items():
            archive.writestr(name, content)
        for name, (mode, content) in (more or {}).items():
            entry = zipfile.ZipInfo(name)
            entry.create_system, entry.external_attr, entry.compress_type = 3, mode << 16, zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return path.read_bytes()
