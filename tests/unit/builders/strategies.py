"""Bases as the API allows them, for property tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from pronote_operator.api.uai import uai_letter
from pronote_operator.builders.context import BuildContext
from tests.unit.builders.children import context

uais = st.integers(0, 9_999_999).map(lambda number: f"{number:07}{uai_letter(f'{number:07}')}")
names = st.from_regex(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?", fullmatch=True)
words = st.text(st.characters(min_codepoint=33, exclude_categories=["C", "Z"]), min_size=1, max_size=30)
sizes = st.tuples(st.integers(1, 999), st.sampled_from(["Gi", "Mi", "G", "Ti"])).map(lambda pair: f"{pair[0]}{pair[1]}")
amounts = st.fixed_dictionaries(
    {},
    optional={
        "cpu": st.sampled_from(["1", "250m", 2, 0.5]),
        "memory": st.sampled_from(["64Mi", "1Gi", "1024Mi"]),
        "ephemeral-storage": st.just("1Gi"),
    },
)
licences = st.integers(1, 1000).flatmap(
    lambda administrative: st.fixed_dictionaries(
        {
            "administrative": st.just(administrative),
            "teachers": st.integers(0, 100_000),
            "reservedForAdministrators": st.integers(0, administrative),
        }
    )
)
addresses = st.lists(
    st.ip_addresses().map(str) | st.tuples(st.ip_addresses(v=4), st.integers(0, 32)).map(lambda p: f"{p[0]}/{p[1]}"),
    max_size=4,
    unique=True,
)
specs: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"uai": uais, "displayName": words, "source": st.just({"empty": {"slotMinutes": 30}})},
    optional={
        "managedUais": st.lists(uais, max_size=3, unique=True),
        "inService": st.booleans(),
        "superAdmin": st.fixed_dictionaries({}, optional={"secretName": names}),
        "licences": licences,
        "security": st.fixed_dictionaries(
            {
                "ipControl": st.sampled_from(["Off", "Low", "Medium", "High"]),
                "preferredAddresses": addresses,
                "prohibitedAddresses": addresses,
            }
        ),
        "disabledClients": st.lists(words, max_size=3, unique=True),
        "storage": st.fixed_dictionaries(
            {"size": sizes, "snapshots": st.fixed_dictionaries({"size": sizes}, optional={"storageClassName": names})},
            optional={"storageClassName": names},
        ),
        "resources": st.fixed_dictionaries({}, optional={"requests": amounts, "limits": amounts}),
        "deletionPolicy": st.sampled_from(["Retain", "Delete"]),
    },
)
options = st.fixed_dictionaries(
    {},
    optional={
        "operator_image": st.sampled_from(["op:1", "op:2"]),
        "image_pull_policy": st.sampled_from([None, "Always", "IfNotPresent", "Never"]),
        "client_service_type": st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer"]),
        "operator_namespace": names,
    },
)


@st.composite
def contexts(draw: st.DrawFn) -> BuildContext:
    """A context for any base."""
    return context(
        draw(specs),
        school_year=draw(st.integers(2000, 2099)),
        version=f"2026.{draw(st.integers(1, 3))}.{draw(st.integers(0, 9))}",
        options=draw(options),
        metadata={"name": draw(names), "namespace": draw(names)},
    )
