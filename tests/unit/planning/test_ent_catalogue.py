"""Each entry of the catalogue is judged for itself."""

from __future__ import annotations

import pytest

from pronote_operator.errors import BundleError, ReferenceMissing, Unusable
from pronote_operator.planning.ent_catalogue import read_catalogue

GOOD = "good-ent: {displayName: Good, casUrl: 'https://cas.example.org'}\n"


def test_an_entry_has_the_usual_values_where_it_says_nothing() -> None:
    ent = read_catalogue(GOOD).entry("good-ent")
    assert (ent.protocol, ent.ca_bundle, ent.family) == ("CAS3", None, "Other")
    assert ent.attributes.to_manifest() == {}


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("bad: {displayName: Bad}", "casUrl: Field required"),
        ("bad: {displayName: Bad, casUrl: 'http://cas.example.org'}", "casUrl: String should match"),
        ("bad: {displayName: Bad, casUrl: 'https://cas.example.org', casurl: x}", "casurl: Extra inputs"),
        ("bad: {displayName: B, casUrl: 'https://c.example.org', attributes: {nom: n}}", "attributes.nom: Extra"),
        ("bad: {displayName: B, casUrl: 'https://c.example.org', protocol: CAS9}", "protocol: "),
        ("bad: 7", "Input should be"),
        ("bad:", "Input should be"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused_and_costs_no_other(entry: str, why: str) -> None:
    catalogue = read_catalogue(f"{entry}\n{GOOD}")
    assert set(catalogue.ents) == {"good-ent"}
    with pytest.raises(Unusable, match=why) as refused:
        catalogue.entry("bad")
    assert refused.value.reason == "InvalidEnt"


def test_an_entry_whose_certificates_cannot_be_used_is_refused_and_costs_no_other() -> None:
    given = ", casUrl: 'https://c.example.org', caBundle: words}"
    read = read_catalogue(f"bad: {{displayName: B{given}\nother: {{displayName: O{given}\n{GOOD}")
    assert read.bundles == {"bad": "words", "other": "words"}
    catalogue = read.judged({"bad": BundleError("holds no certificates"), "other": "judged"})
    assert {name: ent.ca_bundle for name, ent in catalogue.ents.items()} == {"other": "judged", "good-ent": None}
    with pytest.raises(Unusable, match="caBundle: holds no certificates") as refused:
        catalogue.entry("bad")
    assert refused.value.reason == "InvalidEnt"


@pytest.mark.parametrize("name", ["Bad Name", "-x", "7", "'é'"])
def test_a_name_that_no_delegation_could_say_is_refused(name: str) -> None:
    catalogue = read_catalogue(f"? {name}\n: {{displayName: X, casUrl: 'https://cas.example.org'}}\n{GOOD}")
    assert set(catalogue.ents) == {"good-ent"}
    assert len(catalogue.refused) == 1


def test_a_name_mistyped_is_told_those_near_it() -> None:
    with pytest.raises(ReferenceMissing, match=r"near it are: good-ent$"):
        read_catalogue(GOOD).entry("god-ent")


def test_a_name_like_no_other_is_told_how_many_there_are() -> None:
    with pytest.raises(ReferenceMissing, match=r"there are 1, such as good-ent$"):
        read_catalogue(GOOD).entry("zzz")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "there is no catalogue"),
        ("a: [", "not valid YAML in line 1"),
        ("- a", "not a mapping"),
        ("", "there is none yet"),
    ],
)
def test_a_catalogue_that_cannot_be_read_is_told_to_who_names_an_ent(text: str | None, why: str) -> None:
    with pytest.raises(ReferenceMissing, match=why):
        read_catalogue(text).entry("good-ent")
