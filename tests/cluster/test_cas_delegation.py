"""Delegations of a published base: in force in the vendor's order, whether the ENT answers or not, healed alone."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local_cluster import addresses
from pronote_operator.api.entcatalogue import CATALOGUE_KEY
from pronote_operator.settings import Settings
from tests.cluster.published import Published
from tests.cluster.schools import School
from tests.cluster.stage import Stage
from tests.support.cas_server import CasServer
from tests.support.kube import Object, condition_of, describe
from tests.support.waiting import wait_until

KIND = "CasDelegation"
HEALED_SECONDS = 45.0
"""A CAS server that does not answer is asked every 30 s, and a little more or less."""
SETTLE_SECONDS = 1.0
"""What was written before a wait ended has come by then."""
CATALOGUE = Settings.model_fields["ent_catalogue"].default


@pytest.fixture(scope="module")
def published(stage: Stage) -> Iterator[Published]:
    """A base in service, whose pages are published without a route, and its operator."""
    with stage.space() as space, stage.operator(space) as process:
        process.wait_leading()
        school = School(stage.cluster, stage.kube, space)
        school.apply().wait_ready()
        made = Published(school, {"exposure": {"service": {}}, "replicas": 1})
        made.apply().wait()
        yield made


@pytest.fixture(scope="module")
def cas(published: Published, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CasServer]:
    """An ENT beside the cluster, with an authority of its own."""
    with CasServer(tmp_path_factory.mktemp("cas"), [published.url], host=addresses.NODE_IP) as server:
        yield server


@pytest.fixture(autouse=True)
def no_delegations_left(published: Published) -> Iterator[None]:
    """Each test begins and ends without."""
    yield
    space = published.school.namespace
    for each in published.school.kube.list(KIND, space):
        published.school.kube.delete(KIND, each["metadata"]["name"], space, wait=20)
    wait_until(lambda: not site(published)["delegations"], 20, what="no delegation in force")


def site(published: Published) -> dict[str, Any]:
    """The site document in the ConfigMap."""
    found = published.school.kube.get("ConfigMap", f"{published.school.name}-site", published.school.namespace)
    assert found is not None
    document: dict[str, Any] = json.loads(found["data"]["site.json"])
    return document


def delegate(published: Published, name: str, *espaces: str, **spec: Any) -> None:
    """Apply a delegation; nothing is waited for."""
    published.school.kube.apply(
        {
            "apiVersion": "pronote.hosting/v1alpha1",
            "kind": KIND,
            "metadata": {"name": name, "namespace": published.school.namespace},
            "spec": {"publication": published.name, "espaces": list(espaces), **spec},
        }
    )


def wait(
    published: Published, name: str, kind: str, status: str = "True", reason: str | None = None, timeout: float = 20
) -> Object:
    """Wait for a condition of a delegation."""
    return published.school.kube.wait_for_condition(
        KIND, name, kind, published.school.namespace, status=status, reason=reason, timeout=timeout
    )


@contextmanager
def followed(published: Published, kind: str, name: str, path: Path) -> Iterator[list[Object]]:
    """Every version of an object that the API server tells of, filled in when the block ends."""
    versions: list[Object] = []
    kubectl = [str(published.school.cluster.state.bin / "kubectl"), "get", kind, name, "--watch", "--output=json"]
    with path.open("wb") as file:
        watching = subprocess.Popen(
            [*kubectl, "--namespace", published.school.namespace],
            stdout=file,
            env={"KUBECONFIG": str(published.school.cluster.kubeconfig)},
        )
        try:
            wait_until(lambda: path.stat().st_size > 0, 10, what="the first version")
            yield versions
            time.sleep(SETTLE_SECONDS)
        finally:
            watching.kill()
            watching.wait()
    text, decoder, place = path.read_text(), json.JSONDecoder(), 0
    while place < len(text.rstrip()):
        version, place = decoder.raw_decode(text, place)
        versions.append(version)
        place += len(text[place:]) - len(text[place:].lstrip())


def test_the_publication_is_stopped_changed_and_published_again(
    published: Published, cas: CasServer, tmp_path: Path
) -> None:
    with (
        followed(published, "configmap", f"{published.school.name}-site", tmp_path / "site") as sites,
        followed(published, "publication", published.name, tmp_path / "publication") as publications,
    ):
        published.delegate(cas, "Parents")
    steps = [json.loads(each["data"]["site.json"]) for each in sites]
    assert [(each["published"], [one["name"] for one in each["delegations"]]) for each in steps] == [
        (True, []),
        (False, []),
        (False, ["ent"]),
        (True, ["ent"]),
    ]
    assert steps[-1]["revision"] - steps[1]["revision"] < 3000, "milliseconds from the first step to the last"
    told = [(held["status"], held["reason"]) for each in publications if (held := condition_of(each, "Published"))]
    assert ("False", "DelegationChanging") in told
    published.wait(timeout=20)
    delegation = wait(published, "ent", "Reachable", reason="Answering")
    assert delegation["status"]["serviceUrl"] == f"{published.url}/"
    assert delegation["status"]["directUrl"].startswith(f"{published.url}/")
    assert delegation["status"]["directUrl"].endswith("?login=true")


def test_a_publication_that_is_stopped_stays_stopped(published: Published, cas: CasServer) -> None:
    published.stop()
    try:
        published.delegate(cas, "Parents")
        assert condition_of(wait(published, "ent", "Ready"), "Ready")["reason"] == "Stopped"
        document = site(published)
        assert (document["published"], len(document["delegations"])) == (False, 1)
    finally:
        published.apply(published=True).wait()


def test_an_ent_that_is_away_leaves_the_delegation_ready_and_heals(published: Published, cas: CasServer) -> None:
    cas.stop()
    try:
        published.delegate(cas, "Parents", name="away", allowDirectAuthentication=True)
        found = wait(published, "away", "Reachable", "False", "ConnectFailed")
        assert condition_of(found, "Ready")["status"] == "True", describe(found)
    finally:
        cas.start()
    wait(published, "away", "Reachable", "True", timeout=HEALED_SECONDS)


def test_an_ent_whose_authority_is_not_known_is_not_trusted(published: Published, cas: CasServer) -> None:
    delegate(published, "stranger", "Eleves", cas={"url": cas.url})
    found = wait(published, "stranger", "Reachable", "False", "CertificateNotTrusted")
    assert "unknown authority" in condition_of(found, "Reachable")["message"]


def test_the_second_delegation_of_an_espace_waits_for_the_first_to_go(published: Published, cas: CasServer) -> None:
    published.delegate(cas, "Parents", "Eleves", name="first")
    delegate(published, "second", "Eleves", cas={"url": cas.url})
    said = condition_of(wait(published, "second", "Stalled", reason="EspaceTaken"), "Stalled")["message"]
    assert "Eleves is delegated by CasDelegation first" in said
    published.school.kube.delete(KIND, "first", published.school.namespace)
    wait(published, "second", "Ready")
    assert [each["name"] for each in site(published)["delegations"]] == ["second"]


def test_an_ent_that_appears_in_the_catalogue_is_taken_at_once(published: Published, cas: CasServer) -> None:
    delegate(published, "listed", "Parents", ent="test-ent")
    wait(published, "listed", "Ready", "False", "ReferenceNotFound")
    entry = {"displayName": "Test", "casUrl": cas.url, "caBundle": cas.ca_file.read_text()}
    metadata = {"name": CATALOGUE, "namespace": published.school.namespace}
    data = {CATALOGUE_KEY: json.dumps({"test-ent": entry, "broken": {"displayName": "B"}})}
    published.school.kube.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    wait(published, "listed", "Ready", timeout=10)
    wait(published, "listed", "Reachable", "True")
    published.school.kube.delete("ConfigMap", CATALOGUE, published.school.namespace)
    said = condition_of(wait(published, "listed", "Ready", "False", "ReferenceNotFound"), "Ready")["message"]
    assert said.endswith("what was in force before stays")
    assert [each["name"] for each in site(published)["delegations"]] == ["listed"]


def test_certificates_that_come_later_are_found(published: Published, cas: CasServer) -> None:
    bundle = {"configMapName": "later"}
    delegate(published, "later", "Parents", cas={"url": cas.url, "caBundle": bundle})
    wait(published, "later", "Ready", "False", "ReferenceNotFound")
    metadata = {"name": "later", "namespace": published.school.namespace}
    data = {"ca.crt": cas.ca_file.read_text()}
    published.school.kube.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    wait(published, "later", "Ready", timeout=40)
