"""Looks for what would make a start fail, and says what to do about it, before anything is started."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from local_cluster import addresses, network, sockets
from local_cluster.errors import LocalClusterError
from local_cluster.host import Host
from local_cluster.options import Options
from local_cluster.paths import State

RUN_BYTES = 2 * 1024**3
"""Disk that a running instance needs: images, volumes, logs."""

PATH_LIMIT = 60
"""Characters of the state folder: a socket's path may have 107, and containerd's own part comes on top."""

_CGROUP2_CONTROLLERS = {"cpu", "cpuset", "memory", "pids"}


@dataclass(frozen=True)
class Problem:
    """Something that would make a start fail, and what to do about it."""

    message: str
    remedy: str

    def __str__(self) -> str:
        return f"- {self.message}\n  {self.remedy}"


def check(state: State, options: Options, running: bool) -> None:
    """Checks the machine before an instance is started.

    Args:
        state: the state folder.
        options: the instance's.
        running: some of its processes run already, so its ports are its own.

    Raises:
        LocalClusterError: names every problem at once.
    """
    problems = [*disk(state.root, shutil.disk_usage(state.root).free)]
    if not options.fake:
        problems += [*_real(state)]
    if not running:
        wanted = {
            options.ports.apiserver: "kube-apiserver",
            options.ports.etcd: "etcd",
            options.ports.etcd_peer: "etcd",
        }
        if not options.fake:
            wanted |= addresses.NODE_PORTS
        problems += ports(wanted, sockets.listeners(list(wanted)))
    if problems:
        raise LocalClusterError("The cluster cannot be started here:", "\n".join(map(str, problems)))


def disk(folder: Path, free: int) -> list[Problem]:
    """Whether there is room.

    Args:
        folder: the state folder.
        free: bytes that are free there.
    """
    if free >= RUN_BYTES:
        return []
    message = f"{folder} has {free / 1024**3:.1f} GiB free; {RUN_BYTES / 1024**3:.0f} GiB are needed."
    return [Problem(message, "Free some disk, or choose another folder with --state or PRONOTE_STATE.")]


def ports(wanted: dict[int, str], taken: dict[int, str]) -> list[Problem]:
    """Whether the ports are free.

    Args:
        wanted: port → who of ours needs it.
        taken: port → who has it.
    """
    by_owner: dict[str, list[int]] = {}
    for port in sorted(wanted):
        if port in taken:
            by_owner.setdefault(taken[port], []).append(port)
    return [
        Problem(
            f"{owner} listens on {', '.join(f'{port} (needed by {wanted[port]})' for port in found)}.",
            "Stop that program (is another Kubernetes, or an instance in another state folder, running?).",
        )
        for owner, found in by_owner.items()
    ]


def privileges(user: int) -> list[Problem]:
    """Whether a node may be run.

    Args:
        user: effective user id.
    """
    if user == 0:
        return []
    return [Problem("A real node needs root: it mounts, makes networks and cgroups.", "Run this as root.")]


def folder(path: Path) -> list[Problem]:
    """Whether sockets fit below the state folder."""
    if len(str(path)) <= PATH_LIMIT:
        return []
    return [
        Problem(
            f"The path of the state folder has {len(str(path))} characters; sockets below it allow {PATH_LIMIT}.",
            "Choose a shorter one with --state or PRONOTE_STATE.",
        )
    ]


def cgroups(version: int, controllers: set[str]) -> list[Problem]:
    """Whether the kubelet finds the cgroup controllers it needs.

    Args:
        version: of cgroups on this machine.
        controllers: names of the controllers that are there.
    """
    needed = _CGROUP2_CONTROLLERS | ({"cpuacct", "devices", "freezer"} if version == 1 else set())
    if missing := sorted(needed - controllers):
        return [
            Problem(
                f"cgroup v{version} lacks the controllers {', '.join(missing)}.",
                "Enable them (kernel parameters cgroup_enable=… or, in a container, start it privileged).",
            )
        ]
    return []


def delegated(root: Path, needed: set[str]) -> list[Problem]:
    """Whether cgroups of pods may use the controllers (version 2 only); turns them on where they are not.

    Args:
        root: of the cgroup file system.
        needed: names of the controllers.
    """
    control = root / "cgroup.subtree_control"
    missing = sorted(needed - set(control.read_text().split()))
    if not missing:
        return []
    try:
        control.write_text(" ".join(f"+{name}" for name in missing))
    except OSError as error:
        return [
            Problem(
                f"The cgroup controllers {', '.join(missing)} cannot be given to pods: {error.strerror}.",
                "In a container this happens when its own processes sit in the root cgroup: start it with the "
                "machine's cgroup namespace (docker run --cgroupns=host --privileged).",
            )
        ]
    return []


def kernel() -> list[Problem]:
    """Whether the kernel can do bridges, network namespaces and the packet filter; modules are loaded on the way."""
    for module in ("overlay", "br_netfilter"):
        subprocess.run(["modprobe", "-q", module], capture_output=True, check=False) if shutil.which(
            "modprobe"
        ) else None
    problems = []
    bridge = ["unshare", "--net", "ip", "link", "add", "probe", "type", "bridge"]
    if reason := _failure(bridge):
        problems.append(Problem(f"The kernel makes no bridge: {reason}", "Load its module: modprobe bridge"))
    rule = "-A POSTROUTING -m comment --comment probe -m mark --mark 1 -m conntrack --ctstate NEW -j MASQUERADE"
    if reason := _failure(["unshare", "--net", "iptables", "-t", "nat", *rule.split()]):
        problems.append(
            Problem(
                f"The packet filter lacks what kube-proxy needs: {reason}",
                "Load the modules: modprobe -a ip_tables iptable_nat nf_conntrack xt_comment xt_mark xt_MASQUERADE",
            )
        )
    if not Path("/proc/sys/net/bridge/bridge-nf-call-iptables").exists():
        problems.append(
            Problem("The kernel does not filter bridged packets.", "Load the module: modprobe br_netfilter")
        )
    return problems


def available_controllers(version: int) -> set[str]:
    """The cgroup controllers of this machine."""
    if version == 2:
        return set(Path("/sys/fs/cgroup/cgroup.controllers").read_text().split())
    lines = Path("/proc/cgroups").read_text().splitlines()
    mounted = Path("/proc/self/mountinfo").read_text()
    enabled = {fields[0] for fields in map(str.split, lines) if len(fields) == 4 and fields[3] == "1"}
    return {name for name in enabled if any(name in line.split()[-1].split(",") for line in mounted.splitlines())}


def node(host: Host) -> None:
    """Checks what needs the node's packages to be installed first.

    Raises:
        LocalClusterError: names every problem at once.
    """
    problems = [*kernel(), *cgroups(host.cgroup_version, available_controllers(host.cgroup_version))]
    if host.cgroup_version == 2 and not problems:
        problems += delegated(Path("/sys/fs/cgroup"), _CGROUP2_CONTROLLERS)
    routes = network.conflicts(network.run("ip", "-json", "route", "show", "table", "all"))
    problems += [
        Problem(
            f"The machine already has a route {route}, and the cluster uses {addresses.POD_CIDR} and "
            f"{addresses.SERVICE_CIDR}.",
            "Remove that route (another cluster, a VPN?) while the local cluster is up.",
        )
        for route in routes
    ]
    if problems:
        raise LocalClusterError("A Kubernetes node cannot be started here:", "\n".join(map(str, problems)))


def _real(state: State) -> list[Problem]:
    return [*privileges(os.geteuid()), *folder(state.root)]


def _failure(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1] if done.returncode else ""
