"""Canonical JSON and stable hashes."""

import copy
import json
import math
import subprocess
import sys
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_operator.planning.hashing import canonical_json, fingerprint, stable_hash

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


class Letter(StrEnum):
    A = "a"
    B = "b"


def reordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(list(value))}
    return [reordered(item) for item in value] if isinstance(value, list) else value


@given(values)
def test_canonical_json_says_the_same_whatever_the_order_of_keys(value: Any) -> None:
    assert json.loads(canonical_json(value)) == value
    assert canonical_json(reordered(value)) == canonical_json(value)
    assert stable_hash(reordered(value)) == stable_hash(value)


@given(values, values)
def test_different_values_have_different_hashes(one: Any, other: Any) -> None:
    assert (stable_hash(one) == stable_hash(other)) == (canonical_json(one) == canonical_json(other))


@given(values, values)
def test_different_values_have_different_fingerprints(one: Any, other: Any) -> None:
    assert (fingerprint(one) == fingerprint(other)) == (json.dumps(one) == json.dumps(other))


@given(values)
def test_a_copy_has_the_same_fingerprint(value: Any) -> None:
    assert fingerprint(copy.deepcopy(value)) == fingerprint(value)
    assert fingerprint(json.loads(json.dumps(value))) == fingerprint(value)
    assert fingerprint([value, value]) == fingerprint([value, copy.deepcopy(value)])


def test_the_member_of_an_enumeration_has_a_fingerprint() -> None:
    assert fingerprint({"kind": Letter.A}) != fingerprint({"kind": Letter.B})
    with pytest.raises(TypeError):
        fingerprint({"kind": object()})


def test_names_stay_readable() -> None:
    assert canonical_json({"displayName": "Collège Jean Moulin"}) == '{"displayName":"Collège Jean Moulin"}'


def test_what_json_has_no_form_for_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(math.nan)


def test_a_hash_is_the_same_in_another_process() -> None:
    code = "from pronote_operator.planning.hashing import stable_hash; print(stable_hash({'b': [1], 'a': 'é'}))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == stable_hash({"a": "é", "b": [1]})
