"""The two images of this project, built without Docker.

Three layers each: Debian, Python libraries, our code. Only what changed is made again: a change of code costs a second.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from local_cluster import dockerfile, rootfs
from local_cluster.archive import ImageSpec, Layer, layer_from_file, write_archive
from local_cluster.host import architecture
from local_cluster.locks import locked
from local_cluster.paths import PROJECT_ROOT, State
from local_cluster.progress import Progress

PYTHON = "3.11"
"""Of Debian bookworm, in which the images run whatever the machine's own Python is."""

_GLIBC_MINORS = range(36, 16, -1)
"""Wheels for any C library up to Debian bookworm's 2.36 run in the images."""

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True)
class Kind:
    """One of the images.

    Attributes:
        name: of the image without tag, and of its files in images/.
        packages: our Python packages in it, as paths in the checkout.
        versions: its tags.
    """

    name: str
    packages: Sequence[str]
    versions: Sequence[str]

    @property
    def dockerfile(self) -> Path:
        """Says what the image runs as."""
        return PROJECT_ROOT / "images" / f"{self.name}.Dockerfile"

    @property
    def requirements(self) -> Path:
        """The locked Python libraries."""
        return PROJECT_ROOT / "requirements" / f"{self.name}.txt"

    @property
    def debian_packages(self) -> list[str]:
        """What the root file system consists of."""
        return (PROJECT_ROOT / "images" / f"{self.name}.packages").read_text().split()

    def image(self, version: str) -> str:
        """The full name of the image of a version."""
        return f"localhost/pronote-{self.name}:{version}"


KINDS = {
    "operator": Kind("operator", ("operator/pronote_operator",), ("dev",)),
    "server": Kind(
        "server",
        ("server/pronote_server", "server/pronote_net", "server/pronote_client"),
        ("2025.2.11", "2026.2.5", "2026.2.6", "2027.2.4"),
    ),
}


def build(state: State, progress: Progress, names: Iterable[str] = tuple(KINDS)) -> list[Path]:
    """Builds images; does next to nothing when nothing changed.

    Args:
        state: where layers and archives are kept.
        progress: told what is made.
        names: of the kinds.

    Returns:
        one archive per kind; that of the server holds all its versions, which share their layers.

    Raises:
        LocalClusterError: no root, or a step fails.
    """
    return [_build(state, KINDS[name], progress) for name in names]


def layers(state: State, kind: Kind, progress: Progress) -> list[Layer]:
    """The layers of an image, from the bottom up."""
    folder = state.images / kind.name
    with locked(state.images / f"{kind.name}.lock"):
        bottom = rootfs.ensure(folder, kind.debian_packages, progress)
        return [bottom, _libraries(folder, kind, bottom, progress), _code(folder, kind, bottom, progress)]


def spec(kind: Kind, version: str) -> ImageSpec:
    """What an image of a version runs as."""
    settings = dockerfile.run_settings(kind.dockerfile.read_text(), {"VERSION": version})
    return ImageSpec(
        name=kind.image(version),
        architecture=architecture(),
        entrypoint=settings.entrypoint,
        command=settings.command,
        environment=settings.environment,
        user=settings.user,
    )


def _build(state: State, kind: Kind, progress: Progress) -> Path:
    with locked(state.images / f"pronote-{kind.name}.lock"):
        return _archive(state, kind, layers(state, kind, progress), progress)


def _archive(state: State, kind: Kind, made: list[Layer], progress: Progress) -> Path:
    archive = state.images / f"pronote-{kind.name}.tar"
    specs = [spec(kind, version) for version in kind.versions]
    stamp = state.images / f"pronote-{kind.name}.key"
    key = _digest([repr(specs), *(layer.digest for layer in made)])
    if not archive.exists() or not stamp.exists() or stamp.read_text() != key:
        with progress.step(f"image {', '.join(item.name for item in specs)}"):
            write_archive(archive, specs, made)
        stamp.write_text(key)
    return archive


def _libraries(folder: Path, kind: Kind, bottom: Layer, progress: Progress) -> Layer:
    key = _digest([bottom.digest, kind.requirements.read_text(), rootfs.installer().read_text(), PYTHON])
    comment = f"Python libraries of requirements/{kind.requirements.name}"
    layer, stamp = folder / "libraries.tar", folder / "libraries.key"
    if not _is_current(layer, stamp, key):
        with progress.step(f"Python libraries of the {kind.name} image"):
            target = _staging(folder, "libraries")
            site = target / "lib" / f"python{PYTHON}" / "site-packages"
            rootfs.run(*_pip(kind.requirements, site))
            rootfs.run_installer(folder, "dependencies", f"/{rootfs.STAGING}/libraries/opt/pronote")
            rootfs.pack(target.parents[1], layer, own_files=True)
            shutil.rmtree(target.parents[1])
        stamp.write_text(key)
    return layer_from_file(layer, comment)


def _code(folder: Path, kind: Kind, bottom: Layer, progress: Progress) -> Layer:
    sources = [path for package in kind.packages for path in _sources(PROJECT_ROOT / package)]
    contents = [f"{path.relative_to(PROJECT_ROOT)}\0{path.read_bytes().hex()}" for path in sources]
    project = PROJECT_ROOT / "pyproject.toml"
    key = _digest([bottom.digest, rootfs.installer().read_text(), project.read_text(), *contents])
    layer, stamp = folder / "code.tar", folder / "code.key"
    if not _is_current(layer, stamp, key):
        with progress.step(f"code of the {kind.name} image"):
            target = _staging(folder, "code")
            source = _staging(folder, "source")
            shutil.copyfile(project, source / project.name)
            for path in sources:
                copy = source / path.relative_to(PROJECT_ROOT)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
            inside = f"/{rootfs.STAGING}"
            arguments = [f"{inside}/code/opt/pronote", f"{inside}/source/opt/pronote", *kind.packages]
            rootfs.run_installer(folder, "code", *arguments)
            rootfs.pack(target.parents[1], layer, own_files=True)
            shutil.rmtree(target.parents[1])
        stamp.write_text(key)
    return layer_from_file(layer, f"code: {' '.join(kind.packages)}")


def _sources(package: Path) -> list[Path]:
    return sorted(path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _staging(folder: Path, name: str) -> Path:
    place = folder / "root" / rootfs.STAGING / name
    shutil.rmtree(place, ignore_errors=True)
    target = place / "opt" / "pronote"
    target.mkdir(parents=True)
    return target


def _pip(requirements: Path, target: Path) -> list[str]:
    machine = _MACHINES[architecture()]
    names = [f"manylinux_2_{minor}_{machine}" for minor in _GLIBC_MINORS] + [f"manylinux2014_{machine}"]
    platforms = [option for name in names for option in ("--platform", name)]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir"]
    command += ["--require-hashes", "--only-binary=:all:", "--no-compile", "--implementation", "cp"]
    return [*command, "--python-version", PYTHON, *platforms, "--target", str(target), "-r", str(requirements)]


def _is_current(layer: Path, stamp: Path, key: str) -> bool:
    return layer.exists() and stamp.exists() and stamp.read_text() == key


def _digest(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()
