"""Small decisions of PRONOTE.net's replicas."""

from __future__ import annotations

from datetime import date

import pytest

from pronote_net import french
from pronote_net.cas import is_ticket, login_url
from pronote_net.cookies import safe_return
from pronote_net.protocol import mobile_document
from pronote_net.school import Timetable
from pronote_net.site import Delegation, Site
from pronote_net.start import start_call
from pronote_net.upstream import Refused
from pronote_net.weeks import table, wanted_monday

TODAY = date(2026, 11, 26)


def test_dates_are_french() -> None:
    assert french.long_date(TODAY) == "jeudi 26 novembre 2026"
    assert french.day_and_month(date(2026, 12, 1)) == "1er décembre"
    assert french.clock("08:00") == "8\u00a0h"
    assert french.clock("13:30") == "13\u00a0h\u00a030"
    assert [french.figure(value) for value in (12.0, 12.25, 12.5, None, "Abs")] == ["12", "12,25", "12,5", "—", "Abs"]


@pytest.mark.parametrize(
    ("text", "monday"),
    [
        ("2026-11-23", date(2026, 11, 23)),
        ("2026-12-06", date(2026, 11, 30)),
        ("", date(2026, 11, 23)),
        ("rubbish", date(2026, 11, 23)),
        ("0001-01-01", date(2026, 11, 23)),
        ("9999-12-31", date(2026, 11, 23)),
    ],
)
def test_a_week_is_named_by_any_of_its_days(text: str, monday: date) -> None:
    assert wanted_monday(text, TODAY) == monday


def test_a_timetable_is_a_table_by_the_times_at_which_lessons_begin() -> None:
    lesson = {"start": "08:00", "end": "09:00", "subject": "Maths", "teacher": None, "className": None, "room": "12"}
    later = lesson | {"start": "10:00", "end": "12:00"}
    days = [
        {"date": "2026-11-23", "lessons": [lesson]},
        {"date": "2026-11-28", "lessons": [later, later]},
    ]
    columns, rows = table(Timetable.model_validate({"days": days}), date(2026, 11, 23))
    assert len(columns) == 6  # Saturday has lessons, Sunday none
    assert [row.start for row in rows] == ["08:00", "10:00"]
    assert [len(cell) for cell in rows[0].cells] == [1, 0, 0, 0, 0, 0]
    assert [len(cell) for cell in rows[1].cells] == [0, 0, 0, 0, 0, 2]
    assert rows[0].cells[0][0].details == ["Salle 12"]


@pytest.mark.parametrize(
    "text",
    [
        "https://evil.example/",
        "//evil.example",
        "emploi-du-temps?next=//evil",
        "../accueil",
        "notes?enfant=1\r\nSet-Cookie: x",
        "notes?enfant=" + "1" * 200,
        "sortir",
        "",
    ],
)
def test_nobody_is_sent_elsewhere_after_a_login(text: str) -> None:
    assert safe_return(text) == ""


@pytest.mark.parametrize("text", ["notes", "notes?periode=2&enfant=12", "emploi-du-temps?semaine=2026-11-23"])
def test_a_person_comes_back_to_where_they_were(text: str) -> None:
    assert safe_return(text) == text


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("ST-1-abcDEF-cas.example.org", True),
        ("PT-1-abc", False),
        ("ST-", False),
        ("ST-" + "a" * 253, True),
        ("ST-" + "a" * 254, False),
        ("ST-a<b", False),
        ("ST-a\n", False),
        ("ST-é", False),
    ],
)
def test_only_what_can_be_a_ticket_is_sent_to_the_cas_server(text: str, good: bool) -> None:
    assert is_ticket(text) is good


def test_the_ent_is_told_the_url_of_the_site_document() -> None:
    delegation = Delegation(name="ent", cas_url="https://cas.example.org/cas/")
    url = login_url(delegation, "https://school.example.org/pronote/parent.html")
    assert url == ("https://cas.example.org/cas/login?service=https%3A%2F%2Fschool.example.org%2Fpronote%2Fparent.html")


PAGE = {"session": "1234", "espaceId": 3, "encrypted": True, "compressed": True}


def test_what_the_page_hands_to_clients() -> None:
    assert start_call(PAGE) == "Start ({h:'1234',a:3,CrA:true,CoA:true})"
    assert start_call(PAGE, "ab", "cd") == "Start ({h:'1234',a:3,CrA:true,CoA:true,e:'ab',f:'cd'})"


@pytest.mark.parametrize("session", ["1,2", "1:2", "1}2", "1'2", '1"2', "", "<b>"])
def test_what_clients_could_not_read_is_not_written(session: str) -> None:
    with pytest.raises(Refused):
        start_call(PAGE | {"session": session})


@pytest.mark.parametrize(
    ("version", "numbers"), [("2026.2.5", [2026, 2, 5, 0]), ("0.0.0-dev", [0, 0, 0, 0]), ("dev", [0, 0, 0, 0])]
)
def test_mobile_clients_are_told_the_version_as_four_numbers(version: str, numbers: list[int]) -> None:
    site = Site(published=True, url="https://x.example/pronote", espaces=("Eleves", "Parents"), version=version)
    document = mobile_document(site)
    assert document["version"] == numbers
    assert [one["nom"] for one in document["espaces"]] == ["Espace Parents", "Espace Élèves"]


def test_mobile_clients_are_told_of_the_ent() -> None:
    delegation = Delegation(name="ent", cas_url="https://cas.example.org/cas", espaces=("Eleves",))
    site = Site(
        published=True, url="https://x.example/pronote", espaces=("Eleves", "Parents"), delegations=(delegation,)
    )
    document = mobile_document(site)
    assert document["CAS"]["casURL"] == "https://cas.example.org/cas"
    assert [one["avecDelegation"] for one in document["espaces"]] == [False, True]
