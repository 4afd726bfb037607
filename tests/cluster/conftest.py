"""The real cluster with the images and kinds of this checkout, and a stage for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local_cluster import Cluster, addresses, images
from local_cluster.progress import Progress
from tests.cluster.audit import AuditLog
from tests.cluster.gateways import DOMAIN, Front, new_front
from tests.cluster.schools import School
from tests.cluster.stage import NEXT_VERSION, Stage, channel, held, ours_alone
from tests.cluster.trial_image import REFUSED_UAI, load_trial_image
from tests.support.kube import Kube
from tests.support.operator_process import OperatorProcess
from tests.support.resolving import resolving

MARKERS = {
    "beside": "may run beside another file of such tests: minds its own namespaces, and measures no time closely",
    "disturbs": "takes away what other tests need (the API server): comes after all others",
    "last": "judges the whole session: comes at the very end",
}


def pytest_configure(config: pytest.Config) -> None:
    for name, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        return 2 if item.get_closest_marker("last") else 1 if item.get_closest_marker("disturbs") else 0

    items.sort(key=place)


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The real local cluster, started if it does not run, and left running: starting it again costs minutes."""
    cluster = Cluster(progress=Progress(quiet=True))
    alone = any(item.get_closest_marker(name) for item in request.session.items for name in ("disturbs", "last"))
    with held(cluster, alone=alone):
        cluster.up()
        cluster.load_images(images.build(cluster.state, Progress(quiet=True)))
        yield cluster


@pytest.fixture(scope="session")
def audit(cluster: Cluster) -> AuditLog:
    """What the API server was asked from now on."""
    return AuditLog(cluster.audit_log)


@pytest.fixture(scope="session")
def stage(cluster: Cluster, audit: AuditLog, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The cluster with our kinds and a default channel, and no operator but those of the tests."""
    with Kube(cluster.kubeconfig, kubectl=str(cluster.state.bin / "kubectl")) as kube:
        stage = Stage(cluster, kube, tmp_path_factory.mktemp("operators"))
        with ours_alone(stage):
            kube.apply(channel("stable", default=True))
            yield stage


@pytest.fixture(scope="session")
def trial_image(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image of the next version that starts for all schools but the one of `REFUSED_UAI`."""
    folder = tmp_path_factory.mktemp("trial")
    return load_trial_image(stage.cluster, folder, version=NEXT_VERSION, uai=REFUSED_UAI)


@pytest.fixture(scope="session")
def front(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """The gateway, started if it does not run; host names of its domain lead there from all clients of the tests."""
    stage.cluster.gateway()
    with resolving({f".{DOMAIN}": addresses.NODE_IP}):
        yield new_front(tmp_path_factory.mktemp("gateway"))


@pytest.fixture(scope="session")
def kube(stage: Stage) -> Kube:
    """The administrator."""
    return stage.kube


@pytest.fixture
def space(stage: Stage) -> Iterator[str]:
    """A namespace for one test."""
    with stage.space() as name:
        yield name


@pytest.fixture
def operator(stage: Stage, space: str) -> Iterator[OperatorProcess]:
    """An operator for the test's namespace."""
    with stage.operator(space) as process:
        process.wait_leading()
        yield process


@pytest.fixture
def school(stage: Stage, space: str) -> School:
    """A base in the test's namespace, not applied yet."""
    return School(stage.cluster, stage.kube, space)


@pytest.fixture
def schools(stage: Stage, space: str) -> Callable[..., School]:
    """Makes further bases, by name."""

    def make(name: str, **spec: object) -> School:
        return School(stage.cluster, stage.kube, space, name, dict(spec))

    return make


@pytest.fixture(scope="module")
def standing(stage: Stage) -> Iterator[School]:
    """A base in service with its operator, shared by the tests of a module that leave it as they found it."""
    with stage.space() as name, stage.operator(name) as process:
        process.wait_leading()
        school = School(stage.cluster, stage.kube, name)
        school.apply().wait_ready()
        yield school


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """For files of one Client."""
    return tmp_path / "client"
