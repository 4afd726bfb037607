"""Volumes grow where their class lets them, never shrink, and nothing is lost when the answer is no."""

from __future__ import annotations

import pytest

from tests.cluster.schools import School
from tests.support.kube import ApiError, Object

pytestmark = pytest.mark.beside

EXPANDABLE = {
    "size": "64Mi",
    "storageClassName": "expandable",
    "snapshots": {"size": "64Mi", "storageClassName": "expandable"},
}


def _grown(size: str, snapshots: str = "64Mi", *, expandable: bool = True) -> dict[str, object]:
    storage_class = {"storageClassName": "expandable"} if expandable else {}
    return {"size": size, **storage_class, "snapshots": {"size": snapshots, **storage_class}}


def _await_capacity(school: School, claim: str, size: str) -> None:
    school.kube.wait_for(
        "PersistentVolumeClaim",
        f"{school.name}-{claim}",
        lambda found: found["status"]["capacity"]["storage"] == size,
        school.namespace,
        timeout=60,
        what=f"the volume has grown to {size}",
    )


def _requests(school: School, claim: str) -> str:
    found: Object = school.child("PersistentVolumeClaim", f"{school.name}-{claim}")
    return str(found["spec"]["resources"]["requests"]["storage"])


@pytest.mark.usefixtures("operator")
def test_both_volumes_grow_where_the_class_allows_it_and_the_server_goes_on(school: School) -> None:
    school.apply(storage=EXPANDABLE).wait_ready()
    pod = school.pod_uid

    school.apply(storage=_grown("96Mi", "80Mi"))
    school.wait_settled()
    for claim, size in (("data", "96Mi"), ("snapshots", "80Mi")):
        assert _requests(school, claim) == size
        _await_capacity(school, claim, size)
    assert school.pod_uid == pod


@pytest.mark.usefixtures("operator")
def test_growth_that_the_class_refuses_stalls_the_base_which_goes_on_serving_and_heals(school: School) -> None:
    school.apply().wait_ready()
    pod = school.pod_uid

    message = school.apply(storage=_grown("96Mi", expandable=False)).wait_stalled("StorageRefused")
    assert "spec.storage.size" in message
    assert "64Mi" in message
    assert "standard" in message
    assert _requests(school, "data") == "64Mi"
    assert school.wait("InService")
    assert school.pod_uid == pod

    # The CRD lets no size be lowered, not even to what the volume has: a class that allows growth is what mends it.
    school.kube.patch("storageclass", "standard", {"allowVolumeExpansion": True}, None)
    try:
        # A stalled base is looked at again after a minute; the pass itself takes a moment more.
        school.wait_ready(timeout=60 + 30)
    finally:
        school.kube.patch("storageclass", "standard", {"allowVolumeExpansion": False}, None)
    assert _requests(school, "data") == "96Mi"
    assert school.pod_uid == pod


@pytest.mark.usefixtures("operator")
def test_growth_of_the_snapshots_volume_alone_names_its_own_field(school: School) -> None:
    school.apply().wait_ready()
    message = school.apply(storage=_grown("64Mi", "96Mi", expandable=False)).wait_stalled("StorageRefused")
    assert "spec.storage.snapshots.size" in message


def test_the_api_refuses_a_smaller_size_in_words(school: School) -> None:
    school.apply()
    for storage, field in (
        (_grown("32Mi", expandable=False), "spec.storage.size"),
        (_grown("64Mi", "32Mi", expandable=False), "spec.storage.snapshots.size"),
    ):
        with pytest.raises(ApiError, match="may grow but not shrink: it is 64Mi") as refused:
            school.apply(storage=storage)
        assert field in refused.value.message


@pytest.mark.usefixtures("operator")
def test_a_claim_that_somebody_made_larger_is_told_with_the_size_to_ask_for(school: School) -> None:
    school.apply(storage=EXPANDABLE).wait_ready()
    change = {"spec": {"resources": {"requests": {"storage": "96Mi"}}}}
    school.kube.patch("PersistentVolumeClaim", f"{school.name}-data", change, school.namespace)
    message = school.wait_stalled("StorageRefused")
    assert "96Mi" in message
    school.apply(storage=_grown("96Mi"))
    school.wait_settled()
