"""A base that refers to what is not there, or asks for what cannot be, says so and heals when it is mended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.schools import School
from tests.cluster.stage import Stage, channel
from tests.support.kube import condition_of

LOOKED_AGAIN_SECONDS = 80.0
"""A person's own Secret carries no label of ours and is not watched: a base looks again every minute."""
STRONG = "Tableau-noir-1887"


def _missing(school: School) -> str:
    """The message of a reference that is not there."""
    found = school.wait("Ready", "False", reason="ReferenceNotFound", timeout=30)
    assert not condition_of(found, "Stalled"), "it heals by itself"
    return str(condition_of(found, "Ready")["message"])


def _own_secret(school: School, name: str, **values: str) -> None:
    metadata = {"name": name, "namespace": school.namespace}
    school.kube.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values})


@pytest.fixture(scope="module")
def served(stage: Stage) -> Iterator[str]:
    """A namespace with an operator."""
    with stage.space() as name, stage.operator(name) as process:
        process.wait_leading()
        yield name


@pytest.fixture
def base(stage: Stage, served: str, request: pytest.FixtureRequest) -> Iterator[School]:
    """A base of its own for each test; out of service, where that is enough."""
    name = f"b{abs(hash(request.node.name)) % 10**8}"
    school = School(stage.cluster, stage.kube, served, name, {"inService": False})
    yield school
    school.delete()


def test_an_unknown_channel_is_named_and_heals_when_it_appears(base: School) -> None:
    assert "spec.versionChannel" in (message := _missing(base.apply(versionChannel="coming")))
    assert "coming" in message
    assert "stable" in message, "it says what there is"
    base.kube.apply(channel("coming"))
    base.wait_ready("OutOfService")
    base.kube.delete("VersionChannel", "coming", None)
    assert "coming" in _missing(base)
    base.apply(versionChannel="stable").wait_ready("OutOfService")


def test_an_unknown_backup_policy_is_named_and_heals_when_it_appears(base: School) -> None:
    assert "spec.backupPolicy" in (message := _missing(base.apply(backupPolicy="nightly")))
    assert "nightly" in message
    metadata = {"name": "nightly"}
    policy: dict[str, Any] = {"apiVersion": "pronote.hosting/v1alpha1", "kind": "BackupPolicy", "metadata": metadata}
    base.kube.apply({**policy, "spec": {}})
    found = base.wait_ready("OutOfService")
    assert found["status"]["effective"]["backupPolicy"] == "nightly"
    base.kube.delete("BackupPolicy", "nightly", None)


def test_an_own_secret_that_is_missing_is_named_and_heals_when_it_appears(base: School) -> None:
    message = _missing(base.apply(superAdmin={"secretName": "mine"}))
    assert "spec.superAdmin.secretName" in message
    assert "mine" in message
    _own_secret(base, "mine", username="chef", password=STRONG)
    found = base.wait_ready("OutOfService", timeout=LOOKED_AGAIN_SECONDS)
    assert found["status"]["superAdminSecretName"] == "mine"
    base.kube.delete("Secret", "mine", base.namespace)


WEAK: dict[str, tuple[dict[str, str], str]] = {
    "short": ({"username": "chef", "password": "Court-1"}, "at least 12 characters"),
    "plain": ({"username": "chef", "password": "toutenminuscules"}, "at least 3 of the four kinds"),
    "named": ({"username": "chef", "password": "Le-chef-de-1887"}, "contains the user name"),
    "absent": ({"username": "chef"}, "password"),
    "nobody": ({"password": STRONG}, "username"),
}


def test_weak_own_passwords_stall_their_bases_with_the_rule_and_heal_when_mended(stage: Stage, served: str) -> None:
    """One base for each, all at once: a Secret of a person's own is looked at again each minute only."""
    bases = {name: School(stage.cluster, stage.kube, served, name, {"inService": False}) for name in WEAK}
    for name, base in bases.items():
        values, words = WEAK[name]
        _own_secret(base, f"{name}-own", **values)
        message = base.apply(superAdmin={"secretName": f"{name}-own"}).wait_stalled("WeakSuperAdminPassword")
        assert words in message, name
        assert f"{name}-own" in message
        assert values.get("password", "nothing") not in message
    for name, base in bases.items():
        _own_secret(base, f"{name}-own", username="chef", password=STRONG)
    for base in bases.values():
        base.wait_ready("OutOfService", timeout=LOOKED_AGAIN_SECONDS)
        base.delete()


def test_an_own_secret_opens_the_server_and_none_is_generated(base: School, folder: Any) -> None:
    _own_secret(base, "mine", username="principale", password=STRONG)
    base.apply(inService=True, superAdmin={"secretName": "mine"}).wait_ready()
    assert base.log_in(folder, "principale", STRONG).returncode == 0
    assert base.kube.get("Secret", f"{base.name}-superadmin", base.namespace) is None
    base.kube.delete("Secret", "mine", base.namespace)


def test_an_unknown_time_zone_stalls_the_base_and_names_the_field(base: School) -> None:
    message = base.apply(timeZone="Europe/Gaule").wait_stalled("InvalidTimeZone")
    assert "spec.timeZone" in message
    assert "Europe/Gaule" in message
    base.apply(timeZone="Europe/Paris").wait_ready("OutOfService")


def test_an_unknown_calendar_stalls_the_base_and_lists_those_there_are(base: School) -> None:
    message = base.apply(calendar="alsace").wait_stalled("UnknownCalendar")
    assert "spec.calendar" in message
    assert "metropole" in message
    base.apply(calendar="metropole").wait_ready("OutOfService")


def test_two_default_channels_are_an_ambiguity_that_a_person_must_mend(base: School) -> None:
    base.kube.apply(channel("second", default=True))
    message = base.apply().wait_stalled("AmbiguousDefault")
    assert "second" in message
    assert "stable" in message
    base.kube.delete("VersionChannel", "second", None)
    base.wait_ready("OutOfService")


def test_a_channel_whose_releases_are_all_to_come_is_told(base: School) -> None:
    later = channel("later")
    later["spec"]["releases"][0]["from"] = "2098-08-26T20:00:00"
    base.kube.apply(later)
    assert "later" in base.apply(versionChannel="later").wait_stalled("NoReleaseDue")
    base.kube.apply(channel("later"))
    base.wait_ready("OutOfService")
    base.kube.delete("VersionChannel", "later", None)
