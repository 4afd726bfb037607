"""Which bases are canaries."""

from typing import Any

import pytest

from pronote_operator.api.common import LabelSelector
from pronote_operator.planning.selectors import selects

LABELS = {"pronote.hosting/canary": "true", "academy": "lyon"}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({"matchLabels": {"pronote.hosting/canary": "true"}}, True),
        ({"matchLabels": {"pronote.hosting/canary": "true", "academy": "paris"}}, False),
        ({"matchLabels": {"missing": "true"}}, False),
        ({"matchExpressions": [{"key": "academy", "operator": "In", "values": ["lyon", "paris"]}]}, True),
        ({"matchExpressions": [{"key": "missing", "operator": "In", "values": ["lyon"]}]}, False),
        ({"matchExpressions": [{"key": "academy", "operator": "NotIn", "values": ["lyon"]}]}, False),
        ({"matchExpressions": [{"key": "missing", "operator": "NotIn", "values": ["lyon"]}]}, True),
        ({"matchExpressions": [{"key": "academy", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "academy", "operator": "DoesNotExist"}]}, False),
        ({"matchLabels": {"academy": "lyon"}, "matchExpressions": [{"key": "x", "operator": "Exists"}]}, False),
        ({}, False),
    ],
)
def test_every_requirement_must_hold(selector: dict[str, Any], expected: bool) -> None:
    assert selects(LabelSelector.model_validate(selector), LABELS) is expected


def test_without_a_selector_nobody_is_a_canary() -> None:
    assert not selects(None, LABELS)
