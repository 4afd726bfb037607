"""What a node leaves in the kernel is found by name, and nothing else is touched."""

from pathlib import Path

from local_cluster import network, runtime

SAVED = """\
*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-SVC-ABC - [0:0]
:CNI-HOSTPORT-DNAT - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A KUBE-SERVICES -d 10.96.0.1/32 -j KUBE-SVC-ABC
COMMIT
"""


def test_our_chains_go_with_every_rule_that_jumps_to_them() -> None:
    script = network.removal_script("nat", SAVED).splitlines()
    assert script[0] == "*nat"
    assert script[-1] == "COMMIT"
    assert '-D PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES' in script
    assert "-D PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT" in script
    assert [line for line in script if line.startswith("-X")] == [
        "-X KUBE-SERVICES",
        "-X KUBE-SVC-ABC",
        "-X CNI-HOSTPORT-DNAT",
    ]


def test_rules_of_others_stay() -> None:
    script = network.removal_script("nat", SAVED)
    assert "DOCKER" not in script
    assert "MASQUERADE" not in script


def test_a_table_without_our_chains_is_left_alone() -> None:
    assert network.removal_script("filter", "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n") == ""


def test_chains_are_emptied_before_any_is_deleted() -> None:
    script = network.removal_script("nat", SAVED).splitlines()
    declared = [number for number, line in enumerate(script) if line.startswith(":")]
    deleted = [number for number, line in enumerate(script) if line.startswith("-X")]
    assert max(declared) < min(deleted)


def test_mounts_below_a_folder_are_listed_innermost_first() -> None:
    table = "\n".join(
        f"{number} 1 0:{number} / {point} rw - tmpfs tmpfs rw"
        for number, point in enumerate(("/state/run/real/a", "/state/run/real/a/b\\040c", "/state/run/realm", "/proc"))
    )
    assert runtime.mounts_below(table, Path("/state/run/real")) == ["/state/run/real/a/b c", "/state/run/real/a"]
