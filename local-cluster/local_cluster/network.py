"""The bridge, the routes and the kernel settings of a real instance; removed as exactly as they were made."""

from __future__ import annotations

import ipaddress
import json
import re
import subprocess
from pathlib import Path

from local_cluster import addresses

_SYSCTLS = {"net/ipv4/ip_forward": "1", "net/bridge/bridge-nf-call-iptables": "1"}
"""Pods are routed by the node; and a pod that reaches a neighbour through a Service must see its answers translated
back, which the kernel does on a bridge only when asked to."""

_TOUCHED_BY_COMPONENTS = (
    "net/ipv4/conf/all/route_localnet",
    "net/netfilter/nf_conntrack_tcp_be_liberal",
    "net/netfilter/nf_conntrack_tcp_timeout_close_wait",
    "net/netfilter/nf_conntrack_tcp_timeout_established",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
"""Settings that kubelet and kube-proxy change: remembered to be put back."""

_CHAIN = re.compile(r"^:((?:KUBE|CNI)-\S+)", re.MULTILINE)


def run(*command: str, check: bool = True, stdin: str | None = None) -> str:
    """Runs a system program and returns what it printed.

    Raises:
        OSError: it failed; the message is what it said.
    """
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def bring_up(remembered: Path) -> None:
    """Makes the bridge and the routes; does nothing where they are there.

    Args:
        remembered: file for the kernel settings as they were before.
    """
    _remember_settings(remembered)
    for name, value in _SYSCTLS.items():
        setting = Path("/proc/sys") / name
        if setting.exists() and setting.read_text().strip() != value:
            setting.write_text(value)
    if not Path(f"/sys/class/net/{addresses.BRIDGE}").exists():
        run("ip", "link", "add", addresses.BRIDGE, "type", "bridge")
    prefix = ipaddress.ip_network(addresses.NODE_POD_CIDR).prefixlen
    run("ip", "address", "replace", f"{addresses.NODE_IP}/{prefix}", "dev", addresses.BRIDGE)
    run("ip", "link", "set", addresses.BRIDGE, "up")
    # Service addresses are rewritten on their way out, which needs a way out even on a machine without a default route.
    run("ip", "route", "replace", addresses.SERVICE_CIDR, "dev", addresses.BRIDGE)
    # Traffic to a pod that is not there must not leave the machine.
    run("ip", "route", "replace", *_blackhole())


def take_down(remembered: Path) -> None:
    """Removes bridge, routes and packet filter chains, and puts the kernel settings back."""
    run("ip", "route", "del", *_blackhole(), check=False)
    if Path(f"/sys/class/net/{addresses.BRIDGE}").exists():
        run("ip", "link", "del", addresses.BRIDGE, check=False)  # its routes go with it
    remove_chains()
    _restore_settings(remembered)


def conflicts(routes: str) -> list[str]:
    """Routes of the machine that overlap the cluster's networks.

    Args:
        routes: output of `ip -json route show table all`.

    Returns:
        one text per conflict, for example "10.96.0.0/12 through eth1".
    """
    ours = [ipaddress.ip_network(cidr) for cidr in (addresses.POD_CIDR, addresses.SERVICE_CIDR)]
    found = []
    for route in json.loads(routes or "[]"):
        destination = str(route.get("dst", ""))
        if route.get("dev") == addresses.BRIDGE or destination == "default" or ":" in destination:
            continue
        if route.get("type") == "blackhole" and destination == addresses.POD_CIDR:
            continue
        network = ipaddress.ip_network(destination, strict=False)
        if any(network.overlaps(our) for our in ours):
            found.append(f"{destination} through {route.get('dev', route.get('type', 'somewhere'))}")
    return found


def remove_chains() -> None:
    """Removes the chains of kube-proxy, of the kubelet and of the CNI plug-ins, with every rule that jumps to them."""
    for family in ("iptables", "ip6tables"):
        for table in ("raw", "mangle", "nat", "filter"):
            saved = run(f"{family}-save", "-t", table, check=False)
            if script := removal_script(table, saved):
                run(f"{family}-restore", "--noflush", "-w", "5", check=False, stdin=script)


def removal_script(table: str, saved: str) -> str:
    """What to feed to `iptables-restore --noflush` so that our chains are gone; empty when there are none.

    Args:
        table: name of the table.
        saved: output of `iptables-save -t TABLE`.
    """
    chains = _CHAIN.findall(saved)
    if not chains:
        return ""
    lines = [f"*{table}", *(f":{chain} - [0:0]" for chain in chains)]  # declaring a chain again empties it
    for rule in saved.splitlines():
        jump = re.search(r"(?:-j|-g) (\S+)", rule)
        if rule.startswith("-A ") and jump and jump[1] in chains and rule.split()[1] not in chains:
            lines.append(f"-D {rule[3:]}")
    lines += [f"-X {chain}" for chain in chains]
    return "\n".join([*lines, "COMMIT", ""])


def _blackhole() -> tuple[str, ...]:
    return ("blackhole", addresses.POD_CIDR, "metric", "4096")


def _remember_settings(remembered: Path) -> None:
    if remembered.exists():
        return
    paths = [Path("/proc/sys") / name for name in (*_SYSCTLS, *_TOUCHED_BY_COMPONENTS)]
    values = {str(path): path.read_text().strip() for path in paths if path.exists()}
    remembered.parent.mkdir(parents=True, exist_ok=True)
    remembered.write_text(json.dumps(values, indent=1) + "\n")


def _restore_settings(remembered: Path) -> None:
    if not remembered.exists():
        return
    for name, value in json.loads(remembered.read_text()).items():
        path = Path(name)
        if path.exists() and path.read_text().strip() != value:
            path.write_text(value)
    remembered.unlink()
