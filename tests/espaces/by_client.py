"""What people see with pronotepy, which is used as it is published."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, TypeVar

import pronotepy
import pytest
from pronotepy.exceptions import PronoteAPIError

from tests.espaces.site import Site, Visitor
from tests.support.cas_accounts import PASSWORD as ENT_PASSWORD

Client = TypeVar("Client", bound=pronotepy.Client)
Ent = Callable[..., Any]

WRONG_LOGINS = 10
"""After which an address is suspended at the level Medium."""


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
    """Timetable, homework and marks of the pupil's own."""
    client = log_in(site, site.pupil, pronotepy.Client, ent)
    assert client.info.class_name
    _reads_lessons(client)
    _reads_homework(client)
    _reads_marks(client)
    assert not client.session_check(), "the session was lost meanwhile"


def a_guardian_reads(site: Site, ent: Ent | None = None) -> None:
    """The same of each child, one after the other."""
    client = log_in(site, site.guardian, pronotepy.ParentClient, ent)
    assert tuple(child.name for child in client.children) == site.guardian.children
    seen = []
    for child in client.children:
        client.set_child(child)
        seen.append(_reads_lessons(client))
        _reads_homework(client)
        _reads_marks(client)
    assert len({tuple(lessons) for lessons in seen}) == len(seen), "two children have the same timetable"
    assert not client.session_check(), "the session was lost meanwhile"


def a_teacher_reads(site: Site, ent: Ent | None = None) -> None:
    """The teacher's own timetable."""
    client = log_in(site, site.teacher, pronotepy.Client, ent)
    _reads_lessons(client)
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


def a_session_that_ended_is_opened_again(site: Site) -> None:
    """The client notices that its session is over, logs in again by itself, and goes on."""
    client = log_in(site, site.pupil, pronotepy.Client)
    site.hosting.end_sessions()
    assert client.session_check(), "the client did not notice that its session had ended"
    _reads_lessons(client)
    assert not client.session_check()


def a_suspended_address_is_told(site: Site) -> None:
    """After too many wrong passwords the client says that the address is suspended, with the right one too."""
    try:
        for _ in range(WRONG_LOGINS):
            a_wrong_password_is_told(site)
        with pytest.raises(PronoteAPIError, match=r"Your IP address is suspended\."):
            log_in(site, site.pupil, pronotepy.Client)
    finally:
        site.hosting.release_addresses()
    log_in(site, site.pupil, pronotepy.Client)


def _reads_lessons(client: pronotepy.Client) -> list[str]:
    monday, saturday = _week(client)
    lessons = sorted(client.lessons(monday, saturday), key=lambda lesson: lesson.start)
    assert lessons, f"no lessons from {monday} to {saturday}"
    for lesson in lessons:
        assert monday <= lesson.start.date() < saturday
        assert lesson.start < lesson.end
        assert lesson.subject is not None
        assert lesson.subject.name
    return [f"{lesson.start:%a %H:%M} {lesson.subject and lesson.subject.name}" for lesson in lessons]


def _reads_homework(client: pronotepy.Client) -> None:
    homework = client.homework(client.start_day)
    assert homework, "no homework in the whole year"
    assert all(each.description and each.subject.name for each in homework)


def _reads_marks(client: pronotepy.Client) -> None:
    grades = [grade for period in client.periods for grade in period.grades]
    assert grades, "no marks in any period"
    assert all(grade.grade and grade.out_of and grade.subject.name for grade in grades)


def _week(client: pronotepy.Client) -> tuple[date, date]:
    """Monday and Saturday of this week; of the second of the school year when that has not come."""
    today = max(date.today(), client.start_day + timedelta(weeks=1))  # noqa: DTZ011 - as the client takes it
    monday = today - timedelta(days=today.weekday())
    return monday, monday + timedelta(days=5)
