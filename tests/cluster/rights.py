"""What the rendered chart grants, and which of it an account has used, by the audit log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tests.cluster.audit import Access

Right = tuple[str, str, str]
"""(API group, resource with subresource, verb)."""

ROLES_FOR_PEOPLE = ("pronote-view", "pronote-edit", "pronote-rollover")


def granted(manifests: Iterable[Mapping[str, Any]]) -> set[Right]:
    """Every verb of the operator's own roles."""
    roles = [m for m in manifests if m["kind"] in ("Role", "ClusterRole")]
    rules = [rule for role in roles if role["metadata"]["name"] not in ROLES_FOR_PEOPLE for rule in role["rules"]]
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def used(accesses: Iterable[Access]) -> set[Right]:
    """Every verb that was used with success.

    An object that server-side apply makes (201) took the right to create too, and a binding the right to bind: the API
    server checks them without an entry of their own.
    """
    found: set[Right] = set()
    for access in accesses:
        if access.denied:
            continue
        found.add((access.group, access.resource, access.verb))
        if access.verb == "patch" and access.code == 201:
            found.add((access.group, access.resource, "create"))
        if access.resource == "rolebindings" and access.verb in ("create", "patch"):
            found.add((access.group, "clusterroles", "bind"))
    return found
