"""The command `pronote-client`."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pronote_client.profile import Profile

EPILOG = """Exit codes: 0 done, 1 fault, 2 wrong usage, 3 wrong user name or password, 4 no licence free, 5 address
suspended or prohibited, 6 machine disabled, 7 server out of service, 8 certificate not the school's, 9 not logged in
or session expired, 10 parameters missing or not valid, 11 not allowed."""

app = typer.Typer(
    name="pronote-client",
    help="A Client of a hosted PRONOTE base: connects a school's staff to its server.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Mode(StrEnum):
    """What a Client connects as; the domain's own French words."""

    ADMINISTRATIF = "administratif"
    ENSEIGNANT = "enseignant"
    VIE_SCOLAIRE = "vie-scolaire"


@dataclass(frozen=True)
class Choice:
    """Options that every command shares."""

    folder: Path | None
    school: str | None


School = Annotated[str | None, typer.Option("--school", metavar="UAI", help="School to use instead of the default.")]


@app.callback()
def choose(
    context: typer.Context,
    profile_dir: Annotated[
        Path | None,
        typer.Option(
            envvar="PRONOTE_PROFILE_DIR",
            help="Folder for parameters and sessions, such as one on a key; default ~/.config/pronote-client.",
        ),
    ] = None,
    school: School = None,
) -> None:
    """A Client of a hosted PRONOTE base: connects a school's staff to its server."""
    context.obj = Choice(profile_dir, school)


@app.command("apply-parameters")
def apply_parameters(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Parameters file of the school (parameters.json).")],
    default: Annotated[bool, typer.Option("--default", help="Make it the default school.")] = False,
) -> None:
    """Keep a school's connection parameters; needed once on each machine, or once on a key."""

    def work(profile: Profile) -> None:
        from pronote_client.parameters import read_parameters

        parameters = read_parameters(file)
        is_default = profile.save_parameters(parameters, default)
        note = ", the default school" if is_default else ""
        typer.echo(f"Parameters of {parameters.label} applied{note}: {parameters.host}:{parameters.port}.")

    _run(context, work)


@app.command()
def login(
    context: typer.Context,
    mode: Annotated[Mode, typer.Option(help="What to connect as.")],
    username: Annotated[str, typer.Option(help="User name.")],
    connect: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Connect there; the certificate must still be the school's."),
    ] = None,
    machine: Annotated[str | None, typer.Option(help="Name of this machine; default: its host name.")] = None,
    school_year: Annotated[
        int | None,
        typer.Option(metavar="YEAR", min=1990, max=2199, help="A past school year that is kept, to read; see `years`."),
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
) -> None:
    """Log in. The password comes from --password-stdin, else from PRONOTE_PASSWORD, else from a prompt."""

    def work(profile: Profile) -> None:
        from pronote_client.commands import log_in

        school = profile.school(_choice(context).school)
        password = _password(password_stdin)
        here = machine or socket.gethostname()
        typer.echo(log_in(profile, school, username, password, mode.value, here, connect, school_year))

    _run(context, work)


@app.command()
def years(
    context: typer.Context,
    connect: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Connect there; the certificate must still be the school's."),
    ] = None,
) -> None:
    """Show the school years that one may log in to: the one in service, and past ones that are kept to be read."""

    def work(profile: Profile) -> None:
        from pronote_client import commands

        commands.show_years(profile.school(_choice(context).school), connect)

    _run(context, work)


@app.command()
def whoami(context: typer.Context) -> None:
    """Show who is logged in, as what, and on which base."""

    def work(profile: Profile) -> None:
        from pronote_client import commands

        commands.show_identity(commands.ask(profile, _choice(context).school, "GET", "/client/v1/whoami"))

    _run(context, work)


@app.command()
def connections(context: typer.Context) -> None:
    """Show the open connections and the licences (mode administratif only)."""

    def work(profile: Profile) -> None:
        from pronote_client import commands

        commands.show_connections(commands.ask(profile, _choice(context).school, "GET", "/client/v1/connections"))

    _run(context, work)


@app.command()
def logout(context: typer.Context) -> None:
    """Log out and give the place back."""

    def work(profile: Profile) -> None:
        from pronote_client import commands

        typer.echo(commands.log_out(profile, _choice(context).school))

    _run(context, work)


@app.command()
def schools(
    context: typer.Context,
    set_default: Annotated[str | None, typer.Option(metavar="UAI", help="Make this school the default one.")] = None,
) -> None:
    """Show the schools of this profile; the default one bears a star."""

    def work(profile: Profile) -> None:
        from pronote_client import commands

        if set_default is not None:
            profile.set_default(set_default)
        commands.show_schools(profile)

    _run(context, work)


def main() -> None:
    """Entry point of the console script."""
    app()


def _choice(context: typer.Context) -> Choice:
    choice = context.obj
    if not isinstance(choice, Choice):
        raise TypeError("the options were not read")
    return choice


def _password(from_stdin: bool) -> str:
    from pronote_client.errors import ClientError, ExitCode

    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = os.environ.get("PRONOTE_PASSWORD") or str(typer.prompt("Password", hide_input=True))
    if not password:
        raise ClientError("The password is empty.", ExitCode.USAGE)
    return password


def _run(context: typer.Context, work: Callable[[Profile], None]) -> None:
    from pronote_client.errors import ClientError
    from pronote_client.profile import Profile, default_folder

    try:
        work(Profile(_choice(context).folder or default_folder(os.environ)))
    except ClientError as error:
        typer.echo(f"pronote-client: {error}", err=True)
        raise typer.Exit(error.exit_code) from None
