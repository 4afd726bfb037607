"""Installs the Debian packages that are missing, and nothing when none is."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from local_cluster.errors import LocalClusterError
from local_cluster.progress import Progress


def missing_packages(wanted: Mapping[str, str]) -> list[str]:
    """Which packages lack the program or file that shows they are there.

    Args:
        wanted: package → name of a program on the PATH, or an absolute path.
    """
    path = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
    return [
        package
        for package, witness in wanted.items()
        if not (Path(witness).exists() if witness.startswith("/") else shutil.which(witness, path=path))
    ]


def install(packages: list[str], progress: Progress) -> None:
    """Installs packages with apt, refreshing its lists first.

    Raises:
        LocalClusterError: no apt, no root, or apt fails.
    """
    if not packages:
        return
    names = " ".join(packages)
    if not shutil.which("apt-get"):
        raise LocalClusterError(
            f"These packages are missing: {names}.", "Install them (this machine has no apt-get), then run this again."
        )
    if os.geteuid() != 0:
        raise LocalClusterError(
            f"These Debian packages are missing: {names}.", f"Run as root: apt-get update && apt-get install {names}"
        )
    with progress.step(f"Debian packages: {names}"):
        _apt("update", "-qq")
        _apt("install", "-y", "-qq", "--no-install-recommends", *packages)


def extract(package: str, members: Mapping[str, Path], progress: Progress) -> None:
    """Takes programs out of a package without installing it: nothing is started, and no root is needed.

    Args:
        members: path of a program inside the package, such as `usr/bin/promtool` → where it is put.

    Raises:
        LocalClusterError: no apt, the package cannot be fetched, or lacks one of them.
    """
    names = " and ".join(target.name for target in members.values())
    if not shutil.which("apt-get"):
        raise LocalClusterError(
            f"Missing: {names}.", f"Put it on the PATH (this machine has no apt-get to fetch {package} with)."
        )
    with progress.step(f"{names} from the Debian package {package}"), tempfile.TemporaryDirectory() as folder:
        try:
            _apt("download", "-qq", package, folder=folder)
        except LocalClusterError:
            if os.geteuid() != 0:
                raise
            _apt("update", "-qq")  # a machine that has just been made has no lists
            _apt("download", "-qq", package, folder=folder)
        (archive,) = Path(folder).glob("*.deb")
        unpack = subprocess.run(["dpkg-deb", "--extract", archive, folder], capture_output=True, text=True, check=False)
        for member, target in members.items():
            found = Path(folder) / member
            if unpack.returncode or not found.is_file():
                raise LocalClusterError(f"The package {package} has no {member}.", unpack.stderr.strip())
            target.parent.mkdir(parents=True, exist_ok=True)
            fresh = target.with_name(f".{target.name}.new")
            shutil.move(found, fresh)
            fresh.replace(target)


def _apt(*arguments: str, folder: str | None = None) -> None:
    # A machine that has just booted may still hold apt's lock for its own updates.
    command = ["apt-get", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3", *arguments]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-15:])
        raise LocalClusterError(f"`{' '.join(command)}` failed:", tail)
