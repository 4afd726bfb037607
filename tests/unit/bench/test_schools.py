"""The measured bases are valid and all different."""

from __future__ import annotations

import datetime as dt

import pytest

from bench import bare, schools
from pronote_operator.api.pronotebase import PronoteBase
from pronote_operator.api.uai import is_uai
from pronote_operator.api.versionchannel import VersionChannel

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)


def test_every_uai_is_valid_and_used_once() -> None:
    uais = [school.uai for school in schools.schools(5000)]
    assert len(set(uais)) == 5000
    assert all(map(is_uai, uais))


def test_bases_are_spread_evenly_over_ten_namespaces() -> None:
    names = [school.namespace for school in schools.schools(1000)]
    assert {name: names.count(name) for name in set(names)} == dict.fromkeys(schools.namespaces(), 100)


def test_more_bases_do_not_repeat_the_first_ones() -> None:
    assert not set(schools.schools(20)) & set(schools.schools(20, first=20))


def test_bases_and_channel_are_what_the_api_takes() -> None:
    base = PronoteBase.model_validate(schools.school(7).manifest())
    channel = VersionChannel.model_validate(schools.channel())
    assert base.spec.uai == "0000007H"
    assert channel.spec.releases[0].version == schools.VERSION


def test_the_bare_loop_applies_the_children_that_are_waited_for() -> None:
    manifest = schools.school(1).manifest()
    manifest["metadata"]["uid"] = "6b4c35ac-0000-4000-8000-000000000000"
    made = bare.children(PronoteBase.model_validate(manifest), NOW)
    assert len({(child["kind"], child["metadata"]["name"]) for child in made}) == schools.CHILDREN


def test_there_is_no_school_beyond_seven_digits() -> None:
    with pytest.raises(ValueError, match="7 digits"):
        schools.school(10_000_000)
