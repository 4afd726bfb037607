"""The profile folder: parameters and sessions of the schools that this person works with.

    <folder>/<uai>.json            connection parameters of a school
    <folder>/default               UAI of the default school
    <folder>/sessions/<uai>.json   the open session

Everything is private to the person (0600, folders 0700). With `--profile-dir` the folder lives on a key and can be
carried to another machine; a key's file system may have no permissions, which is then the key's own affair.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pronote_client.errors import ClientError, ExitCode
from pronote_client.parameters import Parameters, check_uai, read_parameters

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class StoredSession:
    """An open session.

    Attributes:
        token: The bearer token.
        username: Who is logged in.
        mode: As what.
        connect: Where to connect instead of the parameters' host and port, `HOST:PORT`; None for those.
    """

    token: str = field(repr=False)
    username: str
    mode: str
    connect: str | None


def default_folder(environment: Mapping[str, str]) -> Path:
    """Return `$XDG_CONFIG_HOME/pronote-client`, or `~/.config/pronote-client`."""
    configured = environment.get("XDG_CONFIG_HOME", "")
    # The XDG specification: a relative path is not valid and is ignored.
    root = Path(configured) if configured.startswith("/") else Path.home() / ".config"
    return root / "pronote-client"


class Profile:
    """A profile folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save_parameters(self, parameters: Parameters, make_default: bool) -> bool:
        """Keep a school's parameters; return whether it is the default school now. The first one always is.

        An open session is kept only while the server must be the same as before: its token goes to nobody else.

        Raises:
            ClientError: The folder cannot be written.
        """
        if not self._is_same_server(parameters):
            self.forget_session(parameters.uai)
        _write(self.folder / f"{parameters.uai}.json", parameters.model_dump_json(by_alias=True, indent=2) + "\n")
        if make_default or self.default_uai() is None:
            self.set_default(parameters.uai)
        return self.default_uai() == parameters.uai

    def set_default(self, uai: str) -> None:
        """Make a school of this profile the default one.

        Raises:
            ClientError: There is no such school, or the folder cannot be written.
        """
        self.school(uai)
        _write(self.folder / "default", uai.strip().upper() + "\n")

    def default_uai(self) -> str | None:
        """Return the default school's UAI; None when there is none or its parameters are gone."""
        try:
            uai = check_uai((self.folder / "default").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return uai if self._path(uai).exists() else None

    def school(self, uai: str | None) -> Parameters:
        """Return the parameters of a school, or of the default one.

        Raises:
            ClientError: There is no such school in this profile.
        """
        wanted = uai if uai is not None else self.default_uai()
        if wanted is None:
            raise ClientError(
                "No school is known yet: run `pronote-client apply-parameters FILE` first.", ExitCode.PARAMETERS
            )
        try:
            wanted = check_uai(wanted)
        except ValueError as error:
            raise ClientError(f"The school {error}.", ExitCode.PARAMETERS) from None
        if not self._path(wanted).exists():
            raise ClientError(
                f"School {wanted} is not known here: run `pronote-client apply-parameters FILE` first.",
                ExitCode.PARAMETERS,
            )
        return read_parameters(self._path(wanted))

    def schools(self) -> list[Parameters]:
        """Return every school of the profile, by UAI.

        Raises:
            ClientError: A parameters file is not valid.
        """
        return [read_parameters(path) for path in sorted(self.folder.glob("[0-9]*.json"))]

    def save_session(self, uai: str, session: StoredSession) -> None:
        """Keep the open session of a school.

        Raises:
            ClientError: The folder cannot be written.
        """
        _write(self._session_path(uai), json.dumps(asdict(session)) + "\n")

    def session(self, uai: str) -> StoredSession | None:
        """Return the open session of a school, or None."""
        try:
            content = json.loads(self._session_path(uai).read_text(encoding="utf-8"))
            return StoredSession(content["token"], content["username"], content["mode"], content["connect"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def forget_session(self, uai: str) -> None:
        """Forget the session of a school."""
        with suppress(FileNotFoundError):
            self._session_path(uai).unlink()

    def _is_same_server(self, parameters: Parameters) -> bool:
        try:
            present = read_parameters(self._path(parameters.uai))
        except ClientError:
            return False
        return (present.host, present.ca_certificate) == (parameters.host, parameters.ca_certificate)

    def _path(self, uai: str) -> Path:
        return self.folder / f"{uai}.json"

    def _session_path(self, uai: str) -> Path:
        return self.folder / "sessions" / f"{uai}.json"


def _write(path: Path, content: str) -> None:
    """Replace a file at once, so that a full disk or a pulled key leaves the earlier one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # mkstemp makes the file for this person only (0600).
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ClientError(f"{path} cannot be written: {error.strerror}.", ExitCode.FAULT) from None
