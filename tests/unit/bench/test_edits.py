"""Changes of children: of fields that the operator wants, seen and seen to be taken back."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import pytest

from bench import bare, schools
from bench.edits import change_for, chosen, holds
from bench.hand import each
from pronote_operator.api.pronotebase import PronoteBase
from pronote_operator.planning.drift import differs


def children() -> list[dict[str, Any]]:
    manifest = schools.school(1).manifest()
    manifest["metadata"]["uid"] = "6b4c35ac-0000-4000-8000-000000000000"
    return bare.children(PronoteBase.model_validate(manifest), dt.datetime(2026, 11, 25, tzinfo=dt.UTC))


def merged(body: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    result = dict(body)
    for name, value in change.items():
        result[name] = merged(body.get(name, {}), value) if isinstance(value, dict) else value
    return result


@pytest.mark.parametrize("child", children(), ids=lambda child: f"{child['kind']} {child['metadata']['name']}")
def test_every_edit_is_drift_of_what_the_operator_wants(child: dict[str, Any]) -> None:
    change = change_for(child["kind"], child)
    edited = merged(child, change)
    assert differs(child, edited)
    assert holds(change, edited)
    assert not holds(change, child)


def test_kinds_are_chosen_alike_and_claims_are_never_deleted() -> None:
    known = [
        (kind, "bench-0", f"{kind}-{n}") for kind in ("Secret", "PersistentVolumeClaim", "Service") for n in range(90)
    ]
    picked = chosen(known, 240, seed=3)
    assert Counter(kind for kind, *_ in picked) == {"Secret": 80, "PersistentVolumeClaim": 80, "Service": 80}
    assert len({child[:3] for child in picked}) == 240
    assert not any(delete for kind, _, _, delete in picked if kind == "PersistentVolumeClaim")
    assert {delete for kind, _, _, delete in picked if kind == "Secret"} == {True, False}


def test_the_same_seed_chooses_the_same_and_fewer_children_are_all_chosen() -> None:
    known = [("Secret", "bench-0", str(number)) for number in range(5)]
    assert chosen(known, 240, seed=3) == chosen([*reversed(known)], 240, seed=3)
    assert len(chosen(known, 240, seed=3)) == 5


async def test_the_first_failure_among_many_ends_them_and_is_raised_itself() -> None:
    done: list[int] = []

    async def work(number: int) -> None:
        if number == 2:
            raise LookupError("two")
        done.append(number)

    with pytest.raises(LookupError, match="two"):
        await each(range(1000), work, at_once=1)
    assert done == [0, 1]
