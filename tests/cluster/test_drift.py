"""Whatever somebody does to a child is undone within seconds, and disturbs nothing else.

Secrets are made once: what a person puts into one is kept (that is how a password is changed), and only what is missing
or cannot be used is made again.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.schools import School, child_names
from tests.support.kube import Object, condition_of, describe
from tests.support.waiting import wait_until

pytestmark = pytest.mark.beside

REPAIR_SECONDS = 10.0

Child = tuple[str, str]
CHILDREN = child_names("moulin")
CLAIMS = CHILDREN[:2]
KEYS = ("moulin-snapshot-key", "moulin-net")
OWNED = [child for child in CHILDREN if child not in CLAIMS and child[1] not in KEYS]
"""Under deletionPolicy Retain the volumes and the keys outlive the base, and have no owner."""


def _name(child: Child) -> str:
    return f"{child[0]}-{child[1]}"


def _lasting(found: Object) -> dict[str, Any]:
    """What a child is, without what the API server and its controllers add; of a Secret only the keys."""
    metadata = found["metadata"]
    annotations = metadata.get("annotations", {})
    spec = dict(found.get("spec", {}))
    for given in ("clusterIP", "clusterIPs", "volumeName"):
        if spec.get(given) != "None":
            spec.pop(given, None)
    return {
        "labels": metadata.get("labels"),
        "annotations": {key: value for key, value in annotations.items() if key.startswith("pronote.hosting/")},
        "owners": metadata.get("ownerReferences"),
        "spec": spec if found["kind"] != "Secret" else None,
        "data": sorted(found.get("data") or ()) if found["kind"] == "Secret" else found.get("data"),
    }


def _await_repair(school: School, child: Child, wanted: dict[str, Any], gone: str | None = None) -> Object:
    """Wait until a child is as it was; `gone` is the UID of one that was deleted."""
    seen: list[Object | None] = [None]

    def look() -> Object | None:
        seen[0] = found = school.kube.get(*child, school.namespace)
        fits = found and found["metadata"]["uid"] != gone and _lasting(found) == wanted
        return found if fits else None

    def last() -> str:
        return f"wanted: {json.dumps(wanted, indent=1)}\nlast: {describe(seen[0])}"

    return wait_until(look, REPAIR_SECONDS, what=f"{child} is repaired", last=last)


@pytest.fixture
def whole(standing: School) -> Iterator[School]:
    """The base in service; afterwards it must be so again."""
    yield standing
    standing.wait_ready(timeout=60)


@pytest.mark.parametrize("child", [c for c in CHILDREN if c not in CLAIMS and c[0] != "StatefulSet"], ids=_name)
def test_a_deleted_child_is_made_again_and_the_server_goes_on(whole: School, child: Child) -> None:
    before, pod = whole.child(*child), whole.pod_uid
    settings_follow = child[1] == "moulin-tls"
    whole.kube.delete(*child, whole.namespace)
    made = _await_repair(whole, child, _lasting(before), gone=before["metadata"]["uid"])
    assert all(made.get("data", {"-": "-"}).values())
    assert whole.pod_uid == pod
    if settings_follow:
        _await_matching_authority(whole)


def test_a_deleted_statefulset_is_made_again_and_its_server_serves_again(whole: School) -> None:
    child = ("StatefulSet", "moulin")
    before = whole.child(*child)
    whole.kube.delete(*child, whole.namespace)
    _await_repair(whole, child, _lasting(before), gone=before["metadata"]["uid"])


@pytest.mark.parametrize("claim", CLAIMS, ids=_name)
def test_a_deleted_claim_is_kept_by_its_pod_and_made_again_when_the_server_stops(
    standing: School, claim: Child
) -> None:
    """Kubernetes holds a claim that a pod uses; nothing can call the deletion off, so the base says so meanwhile."""
    school = School(standing.cluster, standing.kube, standing.namespace, "lasting")
    own = (claim[0], claim[1].replace("moulin", "lasting"))
    school.apply().wait_ready()
    before, pod = school.child(*own), school.pod_uid
    school.kube.delete(*own, school.namespace)
    assert school.child(*own)["metadata"].get("deletionTimestamp")

    message = school.wait_stalled("VolumeBeingDeleted")
    assert own[1] in message
    assert school.pod_uid == pod, "the server goes on"

    school.apply(inService=False)
    _await_repair(school, own, _lasting(before), gone=before["metadata"]["uid"])
    school.wait_ready("OutOfService")
    school.apply(inService=True).wait_ready()
    school.delete()
    for child in school.children[:2]:
        school.kube.delete(*child, school.namespace)


def _set_data(key: str, value: str | None) -> dict[str, Any]:
    return {"data": {key: value}}


NARROWED = [
    {"ports": [{"port": 49300, "protocol": "TCP"}]},
    {
        "ports": [{"port": 8080, "protocol": "TCP"}],
        "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}}],
    },
    {
        "ports": [{"port": 8443, "protocol": "TCP"}],
        "from": [
            {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app.kubernetes.io/name": "pronote-operator"}}}
        ],
    },
]
EDITS: dict[str, tuple[Child, dict[str, Any]]] = {
    "the year of the data is taken off": (
        CHILDREN[0],
        {"metadata": {"annotations": {"pronote.hosting/school-year": None}}},
    ),
    "the school of the data is taken off": (CHILDREN[0], {"metadata": {"annotations": {"pronote.hosting/uai": None}}}),
    "the school of the snapshots is taken off": (
        CHILDREN[1],
        {"metadata": {"annotations": {"pronote.hosting/uai": None}}},
    ),
    "the password is taken out": (CHILDREN[2], _set_data("password", None)),
    "the certificate is taken out": (CHILDREN[3], _set_data("tls.crt", None)),
    "the token is taken out": (CHILDREN[4], _set_data("token", None)),
    "the passphrase is taken out": (CHILDREN[5], _set_data("passphrase", None)),
    "the settings are edited": (CHILDREN[6], _set_data("settings.json", "{}")),
    "the parameters are edited": (CHILDREN[7], _set_data("parameters.json", "{}")),
    "the port for Clients is changed": (
        CHILDREN[8],
        {"spec": {"ports": [{"name": "client", "port": 49301, "protocol": "TCP", "targetPort": "client"}]}},
    ),
    "the agent's selector is widened": (CHILDREN[9], {"spec": {"selector": {"pronote.hosting/base": "other"}}}),
    "the selector for Clients gets one label more": (CHILDREN[8], {"spec": {"selector": {"app": "other"}}}),
    "metrics are hidden from the cluster": (CHILDREN[10], {"spec": {"ingress": NARROWED}}),
    "a way out is opened": (CHILDREN[10], {"spec": {"egress": [{}]}}),
    "a second server is asked for": (CHILDREN[11], {"spec": {"replicas": 2}}),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_child_is_changed_back_and_the_server_goes_on(whole: School, edit: str) -> None:
    child, change = EDITS[edit]
    before, pod = whole.child(*child), whole.pod_uid
    whole.kube.patch(*child, change, whole.namespace)
    after = _await_repair(whole, child, _lasting(before))
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert all(after.get("data", {"-": "-"}).values())
    assert whole.pod_uid == pod
    if child[1] == "moulin-tls":
        _await_matching_authority(whole)


def test_a_pod_template_that_was_edited_is_changed_back_and_the_server_serves_again(whole: School) -> None:
    child = ("StatefulSet", "moulin")
    before = whole.child(*child)
    server = {"name": "server", "env": [{"name": "PRONOTE_UAI", "value": "0210066H"}]}
    path = f"/apis/apps/v1/namespaces/{whole.namespace}/statefulsets/moulin"
    headers = {"Content-Type": "application/strategic-merge-patch+json"}
    change = {"spec": {"template": {"spec": {"containers": [server]}}}}
    whole.kube.request("PATCH", path, content=json.dumps(change), headers=headers)
    _await_repair(whole, child, _lasting(before))
    wait_until(lambda: _no_pod_is_to_go(whole), 90, what="Kubernetes is done with both templates")


def _no_pod_is_to_go(school: School) -> bool:
    """Whether the StatefulSet's controller has seen the newest template, and the pod is one of it."""
    found, pod = school.child("StatefulSet", "moulin"), school.kube.get("Pod", "moulin-0", school.namespace)
    status = found["status"]
    return (
        status["observedGeneration"] == found["metadata"]["generation"]
        and pod is not None
        and "deletionTimestamp" not in pod["metadata"]
        and pod["metadata"]["labels"]["controller-revision-hash"] == status["updateRevision"]
    )


def test_a_password_that_a_person_puts_into_the_secret_is_kept(whole: School, folder: Any) -> None:
    """The generated Secret is theirs to change; the server takes the new one without a restart."""
    child, chosen = CHILDREN[2], "Choisi-par-la-principale-1"
    pod, before = whole.pod_uid, whole.child(*child)["data"]["password"]
    whole.kube.patch(*child, _set_data("password", _encoded(chosen)), whole.namespace)
    # The kubelet brings a changed Secret into the pod within about a minute.
    wait_until(
        lambda: whole.log_in(folder, "superadmin", chosen).returncode == 0, 120, what="the new password works", every=3
    )
    assert whole.password == chosen
    assert whole.pod_uid == pod
    whole.kube.patch(*child, _set_data("password", before), whole.namespace)


LABELS = ("app.kubernetes.io/managed-by", "app.kubernetes.io/name", "pronote.hosting/base")


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("child", CHILDREN, ids=_name)
def test_a_label_that_was_removed_comes_back(whole: School, child: Child, label: str) -> None:
    _relabel(whole, child, label, None)


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("child", CHILDREN, ids=_name)
def test_a_label_that_was_changed_is_changed_back(whole: School, child: Child, label: str) -> None:
    _relabel(whole, child, label, "somebody-else")


@pytest.mark.parametrize("child", OWNED, ids=_name)
def test_an_owner_reference_that_was_removed_comes_back(whole: School, child: Child) -> None:
    before, pod = whole.child(*child), whole.pod_uid
    assert before["metadata"]["ownerReferences"][0]["uid"] == whole.get()["metadata"]["uid"]
    whole.kube.patch(*child, {"metadata": {"ownerReferences": None}}, whole.namespace)
    _await_repair(whole, child, _lasting(before))
    assert whole.pod_uid == pod


def test_what_others_add_to_a_child_is_left_to_them(whole: School) -> None:
    child = ("Service", "moulin-client")
    whole.kube.patch(*child, {"metadata": {"labels": {"team": "net"}, "annotations": {"team": "net"}}}, whole.namespace)
    whole.kube.patch(*child, {"spec": {"selector": {"pronote.hosting/base": "other"}}}, whole.namespace)
    found = whole.kube.wait_for(
        *child,
        lambda found: found["spec"]["selector"]["pronote.hosting/base"] == "moulin",
        whole.namespace,
        timeout=REPAIR_SECONDS,
        what="the selector is changed back",
    )
    assert found["metadata"]["labels"]["team"] == found["metadata"]["annotations"]["team"] == "net"
    whole.kube.patch(*child, {"metadata": {"labels": {"team": None}, "annotations": {"team": None}}}, whole.namespace)


def test_a_repair_is_told_by_an_event_on_the_base(whole: School) -> None:
    whole.kube.patch(*CHILDREN[6], {"data": {"settings.json": '{"displayName": "x"}'}}, whole.namespace)

    def told() -> Object | None:
        events = whole.kube.list("event", whole.namespace)
        repairs = (each for each in events if each["reason"] == "ChildRepaired")
        return next((each for each in repairs if "moulin-settings" in each.get("message", "")), None)

    event = wait_until(told, REPAIR_SECONDS, what="an Event about the repair")
    assert event["involvedObject"]["name"] == "moulin"
    assert condition_of(whole.get(), "Ready")["status"] == "True"


def _relabel(school: School, child: Child, label: str, value: str | None) -> None:
    before, pod = school.child(*child), school.pod_uid
    school.kube.patch(*child, {"metadata": {"labels": {label: value}}}, school.namespace)
    after = _await_repair(school, child, _lasting(before))
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert school.pod_uid == pod


def _await_matching_authority(school: School) -> None:
    """The parameters that Clients get must name the authority that signs."""

    def matching() -> bool:
        parameters = json.loads(school.child(*CHILDREN[7])["data"]["parameters.json"])
        authority: str = parameters["caCertificate"]
        return authority == school.secret("moulin-tls", "ca.crt")

    wait_until(matching, REPAIR_SECONDS, what="the parameters carry the new authority")


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
