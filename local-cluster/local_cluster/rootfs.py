"""The bottom layer of an image: a few Debian packages, unpacked without running anything of theirs."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from local_cluster import debian, pins
from local_cluster.archive import Layer, layer_from_file
from local_cluster.errors import LocalClusterError
from local_cluster.host import architecture
from local_cluster.paths import PROJECT_ROOT
from local_cluster.progress import Progress

SUITE = "bookworm"
"""The Debian of the images: its Python 3.11 is the one that the requirements are locked for."""

STAGING = ".staging"
"""Folder inside the root file system where further layers are prepared by its own Python."""

_USELESS = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian", "var/cache")
_TAR = (
    "tar",
    "--create",
    "--sort=name",
    "--mtime=@0",
    "--numeric-owner",
    "--format=posix",
    "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime",
)


def installer() -> Path:
    """The program that installs Python packages into an image."""
    return PROJECT_ROOT / "images" / "install.py"


def ensure(folder: Path, packages: list[str], progress: Progress) -> Layer:
    """The root file system of an image, as a layer and unpacked beside it; made when the wish has changed.

    Args:
        folder: of the image; gets `root/` and `rootfs.tar`.
        packages: Debian packages; their dependencies come with them, the rest of Debian does not.
        progress: told that it is made.

    Raises:
        LocalClusterError: no root, or mmdebstrap fails.
    """
    key = hashlib.sha256("\n".join([SUITE, architecture(), *packages, installer().read_text()]).encode()).hexdigest()
    root, layer, stamp = folder / "root", folder / "rootfs.tar", folder / "rootfs.key"
    if layer.exists() and stamp.exists() and stamp.read_text() == key:
        return layer_from_file(layer, f"Debian {SUITE}: {' '.join(packages)}")
    if os.geteuid() != 0:
        raise LocalClusterError("Images without Docker are built by root.", "Run this as root, or use Docker.")
    wanted = {"mmdebstrap": pins.DEBIAN_PACKAGES["mmdebstrap"], "tar": "tar"}
    debian.install(debian.missing_packages(wanted), progress)
    stamp.unlink(missing_ok=True)
    shutil.rmtree(root, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    with progress.step(f"root file system with {' '.join(packages)}"):
        _bootstrap(root, packages)
        _finish(root)
        pack(root, layer)
    stamp.write_text(key)
    return layer_from_file(layer, f"Debian {SUITE}: {' '.join(packages)}")


def run_installer(folder: Path, *arguments: str) -> None:
    """Runs images/install.py with the image's own Python.

    Args:
        folder: of the image.
        arguments: of the program; paths as seen from inside the root file system.
    """
    inside = folder / "root" / STAGING / "install.py"
    inside.parent.mkdir(exist_ok=True)
    shutil.copyfile(installer(), inside)
    run("chroot", str(folder / "root"), "/usr/bin/python3", "-B", f"/{STAGING}/install.py", *arguments)


def pack(folder: Path, layer: Path, *, own_files: bool = False) -> None:
    """Packs a folder as a layer: sorted and without dates, so that the same content gives the same bytes.

    Args:
        folder: what to pack.
        layer: the tar.
        own_files: the folder was written here: everything becomes root's and read-only for others.
    """
    fresh = layer.with_suffix(".new")
    options = ["--owner=0", "--group=0", "--mode=u=rwX,go=rX"] if own_files else []
    excluded = [f"--exclude=./{name}" for name in (STAGING, "dev/*")]
    run(*_TAR, *options, *excluded, "--file", str(fresh), "--directory", str(folder), ".")
    fresh.rename(layer)


def run(*command: str) -> None:
    """Runs a program of the build.

    Raises:
        LocalClusterError: it failed, with the end of what it said.
    """
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "0", "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-12:])
        raise LocalClusterError(f"`{' '.join(command[:6])} …` failed:", tail)


def _bootstrap(root: Path, packages: list[str]) -> None:
    command = ["mmdebstrap", "--quiet", "--variant=extract", "--format=directory", f"--include={','.join(packages)}"]
    run(*command, SUITE, str(root), *_sources())


def _sources() -> list[str]:
    """The machine's own Debian mirrors when it has the same suite; otherwise mmdebstrap's default."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=False,
    )
    suites = {SUITE, f"{SUITE}-updates", f"{SUITE}-security"}
    wanted = [line.split() for line in listed.stdout.splitlines()]
    found = sorted({tuple(line) for line in wanted if len(line) == 3 and line[1] in suites and line[2] == "main"})
    return [f"deb {' '.join(source)}" for source in found] if any(source[1] == SUITE for source in found) else []


def _finish(root: Path) -> None:
    for name in _USELESS:
        shutil.rmtree(root / name, ignore_errors=True)
    for name, mode in (("proc", 0o555), ("sys", 0o555), ("run", 0o755), ("tmp", 0o1777), ("opt", 0o755)):
        (root / name).mkdir(exist_ok=True)
        (root / name).chmod(mode)
    run_installer(root.parent, "base", "/")
