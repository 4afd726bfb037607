"""Names of snapshots tell their kind and slot, and nothing else is such a name."""

import datetime as dt
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_operator.api.snapshots import SnapshotKind, parsed_name, snapshot_name

SLOTS = st.integers(946684800, 4102444799).map(lambda second: dt.datetime.fromtimestamp(second, dt.UTC))
"""Every second from 2000 to 2099."""
ALLOWED = re.compile("^[a-z]+(-[a-z]+)*-[0-9]{8}T[0-9]{4}([0-9]{2})?Z$")
"""What the API allows (api.fields.SnapshotName)."""


@given(st.sampled_from(SnapshotKind), SLOTS)
def test_a_name_tells_its_kind_and_its_slot(kind: SnapshotKind, slot: dt.datetime) -> None:
    name = snapshot_name(kind, slot)
    assert parsed_name(name) == (kind, slot)
    assert ALLOWED.match(name)


def test_the_slot_is_told_in_utc() -> None:
    paris = dt.timezone(dt.timedelta(hours=1))
    assert snapshot_name(SnapshotKind.BACKUP, dt.datetime(2026, 11, 24, 9, tzinfo=paris)) == "sauvegarde-20261124T0800Z"


@pytest.mark.parametrize(
    "name",
    ["", "archive", "archive-20261324T0800Z", "photo-20261124T0800Z", "archive-20261124T0800", "archive-2026Z\n"],
)
def test_anything_else_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(name))):
        parsed_name(name)
