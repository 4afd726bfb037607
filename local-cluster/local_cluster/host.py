"""Facts about the machine that configuration depends on."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

_CAP_SYS_RESOURCE = 24
_CGROUP2_MARK = Path("/sys/fs/cgroup/cgroup.controllers")


@dataclass(frozen=True)
class Host:
    """What this machine can do.

    Attributes:
        cgroup_version: 1 or 2, as the kubelet will find it.
        may_lower_oom_score: CAP_SYS_RESOURCE is there; without it containerd must not ask for protected processes.
        snapshotter: containerd's way of stacking image layers on the state folder's file system.
    """

    cgroup_version: int
    may_lower_oom_score: bool
    snapshotter: str


def detect(folder: Path) -> Host:
    """Looks at the machine.

    Args:
        folder: where containerd will keep images; made when missing.
    """
    return Host(
        cgroup_version=2 if _CGROUP2_MARK.exists() else 1,
        may_lower_oom_score=has_capability(Path("/proc/self/status").read_text(), _CAP_SYS_RESOURCE),
        snapshotter="overlayfs" if overlay_works(folder) else "native",
    )


def has_capability(status: str, number: int) -> bool:
    """Whether a process may hold a capability.

    Args:
        status: text of /proc/PID/status.
        number: of the capability, as in linux/capability.h.
    """
    found = re.search(r"^CapBnd:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return bool(found and int(found[1], 16) >> number & 1)


def overlay_works(folder: Path) -> bool:
    """Whether layers can be stacked here: not on top of another overlay, as inside a container."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="overlay-probe-") as probe:
        parts = {name: Path(probe) / name for name in ("lower", "upper", "work", "merged")}
        for part in parts.values():
            part.mkdir()
        layers = f"lowerdir={parts['lower']},upperdir={parts['upper']},workdir={parts['work']}"
        command = ["mount", "-t", "overlay", "overlay", "-o", layers, str(parts["merged"])]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            return False
        subprocess.run(["umount", str(parts["merged"])], capture_output=True, check=False)
        return True


def architecture() -> str:
    """The CPU architecture, as Go and Debian call it."""
    machine = os.uname().machine
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
