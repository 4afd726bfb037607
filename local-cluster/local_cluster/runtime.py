"""containerd: waiting for it, its images, and what is left of its containers at the end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from local_cluster import addresses, archive, network
from local_cluster.errors import LocalClusterError
from local_cluster.paths import Instance
from local_cluster.processes import start_ticks

_NAMESPACE = "k8s.io"
_POD_LOG_LINKS = Path("/var/log/containers")
_CNI_RESULTS = Path("/var/lib/cni/results")
_DEVICE_PLUGINS = Path("/var/lib/kubelet/device-plugins")
_FIXED_FOLDERS = (_POD_LOG_LINKS, _DEVICE_PLUGINS, _DEVICE_PLUGINS.parent, _CNI_RESULTS, _CNI_RESULTS.parent)
"""Folders that node programs use wherever their own root is; removed when nothing else is in them."""


def ctr(instance: Instance, *arguments: str) -> str:
    """Runs containerd's client against the instance.

    Raises:
        LocalClusterError: it failed.
    """
    command = ["ctr", "--address", str(instance.containerd_socket), "--namespace", _NAMESPACE, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LocalClusterError(f"`ctr {' '.join(arguments)}` failed: {done.stderr.strip()}")
    return done.stdout


def answers(instance: Instance) -> bool:
    """Whether containerd takes requests."""
    if not instance.containerd_socket.exists():
        return False
    try:
        ctr(instance, "version")
    except LocalClusterError:
        return False
    return True


def images(instance: Instance) -> dict[str, str]:
    """The images that containerd has: name → digest of the manifest."""
    lines = [line.split() for line in ctr(instance, "images", "list").splitlines()[1:]]
    return {fields[0]: fields[2] for fields in lines if len(fields) > 2}


def load(instance: Instance, path: Path, snapshotter: str) -> list[str]:
    """Imports the images of an archive, unless they are there already.

    Args:
        instance: whose containerd.
        path: of the archive.
        snapshotter: the one that containerd's CRI uses.

    Returns:
        the names that were imported.
    """
    wanted = archive.contents(path)
    present = images(instance)
    missing = [name for name, digest in wanted.items() if present.get(name) != digest]
    if missing:
        ctr(instance, "images", "import", "--snapshotter", snapshotter, str(path))
    return missing


def end_containers(instance: Instance) -> None:
    """Kills what runs in containers and the shims that watch over it; containerd and the kubelet are stopped already.

    Only shims that were started for this instance's containerd are touched: its socket is among their arguments.
    """
    shims = _shims(instance)
    sockets = [
        file.read_text().removeprefix("unix://")
        for file in (instance.root / "containerd" / "state").glob("io.containerd.runtime.v2.task/*/*/address")
    ]
    for pid in shims:
        for child in _children(pid):
            _kill(child)
    deadline = time.monotonic() + 5
    while any(_children(pid) for pid in shims) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in shims:
        _kill(pid)
    while any(start_ticks(pid) for pid in shims) and time.monotonic() < deadline + 5:
        time.sleep(0.05)
    for socket in sockets:
        Path(socket).unlink(missing_ok=True)


def remove_traces(instance: Instance) -> None:
    """Unmounts everything below the instance's folder and removes what node programs left outside of it."""
    for mount in mounts_below(Path("/proc/self/mountinfo").read_text(), instance.root):
        network.run("umount", "--lazy", mount, check=False)
    for link in _POD_LOG_LINKS.glob("*.log") if _POD_LOG_LINKS.is_dir() else ():
        if link.is_symlink() and str(instance.root) in str(link.readlink()):
            link.unlink()
    for result in _CNI_RESULTS.glob(f"{addresses.CNI_NETWORK}-*") if _CNI_RESULTS.is_dir() else ():
        result.unlink()
    for file in ("kubelet.sock", "kubelet_internal_checkpoint", "DEPRECATION"):
        (_DEVICE_PLUGINS / file).unlink(missing_ok=True)
    for folder in _FIXED_FOLDERS:
        with contextlib.suppress(OSError):
            folder.rmdir()
    for group in Path("/sys/fs/cgroup").glob("**/kubepods"):
        _remove_cgroup(group)


def mounts_below(table: str, folder: Path) -> list[str]:
    """Mount points below a folder, the innermost first.

    Args:
        table: text of /proc/self/mountinfo.
        folder: whose mounts are wanted.
    """
    points = [line.split()[4].encode().decode("unicode_escape") for line in table.splitlines()]
    return sorted((point for point in points if point.startswith(f"{folder}/")), reverse=True)


def _shims(instance: Instance) -> list[int]:
    socket = os.fsencode(instance.containerd_socket)
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            arguments = (process / "cmdline").read_bytes().split(b"\0")
            if arguments[0].endswith(b"containerd-shim-runc-v2") and socket in arguments:
                found.append(int(process.name))
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split() if start_ticks(int(child))]
    return found


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _remove_cgroup(group: Path) -> None:
    for folder in sorted((path for path in group.glob("**/") if path.is_dir()), reverse=True):
        with contextlib.suppress(OSError):
            folder.rmdir()
