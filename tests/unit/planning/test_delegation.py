"""What the delegations of one publication come to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronote_operator.api.casdelegation import CasDelegation
from pronote_operator.api.entcatalogue import Ent
from pronote_operator.api.fields import ESPACES, Espace
from pronote_operator.errors import ReferenceMissing, Unusable
from pronote_operator.planning.delegation import (
    Bundles,
    Resolved,
    direct_url,
    documents,
    resolve,
    service_url,
    unpublished,
)
from pronote_operator.planning.ent_catalogue import Catalogue

ENT = Ent.model_validate(
    {"displayName": "E", "casUrl": "https://ent.example.org/cas/", "protocol": "CAS2", "attributes": {"lastName": "sn"}}
)
CATALOGUE = Catalogue({"my-ent": ENT}, {"bad-ent": "casUrl: is wrong"})


def delegation(name: str = "d", *espaces: str, day: int = 1, uid: str = "", **spec: Any) -> CasDelegation:
    source = {} if "cas" in spec else {"ent": "my-ent"}
    return CasDelegation.model_validate(
        {
            "metadata": {
                "name": name,
                "namespace": "schools",
                "uid": uid or name,
                "creationTimestamp": f"2026-11-{day:02}T00:00:00Z",
            },
            "spec": {"publication": "jean-moulin", "espaces": list(espaces or ("Parents",)), **source, **spec},
        }
    )


def alone(one: CasDelegation, bundles: Bundles | None = None, before: list[dict[str, Any]] | None = None) -> Resolved:
    return resolve([one], CATALOGUE, bundles or {}, before or [])[one.metadata.name]


def test_an_ent_of_the_catalogue_comes_to_its_server_and_names() -> None:
    one = delegation(
        "d", "Eleves", "Parents", allowDirectAuthentication=False, identification={"attributes": {"firstName": "gn"}}
    )
    assert alone(one).document == {
        "name": "d",
        "casUrl": "https://ent.example.org/cas",
        "protocol": "CAS2",
        "caBundle": None,
        "espaces": ["Parents", "Eleves"],
        "direct": False,
        "identification": {
            "by": "Identity",
            "attributes": {
                "lastName": "sn",
                "firstName": "gn",
                "birthDate": "dateNaissance",
                "postalCode": "codePostal",
                "category": "categories",
                "pronoteId": "idPronote",
            },
        },
    }


def test_what_the_delegation_says_of_attributes_counts_more_than_the_catalogue() -> None:
    document = alone(delegation(identification={"attributes": {"lastName": "mine"}})).document
    assert document is not None
    assert document["identification"]["attributes"]["lastName"] == "mine"


OWN = {"url": "https://cas.example.org", "caBundle": {"configMapName": "ca"}}


def test_a_server_of_ones_own_is_trusted_by_its_bundle() -> None:
    one = delegation(cas=OWN)
    resolved = alone(one, {"d": "PEM"})
    assert resolved.document is not None
    assert resolved.server is not None
    assert (resolved.server.url, resolved.server.ca_bundle) == ("https://cas.example.org", "PEM")


@pytest.mark.parametrize(
    "problem", [ReferenceMissing("spec.cas.caBundle: none"), Unusable("InvalidCaBundle", "spec.cas.caBundle: bad")]
)
def test_without_its_bundle_a_server_is_not_trusted_by_anything_else(problem: ReferenceMissing | Unusable) -> None:
    one = delegation(cas=OWN)
    resolved = alone(one, {"d": problem})
    assert resolved.document is None
    said = resolved.missing or (resolved.stalled.message if resolved.stalled is not None else "")
    assert said.startswith("spec.cas.caBundle: ")


def test_an_ent_that_is_not_there_is_waited_for_and_one_that_is_wrong_must_be_mended() -> None:
    missing, wrong = alone(delegation(ent="my-net")), alone(delegation(ent="bad-ent"))
    assert missing.document is None
    assert missing.missing is not None
    assert "near it are: my-ent" in missing.missing
    assert wrong.document is None
    assert wrong.stalled is not None
    assert wrong.stalled.reason == "InvalidEnt"


def test_what_was_in_force_stays_while_it_cannot_be_resolved() -> None:
    before = alone(delegation()).document
    assert before is not None
    resolved = resolve([delegation()], Catalogue(), {}, [before])["d"]
    assert resolved.document == before
    assert resolved.kept
    assert resolved.missing is not None
    assert resolved.missing.endswith("what was in force before stays")


def test_what_was_in_force_of_a_deleted_one_does_not_stay() -> None:
    before = alone(delegation()).document
    assert before is not None
    assert documents(resolve([], CATALOGUE, {}, [before])) == []


def test_what_was_in_force_gives_way_to_an_elder_one() -> None:
    before = alone(delegation("young", "Parents", day=2)).document
    assert before is not None
    young = delegation("young", "Eleves", day=2, ent="gone")
    resolved = resolve([delegation("old", "Parents"), young], CATALOGUE, {}, [before])
    assert resolved["young"].document is None
    assert resolved["young"].missing is not None


def test_of_two_the_younger_is_told_who_holds_the_espace() -> None:
    old, young = delegation("old", "Parents"), delegation("young", "Eleves", "Parents", day=2)
    resolved = resolve([young, old], CATALOGUE, {}, [])
    assert resolved["old"].stalled is None
    assert resolved["young"].document is None
    stalled = resolved["young"].stalled
    assert stalled is not None
    assert stalled.reason == "EspaceTaken"
    assert "Parents is delegated by CasDelegation old" in stalled.message
    assert "Eleves" not in stalled.message


def test_it_heals_when_the_elder_lets_the_espace_go() -> None:
    young = delegation("young", "Parents", day=2)
    assert resolve([young, delegation("old", "Eleves")], CATALOGUE, {}, [])["young"].document is not None
    assert resolve([young], CATALOGUE, {}, [])["young"].document is not None


def test_of_two_of_one_second_the_uid_decides() -> None:
    resolved = resolve([delegation("a", uid="2"), delegation("b", uid="1")], CATALOGUE, {}, [])
    assert resolved["b"].document is not None
    assert resolved["a"].document is None


def test_of_two_of_one_second_the_one_in_force_stays() -> None:
    before = alone(delegation("a", uid="2")).document
    assert before is not None
    resolved = resolve([delegation("a", uid="2"), delegation("b", uid="1")], CATALOGUE, {}, [before])
    assert resolved["a"].document == before
    assert resolved["b"].stalled is not None


def test_an_elder_takes_over_from_one_in_force() -> None:
    before = alone(delegation("a", day=2)).document
    assert before is not None
    resolved = resolve([delegation("a", day=2), delegation("b")], CATALOGUE, {}, [before])
    assert resolved["b"].document is not None
    assert resolved["a"].stalled is not None


def test_an_elder_holds_its_espaces_while_its_ent_is_missing() -> None:
    resolved = resolve([delegation("old", ent="gone"), delegation("young", day=2)], CATALOGUE, {}, [])
    assert resolved["young"].stalled is not None


def test_addresses_for_the_people_of_the_ent_and_for_those_without_it() -> None:
    assert service_url("https://h.example.org/pronote") == "https://h.example.org/pronote/"
    assert service_url("https://h.example.org/") == "https://h.example.org/"
    url = "https://h.example.org/pronote"
    pages: dict[Espace, str] = {"Parents": f"{url}/parent.html"}
    assert direct_url(url, ["Parents", "Eleves"], pages) == "https://h.example.org/pronote/?login=true"
    assert direct_url(url, ["Parents"], pages) == "https://h.example.org/pronote/parent.html?login=true"
    assert direct_url(url, ["Eleves"], pages) == "https://h.example.org/pronote/?login=true"


def test_espaces_that_are_not_published_are_told() -> None:
    assert unpublished(delegation("d", "Parents", "Eleves"), ["Parents"]) == ["Eleves"]


espaces = st.lists(st.sampled_from(ESPACES), min_size=1, max_size=9, unique=True)
many = st.lists(st.tuples(espaces, st.integers(1, 3), st.sampled_from(["my-ent", "gone", "bad-ent"])), max_size=6)


@given(many, many)
def test_an_espace_never_has_two_delegations_whatever_was_in_force(
    earlier: list[tuple[list[Espace], int, str]], later: list[tuple[list[Espace], int, str]]
) -> None:
    def built(said: list[tuple[list[Espace], int, str]]) -> list[CasDelegation]:
        return [delegation(f"d{n}", *wanted, day=day, ent=ent) for n, (wanted, day, ent) in enumerate(said)]

    before = documents(resolve(built(earlier), CATALOGUE, {}, []))
    after = documents(resolve(built(later), CATALOGUE, {}, before))
    for found in (before, after):
        held = [espace for one in found for espace in one["espaces"]]
        assert len(held) == len(set(held))
    assert documents(resolve(built(later), CATALOGUE, {}, after)) == after
