"""The command `pronote-server`."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pronote_server.espaces import Espace
from pronote_server.storage.identities import PersonKind
from pronote_server.words import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pronote_server.imports.entering import Counts
    from pronote_server.storage.users import User

EXIT_CODES = """Exit codes: 0 done, 1 fault, 2 wrong usage, 64 cannot be done (no such user, weak password, file not
valid), 71 a port
cannot be opened, 75 another server holds this base, 78 environment, mounted files or data folder cannot be used."""

app = typer.Typer(
    name="pronote-server",
    help="Reference server of one PRONOTE base: fulfils instance contract v1 and serves Clients over TLS.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
pupil_app = typer.Typer(
    help="The pupils of the base. Works while the server runs, or without it.", no_args_is_help=True
)
app.add_typer(pupil_app, name="pupil")
import_app = typer.Typer(help="National files: everything in them or nothing.", no_args_is_help=True)
app.add_typer(import_app, name="import")
user_app = typer.Typer(help="The users of the base. Works while the server runs, or without it.", no_args_is_help=True)
app.add_typer(user_app, name="user")


class ClientMode(StrEnum):
    """What a user may connect as in a Client: `words.CLIENT_MODES`, as the command line takes them."""

    ADMINISTRATIF = Mode.ADMINISTRATIF.value
    ENSEIGNANT = Mode.ENSEIGNANT.value
    VIE_SCOLAIRE = Mode.VIE_SCOLAIRE.value


class PersonOption(StrEnum):
    """What a user who is no pupil may be, as the command line takes it."""

    GUARDIAN = PersonKind.GUARDIAN.value
    TEACHER = PersonKind.TEACHER.value
    STAFF = PersonKind.STAFF.value


Username = Annotated[str, typer.Argument(help="User name, 1 to 64 characters; upper and lower case are the same.")]


@app.command()
def serve() -> None:
    """Serve the base of PRONOTE_SCHOOL_YEAR until SIGTERM.

    Reads PRONOTE_DATA, PRONOTE_SCHOOL_YEAR, PRONOTE_UAI, PRONOTE_CHECKPOINTS, PRONOTE_SETTINGS, PRONOTE_SUPERADMIN,
    PRONOTE_TLS, PRONOTE_CLIENT_PORT, PRONOTE_ADMIN_PORT, PRONOTE_VERSION and PRONOTE_SESSION_IDLE_SECONDS from the
    environment (docs/reference/instance-contract.md).
    """
    # As the first process of a container it has no default action for SIGTERM: until the server listens for it, leave.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    from pronote_server.serve import run

    raise typer.Exit(run(os.environ))


@app.command()
def net() -> None:
    """Serve the pages of PRONOTE.net in front of a base's server until SIGTERM.

    Reads PRONOTE_NET_LISTEN, PRONOTE_NET_STATUS, PRONOTE_NET_SERVER, PRONOTE_NET_PATH, PRONOTE_NET_TOKEN,
    PRONOTE_NET_CA, PRONOTE_NET_TRUSTED_PROXIES and PRONOTE_NET_TRUSTED_HOPS from the environment
    (docs/reference/net-api.md).
    """
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    from pronote_net.run import run

    raise typer.Exit(run(os.environ))


@user_app.command("add")
def user_add(
    username: Username,
    mode: Annotated[
        list[ClientMode] | None, typer.Option(help="What the user may connect as; give it once for each mode.")
    ] = None,
    espace: Annotated[
        list[Espace] | None,
        typer.Option(help="Where the user may come in on PRONOTE.net; without it, what comes with the modes."),
    ] = None,
    pupil: Annotated[str | None, typer.Option(help="National number of the pupil who the user is.")] = None,
    child: Annotated[list[str] | None, typer.Option(help="National number of a pupil whose guardian it is.")] = None,
    person: Annotated[PersonOption | None, typer.Option(help="What else the user is; entered with the names.")] = None,
    last_name: Annotated[str, typer.Option(help="Of a guardian, a teacher or one of the staff.")] = "",
    first_name: Annotated[str, typer.Option(help="Of the same.")] = "",
    birth_date: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Of the same.")] = None,
    postal_code: Annotated[str | None, typer.Option(help="Of the same.")] = None,
    superadmin: Annotated[bool, typer.Option("--superadmin", help="May take a reserved place.")] = False,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input instead of a prompt.")
    ] = False,
) -> None:
    """Add a user."""
    from pronote_server import user_commands

    if not mode and not espace:
        raise typer.BadParameter("Give --mode or --espace.")
    rights = user_commands.Rights(frozenset(map(Mode, mode or ())), frozenset(espace or ()), superadmin)
    who = user_commands.Who(
        pupil,
        tuple(child or ()),
        PersonKind(person) if person else None,
        last_name,
        first_name,
        birth_date.date() if birth_date else None,
        postal_code,
    )
    _run(lambda: user_commands.check(rights, who))
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else _ask_password()
    _run(lambda: user_commands.add(os.environ, username, rights, who, password))


@user_app.command("list")
def user_list() -> None:
    """List the users: name, modes, superadministrator, locked (tab-separated)."""
    from pronote_server import user_commands

    def show() -> None:
        for user in user_commands.every(os.environ):
            typer.echo(_line(user))

    _run(show)


@user_app.command("delete")
def user_delete(username: Username) -> None:
    """Delete a user; open connections of the user end with their next request."""
    from pronote_server import user_commands

    _run(lambda: user_commands.delete(os.environ, username))


@user_app.command("lock")
def user_lock(username: Username) -> None:
    """Keep a user from connecting; open connections end with their next request."""
    from pronote_server import user_commands

    _run(lambda: user_commands.lock(os.environ, username, True))


@user_app.command("unlock")
def user_unlock(username: Username) -> None:
    """Let a locked user connect again."""
    from pronote_server import user_commands

    _run(lambda: user_commands.lock(os.environ, username, False))


@pupil_app.command("import")
def pupil_import(
    file: Annotated[
        Path,
        typer.Argument(help="CSV file, UTF-8, with the columns nationalId, lastName, firstName, birthDate, class."),
    ],
) -> None:
    """Enter the pupils of a file and their classes: the whole file or nothing of it."""
    from pronote_server import pupil_commands

    _run(lambda: typer.echo(f"{pupil_commands.import_file(os.environ, file)} pupils"))


@pupil_app.command("list")
def pupil_list() -> None:
    """List the pupils: id, last name, first name, class (tab-separated)."""
    from pronote_server import pupil_commands

    def show() -> None:
        for pupil in pupil_commands.every(os.environ):
            typer.echo("\t".join([str(pupil.id), pupil.last_name, pupil.first_name, pupil.class_name]))

    _run(show)


@pupil_app.command("count")
def pupil_count() -> None:
    """Count the pupils."""
    from pronote_server import pupil_commands

    _run(lambda: typer.echo(pupil_commands.count(os.environ)))


@app.command("seed")
def seed_base(
    pupils: Annotated[int, typer.Option(min=4, max=3000, help="How many pupils.")] = 600,
    seed: Annotated[int, typer.Option(help="The same number gives the same school.")] = 1,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day of marks and homework; today by default.")
    ] = None,
    accounts: Annotated[
        Path | None,
        typer.Option(help="Make accounts, and write their first passwords into this new file (CSV, for you alone)."),
    ] = None,
    accounts_for: Annotated[int | None, typer.Option(min=1, help="At most so many accounts of each kind.")] = None,
) -> None:
    """Fill an empty base with a made-up school: people, timetable, homework and marks.

    Everything or nothing. With PRONOTE_NET the accounts can log in by the web protocol at once.
    """
    from pronote_server.seed.command import Wanted
    from pronote_server.seed.command import seed as fill

    wanted = Wanted(pupils, seed, until.date() if until else None, accounts, accounts_for)

    def work() -> None:
        with progress_bar("Passwords") as progress:
            made = fill(os.environ, wanted, progress)
        for what, count in made.items():
            typer.echo(f"{what}\t{count}")

    _run(work)


@import_app.command("sts")
def import_sts(file: Annotated[Path, typer.Argument(help="sts_emp_<UAI>_<year>.xml, also in a zip.")]) -> None:
    """Enter classes, subjects, teachers and services of STS-Web: the whole file or nothing of it."""
    from pronote_server.imports import command

    _run(lambda: _show_counts(command.import_sts(os.environ, file)))


@import_app.command("siecle")
def import_siecle(
    files: Annotated[
        list[Path], typer.Argument(help="Nomenclature, Structures, Eleves…, Responsables…; also ExportXML_*.zip.")
    ],
) -> None:
    """Enter pupils, guardians and classes of SIECLE: all of the files or nothing of them."""
    from pronote_server.imports import command

    _run(lambda: _show_counts(command.import_siecle(os.environ, files)))


@app.command("export-hnot")
def export_hnot(
    output: Annotated[Path, typer.Option(help="Folder to write into; made when missing.")],
    name: Annotated[str, typer.Option(help="Begins the name of each file.")] = "base",
    annexes: Annotated[bool, typer.Option("--annexes", help="Write the annex files, too.")] = False,
    profils: Annotated[
        bool, typer.Option("--profils", help="Write the users and their passwords' hashes, too.")
    ] = False,
) -> None:
    """Pack the base for another host (docs/reference/hnot-format.md), while the server runs or without it.

    Prints the files. Files of these names that are there are replaced. SOURCE_DATE_EPOCH sets the time that they bear.
    """
    from pronote_server.hnot.export import Request, export

    def write() -> None:
        for path in export(os.environ, Request(output, name, annexes, profils)):
            typer.echo(path)

    os.umask(0o077)
    _run(write)


def main() -> None:
    """Entry point of the console script."""
    app()


def _line(user: User) -> str:
    modes = ",".join(sorted(user.modes))
    flags = ["superadministrator"] if user.superadministrator else []
    flags += ["locked"] if user.locked else []
    return "\t".join([user.username, modes, ",".join(flags)])


def _show_counts(counts: Counts) -> None:
    titles = ("added", "changed", "unchanged", "removed", "skipped")
    typer.echo("\t".join(["", *titles]))
    for what, count in counts.items():
        typer.echo("\t".join([what, *(str(getattr(count, title)) for title in titles)]))


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show how far work is, on a terminal only; yields what is called with what is done and all of it."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _ask_password() -> str:
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


def _run(work: Callable[[], None]) -> None:
    from pronote_server.errors import StartError

    try:
        work()
    except StartError as error:
        typer.echo(f"pronote-server: {error}", err=True)
        raise typer.Exit(error.exit_code) from None
