"""What the commands do and show."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pronote_client.connection import Connection, parse_target
from pronote_client.errors import ClientError, ExitCode
from pronote_client.profile import StoredSession

if TYPE_CHECKING:
    from pronote_client.parameters import Parameters
    from pronote_client.profile import Profile


WIDE: Final = 240
"""Width of what is not shown on a terminal, columns."""


def log_in(
    profile: Profile,
    school: Parameters,
    username: str,
    password: str,
    mode: str,
    machine: str,
    connect: str | None,
    school_year: int | None = None,
) -> str:
    """Log in, keep the session, and return what to tell the person.

    Args:
        connect: `HOST:PORT` to connect to instead of the school's.
        school_year: A past year whose base is kept; None for the base in service.

    Raises:
        ClientError: The server is not reached, is not the school's, or refuses.
    """
    target = None if connect is None else parse_target(connect)
    earlier = profile.session(school.uai)
    body: dict[str, object] = {"username": username, "password": password, "mode": mode, "machine": machine[:64]}
    if school_year is not None:
        body["schoolYear"] = school_year
    with Connection(school, target) as server:
        try:
            answer = server.ask("POST", "/client/v1/login", body)
        except ClientError as error:
            if earlier is None or error.exit_code is not ExitCode.LICENCE_FULL:
                raise
            # The place that is missing may be the one that this Client still holds.
            _give_back(server, earlier.token)
            profile.forget_session(school.uai)
            answer = server.ask("POST", "/client/v1/login", body)
        else:
            if earlier is not None:
                _give_back(server, earlier.token)
    token = answer.get("session")
    if not isinstance(token, str):
        raise ClientError("The server's answer to the login is not understood.", ExitCode.FAULT)
    profile.save_session(school.uai, StoredSession(token, _text(answer, "username"), mode, connect))
    year = f", school year {_year(answer)}" if school_year is not None else ""
    return f"Logged in to {school.label} as {_text(answer, 'username')}, mode {mode}{year}."


def show_years(school: Parameters, connect: str | None) -> None:
    """Print the school years that one may log in to. Needs no session.

    Raises:
        ClientError: The server is not reached, is not the school's, or refuses.
    """
    with Connection(school, None if connect is None else parse_target(connect)) as server:
        answer = server.ask("GET", "/client/v1/years")
    table = Table("School year", "State")
    for one in answer.get("years", []):
        table.add_row(Text(_text(one, "schoolYear")), Text(_text(one, "state")))
    _console().print(table)


def ask(profile: Profile, uai: str | None, method: str, path: str) -> dict[str, Any]:
    """Ask with the open session of a school.

    Raises:
        ClientError: Nobody is logged in, the session has expired, or the server refuses.
    """
    school = profile.school(uai)
    session = profile.session(school.uai)
    if session is None:
        raise ClientError(f"Not logged in to {school.label}: run `pronote-client login`.", ExitCode.NOT_LOGGED_IN)
    try:
        with Connection(school, parse_target(session.connect) if session.connect else None) as server:
            return server.ask(method, path, token=session.token)
    except ClientError as error:
        if error.exit_code is ExitCode.NOT_LOGGED_IN:
            profile.forget_session(school.uai)
        raise


def log_out(profile: Profile, uai: str | None) -> str:
    """Log out; return what to tell the person.

    Raises:
        ClientError: Nobody is logged in, or the server is not reached: the session is then kept.
    """
    school = profile.school(uai)
    try:
        ask(profile, uai, "POST", "/client/v1/logout")
    except ClientError as error:
        if error.exit_code is not ExitCode.NOT_LOGGED_IN:
            raise
        return f"Not logged in to {school.label}."
    profile.forget_session(school.uai)
    return f"Logged out of {school.label}."


def show_identity(answer: dict[str, Any]) -> None:
    """Print who is logged in."""
    grid = Table.grid(padding=(0, 2))
    rows = {
        "School": f"{_text(answer, 'displayName')} ({_text(answer, 'uai')})",
        "School year": _year(answer),
        "Server version": _text(answer, "version"),
        "User": _text(answer, "username"),
        "Mode": _text(answer, "mode"),
        "Superadministrator": "yes" if answer.get("superadministrator") is True else "no",
        "Machine": _text(answer, "machine"),
        "Connected": _local(answer, "connectedTime"),
    }
    for name, value in rows.items():
        grid.add_row(Text(name, style="bold"), Text(value))
    _console().print(grid)


def show_connections(answer: dict[str, Any]) -> None:
    """Print the open connections and the licences."""
    table = Table()
    for heading in ("Application", "Mode", "User", "Machine", "Address", "Connected", "Last seen"):
        table.add_column(heading, overflow="fold")
    for one in answer.get("connections", []):
        cells = [_text(one, key) for key in ("application", "mode", "username", "machine", "address")]
        cells += [_local(one, "connectedTime"), _local(one, "lastSeenTime")]
        table.add_row(*(Text(cell) for cell in cells))
    licences = answer.get("licences", {})
    administrative, teachers = licences.get("administrative", {}), licences.get("teachers", {})
    console = _console()
    console.print(table)
    console.print(
        f"Licences: administrative {administrative.get('used')} of {administrative.get('limit')} "
        f"({administrative.get('reserved')} reserved for superadministrators), "
        f"teachers {teachers.get('used')} of {teachers.get('limit')}",
        highlight=False,
        markup=False,
    )


def show_schools(profile: Profile) -> None:
    """Print the schools of a profile."""
    default = profile.default_uai()
    table = Table("", "UAI", "School", "Server", "Session")
    for school in profile.schools():
        session = profile.session(school.uai)
        table.add_row(
            "*" if school.uai == default else "",
            school.uai,
            Text(school.label.removesuffix(f" ({school.uai})")),
            Text(f"{school.host}:{school.port}"),
            Text(f"{session.username}, {session.mode}" if session else ""),
        )
    _console().print(table)


def _give_back(server: Connection, token: str) -> None:
    # One Client holds one place. A session that has expired meanwhile needs no logout.
    with suppress(ClientError):
        server.ask("POST", "/client/v1/logout", token=token)


def _console() -> Console:
    console = Console()
    # Into a file or another program nothing is cut.
    return console if console.is_terminal else Console(width=WIDE)


def _year(answer: dict[str, Any]) -> str:
    return _text(answer, "schoolYear") + (" (read-only)" if answer.get("readOnly") is True else "")


def _text(answer: dict[str, Any], key: str) -> str:
    # What comes from the server is shown, never interpreted by the terminal.
    return "".join(letter for letter in str(answer.get(key, "")) if letter.isprintable())


def _local(answer: dict[str, Any], key: str) -> str:
    text = _text(answer, key)
    try:
        return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return text
