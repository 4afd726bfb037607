"""What counts as drift, and what belongs to others."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_operator.planning.drift import differs
from pronote_operator.planning.dropped import dropped

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


def test_what_is_added_inside_a_rule_is_drift() -> None:
    live = live_of(POLICY)
    live["spec"]["ingress"][0]["ports"][0]["endPort"] = 65535
    live["spec"]["ingress"][0]["from"] = [{"podSelector": {}}]
    assert differs(POLICY, live) == ["spec.ingress[0].ports[0].endPort", "spec.ingress[0].from"]


def test_a_member_that_was_taken_from_the_parent_of_a_route_is_noticed() -> None:
    parent = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "web"}
    wanted = {"spec": {"parentRefs": [parent]}}
    assert differs(wanted, live_of(wanted)) == []
    former = {"spec": {"parentRefs": [{**parent, "sectionName": "https", "port": 443}]}}
    assert differs(wanted, former) == ["spec.parentRefs[0].sectionName", "spec.parentRefs[0].port"]


def test_a_constraint_on_where_pods_run_that_others_add_is_theirs() -> None:
    constraint = {"topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {"a": "1"}}
    wanted = {"spec": {"topologySpreadConstraints": [{**constraint, "maxSkew": 1}]}}
    live = live_of(wanted)
    live["spec"]["topologySpreadConstraints"].insert(0, {**constraint, "whenUnsatisfiable": "DoNotSchedule"})
    live["spec"]["topologySpreadConstraints"][1]["nodeAffinityPolicy"] = "Honor"
    assert differs(wanted, live) == []
    live["spec"]["topologySpreadConstraints"][1]["maxSkew"] = 2
    assert differs(wanted, live) == ["spec.topologySpreadConstraints[zone].maxSkew"]


def managed(live: dict[str, Any], fields: dict[str, Any], **entry: str) -> dict[str, Any]:
    """The object as the API gives it when these fields were applied in our name, unless `entry` says otherwise."""
    ours = {"manager": "pronote-operator", "operation": "Apply", "fieldsV1": fields, **entry}
    others = {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:spec": {"f:paused": {}}}}
    return {**live, "metadata": {**live["metadata"], "managedFields": [others, ours]}}


INGRESS: dict[str, Any] = {
    "metadata": {"name": "moulin-web", "annotations": {"proxy/body-size": "8m"}},
    "spec": {"rules": [{"host": "moulin.example.org"}]},
}
FORMER: dict[str, Any] = {
    "metadata": {"name": "moulin-web", "annotations": {"proxy/body-size": "8m", "proxy/timeout": "9", "note": "x"}},
    "spec": {"ingressClassName": "former", "paused": True, "rules": [{"host": "moulin.example.org"}]},
}
FORMER_FIELDS: dict[str, Any] = {
    "f:metadata": {"f:annotations": {".": {}, "f:proxy/body-size": {}, "f:proxy/timeout": {}}},
    "f:spec": {"f:ingressClassName": {}, "f:rules": {}},
}


def test_what_we_applied_and_no_longer_want_is_drift_and_what_others_added_is_theirs() -> None:
    assert differs(INGRESS, managed(FORMER, FORMER_FIELDS)) == [
        "metadata.annotations.proxy/timeout",
        "spec.ingressClassName",
    ]


@pytest.mark.parametrize(
    "entry", [{"manager": "helm"}, {"operation": "Update"}, {"subresource": "status"}], ids=lambda one: next(iter(one))
)
def test_what_was_not_applied_in_our_name_is_not_ours_to_take_away(entry: dict[str, str]) -> None:
    assert differs(INGRESS, managed(FORMER, FORMER_FIELDS, **entry)) == []


def test_the_items_of_a_list_that_we_no_longer_want_are_named_by_their_keys() -> None:
    names: dict[str, Any] = {".": {}, "f:name": {}}
    fields = {
        "f:spec": {
            "f:ports": {
                'k:{"port":80,"protocol":"TCP"}': {**names, "f:nodePort": {}},
                'k:{"port":81,"protocol":"TCP"}': names,
            },
            "f:finalizers": {'v:"ours"': {}, 'v:"former"': {}},
            "f:places": {"i:0": {}, "i:1": {}},
        }
    }
    wanted = {"spec": {"ports": [{"name": "a", "port": 80, "protocol": "TCP"}], "finalizers": ["ours"], "places": [1]}}
    assert dropped(wanted, fields) == [
        "spec.ports[80,TCP].nodePort",
        "spec.ports[81,TCP]",
        "spec.finalizers[former]",
        "spec.places[1]",
    ]


@pytest.mark.parametrize("fields", [None, [], [{"manager": "pronote-operator", "operation": "Apply"}]])
def test_without_a_note_of_who_set_what_nothing_is_ours(fields: Any) -> None:
    live = {**FORMER, "metadata": {**FORMER["metadata"], "managedFields": fields}}
    assert differs(INGRESS, live) == []


@pytest.mark.parametrize("name", ["selector", "podSelector", "namespaceSelector", "labelSelector"])
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
def test_additions_to_maps_are_ignored_unless_a_list_is_replaced_as_a_whole(
    value: dict[str, Any], data: st.DataObject
) -> None:
    live = copy.deepcopy(value)
    within = list(_maps_in_lists(live))
    outside = [
        live,
        *[
            parent[key]
            for parent, key in _places(live)
            if isinstance(parent[key], dict) and not any(parent[key] is one for one in within)
        ],
    ]
    data.draw(st.sampled_from(outside))["extra"] = 1
    assert differs(value, live) == []
    if within:
        data.draw(st.sampled_from(within))["extra"] = 1
        assert len(differs(value, live)) == 1


def _maps_in_lists(value: Any, inside: bool = False) -> Any:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    inside = inside or isinstance(value, list)
    for item in items:
        if inside and isinstance(item, dict):
            yield item
        yield from _maps_in_lists(item, inside)


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
