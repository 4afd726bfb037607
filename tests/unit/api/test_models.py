"""The models read what the API server returns, quickly, and mean the same by what is absent."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pronote_operator.api.common import Condition, ResourceRequirements
from pronote_operator.api.crd import openapi_schema
from pronote_operator.api.fields import ESPACES, clock_time, month_day, share_of
from pronote_operator.api.kind import Kind
from pronote_operator.api.kinds import KINDS
from pronote_operator.api.pronotebase import PronoteBase
from pronote_operator.api.publication import Publication
from pronote_operator.api.versionchannel import VersionChannel
from tests.api.manifests import KIND_BY_NAME, invalid_cases, valid_manifests

VALID = valid_manifests()
NOON = "2026-11-24T12:00:00Z"
BUSY: dict[str, Any] = {
    **VALID["pronotebase-full"],
    "metadata": {
        **VALID["pronotebase-full"]["metadata"],
        "uid": "3f1c",
        "generation": 7,
        "resourceVersion": "1234",
        "creationTimestamp": NOON,
        "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}],
    },
    "status": {
        "observedGeneration": 7,
        "conditions": [
            {"type": kind, "status": "True", "reason": "Fine", "message": "x" * 80, "lastTransitionTime": NOON}
            for kind in ("Ready", "InService", "BackedUp", "UpToDate", "Restored")
        ],
        "schoolYear": 2026,
        "version": {"desired": "2026.2.5", "current": "2026.2.5"},
        "endpoints": {"client": {"host": "a-client.default.svc", "port": 49300}, "parametersConfigMap": "a-parameters"},
        "bases": [{"schoolYear": year, "state": "Kept", "createdTime": NOON} for year in (2024, 2025, 2026)],
        "snapshots": {"names": [f"archive-202611{day:02}T023000Z" for day in range(1, 31)], "lastBackupTime": NOON},
        "effective": {"versionChannel": "stable", "backupPolicy": "default"},
    },
}
LONGEST_PARSE_SECONDS = 150e-6


# The API server drops nulls before anybody sees them.
readable = pytest.mark.parametrize("name", sorted(VALID.keys() - {"pronotebase-nulls"}))


@readable
def test_valid_manifests_are_read(name: str) -> None:
    manifest = VALID[name]
    model = KIND_BY_NAME[manifest["kind"]].model

    assert model.model_validate(manifest).metadata.name == manifest["metadata"]["name"]


@readable
def test_what_is_written_means_the_same_as_what_was_read(name: str) -> None:
    model = KIND_BY_NAME[VALID[name]["kind"]].model
    read = model.model_validate(VALID[name])

    assert model.model_validate(read.to_manifest()) == read


def test_a_base_is_read_fast_enough_for_ten_thousand_of_them() -> None:
    PronoteBase.model_validate(BUSY)

    assert min(_seconds_for_a_parse() for _ in range(20)) < LONGEST_PARSE_SECONDS


def test_members_of_a_newer_status_are_passed_over() -> None:
    newer = {**BUSY, "status": {**BUSY["status"], "quantum": {"state": "both"}}}

    assert PronoteBase.model_validate(newer).status == PronoteBase.model_validate(BUSY).status


def test_a_new_object_counts_as_not_looked_at() -> None:
    assert PronoteBase.model_validate(VALID["pronotebase-minimal"]).status.observed_generation == -1


def test_models_cannot_be_changed() -> None:
    base = PronoteBase.model_validate(BUSY)

    with pytest.raises(ValidationError, match="frozen"):
        base.spec.in_service = True  # type: ignore[misc]


def test_conditions_are_found_by_their_type() -> None:
    status = PronoteBase.model_validate(BUSY).status

    assert (ready := status.condition("Ready"))
    assert ready.reason == "Fine"
    assert status.condition("Stalled") is None


def test_a_time_is_written_in_utc_to_the_second() -> None:
    moment = datetime(2026, 11, 24, 13, 0, 0, 999999, tzinfo=timezone(timedelta(hours=1)))
    condition = Condition(type="Ready", status="True", reason="Fine", last_transition_time=moment)

    assert condition.to_manifest()["lastTransitionTime"] == NOON
    assert Condition.model_validate(condition.to_manifest()).last_transition_time == datetime(
        2026, 11, 24, 12, tzinfo=UTC
    )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_defaults_of_the_crd_and_of_the_model_agree(kind: Kind) -> None:
    model = kind.model.model_fields["spec"].annotation

    assert _default_differences(openapi_schema(kind)["properties"]["spec"], model, "spec") == []


def test_absent_espaces_are_all_nine() -> None:
    assert Publication.model_validate(VALID["publication-minimal"]).spec.espaces == ESPACES
    assert len(ESPACES) == 9


def test_a_release_has_its_time_without_a_zone() -> None:
    releases = VersionChannel.model_validate(VALID["versionchannel-full"]).spec.releases

    assert releases[0].from_ is None
    assert releases[2].from_ == datetime(2026, 8, 26, 20, 0)  # noqa: DTZ001 - read in each base's zone


def test_resources_are_what_a_pod_template_takes() -> None:
    resources = ResourceRequirements.model_validate({"limits": {"cpu": 2, "ephemeral-storage": "1Gi"}})

    assert resources.to_manifest() == {"requests": {}, "limits": {"cpu": "2", "ephemeral-storage": "1Gi"}}


# The model has the bounds and patterns of the schema; rules over several members are the API server's.
@pytest.mark.parametrize(
    "name",
    [
        "pronotebase-uai-in-lower-case",
        "pronotebase-storage-without-a-unit",
        "pronotebase-hnot-path-that-climbs",
        "pronotebase-teachers-in-words",
        "versionchannel-from-a-day-that-does-not-exist",
        "versionchannel-more-than-all-at-once",
        "backuppolicy-schedule-at-25",
    ],
)
def test_a_value_out_of_bounds_is_refused_by_name(name: str) -> None:
    (manifest,) = (case.manifest for case in invalid_cases() if case.name == name)

    with pytest.raises(ValidationError, match=r"spec\.\w+"):
        KIND_BY_NAME[manifest["kind"]].model.model_validate(manifest)


@given(st.integers(0, 100), st.integers(0, 10_000))
def test_a_percentage_is_rounded_down_and_never_more_than_all(percent: int, total: int) -> None:
    share = share_of(f"{percent}%", total)

    assert 0 <= share <= total
    assert share * 100 <= percent * total < (share + 1) * 100


def test_a_number_is_itself() -> None:
    assert share_of(10, 3) == 10


def test_times_and_days_are_read() -> None:
    assert clock_time("05:30").isoformat() == "05:30:00"
    assert month_day("12-20") == (12, 20)


def _seconds_for_a_parse(times: int = 100) -> float:
    start = time.perf_counter()
    for _ in range(times):
        PronoteBase.model_validate(BUSY)
    return (time.perf_counter() - start) / times


def _default_differences(schema: Mapping[str, Any], model: Any, path: str) -> list[str]:
    """Return where the schema has another default than the model, over all members that are models themselves."""
    differences = []
    for field in model.model_fields.values():
        member = schema["properties"][field.alias]
        here = f"{path}.{field.alias}"
        single = isinstance(field.default, str | int | bool)
        if (member.get("default") if "default" in member else None) != (field.default if single else None):
            differences.append(f"{here}: {member.get('default')!r} and {field.default!r}")
        nested = [part for part in (field.annotation, *getattr(field.annotation, "__args__", ())) if _is_model(part)]
        if nested and "properties" in member:
            differences += _default_differences(member, nested[0], here)
    return differences


def _is_model(annotation: Any) -> bool:
    return hasattr(annotation, "model_fields")
