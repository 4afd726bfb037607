"""What the server tells of a person and a school, as pages show it. Answers are validated; dates are dates."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from pronote_net.upstream import away

Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else str(value))]
"""Numbers of people are shown as text; what is not told is empty."""


class _Part(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore", hide_input_in_errors=True
    )


class Child(_Part):
    """A child of a guardian."""

    id: Text
    display_name: str
    class_name: Text = ""


class Person(_Part):
    """Who is logged in."""

    espace: str
    display_name: str
    children: tuple[Child, ...] = ()
    csrf: str
    inactivity_minutes: int


class Lesson(_Part):
    """A lesson."""

    start: str
    end: str
    subject: str
    teacher: Text = ""
    class_name: Text = ""
    room: Text = ""

    @property
    def details(self) -> list[str]:
        """What is known beside subject and time."""
        return [text for text in (self.class_name, self.teacher, self.room and f"Salle {self.room}") if text]


class Day(_Part):
    """The lessons of a day."""

    date: date
    lessons: tuple[Lesson, ...]


class Timetable(_Part):
    """A week."""

    days: tuple[Day, ...]


class Task(_Part):
    """Something to do."""

    due_date: date
    given_date: date | None = None
    subject: str
    content: Text = ""


class Homework(_Part):
    """What is to be done."""

    homework: tuple[Task, ...]


class Period(_Part):
    """A period of marks."""

    id: Text
    name: str
    current: bool = False


class Mark(_Part):
    """A mark."""

    date: date
    value: float | str | None
    out_of: float | str | None
    coefficient: float | str | None


class Subject(_Part):
    """The marks of a subject."""

    subject: str
    average: float | str | None
    marks: tuple[Mark, ...]


class Marks(_Part):
    """The marks of a period."""

    periods: tuple[Period, ...]
    subjects: tuple[Subject, ...]


class Connection(_Part):
    """A connection on the server."""

    application: str
    mode: str
    username: Text = ""
    espace: Text = ""
    connected_time: datetime


class Connections(_Part):
    """All of them."""

    connections: tuple[Connection, ...]


M = TypeVar("M", bound=BaseModel)


def read(model: type[M], answer: object) -> M:
    """Validate an answer of the server.

    Raises:
        Refused: It is not as agreed.
    """
    try:
        return model.model_validate(answer)
    except ValidationError:
        raise away() from None
