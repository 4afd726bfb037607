"""A control plane of its own for each measurement: started for it, empty, with kwok's nodes, forgotten afterwards."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import schools
from bench.errors import BenchError
from bench.hand import Hand, each
from local_cluster import Cluster
from local_cluster.paths import default_state
from local_cluster.progress import Progress

INSTANCE = "bench"
LOCK = "bench-measuring.lock"
NODES = 3
CRDS = Path(__file__).resolve().parent.parent / "crds"
OPERATOR_NAMESPACE = "pronote-system"


@contextmanager
def alone() -> Iterator[None]:
    """Be the only measurement on this machine: another one's control plane must not be taken down.

    Raises:
        BenchError: another one runs.
    """
    path = default_state() / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BenchError("Another measurement runs on this machine. Wait until it has ended.") from None
        yield


@contextmanager
def fresh_plane(progress: Progress) -> Iterator[Cluster]:
    """An empty control plane that serves the five kinds. All processes are ended at the end, after errors too."""
    cluster = Cluster(instance=INSTANCE, fake=True, nodes=NODES, progress=Progress(quiet=True))
    cluster.down()  # what an earlier run that was killed has left
    try:
        with progress.step("a fresh control plane"):
            cluster.up()
            cluster.kubectl("apply", "--server-side", "-f", str(CRDS))
            cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        yield cluster
    finally:
        cluster.down()


async def furnish(hand: Hand) -> None:
    """Namespaces and the default channel."""
    for name in (*schools.namespaces(), OPERATOR_NAMESPACE):
        await hand.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    await hand.request("POST", "/apis/pronote.hosting/v1alpha1/versionchannels", schools.channel())


async def create_bases(hand: Hand, wanted: list[schools.School], *, at_once: int = 16) -> dict[tuple[str, str], str]:
    """Create bases; their UIDs by namespace and name."""
    uids: dict[tuple[str, str], str] = {}

    async def create(one: schools.School) -> None:
        path = f"/apis/pronote.hosting/v1alpha1/namespaces/{one.namespace}/pronotebases"
        stored = await hand.request("POST", path, one.manifest())
        uids[one.namespace, one.name] = stored["metadata"]["uid"]

    await each(wanted, create, at_once=at_once)
    return uids
