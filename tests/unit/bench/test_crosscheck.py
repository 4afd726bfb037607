"""How the counting proxy's records are named."""

from __future__ import annotations

import pytest

from bench.crosscheck import written
from tests.support.requestlog import Record


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("PATCH", "/api/v1/namespaces/bench-0/secrets/school-00001-tls", "PATCH secrets"),
        ("PATCH", "/apis/pronote.hosting/v1alpha1/namespaces/b/pronotebases/s/status", "PATCH pronotebases/status"),
        ("PATCH", "/apis/pronote.hosting/v1alpha1/versionchannels/bench/status", "PATCH versionchannels/status"),
        ("POST", "/apis/events.k8s.io/v1/namespaces/bench-0/events", "POST events"),
        ("PUT", "/apis/coordination.k8s.io/v1/namespaces/pronote-system/leases/pronote-operator", "PUT leases"),
        ("POST", "/version", ""),
    ],
)
def test_a_write_is_named_by_verb_and_resource(method: str, path: str, expected: str) -> None:
    assert written(Record(method, path, "", "pronote-operator", 0.0)) == expected
