"""The samples parse, carry valid establishments' numbers, and refer to what they bring."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from pronote_operator.api.casdelegation import CasDelegation
from pronote_operator.api.pronotebase import PronoteBase, RestoreRequest
from pronote_operator.api.publication import Publication
from tests.chart.rendering import CHART, ROOT, Manifest, templated

SAMPLES = ROOT / "manifests" / "samples"
LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
"""The control letter of a UAI is the one at the remainder of its seven digits by 23."""

BRINGING_BASES = ["one-school.yaml", "ten-schools.yaml"]


def documents(path: Path) -> list[Manifest]:
    """All documents of a file."""
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    """Those of one kind."""
    return [manifest for manifest in manifests if manifest["kind"] == kind]


@pytest.mark.parametrize(("file", "count"), [("one-school.yaml", 1), ("ten-schools.yaml", 10)])
def test_each_school_has_a_valid_and_unique_uai(file: str, count: int) -> None:
    uais = [base["spec"]["uai"] for base in of_kind(documents(SAMPLES / file), "PronoteBase")]
    assert len(set(uais)) == len(uais) == count
    for uai in uais:
        assert uai[7:] == LETTERS[int(uai[:7]) % 23], uai


@pytest.mark.parametrize(("file", "kind"), [("from-hnot.yaml", "hnot"), ("from-snapshot.yaml", "snapshot")])
def test_a_base_can_begin_from_what_is_there_already(file: str, kind: str) -> None:
    (manifest,) = of_kind(documents(SAMPLES / file), "PronoteBase")
    base = PronoteBase.model_validate(manifest)
    assert set(base.spec.source.to_manifest()) == {kind}
    assert base.metadata.namespace == "schools"
    assert base.spec.uai[7:] == LETTERS[int(base.spec.uai[:7]) % 23]


def test_a_base_from_a_snapshot_is_of_the_same_school() -> None:
    (source,) = of_kind(documents(SAMPLES / "one-school.yaml"), "PronoteBase")
    (copy,) = of_kind(documents(SAMPLES / "from-snapshot.yaml"), "PronoteBase")
    assert copy["spec"]["source"]["snapshot"]["base"] == source["metadata"]["name"]
    assert copy["spec"]["uai"] == source["spec"]["uai"]


def test_a_base_from_files_takes_them_from_the_claim_beside_it() -> None:
    manifests = documents(SAMPLES / "from-hnot.yaml")
    (claim,) = of_kind(manifests, "PersistentVolumeClaim")
    (pod,) = of_kind(manifests, "Pod")
    (base,) = of_kind(manifests, "PronoteBase")
    assert base["spec"]["source"]["hnot"]["claimName"] == claim["metadata"]["name"]
    assert pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]


def test_a_restore_is_asked_of_the_school_of_the_first_sample_and_touches_nothing_else() -> None:
    (school,) = of_kind(documents(SAMPLES / "one-school.yaml"), "PronoteBase")
    (asked,) = documents(SAMPLES / "restore.yaml")
    assert asked["metadata"] == school["metadata"]
    assert set(asked["spec"]) == {"restore"}
    RestoreRequest.model_validate(asked["spec"]["restore"])


@pytest.mark.parametrize("file", BRINGING_BASES)
def test_the_references_of_each_school_are_in_the_same_file(file: str) -> None:
    manifests = documents(SAMPLES / file)
    (channel,) = of_kind(manifests, "VersionChannel")
    (policy,) = of_kind(manifests, "BackupPolicy")
    namespaces = {namespace["metadata"]["name"] for namespace in of_kind(manifests, "Namespace")}
    for shared in (channel, policy):
        assert shared["metadata"]["annotations"] == {"pronote.hosting/is-default": "true"}
    for base in of_kind(manifests, "PronoteBase"):
        assert base["metadata"]["namespace"] in namespaces
        assert base["spec"]["calendar"] in channel["spec"]["calendars"]


def test_the_samples_share_one_channel_and_one_policy() -> None:
    """Two different ones under the same name would be taken in turns by whoever applies both files."""

    def shared(file: str) -> list[Any]:
        return [m for m in documents(SAMPLES / file) if m["kind"] in ("VersionChannel", "BackupPolicy")]

    assert shared("one-school.yaml") == shared("ten-schools.yaml")


@pytest.mark.parametrize("file", [*BRINGING_BASES, "tenant-namespace.yaml"])
def test_schools_live_where_pod_security_is_restricted(file: str) -> None:
    (namespace,) = of_kind(documents(SAMPLES / file), "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_manager_of_a_tenant_edits_pronote_resources_only() -> None:
    manifests = documents(SAMPLES / "tenant-namespace.yaml")
    (role,) = of_kind(manifests, "Role")
    writing = [rule for rule in role["rules"] if set(rule["verbs"]) - {"get", "list", "watch"}]
    assert {group for rule in writing for group in rule["apiGroups"]} == {"pronote.hosting"}
    assert {"ResourceQuota", "LimitRange", "RoleBinding"} <= {m["kind"] for m in manifests}


def test_the_namespaced_values_are_accepted_by_the_schema() -> None:
    assert templated("-f", SAMPLES / "namespaced-values.yaml").returncode == 0


def test_the_delegation_of_the_sample_names_what_is_there() -> None:
    manifests = documents(SAMPLES / "publication-with-ent.yaml")
    publication = Publication.model_validate(of_kind(manifests, "Publication")[0])
    delegation = CasDelegation.model_validate(of_kind(manifests, "CasDelegation")[0])
    (school,) = of_kind(documents(SAMPLES / "one-school.yaml"), "PronoteBase")
    assert publication.spec.base == school["metadata"]["name"]
    assert publication.metadata.namespace == delegation.metadata.namespace == school["metadata"]["namespace"]
    assert delegation.spec.publication == publication.metadata.name
    assert set(delegation.spec.espaces) <= set(publication.spec.espaces)
    assert delegation.spec.ent in yaml.safe_load((CHART / "files" / "ents.yaml").read_text())
