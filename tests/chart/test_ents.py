"""The catalogue of ENTs: what the chart ships, what values add, and what the reference lists."""

import datetime as dt
import json
import re
from typing import Any

import yaml

from pronote_operator.api.entcatalogue import CATALOGUE_KEY, Ent
from pronote_operator.certification.bundles import certificates
from pronote_operator.planning.ent_catalogue import Catalogue, read_catalogue
from tests.chart.rendering import CHART, NAMESPACE, ROOT, Manifest, one, render

REFERENCE = (ROOT / "docs" / "reference" / "ent-catalogue.md").read_text()
NAME = "pronote-operator-ents"


def catalogue(manifests: list[Manifest]) -> Catalogue:
    """The catalogue as the operator reads it."""
    configmap = one(manifests, "ConfigMap", NAME)
    assert configmap["metadata"]["namespace"] == NAMESPACE
    read = read_catalogue(configmap["data"][CATALOGUE_KEY])
    now = dt.datetime.now(dt.UTC)
    return read.judged({name: certificates(bundle, now) for name, bundle in read.bundles.items()})


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading of the reference."""
    section = REFERENCE.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_entry_that_the_chart_ships_can_be_used(manifests: list[Manifest]) -> None:
    read = catalogue(manifests)
    assert read.trouble is None
    assert read.refused == {}
    assert len(read.ents) > 25


def test_the_reference_lists_what_the_chart_ships(cluster_wide: list[Manifest]) -> None:
    shipped = [
        [name, ent.display_name, ent.cas_url, ent.protocol, ent.family]
        for name, ent in catalogue(cluster_wide).ents.items()
    ]
    assert sorted(rows("What the chart ships")) == sorted(shipped)


def test_no_two_entries_are_one_server() -> None:
    urls = [ent["casUrl"] for ent in yaml.safe_load((CHART / "files" / "ents.yaml").read_text()).values()]
    assert len(set(urls)) == len(urls)


def test_values_add_an_ent_and_change_one_field_of_another() -> None:
    own = "ents.my-ent.displayName=Mine,ents.my-ent.casUrl=https://cas.example.org,ents.atrium-sud.protocol=SAML1"
    before, after = catalogue(render()), catalogue(render("--set", own))
    assert after.ents.keys() - before.ents.keys() == {"my-ent"}
    assert after.entry("my-ent").cas_url == "https://cas.example.org"
    assert after.entry("atrium-sud") == before.entry("atrium-sud").model_copy(update={"protocol": "SAML1"})
    assert {name: after.ents[name] for name in before.ents if name != "atrium-sud"} == {
        name: ent for name, ent in before.ents.items() if name != "atrium-sud"
    }


def test_the_reference_and_the_schema_have_the_fields_of_the_model() -> None:
    schema: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())["definitions"]["ent"]["properties"]
    model = Ent.model_json_schema()
    fields = set(model["properties"])
    assert set(schema) == fields == {row[0] for row in rows("An entry")}
    attributes = set(model["$defs"]["EntAttributes"]["properties"])
    assert set(schema["attributes"]["properties"]) == attributes
    (told,) = [row[2] for row in rows("An entry") if row[0] == "attributes"]
    assert attributes <= set(re.findall(r"`(\w+)`", told))


def test_the_schema_has_the_bounds_of_the_model() -> None:
    schema: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())["definitions"]["ent"]["properties"]
    for name, field in Ent.model_json_schema()["properties"].items():
        (said, *_) = [one for one in field.get("anyOf", [field]) if one.get("type") != "null"]
        for bound in ("minLength", "maxLength", "pattern", "enum"):
            if bound in said and (bound, said[bound]) != ("minLength", 1):
                assert schema[name].get(bound) == said[bound], (name, bound)
