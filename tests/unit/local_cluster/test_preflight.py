"""What would make a start fail is found before, and said with what to do about it."""

from pathlib import Path

import pytest

from local_cluster import host, network, preflight, sockets

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:192B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 183512 1 0 100 0 0 10 0
   1: 0100007F:094B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 183600 1 0 100 0 0 10 0
   2: 0100007F:192B 0100007F:BB4C 01 00000000:00000000 00:00000000 00000000     0        0 183700 1 0 20 4 30 10 -1
"""

SHORT = 1024**3


def test_listening_sockets_are_told_from_connections() -> None:
    assert sockets.listening_inodes(TCP) == {6443: {"183512"}, 2379: {"183600"}}


def test_a_taken_port_is_reported_with_who_has_it_and_who_needs_it() -> None:
    wanted = {6443: "kube-apiserver", 2379: "etcd", 2380: "etcd"}
    (problem,) = preflight.ports(wanted, {6443: "k3s (process 7)", 2379: "k3s (process 7)"})
    assert problem.message == ("k3s (process 7) listens on 2379 (needed by etcd), 6443 (needed by kube-apiserver).")
    assert problem.remedy


def test_free_ports_are_no_problem() -> None:
    assert preflight.ports({6443: "kube-apiserver"}, {}) == []


def test_a_full_disk_is_reported_with_its_folder_and_what_is_needed() -> None:
    assert preflight.disk(Path("/state"), 100 * SHORT) == []
    (problem,) = preflight.disk(Path("/state"), SHORT)
    assert "/state has 1.0 GiB free; 2 GiB are needed" in problem.message
    assert "PRONOTE_STATE" in problem.remedy


def test_only_root_may_run_a_node() -> None:
    assert preflight.privileges(0) == []
    assert "root" in preflight.privileges(1000)[0].message


def test_a_state_folder_too_deep_for_sockets_is_refused() -> None:
    assert preflight.folder(Path("/root/.cache/pronote-local-cluster")) == []
    assert "shorter" in preflight.folder(Path("/" + "x" * preflight.PATH_LIMIT))[0].remedy


@pytest.mark.parametrize(
    ("version", "controllers", "missing"),
    [
        (1, {"cpu", "cpuacct", "cpuset", "memory", "pids", "devices", "freezer", "blkio"}, None),
        (1, {"cpu", "cpuacct", "cpuset", "devices", "freezer"}, "memory, pids"),
        (2, {"cpu", "cpuset", "memory", "pids", "io"}, None),
        (2, {"cpu", "pids"}, "cpuset, memory"),
    ],
)
def test_missing_cgroup_controllers_are_named(version: int, controllers: set[str], missing: str | None) -> None:
    problems = preflight.cgroups(version, controllers)
    assert [f"cgroup v{version} lacks the controllers {missing}." for _ in problems] == [
        problem.message for problem in problems
    ]
    assert bool(problems) == bool(missing)


@pytest.mark.parametrize(
    ("routes", "conflicts"),
    [
        ("", []),
        ('[{"dst":"default","gateway":"192.0.2.1","dev":"eth0"},{"dst":"192.0.2.0/24","dev":"eth0"}]', []),
        ('[{"dst":"10.0.0.0/8","dev":"tun0"}]', ["10.0.0.0/8 through tun0"]),
        ('[{"dst":"10.96.3.4","dev":"eth1"}]', ["10.96.3.4 through eth1"]),
        ('[{"dst":"10.244.0.0/24","dev":"pronote0"},{"type":"blackhole","dst":"10.244.0.0/16"}]', []),
        ('[{"dst":"fe80::/64","dev":"eth0"}]', []),
    ],
)
def test_routes_that_overlap_the_clusters_networks_are_named(routes: str, conflicts: list[str]) -> None:
    assert network.conflicts(routes) == conflicts


def test_a_missing_capability_is_seen_in_the_bounding_set() -> None:
    assert not host.has_capability("CapBnd:\t000001fffeffffff\n", 24)
    assert host.has_capability("CapBnd:\t000001ffffffffff\n", 24)
    assert not host.has_capability("", 24)


def test_controllers_of_cgroup_v2_are_handed_down_once(tmp_path: Path) -> None:
    control = tmp_path / "cgroup.subtree_control"
    control.write_text("cpu memory\n")
    assert preflight.delegated(tmp_path, {"cpu", "memory", "pids"}) == []
    assert control.read_text() == "+pids"
    control.write_text("cpu memory pids\n")
    assert preflight.delegated(tmp_path, {"cpu", "memory", "pids"}) == []
    assert control.read_text() == "cpu memory pids\n"
