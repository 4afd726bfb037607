"""The gateway beside the pods: where it listens, what it may do, and that only those who ask for it compile it."""

import re
from pathlib import Path

import pytest

from local_cluster import addresses, build, components, gateway, options
from local_cluster.addresses import REAL_PORTS
from local_cluster.paths import Instance, State
from local_cluster.pins import Component
from local_cluster.processes import ProcessSpec
from local_cluster.progress import Progress


@pytest.fixture
def process(tmp_path: Path) -> ProcessSpec:
    return gateway.process(State(tmp_path), Instance(tmp_path / "real", "real"))


def test_it_listens_on_the_node_and_on_loopback_only(process: ProcessSpec) -> None:
    found = [re.fullmatch(r"--entrypoints\.\w+\.address=(.+):(\d+)", argument) for argument in process.argv]
    hosts = {match[1] for match in found if match}
    assert hosts == {addresses.NODE_IP, addresses.LOOPBACK}


def test_it_believes_no_address_that_a_visitor_tells(process: ProcessSpec) -> None:
    assert not [argument for argument in process.argv if "forwardedheaders" in argument.lower()]


def test_it_writes_nothing_but_statuses() -> None:
    (role,) = (manifest for manifest in gateway.manifests() if manifest["kind"] == "ClusterRole")
    for rule in role["rules"]:
        writes = set(rule["verbs"]) - {"get", "list", "watch"}
        assert not writes or all(resource.endswith("/status") for resource in rule["resources"])


def test_no_cluster_waits_for_it_to_be_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = [options.Options(fake=fake, api_only=False, nodes=1, ports=REAL_PORTS) for fake in (False, True)]
    assert all(gateway.NAME not in components.required_programs(kind) for kind in kinds)
    looked_for: list[str] = []

    def outdated(_state: State, wanted: list[Component]) -> list[Component]:
        looked_for.extend(component.name for component in wanted)
        return []

    monkeypatch.setattr(build, "outdated", outdated)
    build.build(State(tmp_path), Progress(quiet=True))
    assert "etcd" in looked_for
    assert gateway.NAME not in looked_for
    build.build(State(tmp_path), Progress(quiet=True), [gateway.NAME])
    assert looked_for[-1] == gateway.NAME
