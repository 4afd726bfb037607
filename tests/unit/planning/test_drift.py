"""What counts as drift, and what belongs to others."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_operator.planning.drift import differs

OWNER = {
    "apiVersion": "pronote.hosting/v1alpha1",
    "kind": "PronoteBase",
    "name": "moulin",
    "uid": "u-1",
    "controller": True,
}
POD: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "StatefulSet",
    "metadata": {"name": "moulin", "labels": {"a": "1"}, "ownerReferences": [OWNER]},
    "spec": {
        "replicas": 1,
        "template": {
            "spec": {
                "containers": [
                    {
                        "name": "server",
                        "image": "server:1",
                        "command": ["serve"],
                        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                        "ports": [{"name": "client", "containerPort": 49300, "protocol": "TCP"}],
                        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}},
                        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                    }
                ],
                "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}],
            }
        },
    },
}
POLICY: dict[str, Any] = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "moulin"},
    "spec": {"ingress": [{"ports": [{"port": 49300, "protocol": "TCP"}]}], "egress": [], "podSelector": {}},
}


def live_of(manifest: dict[str, Any]) -> dict[str, Any]:
    return copy.deepcopy(manifest)


def server(live: dict[str, Any]) -> dict[str, Any]:
    return next(c for c in live["spec"]["template"]["spec"]["containers"] if c["name"] == "server")


def test_an_equal_object_does_not_differ() -> None:
    assert differs(POD, live_of(POD)) == []


def test_an_object_out_of_a_list_has_no_kind_and_does_not_differ() -> None:
    live = live_of(POD)
    del live["apiVersion"], live["kind"]
    assert differs(POD, live) == []


@pytest.mark.parametrize("live", [None, [], "text"])
def test_what_is_no_object_differs_as_a_whole(live: object) -> None:
    assert differs(POD, live) == ["(object)"]


def test_fields_labels_and_items_of_others_are_theirs() -> None:
    live = live_of(POD)
    live["metadata"]["labels"]["team"] = "x"
    live["metadata"]["annotations"] = {"note": "x"}
    live["metadata"]["ownerReferences"].append({"apiVersion": "v1", "kind": "Node", "uid": "u-9"})
    live["status"] = {"replicas": 1}
    live["spec"]["template"]["spec"]["containers"].insert(0, {"name": "mesh", "image": "mesh"})
    server(live)["env"].insert(0, {"name": "Z", "value": "0"})
    server(live)["imagePullPolicy"] = "IfNotPresent"
    assert differs(POD, live) == []


def test_each_changed_field_is_named() -> None:
    live = live_of(POD)
    live["spec"]["replicas"] = 3
    server(live)["image"] = "server:2"
    server(live)["env"][1]["value"] = "3"
    server(live)["ports"] = []
    live["metadata"]["labels"] = {}
    assert differs(POD, live) == [
        "metadata.labels.a",
        "spec.replicas",
        "spec.template.spec.containers[server].image",
        "spec.template.spec.containers[server].env[B].value",
        "spec.template.spec.containers[server].ports[client]",
    ]


def test_a_command_is_compared_as_a_whole() -> None:
    live = live_of(POD)
    server(live)["command"] = ["serve", "--debug"]
    assert differs(POD, live) == ["spec.template.spec.containers[server].command"]


def test_quantities_are_compared_by_value() -> None:
    live = live_of(POD)
    server(live)["resources"]["requests"] = {"cpu": "1000m", "memory": "1024Mi", "ephemeral-storage": "1Gi"}
    live["spec"]["template"]["spec"]["volumes"][0]["emptyDir"]["sizeLimit"] = "1024Mi"
    assert differs(POD, live) == []
    server(live)["resources"]["requests"]["cpu"] = "1001m"
    assert differs(POD, live) == ["spec.template.spec.containers[server].resources.requests.cpu"]


def test_texts_that_look_like_quantities_are_compared_as_texts() -> None:
    wanted = {"metadata": {"labels": {"v": "1"}}, "data": {"v": "1k"}}
    assert differs(wanted, {"metadata": {"labels": {"v": "1.0"}}, "data": {"v": "1000"}}) == [
        "metadata.labels.v",
        "data.v",
    ]


def test_a_rule_added_to_a_policy_is_drift() -> None:
    live = live_of(POLICY)
    live["spec"]["ingress"].append({})
    live["spec"]["egress"] = [{}]
    assert differs(POLICY, live) == ["spec.ingress", "spec.egress"]


def test_a_port_added_to_a_rule_is_drift() -> None:
    live = live_of(POLICY)
    live["spec"]["ingress"][0]["ports"].append({"port": 22, "protocol": "TCP"})
    assert differs(POLICY, live) == ["spec.ingress[0].ports"]


@pytest.mark.parametrize("name", ["selector", "podSelector", "namespaceSelector"])
def test_a_label_added_to_a_selector_is_drift(name: str) -> None:
    wanted = {"spec": {name: {"a": "1"}, "peers": [{name: {}}]}}
    assert differs(wanted, {"spec": {name: {"a": "1", "b": "2"}, "peers": [{name: {}}]}}) == [f"spec.{name}"]
    narrowed = {"spec": {name: {"a": "1"}, "peers": [{name: {"matchLabels": {"b": "2"}}}]}}
    assert differs(wanted, narrowed) == [f"spec.peers[0].{name}"]


def test_an_empty_list_that_the_api_dropped_is_no_drift() -> None:
    live = live_of(POLICY)
    del live["spec"]["egress"]
    assert differs(POLICY, live) == []


def test_a_missing_owner_is_drift() -> None:
    live = live_of(POD)
    del live["metadata"]["ownerReferences"]
    assert differs(POD, live) == ["metadata.ownerReferences[u-1]"]


def test_an_owner_of_ours_that_must_not_be_there_is_drift() -> None:
    retained = live_of(POD)
    del retained["metadata"]["ownerReferences"]
    assert differs(retained, POD) == ["metadata.ownerReferences[u-1]"]


def test_an_owner_from_an_earlier_life_is_drift() -> None:
    live = live_of(POD)
    live["metadata"]["ownerReferences"].append(OWNER | {"uid": "u-0"})
    assert differs(POD, live) == ["metadata.ownerReferences[u-0]"]


def test_an_edited_owner_is_drift() -> None:
    live = live_of(POD)
    live["metadata"]["ownerReferences"][0]["controller"] = False
    assert differs(POD, live) == ["metadata.ownerReferences[u-1].controller"]


scalars = st.integers(0, 3) | st.sampled_from(["a", "b"]) | st.booleans()
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("pqrstu"), inner, max_size=4),
    max_leaves=15,
)
objects = st.dictionaries(st.sampled_from("pqrstu"), trees, max_size=5)


@given(objects)
def test_an_object_never_differs_from_itself(value: dict[str, Any]) -> None:
    assert differs(value, copy.deepcopy(value)) == []


@given(objects, st.data())
def test_a_missing_or_changed_leaf_is_always_found(value: dict[str, Any], data: st.DataObject) -> None:
    places = list(_places(value))
    if not places:
        return
    parent, key = data.draw(st.sampled_from(places))
    live = copy.deepcopy(value)
    target = _same_place(value, live, parent)
    target[key] = "changed"
    assert len(differs(value, live)) == 1
    if isinstance(target, dict) and parent[key] != []:
        del target[key]
        assert len(differs(value, live)) == 1


@given(objects, st.data())
def test_additions_to_maps_are_ignored(value: dict[str, Any], data: st.DataObject) -> None:
    live = copy.deepcopy(value)
    maps = [live, *[parent[key] for parent, key in _places(live) if isinstance(parent[key], dict)]]
    data.draw(st.sampled_from(maps))["extra"] = 1
    assert differs(value, live) == []


def _places(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield value, key
        yield from _places(item)


def _same_place(value: Any, copied: Any, parent: Any) -> Any:
    if value is parent:
        return copied
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found = _same_place(item, copied[key], parent)
        if found is not None:
            return found
    return None
