"""A data volume, and a claim with packed files, good ones and others."""

from __future__ import annotations

import copy
import hashlib
import json
import sqlite3
import zipfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pronote_operator.prepare import main
from tests.volumes.prepare.conftest import PLAN, Volume, make_volume

UAI, YEAR = "0750654D", 2026
HASH = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43
PHOTOS = {"1A/moreau.jpg": b"a face", "1A/petit.jpg": b"another", "été.jpg": b"\0" * 5000}
USERS = [
    {"username": "durand", "modes": ["enseignant"], "superadministrator": False, "locked": False, "passwordHash": HASH},
    {
        "username": "Zoé",
        "modes": ["administratif", "vie-scolaire"],
        "superadministrator": True,
        "locked": True,
        "passwordHash": HASH,
    },
]

IDENTIFIED: list[dict[str, Any]] = [
    {
        "username": "durand",
        "espaces": ["Professeurs"],
        "modes": ["enseignant"],
        "superadministrator": False,
        "locked": False,
        "passwordHash": HASH,
        "identity": {
            "pronoteId": "A8BT6EGHDW3QFPX1",
            "person": {"kind": "teacher", "lastName": "DURAND", "firstName": "Paul", "externalId": "epp:4711"},
        },
        "casAccounts": [],
    },
    {
        "username": "anne",
        "espaces": ["Parents", "Accompagnants"],
        "modes": [],
        "superadministrator": False,
        "locked": False,
        "passwordHash": HASH,
        "identity": {
            "pronoteId": "A8BT6EGHDW3QFPX2",
            "person": {
                "kind": "guardian",
                "lastName": "LEFÈVRE",
                "firstName": "Anne",
                "birthDate": "1985-01-31",
                "children": ["060000001AB"],
            },
        },
        "casAccounts": [{"casUrl": "https://ent.example.org/cas", "user": "anne.l"}],
    },
    {
        "username": "zoe",
        "espaces": ["Eleves"],
        "modes": [],
        "superadministrator": False,
        "locked": True,
        "passwordHash": HASH,
        "identity": {"pronoteId": "A8BT6EGHDW3QFPX3", "pupil": "060000001AB"},
        "casAccounts": [],
    },
    {
        "username": "admin",
        "espaces": [],
        "modes": ["administratif"],
        "superadministrator": True,
        "locked": False,
        "passwordHash": HASH,
        "identity": None,
        "casAccounts": [],
    },
]

Edit = Callable[[dict[str, Any]], object]


def nothing(_document: dict[str, Any]) -> None:
    """No change."""


def base_content(folder: Path, uai: str = UAI, school_year: int = YEAR) -> bytes:
    """A small base with the table by which the reference server knows its own."""
    path = folder / "made.sqlite"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as base, base:
        base.execute("CREATE TABLE base (id INTEGER PRIMARY KEY, uai TEXT, school_year INTEGER)")
        base.execute("INSERT INTO base VALUES (1, ?, ?)", (uai, school_year))
        base.execute("CREATE TABLE pupils (id INTEGER PRIMARY KEY, name TEXT)")
        base.executemany("INSERT INTO pupils (name) VALUES (?)", [(f"Nom {number}",) for number in range(500)])
    content = path.read_bytes()
    path.unlink()
    return content


def described(members: dict[str, bytes], **head: object) -> dict[str, Any]:
    """A manifest of members."""
    common = {"uai": UAI, "schoolYear": YEAR, "version": "2026.2.5", "createdTime": "2026-11-24T08:00:00Z"}
    listed = [
        {"name": name, "sha256": hashlib.sha256(content).hexdigest(), "sizeBytes": len(content)}
        for name, content in members.items()
    ]
    return {**common, **head, "members": listed}


Entries = Sequence[tuple[str | zipfile.ZipInfo, bytes]]


def write_zip(path: Path, manifest: object, entries: Entries) -> Path:
    """A zip with a manifest, unless that is None, and entries."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        if manifest is not None:
            archive.writestr("manifest.json", manifest if isinstance(manifest, bytes) else json.dumps(manifest))
        for entry, content in entries:
            archive.writestr(entry, content)
    return path


def checksum(document: dict[str, Any]) -> str:
    """As the format says."""
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def identified_document() -> dict[str, Any]:
    """Users with identities, as today's format has them, without the checksum."""
    return {
        "format": "pronote-profils/2",
        "uai": UAI,
        "version": "2026.2.5",
        "createdTime": "2026-11-24T08:00:00Z",
        "users": copy.deepcopy(IDENTIFIED),
    }


@dataclass(frozen=True)
class Claim(Volume):
    """A data volume, and a claim beside it from which the very first base is loaded."""

    upload: Path
    annexes: list[str] = field(default_factory=list)
    profils: list[str] = field(default_factory=list)

    def with_base(self, edit: Edit = nothing, content: bytes | None = None, name: str = "base.HNOT") -> Path:
        """Put a packed base on the claim."""
        content = base_content(self.upload) if content is None else content
        manifest = described({"base.sqlite": content}, format="pronote-hnot/1")
        edit(manifest)
        return write_zip(self.upload / name, manifest, [("base.sqlite", content)])

    def with_annex(
        self, name: str = "photos.HPHOTOS", files: dict[str, bytes] = PHOTOS, kind: str = "photos", edit: Edit = nothing
    ) -> Path:
        """Put an annex file on the claim, and name it in the plan."""
        self.annexes.append(name)
        manifest = described(files, format="pronote-annex/1", kind=kind)
        edit(manifest)
        return write_zip(
            self.upload / name, manifest, [(f"files/{inner}", content) for inner, content in files.items()]
        )

    def with_profils(self, edit: Edit = nothing, after: Edit = nothing) -> Path:
        """Put users on the claim, and name the file in the plan; `after` changes it once it has its checksum."""
        document: dict[str, Any] = {
            "format": "pronote-profils/1",
            "uai": UAI,
            "version": "2026.2.5",
            "createdTime": "2026-11-24T08:00:00Z",
            "users": [dict(user) for user in USERS],
        }
        return self._write_users("users.profils", document, edit, after)

    def with_identified_users(self, edit: Edit = nothing, after: Edit = nothing) -> Path:
        """The same with users who have Espaces and identities."""
        return self._write_users("identified.profils", identified_document(), edit, after)

    def _write_users(self, name: str, document: dict[str, Any], edit: Edit, after: Edit) -> Path:
        self.profils.append(name)
        edit(document)
        document["sha256"] = checksum(document)
        after(document)
        path = self.upload / name
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False), encoding="utf-8")
        return path

    @property
    def plan(self) -> dict[str, Any]:
        """The data plan that names what is on the claim."""
        source: dict[str, Any] = {"claimName": "upload", "path": "base.HNOT", "annexes": self.annexes}
        if self.profils:
            source["profils"] = self.profils[0]
        return {**PLAN, "source": {"hnot": source}}

    def environment(self, plan: dict[str, Any] | str) -> dict[str, str]:
        """With the claim."""
        return {**super().environment(plan), "PRONOTE_UPLOAD": str(self.upload)}

    def load(self) -> int:
        """Run prepare on the plan in this process."""
        return main.run(self.environment(self.plan))

    @property
    def year(self) -> Path:
        """Folder of the school year."""
        return self.root / "years" / str(YEAR)


def make_claim(folder: Path) -> Claim:
    """An empty volume and an empty claim."""
    volume = make_volume(folder)
    upload = folder / "upload"
    upload.mkdir()
    return Claim(volume.root, volume.termination, upload)


@pytest.fixture
def claim(tmp_path: Path) -> Claim:
    """An empty volume and a claim with a packed base."""
    made = make_claim(tmp_path)
    made.with_base()
    return made
