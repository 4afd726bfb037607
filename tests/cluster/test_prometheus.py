"""A real Prometheus scrapes a real base as the reference says, and its figures are the server's own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.cluster.people import Person
from tests.cluster.published import Published
from tests.cluster.schools import School
from tests.cluster.stage import ROOT, Stage
from tests.cluster.webport import web_port
from tests.support.kube import Kube
from tests.support.prometheus import Prometheus, scraping

pytestmark = pytest.mark.beside

PASSWORD = "Rentree-2026-cahier"
RULES = sorted((ROOT / "manifests" / "alerts").glob("*.yaml"))


def documented_scraping() -> list[dict[str, Any]]:
    """The scrape configuration of docs/reference/metrics.md."""
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    section = page.split("## Scraping", 1)[1]
    block = re.search(r"```yaml\n(.*?)```", section, flags=re.DOTALL)
    assert block
    configs: list[dict[str, Any]] = yaml.safe_load(block[1])["scrape_configs"]
    return configs


def discovered(kube: Kube, space: str) -> list[dict[str, Any]]:
    """The pods of a namespace as Prometheus's discovery (role: pod) has them: one target for each port of a container.

    Debian's Prometheus is built without that discovery.
    """
    return [
        {
            "targets": [f"{pod['status']['podIP']}:{port['containerPort']}"],
            "labels": {
                "__meta_kubernetes_namespace": pod["metadata"]["namespace"],
                "__meta_kubernetes_pod_name": pod["metadata"]["name"],
                "__meta_kubernetes_pod_container_port_number": str(port["containerPort"]),
                **{
                    "__meta_kubernetes_pod_label_" + re.sub(r"[^a-zA-Z0-9_]", "_", name): value
                    for name, value in pod["metadata"]["labels"].items()
                },
            },
        }
        for pod in kube.list("Pod", space)
        for container in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]
        for port in container.get("ports", [])
    ]


def scrape_configs(kube: Kube, space: str) -> list[dict[str, Any]]:
    """The documented scraping of the pods that a namespace has now."""
    targets = discovered(kube, space)
    return [
        {**{k: v for k, v in config.items() if k != "kubernetes_sd_configs"}, "static_configs": targets}
        for config in documented_scraping()
    ]


@pytest.fixture(scope="module")
def school(stage: Stage) -> Iterator[School]:
    with stage.space() as space, stage.operator(space) as process:
        process.wait_leading()
        school = School(stage.cluster, stage.kube, space)
        school.apply().wait_ready()
        for name in ("durand", "petit"):
            school.add_user(name, PASSWORD)
        yield school


@pytest.fixture(scope="module")
def prometheus(stage: Stage, school: School, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    with scraping(folder, scrape_configs(stage.kube, school.namespace), RULES) as prometheus:
        yield prometheus


def counted(person: Person) -> Counter[tuple[str, str, str]]:
    """The server's own count of connections, by application, mode and Espace."""
    found = person.told("connections")["connections"]
    return Counter((each["application"], each["mode"], each["espace"]) for each in found)


def scraped(prometheus: Prometheus) -> Counter[tuple[str, str, str]]:
    """Prometheus's."""
    found = prometheus.query("pronote_connections > 0")
    return Counter({(m["application"], m["mode"], m.get("espace", "")): int(value) for m, value in found})


def test_the_pod_of_a_base_is_found_and_up(school: School, prometheus: Prometheus) -> None:
    (target,) = prometheus.wait_up(1)
    assert target["labels"]["namespace"] == school.namespace
    assert target["labels"]["pod"] == f"{school.name}-0"
    prometheus.wait_value("pronote_agent_server_up", 1)


def test_connections_are_the_servers_own_count_while_clients_come_and_go(
    school: School, prometheus: Prometheus, folder: Path
) -> None:
    person = Person(school)
    clients = [("durand", "enseignant", PASSWORD), ("petit", "enseignant", PASSWORD)]
    clients.append(("superadmin", "administratif", school.password))
    for number, (name, mode, password) in enumerate(clients, 1):
        assert school.log_in(folder / name, name, password, mode).returncode == 0
        prometheus.wait_value("sum(pronote_connections)", number)
        assert scraped(prometheus) == counted(person)
    prometheus.wait_value('pronote_licences_used{mode="enseignant"}', 2)
    assert prometheus.value('pronote_licences_limit{mode="enseignant"}') == 50

    assert school.client(folder / "durand", "logout").returncode == 0
    prometheus.wait_value("sum(pronote_connections)", 2)
    assert scraped(prometheus) == counted(person)
    person.pronote("disconnect", "--user", "petit", "--yes")
    person.pronote("disconnect", "--user", "superadmin", "--yes")
    prometheus.wait_value("sum(pronote_connections)", 0)
    assert scraped(prometheus) == counted(person) == Counter()


def test_sessions_in_a_browser_are_counted_by_espace(school: School, prometheus: Prometheus) -> None:
    person = Person(school)
    with web_port(school) as web:
        web.publish("Professeurs")
        sessions = [web.log_in("Professeurs", name, PASSWORD).json()["token"] for name in ("durand", "petit")]
        prometheus.wait_value('pronote_connections{espace="Professeurs"}', 2)
        assert scraped(prometheus) == counted(person) == {("PRONOTE.net", "enseignant", "Professeurs"): 2}
        web.ask("DELETE", "/net/v1/session", session=sessions[0]).raise_for_status()
        prometheus.wait_value('pronote_connections{espace="Professeurs"}', 1)
        person.pronote("disconnect", "--all-of", "Professeurs", "--yes")
        prometheus.wait_value('pronote_connections{espace="Professeurs"}', 0)
        assert scraped(prometheus) == counted(person) == Counter()
        assert prometheus.value('pronote_logins_total{espace="Professeurs", result="success"}') == 2


def test_refused_logins_and_suspended_addresses_are_counts_without_addresses(
    school: School, prometheus: Prometheus, folder: Path
) -> None:
    before = prometheus.value('sum(pronote_logins_total{result="refused"})') or 0
    for _ in range(10):
        assert school.log_in(folder, "durand", "wrong", "enseignant").returncode == 3
    prometheus.wait_value('sum(pronote_logins_total{result="refused"})', before + 10)
    prometheus.wait_value("pronote_blocked_addresses", 1)
    (address,) = (each["address"] for each in Person(school).told("blocked")["blockedAddresses"])
    labels = {value for metric, _ in prometheus.query('{__name__=~"pronote_.*"}') for value in metric.values()}
    assert address not in labels
    assert not {"durand", "petit", "superadmin"} & labels
    Person(school).pronote("unblock", "--all")
    prometheus.wait_value("pronote_blocked_addresses", 0)


def test_the_replicas_of_the_pages_are_found_and_up_too(stage: Stage, school: School, folder: Path) -> None:
    published = Published(school, {"exposure": {"service": {"type": "ClusterIP"}}, "replicas": 2})
    published.apply().wait()
    replicas = stage.kube.list("Pod", school.namespace, selector="app.kubernetes.io/component=web")
    assert len(replicas) == 2
    with scraping(folder, scrape_configs(stage.kube, school.namespace)) as prometheus:
        prometheus.wait_up(3)
        before = prometheus.value('sum(pronote_net_requests_total{kind="page", code="2xx"})') or 0
        for replica in replicas:
            page = httpx.get(f"http://{replica['status']['podIP']}:8000/pronote/", trust_env=False)
            assert page.status_code == 200, page.text
        prometheus.wait_value('sum(pronote_net_requests_total{kind="page", code="2xx"})', before + 2)
        of_replicas = prometheus.query('count by (pod) (pronote_net_requests_total{kind="page", code="2xx"})')
        assert {labels["pod"] for labels, _ in of_replicas} == {pod["metadata"]["name"] for pod in replicas}
        assert scraped(prometheus) == counted(Person(school))


def test_the_alerts_are_understood_and_quiet(prometheus: Prometheus) -> None:
    groups = prometheus.rules()
    assert len(groups) >= len(RULES)
    assert not [rule for group in groups for rule in group["rules"] if rule.get("lastError")]
    assert prometheus.query('ALERTS{alertstate="firing"}') == []
