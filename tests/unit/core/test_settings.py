"""Settings: read from the environment, refused with their name, described in one place."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from pronote_operator.settings import Settings
from pronote_operator.settings_reference import settings_reference

ROOT = Path(__file__).parents[3]


def test_the_reference_page_is_what_the_class_says() -> None:
    assert (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8") == settings_reference()


def test_namespaces_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRONOTE_OPERATOR_WATCH_NAMESPACES", " schools, more-schools ,")
    assert Settings().watch_namespaces == ("schools", "more-schools")


def test_no_namespace_means_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRONOTE_OPERATOR_WATCH_NAMESPACES", "")
    assert Settings().watch_namespaces == ()


@pytest.mark.parametrize(
    ("name", "value"), [("WORKERS", "0"), ("CLIENT_SERVICE_TYPE", "Other"), ("DEAF_AFTER_SECONDS", "10")]
)
def test_a_wrong_value_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"PRONOTE_OPERATOR_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()
