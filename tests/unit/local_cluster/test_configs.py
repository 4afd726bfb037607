"""Rendered configuration parses, stays inside the instance's folder, and follows the machine."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from local_cluster import addresses, components, configs, kwok_stages
from local_cluster.host import Host
from local_cluster.options import Options
from local_cluster.paths import Instance, State

STATE = State(Path("/state"))
REAL = STATE.instance("real")
HOST = Host(cgroup_version=1, may_lower_oom_score=False, snapshotter="overlayfs")
REAL_OPTIONS = Options(fake=False, api_only=False, nodes=1, ports=addresses.REAL_PORTS)
FAKE_OPTIONS = Options(fake=True, api_only=False, nodes=3, ports=addresses.Ports(26400, 26401, 26402))
API_OPTIONS = Options(fake=True, api_only=True, nodes=0, ports=addresses.Ports(26400, 26401, 26402))


@pytest.fixture
def files() -> dict[str, str]:
    """The files of a real instance."""
    return configs.render(REAL, HOST)


def test_rendering_is_deterministic(files: dict[str, str]) -> None:
    assert configs.render(REAL, HOST) == files


def test_every_file_parses(files: dict[str, str]) -> None:
    for name, text in files.items():
        if name.endswith((".yaml", ".yml")):
            assert yaml.safe_load(text)
        elif name.endswith((".json", ".conflist")):
            assert json.loads(text)
        elif name.endswith(".toml"):
            assert tomllib.loads(text)


@pytest.mark.parametrize(("may_lower", "restricted"), [(False, True), (True, False)])
def test_containerd_protects_sandboxes_only_where_the_machine_allows_it(may_lower: bool, restricted: bool) -> None:
    host = Host(cgroup_version=2, may_lower_oom_score=may_lower, snapshotter="native")
    config = tomllib.loads(configs.containerd(REAL, host))
    cri = config["plugins"]["io.containerd.grpc.v1.cri"]
    assert cri["restrict_oom_score_adj"] is restricted
    assert cri["containerd"]["snapshotter"] == "native"


def test_containerd_keeps_everything_below_the_instance() -> None:
    config = tomllib.loads(configs.containerd(REAL, HOST))
    assert all(config[name].startswith("/state/run/real/") for name in ("root", "state"))
    assert config["plugins"]["io.containerd.grpc.v1.cri"]["netns_mounts_under_state_dir"] is True


def test_the_kubelet_runs_on_both_versions_of_cgroups(files: dict[str, str]) -> None:
    kubelet = yaml.safe_load(files["kubelet.yaml"])
    assert kubelet["failCgroupV1"] is False
    assert kubelet["cgroupDriver"] == "cgroupfs"


def test_the_audit_policy_logs_no_bodies(files: dict[str, str]) -> None:
    levels = {rule["level"] for rule in yaml.safe_load(files["audit-policy.yaml"])["rules"]}
    assert levels <= {"None", "Metadata"}


def test_a_fake_instance_needs_only_kwoks_stages() -> None:
    assert set(configs.render(STATE.instance("bench"), None)) == {"kwok.yaml"}


def test_kwoks_stages_cover_nodes_pods_and_volumes() -> None:
    stages: list[dict[str, Any]] = list(yaml.safe_load_all(kwok_stages.config()))
    assert {stage["spec"]["resourceRef"]["kind"] for stage in stages} == {
        "Node",
        "Pod",
        "PersistentVolumeClaim",
        "PersistentVolume",
    }


def test_kwoks_pods_live_at_once_with_addresses_of_their_own_unless_told_otherwise() -> None:
    def pod_stages(pods: kwok_stages.Pods) -> list[dict[str, Any]]:
        found = yaml.safe_load_all(kwok_stages.config(pods))
        return [stage["spec"] for stage in found if stage["spec"]["resourceRef"]["kind"] == "Pod"]

    for stage in pod_stages(kwok_stages.Pods()):
        assert "delay" not in stage
    runs, ends = pod_stages(kwok_stages.Pods("192.0.2.1", start=(4, 8), end=(1, 2.5)))
    assert runs["delay"] == {"durationMilliseconds": 4000, "jitterDurationMilliseconds": 8000}
    assert ends["delay"] == {"durationMilliseconds": 1000, "jitterDurationMilliseconds": 2500}
    assert '"192.0.2.1"' in runs["steps"][0]["patch"]["template"]


def test_kwoks_pods_get_no_address_that_is_none() -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        kwok_stages.config(kwok_stages.Pods("}} nothing"))


def _argv(options: Options, instance: Instance = REAL) -> dict[str, list[str]]:
    return {spec.name: list(spec.argv) for spec in components.all_processes(STATE, instance, options)}


def test_an_api_only_instance_is_etcd_and_the_api_server() -> None:
    assert list(_argv(API_OPTIONS)) == ["etcd", "apiserver"]
    assert "--disable-admission-plugins=ServiceAccount" in _argv(API_OPTIONS)["apiserver"]


def test_a_fake_instance_has_no_kubelet_and_opens_no_fixed_port() -> None:
    argv = _argv(FAKE_OPTIONS)
    assert list(argv) == ["etcd", "apiserver", "controller-manager", "scheduler", "kwok"]
    assert "--secure-port=0" in argv["controller-manager"]
    assert "--secure-port=0" in argv["scheduler"]


def test_only_a_real_instance_writes_an_audit_log() -> None:
    def audits(options: Options) -> bool:
        return any(argument.startswith("--audit-log-path") for argument in _argv(options)["apiserver"])

    assert audits(REAL_OPTIONS)
    assert not audits(FAKE_OPTIONS)


def test_the_api_server_of_an_instance_listens_where_its_kubeconfig_says() -> None:
    for options in (REAL_OPTIONS, FAKE_OPTIONS):
        argv = _argv(options)["apiserver"]
        assert f"--bind-address={options.address}" in argv
        assert f"--secure-port={options.ports.apiserver}" in argv


def test_every_program_of_an_instance_is_compiled_before_it_starts() -> None:
    for options in (REAL_OPTIONS, FAKE_OPTIONS, API_OPTIONS):
        ours = {Path(argv[0]).name for argv in _argv(options).values() if argv[0].startswith("/state/bin/")}
        assert ours <= set(components.required_programs(options))
