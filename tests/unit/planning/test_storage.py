"""Volumes grow where their class allows, and never shrink."""

from hypothesis import given
from hypothesis import strategies as st

from pronote_operator.planning.quantities import quantity_value
from pronote_operator.planning.storage import StorageAction, StorageDecision, storage_decision

sizes = st.tuples(st.integers(1, 2000), st.sampled_from(["Mi", "Gi", "M", "G"])).map(lambda pair: f"{pair[0]}{pair[1]}")
FIELD = "spec.storage.size"


def decide(
    wanted: str, live: str | None, allows: bool | None = None, wanted_class: str | None = None, live_class: str = "fast"
) -> StorageDecision:
    return storage_decision(FIELD, wanted, wanted_class, live, live_class if live else None, allows)


def test_a_claim_that_does_not_exist_gets_what_the_spec_asks_for() -> None:
    assert decide("5Gi", None, wanted_class="fast") == StorageDecision(StorageAction.KEEP, "5Gi", "fast")


def test_the_same_size_in_other_words_is_kept() -> None:
    assert decide("5120Mi", "5Gi").action is StorageAction.KEEP


def test_growth_asks_for_the_class_first_and_keeps_the_size_meanwhile() -> None:
    decision = decide("10Gi", "5Gi", allows=None)
    assert (decision.action, decision.size) == (StorageAction.ASK_CLASS, "5Gi")


def test_growth_is_made_where_the_class_allows() -> None:
    decision = decide("10Gi", "5Gi", allows=True)
    assert (decision.action, decision.size) == (StorageAction.GROW, "10Gi")


def test_growth_is_refused_where_the_class_forbids() -> None:
    decision = decide("10Gi", "5Gi", allows=False)
    assert (decision.action, decision.size) == (StorageAction.REFUSE_GROW, "5Gi")
    assert decision.message is not None
    assert "class fast does not allow growth" in decision.message


def test_shrinking_is_refused_and_says_what_is_allowed() -> None:
    decision = decide("4Gi", "5Gi", allows=True)
    assert (decision.action, decision.size) == (StorageAction.REFUSE_SHRINK, "5Gi")
    assert decision.message == (
        "spec.storage.size is 4Gi, but the volume has 5Gi: a volume cannot shrink; ask for 5Gi or more"
    )


def test_another_class_is_refused_and_the_claim_keeps_its_own() -> None:
    decision = decide("5Gi", "5Gi", wanted_class="slow")
    assert (decision.action, decision.storage_class) == (StorageAction.REFUSE_CLASS, "fast")
    assert decision.message is not None
    assert decision.message.startswith("spec.storage.storageClassName is slow, but the volume is of class fast")


def test_a_class_that_was_set_once_is_set_again_for_a_base_that_names_none() -> None:
    decision = storage_decision(FIELD, "10Gi", None, "5Gi", "fast", True, class_was_set=True)
    assert decision == StorageDecision(StorageAction.GROW, "10Gi", "fast")


def test_the_default_class_that_the_claim_got_is_not_written_back() -> None:
    assert decide("5Gi", "5Gi").storage_class is None


@given(sizes, sizes, st.sampled_from([None, True, False]), st.sampled_from([None, "fast", "slow"]))
def test_a_claim_never_shrinks_and_grows_only_when_allowed(
    wanted: str, live: str, allows: bool | None, wanted_class: str | None
) -> None:
    decision = decide(wanted, live, allows, wanted_class)
    assert quantity_value(decision.size) >= quantity_value(live)
    assert (quantity_value(decision.size) > quantity_value(live)) == (decision.action is StorageAction.GROW)
    assert decision.action is not StorageAction.GROW or allows
    assert decision.action.refused == (decision.message is not None)
    assert decision.storage_class in (None, "fast")
