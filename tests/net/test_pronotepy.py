"""pronotepy, unmodified: what it reads as pupil, parent and teacher, and what it says when it may not."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import pronotepy
import pytest

from tests.conformance.harness import default_settings, wait_until
from tests.net.relay import Relay
from tests.net.school import MOTHER, PUPIL, TEACHER, install_school
from tests.support.net_server import PASSWORD, NetServer, site_document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    NewNet = Callable[..., NetServer]

MONDAY = datetime.date(2026, 8, 31)
SUNDAY = datetime.date(2026, 9, 6)


def _subject(lesson: pronotepy.Lesson) -> str:
    assert lesson.subject is not None
    return lesson.subject.name


@pytest.fixture(scope="module")
def relay(net: NetServer) -> Iterator[Relay]:
    """A relay before a server with a school."""
    install_school(net)
    with Relay(net) as running:
        yield running


@pytest.fixture
def pupil(relay: Relay) -> pronotepy.Client:
    """A pupil who has logged in."""
    return pronotepy.Client(relay.url("eleve"), PUPIL, PASSWORD)


def test_a_pupil_reads_the_timetable(pupil: pronotepy.Client) -> None:
    assert pupil.logged_in
    assert (pupil.info.name, pupil.info.class_name) == ("LEFÈVRE-DUC Zoé", "6A")
    assert pupil.info.establishment == "Collège Jean Moulin"
    lessons = pupil.lessons(MONDAY, SUNDAY)
    assert [(str(one.start), str(one.end), _subject(one), one.teacher_name, one.classroom) for one in lessons] == [
        ("2026-08-31 08:00:00", "2026-08-31 09:00:00", "MATHÉMATIQUES", "CŒUR Paul", "101"),
        ("2026-09-01 10:00:00", "2026-09-01 12:00:00", "ANGLAIS LV1", None, None),
    ]
    assert [_subject(one) for one in pupil.lessons(datetime.date(2026, 9, 7))] == ["MATHÉMATIQUES"]
    assert pupil.lessons(datetime.date(2026, 9, 14), datetime.date(2026, 9, 20)) == []


def test_a_pupil_reads_the_homework(pupil: pronotepy.Client) -> None:
    (one,) = pupil.homework(MONDAY)
    assert (one.subject.name, one.description, one.date, one.done) == (
        "MATHÉMATIQUES",
        "Exercice 3 <page 12> & suivants",
        datetime.date(2026, 9, 4),
        False,
    )
    assert pupil.homework(datetime.date(2026, 9, 7), datetime.date(2026, 9, 13)) == []
    assert pupil.lessons(MONDAY)[0].content is None


def test_a_pupil_reads_marks_and_averages(pupil: pronotepy.Client) -> None:
    first, *others = pupil.periods
    assert [first.name, *(one.name for one in others)] == ["Trimestre 1", "Trimestre 2", "Trimestre 3"]
    assert pupil.current_period in pupil.periods
    assert [
        (one.grade, one.out_of, one.date.isoformat(), one.subject.name, one.period.name) for one in first.grades
    ] == [
        ("12,25", "20", "2026-09-10", "MATHÉMATIQUES", "Trimestre 1"),
        ("8", "10", "2026-09-17", "MATHÉMATIQUES", "Trimestre 1"),
    ]
    (average,) = first.averages
    assert (average.student, average.out_of, average.class_average) == ("14,75", "20", "")
    assert first.overall_average == "14,75"
    assert others[0].grades == []


def test_a_parent_reads_for_each_child(relay: Relay) -> None:
    parent = pronotepy.ParentClient(relay.url("parent"), MOTHER, PASSWORD)
    assert [(child.name, child.class_name) for child in parent.children] == [
        ("LEFÈVRE-DUC Zoé", "6A"),
        ("LEFÈVRE-DUC Inès", "4B"),
    ]
    assert [_subject(one) for one in parent.lessons(MONDAY, SUNDAY)] == ["MATHÉMATIQUES", "ANGLAIS LV1"]
    parent.set_child("LEFÈVRE-DUC Inès")
    assert [one.classroom for one in parent.lessons(MONDAY, SUNDAY)] == ["102"]
    assert [one.description for one in parent.homework(MONDAY)] == ["Lesson 1"]
    assert [one.grade for one in parent.periods[0].grades] == ["17"]


def test_a_parent_reads_nothing_of_anybody_elses_child(relay: Relay) -> None:
    parent = pronotepy.ParentClient(relay.url("parent"), MOTHER, PASSWORD)
    for stranger in ("P3", "P99", "x", "P1' OR 1=1"):
        parent._selected_child = pronotepy.ClientInfo(parent, {"N": stranger, "L": "", "G": 4})
        for read in (lambda: parent.homework(MONDAY), lambda: parent.periods[0].grades, lambda: parent.lessons(MONDAY)):
            with pytest.raises(pronotepy.PronoteAPIError, match="3"):
                read()


def test_a_teacher_reads_the_own_timetable(relay: Relay) -> None:
    teacher = pronotepy.Client(relay.url("professeur"), TEACHER, PASSWORD)
    assert teacher.info.name == "CŒUR Paul"
    lessons = teacher.lessons(MONDAY, SUNDAY)
    assert [(str(one.start), _subject(one), one.classroom) for one in lessons] == [
        ("2026-08-31 08:00:00", "MATHÉMATIQUES", "101"),
        ("2026-09-04 16:30:00", "MATHÉMATIQUES", "102"),
    ]
    with pytest.raises(pronotepy.PronoteAPIError):
        teacher.homework(MONDAY)


def test_a_wrong_password_or_the_wrong_espace_is_not_logged_in(relay: Relay) -> None:
    assert not pronotepy.Client(relay.url("eleve"), PUPIL, "wrong").logged_in
    assert not pronotepy.Client(relay.url("eleve"), "nobody", PASSWORD).logged_in
    assert not pronotepy.Client(relay.url("professeur"), PUPIL, PASSWORD).logged_in


def test_a_session_that_was_ended_is_opened_again_by_the_client(net: NetServer, pupil: pronotepy.Client) -> None:
    assert pupil.session_check() is False
    for one in net.admin("GET", "/v1/connections").json["connections"]:
        net.admin("DELETE", f"/v1/connections/{one['id']}")
    assert pupil.session_check() is True
    assert pupil.lessons(MONDAY)


@pytest.mark.parametrize("coding", ["clear", "compressed", "encrypted"])
def test_every_coding_is_read(new_net: NewNet, coding: str) -> None:
    server = new_net(PRONOTE_NET_CODING=coding)
    install_school(server)
    with Relay(server) as relay:
        pupil = pronotepy.Client(relay.url("eleve"), PUPIL, PASSWORD)
        assert (pupil.communication.encrypt_requests, pupil.communication.compress_requests) == (
            "true" if coding == "encrypted" else False,
            "true" if coding == "compressed" else False,
        )
        assert len(pupil.lessons(MONDAY, SUNDAY)) == 2
        assert len(pupil.periods[0].grades) == 2


def test_suspended_addresses_and_what_is_not_published(new_net: NewNet) -> None:
    server = new_net()
    install_school(server)
    with Relay(server) as relay:
        pupil = pronotepy.Client(relay.url("eleve"), PUPIL, PASSWORD)
        server.publish(site_document(espaces=["Parents"]))
        with pytest.raises(pronotepy.PronoteAPIError):
            pronotepy.Client(relay.url("eleve"), PUPIL, PASSWORD)
        server.publish(site_document())
        for _ in range(10):
            pronotepy.Client(relay.url("eleve"), PUPIL, "wrong")
        with pytest.raises(pronotepy.PronoteAPIError, match="suspended"):
            pronotepy.Client(relay.url("eleve"), PUPIL, PASSWORD)
        settings = default_settings()
        settings["security"]["ipControl"] = "Off"
        server.volume.write_settings(settings)
        wait_until(lambda: server.metric("pronote_blocked_addresses") == 0)
        assert pupil.session_check() is False
