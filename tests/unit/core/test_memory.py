"""What the operator remembers: bodies, children, signs of life."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pronote_operator.cluster.kinds import CHILD_KINDS, CONFIG_MAPS, SECRETS
from pronote_operator.cluster.pulse import Pulse
from pronote_operator.handlers.book import ChildBook
from pronote_operator.handlers.keys import Key, base_key
from pronote_operator.handlers.store import ObjectStore

KEY = base_key("schools", "jean-moulin")


def body(version: int, name: str = "jean-moulin-settings", **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "namespace": "schools",
            "resourceVersion": str(version),
            "labels": {"pronote.hosting/base": "jean-moulin"},
            **metadata,
        }
    }


class TestStore:
    @given(st.permutations(range(1, 8)))
    def test_the_newest_version_stays_in_whatever_order_versions_come(self, order: list[int]) -> None:
        store = ObjectStore()
        for version in order:
            store.put(KEY, body(version))
        kept = store.get(KEY)
        assert kept is not None
        assert kept["metadata"]["resourceVersion"] == "7"

    def test_noise_is_not_kept(self) -> None:
        store = ObjectStore()
        last = "kubectl.kubernetes.io/last-applied-configuration"
        store.put(KEY, body(1, managedFields=[{}], annotations={last: "x", "mine": "y"}))
        kept = store.get(KEY)
        assert kept is not None
        assert "managedFields" not in kept["metadata"]
        assert kept["metadata"]["annotations"] == {"mine": "y"}

    def test_a_late_deletion_does_not_remove_an_object_made_anew(self) -> None:
        store = ObjectStore()
        store.put(KEY, body(9))
        assert not store.remove(KEY, version=8)
        assert KEY in store


class TestBook:
    def test_a_change_marks_the_base_and_its_body_is_judged_once(self) -> None:
        marked: list[Key] = []
        book = ChildBook(marked.append)
        book.seen(CONFIG_MAPS, body(1))
        assert marked == [KEY]
        child = book.of(KEY)["ConfigMap", "jean-moulin-settings"]
        assert child.take_body() == body(1)
        assert child.take_body() is None

    def test_the_event_of_our_own_write_is_no_news(self) -> None:
        marked: list[Key] = []
        book = ChildBook(marked.append)
        book.applied(KEY, "ConfigMap", body(5), b"signature", None)
        book.seen(CONFIG_MAPS, body(5))
        assert marked == []
        assert book.of(KEY)["ConfigMap", "jean-moulin-settings"].signature == b"signature"

    def test_a_later_change_is_not_taken_for_what_was_applied(self) -> None:
        book = ChildBook(lambda _: None)
        book.seen(CONFIG_MAPS, body(7))
        book.applied(KEY, "ConfigMap", body(5), b"signature", None)
        assert book.of(KEY)["ConfigMap", "jean-moulin-settings"].signature is None

    def test_a_child_that_lost_its_label_or_got_another_is_still_known_as_ours(self) -> None:
        marked: list[Key] = []
        book = ChildBook(marked.append)
        book.seen(CONFIG_MAPS, body(1))
        book.seen(CONFIG_MAPS, body(2, labels={"pronote.hosting/base": "another"}))
        assert marked == [KEY, KEY]
        book.gone(CONFIG_MAPS, "schools", "jean-moulin-settings")
        assert marked == [KEY, KEY, KEY]
        assert book.of(KEY) == {}

    def test_the_owner_decides_before_the_label(self) -> None:
        book = ChildBook(lambda _: None)
        owner = {"kind": "PronoteBase", "name": "owner", "apiVersion": "pronote.hosting/v1alpha1"}
        book.seen(CONFIG_MAPS, body(1, ownerReferences=[owner]))
        assert list(book.of(base_key("schools", "owner"))) == [("ConfigMap", "jean-moulin-settings")]

    def test_who_wrote_a_child_is_kept_and_of_the_members_only_those_that_we_applied(self) -> None:
        book = ChildBook(lambda _: None)
        fields: dict[str, Any] = {"fieldsV1": {"f:data": {"f:settings.json": {}}}}
        ours = {"manager": "pronote-operator", "operation": "Apply", **fields}
        theirs = {"manager": "kubectl-edit", "operation": "Update"}
        book.seen(CONFIG_MAPS, body(1, managedFields=[{**theirs, **fields}, ours]))
        judged = book.of(KEY)["ConfigMap", "jean-moulin-settings"].take_body()
        assert judged == body(1, managedFields=[theirs, ours])

    def test_a_list_of_the_cluster_or_of_the_namespace_makes_a_kind_known(self) -> None:
        book = ChildBook(lambda _: None)
        for kind in CHILD_KINDS:
            assert not book.knows_all("schools")
            book.listed(kind, None)
        assert book.knows_all("schools")
        book.listed(SECRETS, "schools")
        assert book.knows(SECRETS, "schools")
        assert not book.knows(SECRETS, "others")
        book.unlisted(SECRETS, "schools")
        assert not book.knows(SECRETS, "schools")


class TestPulse:
    def test_a_stream_is_deaf_when_nothing_came_for_long_even_if_it_was_opened_again(self) -> None:
        now = 0.0
        pulse = Pulse(clock=lambda: now)
        assert not pulse.opened("a")
        now = 100.0
        assert pulse.opened("a")
        assert pulse.deaf(150) == {}
        now = 151.0
        assert pulse.deaf(150) == {"a": 151.0}
        pulse.beat("a")
        assert pulse.deaf(150) == {}
        pulse.closed("a")
        assert len(pulse) == 0
