"""Inside an Espace: home page, timetable, homework, marks, connected users."""

from __future__ import annotations

import itertools
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.routing import Route

from pronote_net import cookies, school, weeks
from pronote_net.desk import Desk, espace_of
from pronote_net.entrance import expired
from pronote_net.espaces import BY_NAME, CONNECTIONS, HOMEWORK, MARKS, TIMETABLE
from pronote_net.french import short_date
from pronote_net.upstream import Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from pronote_net.espaces import Espace
    from pronote_net.site import Site
    from pronote_net.upstream import Visit

HOME = "accueil"
HOMEWORK_DAYS = 14

_MODES = {"administratif": "Administratif", "enseignant": "Enseignant", "vie-scolaire": "Vie scolaire"}


class Room:
    """What a page inside an Espace has to do with."""

    def __init__(self, desk: Desk, request: Request, site: Site, espace: Espace, visit: Visit) -> None:
        self.desk = desk
        self.site = site
        self.espace = espace
        self.visit = visit
        self.query = request.query_params
        self.today = datetime.now(_zone(site)).date()

    async def ask(self, path: str, **parameters: str) -> dict[str, Any]:
        """Ask the server for this person.

        Raises:
            Refused: See `Upstream.ask`.
        """
        text = urlencode({name: value for name, value in parameters.items() if value})
        return await self.desk.upstream.ask("GET", f"{path}?{text}" if text else path, self.visit)

    def child(self, person: school.Person) -> school.Child | None:
        """Return the child that the query names, or the first; None for who has none.

        Raises:
            Refused: The person has no such child.
        """
        wanted = self.query.get("enfant", "")
        if not person.children:
            return None
        found = next((child for child in person.children if child.id == wanted or not wanted), None)
        if found is None:
            raise Refused(404, "NotFound")
        return found


def room_routes(desk: Desk) -> list[Route]:
    """Return the routes."""
    shows = {HOME: home, TIMETABLE: timetable, HOMEWORK: homework, MARKS: marks, CONNECTIONS: connections}
    return [Route(f"/{{slug}}/{section}", _endpoint(desk, section, show)) for section, show in shows.items()]


def _endpoint(
    desk: Desk, section: str, show: Callable[[Room, school.Person], Awaitable[tuple[str, dict[str, Any]]]]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        espace = espace_of(request)
        if section != HOME and section not in espace.sections:
            raise Refused(404, "NotFound")
        site = await desk.sites.for_espace(espace)
        visit = desk.visit(request, cookies.session_token(request, espace))
        if not visit.session:
            return expired(request, site, espace)
        room = Room(desk, request, site, espace, visit)
        try:
            person = school.read(school.Person, await room.ask("/net/v1/session"))
            if BY_NAME.get(person.espace) is not espace:
                return expired(request, site, espace)
            template, values = await show(room, person)
        except Refused as refused:
            if refused.status != 401:
                raise
            return expired(request, site, espace)
        return desk.page(template, site, espace=espace, person=person, section=section, today=room.today, **values)

    return endpoint


async def home(_room: Room, _person: school.Person) -> tuple[str, dict[str, Any]]:
    """The first page of an Espace."""
    return "home.html", {}


async def timetable(room: Room, person: school.Person) -> tuple[str, dict[str, Any]]:
    """The timetable of a week."""
    child = room.child(person)
    monday = weeks.wanted_monday(room.query.get("semaine", ""), room.today)
    answer = await room.ask("/net/v1/timetable", child=child.id if child else "", monday=monday.isoformat())
    days, rows = weeks.table(school.read(school.Timetable, answer), monday)
    return "timetable.html", {"chosen": child, "days": days, "rows": rows, **_neighbours(monday)}


async def homework(room: Room, person: school.Person) -> tuple[str, dict[str, Any]]:
    """What is to be done in two weeks, by day."""
    child = room.child(person)
    monday = weeks.wanted_monday(room.query.get("semaine", ""), room.today)
    last = monday + timedelta(days=HOMEWORK_DAYS - 1)
    span = {"from": monday.isoformat(), "to": last.isoformat()}
    answer = await room.ask("/net/v1/homework", child=child.id if child else "", **span)
    found = school.read(school.Homework, answer).homework
    tasks = sorted(found, key=lambda task: (task.due_date, task.subject))
    days = [(day, list(group)) for day, group in itertools.groupby(tasks, key=lambda task: task.due_date)]
    return "homework.html", {"chosen": child, "days": days, "last": last, **_neighbours(monday)}


async def marks(room: Room, person: school.Person) -> tuple[str, dict[str, Any]]:
    """The marks of a period, by subject."""
    child = room.child(person)
    wanted = room.query.get("periode", "")
    if wanted and not (wanted.isascii() and wanted.isdigit() and len(wanted) <= 9):
        raise Refused(404, "NotFound")
    answer = await room.ask("/net/v1/marks", child=child.id if child else "", period=wanted)
    found = school.read(school.Marks, answer)
    periods = [
        {"id": one.id, "name": one.name, "chosen": one.id == wanted if wanted else one.current} for one in found.periods
    ]
    subjects = [{"name": one.subject, "average": one.average, "marks": one.marks} for one in found.subjects]
    whom = f"&enfant={child.id}" if child and child.id.isalnum() else ""
    return "marks.html", {"chosen": child, "periods": periods, "subjects": subjects, "whom": whom}


async def connections(room: Room, _person: school.Person) -> tuple[str, dict[str, Any]]:
    """The connected users."""
    found = school.read(school.Connections, await room.ask("/net/v1/connections")).connections
    zone = _zone(room.site)
    shown = [
        {
            "username": one.username,
            "application": one.application,
            "place": BY_NAME[one.espace].title if one.espace in BY_NAME else _MODES.get(one.mode, one.mode),
            "since": _moment(one.connected_time.astimezone(zone), room.today),
        }
        for one in sorted(found, key=lambda one: one.connected_time)
    ]
    return "connections.html", {"connections": shown}


def _neighbours(monday: date) -> dict[str, date]:
    week = timedelta(days=7)
    return {"monday": monday, "before": monday - week, "after": monday + week}


def _moment(moment: datetime, today: date) -> str:
    time = f"{moment.hour}\u00a0h\u00a0{moment.minute:02}"
    return time if moment.date() == today else f"{short_date(moment.date())}, {time}"


def _zone(site: Site) -> ZoneInfo:
    try:
        return ZoneInfo(site.time_zone)
    except (ValueError, OSError, KeyError):
        return ZoneInfo("Europe/Paris")
