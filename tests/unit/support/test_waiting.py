"""Waiting with a deadline."""

from __future__ import annotations

import pytest

from tests.support.kube import condition_of, describe
from tests.support.waiting import wait_until


def test_the_value_is_given() -> None:
    values = iter([None, False, 0])
    assert wait_until(lambda: next(values), 5, what="zero", every=0.01) == 0


def test_the_time_is_over_with_what_was_seen() -> None:
    with pytest.raises(AssertionError, match=r"not within 0.05 s: the moon\nlast: clouds"):
        wait_until(lambda: None, 0.05, what="the moon", last=lambda: "last: clouds", every=0.01)


def test_a_secret_is_described_by_its_keys_alone() -> None:
    text = describe(
        {"kind": "Secret", "metadata": {"name": "s", "managedFields": [{}]}, "data": {"password": "aHVzaA=="}}
    )
    assert "password" in text
    assert "aHVzaA" not in text


def test_an_absent_object_and_an_absent_condition() -> None:
    assert describe(None) == "(there is none)"
    assert condition_of({"metadata": {}}, "Ready") == {}
    found = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    assert condition_of(found, "Ready")["status"] == "True"
