"""National files: entered once, again without effect, changed ones update; others are refused, nothing written."""

from __future__ import annotations

import json
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from pronote_server.config import BaseConfig
from pronote_server.errors import StartError
from pronote_server.imports.command import import_siecle, import_sts
from pronote_server.imports.entering import Count
from pronote_server.storage.connection import connect
from pronote_server.storage.create import ensure_base
from tests.net.national_files import guardians, pupils, sts


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "years" / "2026"
    folder.mkdir(parents=True)
    wanted = {"kind": "empty", "uai": "0750654D", "schoolYear": 2026, "slotMinutes": 60}
    (folder / "new-base.json").write_text(json.dumps({**wanted, "dayStart": "08:00", "dayEnd": "18:00"}))
    ensure_base(BaseConfig(folder, 2026, "0750654D", "1"))
    return {"PRONOTE_DATA": str(tmp_path / "years"), "PRONOTE_SCHOOL_YEAR": "2026", "PRONOTE_UAI": "0750654D"}


def _file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_bytes(text.encode("iso-8859-15"))
    return path


def _dump(environment: dict[str, str]) -> list[str]:
    with closing(connect(Path(environment["PRONOTE_DATA"]) / "2026" / "base.sqlite")) as connection:
        return list(connection.iterdump())


def test_sts_is_entered_once(environment: dict[str, str], tmp_path: Path) -> None:
    path = _file(tmp_path, "sts_emp.xml", sts())
    first = import_sts(environment, path)
    assert {what: count.added for what, count in first.items()} == {
        "classes": 1,
        "subjects": 1,
        "teachers": 1,
        "staff": 1,
        "services": 1,
    }
    before = _dump(environment)
    assert any("ROCHŒUR" in line for line in before)
    assert all(count == Count(unchanged=1) for count in import_sts(environment, path).values())
    assert _dump(environment) == before


def test_siecle_is_entered_once_and_a_changed_file_updates(environment: dict[str, str], tmp_path: Path) -> None:
    paths = [_file(tmp_path, "Responsables.xml", guardians()), tmp_path / "ExportXML_ElevesAvecAdresses.zip"]
    with zipfile.ZipFile(paths[1], "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ElevesAvecAdresses.xml", pupils().encode("iso-8859-15"))
    first = import_siecle(environment, paths)
    assert (first["pupils"], first["guardians"], first["links"]) == (Count(added=1), Count(added=1), Count(added=1))
    assert first["pupils who have left"] == Count(skipped=1)
    before = _dump(environment)
    import_siecle(environment, paths)
    assert _dump(environment) == before
    changed = [_file(tmp_path, "e.xml", pupils("CHANGÉ")), _file(tmp_path, "r.xml", guardians(linked=False))]
    again = import_siecle(environment, changed)
    assert (again["pupils"], again["links"]) == (Count(changed=1), Count(removed=1))


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (sts(root="EDT_STS"), "goes up to STS"),
        (sts(uai="0210066H"), "of the establishment 0210066H"),
        (sts(year="2025"), "school year 2025"),
        (sts(teacher="9"), "names a teacher"),
        (sts()[:-20], "not well-formed"),
        (sts().replace("<STS_EDT>", BOMB + "<STS_EDT>"), "entities"),
        (sts().replace("1980-02-03", "03/02/1980"), "A date"),
        (sts().replace("ISO-8859-15", "no-such"), "not well-formed"),
        (pupils(), "import siecle"),
        ("<html/>", "This is none of"),
    ],
)
def test_what_is_not_this_bases_is_refused_and_nothing_is_written(
    environment: dict[str, str], tmp_path: Path, text: str, words: str
) -> None:
    before = _dump(environment)
    with pytest.raises(StartError, match=words):
        import_sts(environment, _file(tmp_path, "file.xml", text))
    assert _dump(environment) == before


def test_one_bad_file_of_siecle_refuses_all(environment: dict[str, str], tmp_path: Path) -> None:
    before = _dump(environment)
    good = _file(tmp_path, "e.xml", pupils())
    for bad, words in ((guardians(level="9"), "RESP_LEGAL"), (pupils(), "two files"), (sts(), "import sts")):
        with pytest.raises(StartError, match=words):
            import_siecle(environment, [good, _file(tmp_path, "bad.xml", bad)])
    assert _dump(environment) == before


def test_a_managed_establishment_is_the_bases_own(environment: dict[str, str], tmp_path: Path) -> None:
    settings = _file(tmp_path, "settings.json", '{"managedUais": ["0210066H"]}')
    path = _file(tmp_path, "sts.xml", sts(uai="0210066H"))
    assert import_sts({**environment, "PRONOTE_SETTINGS": str(settings)}, path)["classes"].added == 1
