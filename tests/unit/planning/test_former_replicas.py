"""Whether some of the replicas that are there are still those of a former base."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_operator.builders.names import Names, base_of_site
from pronote_operator.planning.publication_status import former_replicas
from pronote_operator.planning.web_facts import DeploymentFacts, deployment_facts

CHANGING = ({"type": "Ready", "reason": "BaseChanging"}, {"type": "Published", "reason": "BaseChanging"})
PUBLISHED = ({"type": "Published", "reason": "Published"},)


def facts(base: str, *, replaced: bool = True, trouble: str | None = None) -> DeploymentFacts:
    return DeploymentFacts(available=True, complete=replaced, replaced=replaced, base=base, trouble=trouble)


def test_replicas_of_another_base_are_waited_for_from_the_pass_that_changes_them() -> None:
    found = former_replicas("next", facts("moulin"), facts("next", replaced=False), PUBLISHED)
    assert found is not None
    assert found.reason == "BaseChanging"


def test_they_are_waited_for_as_long_as_the_status_says_so() -> None:
    assert former_replicas("next", facts("next"), facts("next", replaced=False), CHANGING) is not None
    assert former_replicas("next", None, facts("next", replaced=False), CHANGING) is not None
    assert former_replicas("next", facts("next"), facts("next"), CHANGING) is None


def test_replicas_of_one_base_that_replace_each_other_are_not_waited_for() -> None:
    assert former_replicas("next", facts("next"), facts("next", replaced=False), PUBLISHED) is None
    assert former_replicas("next", None, facts("next", replaced=False), ()) is None


def test_what_keeps_them_is_said() -> None:
    found = former_replicas("next", facts("moulin"), facts("next", replaced=False, trouble="quota"), ())
    assert found is not None
    assert found.message == "The replicas are being replaced by those of PronoteBase next: quota"


@pytest.mark.parametrize(
    ("status", "replaced"),
    [
        ({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}, False),
        ({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 1, "availableReplicas": 2}, False),
        ({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 1}, True),
    ],
)
def test_only_a_controller_that_has_seen_the_change_tells_that_none_is_left(
    status: dict[str, Any], replaced: bool
) -> None:
    metadata = {"generation": 2, "labels": {"pronote.hosting/base": "next"}}
    found = deployment_facts({"metadata": metadata, "spec": {"replicas": 2}, "status": status})
    assert (found.replaced, found.base) == (replaced, "next")


@given(st.from_regex(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?", fullmatch=True))
def test_the_name_of_a_site_document_leads_back_to_its_base(base: str) -> None:
    assert base_of_site(Names(base).site) == base


@pytest.mark.parametrize("name", ["-site", "site", "moulin-settings", ""])
def test_a_name_of_no_site_document_leads_to_no_base(name: str) -> None:
    assert base_of_site(name) is None
