"""What people see with pronotepy, which is used as it is published."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import pronotepy
import pytest
from pronotepy.exceptions import PronoteAPIError

from tests.espaces.site import WRONG_LOGINS, Record, Site, Visitor
from tests.support.cas_accounts import PASSWORD as ENT_PASSWORD

Client = TypeVar("Client", bound=pronotepy.Client)
Ent = Callable[..., Any]

SUSPENDED = r"^Your IP address is suspended\.$"


def log_in(site: Site, visitor: Visitor, kind: type[Client], ent: Ent | None = None) -> Client:
    """Log in: directly, or by the ENT when its function is given."""
    if ent is None:
        client = kind(site.page(visitor), visitor.username, visitor.password)
    else:
        client = kind(site.page(visitor, direct=False), visitor.ent, ENT_PASSWORD, ent=ent)
    assert client.logged_in
    assert client.info.name == visitor.name
    return client


def a_pupil_reads(site: Site, ent: Ent | None = None) -> None:
    """Timetable, homework and marks of the pupil's own, all of them and no others."""
    client = log_in(site, site.pupil, pronotepy.Client, ent)
    assert client.info.class_name == site.records[site.pupil.name].class_name
    _reads(client, site, site.records[site.pupil.name])
    assert not client.session_check(), "the session was lost meanwhile"


def a_guardian_reads(site: Site, ent: Ent | None = None) -> None:
    """The same of each child, one after the other."""
    client = log_in(site, site.guardian, pronotepy.ParentClient, ent)
    assert tuple(child.name for child in client.children) == site.guardian.children
    for child in client.children:
        assert child.class_name == site.records[child.name].class_name
        client.set_child(child)
        _reads(client, site, site.records[child.name])
    assert not client.session_check(), "the session was lost meanwhile"


def a_teacher_reads(site: Site, ent: Ent | None = None) -> None:
    """The teacher's own timetable."""
    client = log_in(site, site.teacher, pronotepy.Client, ent)
    _reads_lessons(client, site, site.records[site.teacher.name])
    assert not client.session_check(), "the session was lost meanwhile"


def a_wrong_password_is_told(site: Site) -> None:
    """The client says that it is not logged in; nothing else happens."""
    client = pronotepy.Client(site.page(site.pupil), site.pupil.username, "not the password")
    assert not client.logged_in


def an_espace_that_is_not_published_is_told(site: Site) -> None:
    """The client finds a page that is not the Espace's; the other Espaces are as before."""
    site.hosting.publish(*(name for name in site.espaces if name != site.pupil.espace))
    try:
        with pytest.raises(PronoteAPIError, match="Page html is different than expected"):
            log_in(site, site.pupil, pronotepy.Client)
        log_in(site, site.guardian, pronotepy.ParentClient)
    finally:
        site.hosting.publish(*site.espaces)
    log_in(site, site.pupil, pronotepy.Client)


def a_stopped_publication_is_told(site: Site) -> None:
    """The client finds no Espace at all; who was logged in goes on with the same session once all is published."""
    client = log_in(site, site.pupil, pronotepy.Client)
    site.hosting.stop()
    try:
        for visitor in (site.pupil, site.teacher):
            with pytest.raises(PronoteAPIError, match="Page html is different than expected"):
                log_in(site, visitor, pronotepy.Client)
    finally:
        site.hosting.publish(*site.espaces)
    assert not client.session_check(), "the session was lost meanwhile"


def a_session_that_ended_is_opened_again(site: Site, ent: Ent | None = None) -> None:
    """The client notices that its session is over, logs in again by itself, and goes on."""
    client = log_in(site, site.pupil, pronotepy.Client, ent)
    site.hosting.end_sessions()
    assert client.session_check(), "the client did not notice that its session had ended"
    _reads(client, site, site.records[site.pupil.name])
    assert not client.session_check()


def a_suspended_address_is_told(site: Site) -> None:
    """After too many wrong passwords the client says that the address is suspended, with the right one too."""
    try:
        with pytest.raises(PronoteAPIError, match=SUSPENDED):
            _types_wrong_passwords(site)
        with pytest.raises(PronoteAPIError, match=SUSPENDED):
            log_in(site, site.pupil, pronotepy.Client)
    finally:
        site.hosting.release_addresses()
    log_in(site, site.pupil, pronotepy.Client)


def _types_wrong_passwords(site: Site) -> None:
    for _ in range(WRONG_LOGINS + 1):  # fewer when others have typed wrong ones from this address before
        a_wrong_password_is_told(site)


def _reads(client: pronotepy.Client, site: Site, record: Record) -> None:
    _reads_lessons(client, site, record)
    homework = client.homework(client.start_day)
    assert sorted((each.date, each.subject.name) for each in homework) == list(record.homework)
    assert homework, "no homework in the whole year"
    assert all(each.description for each in homework)
    grades = [grade for period in client.periods for grade in period.grades]
    assert sorted((grade.date, grade.subject.name) for grade in grades) == list(record.marks)
    assert grades, "no marks in any period"
    assert all(grade.grade and grade.out_of for grade in grades)


def _reads_lessons(client: pronotepy.Client, site: Site, record: Record) -> None:
    lessons = client.lessons(site.monday, site.monday + timedelta(days=5))
    assert lessons, f"no lessons in the week of {site.monday}"
    read = sorted((lesson.start, lesson.subject.name if lesson.subject else "") for lesson in lessons)
    assert read == list(record.lessons)
    assert all(lesson.start < lesson.end for lesson in lessons)


READING = (a_pupil_reads, a_guardian_reads, a_teacher_reads)
BEING_TOLD = (
    a_wrong_password_is_told,
    an_espace_that_is_not_published_is_told,
    a_stopped_publication_is_told,
    a_session_that_ended_is_opened_again,
    a_suspended_address_is_told,
)
