"""Makes the empty base of a year, once, so that it is there whole or not at all.

The file is made under a temporary name, put on disk, renamed, and the folder put on disk; only then is the request
removed. Killed at any point, the next start begins anew or finds the base and removes the request.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from pronote_server.clock import now_utc, rfc3339
from pronote_server.errors import StartError
from pronote_server.settings import explain
from pronote_server.storage import statements
from pronote_server.storage.connection import connect, migrate, write_transaction
from pronote_server.storage.files import sync

if TYPE_CHECKING:
    from pathlib import Path

    from pronote_server.config import BaseConfig

TEMPORARY_PREFIX = ".base.sqlite."
"""Files with this prefix are remains of an interrupted creation."""

ClockTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class NewBase(BaseModel):
    """The request `new-base.json`."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True, extra="ignore")

    kind: Literal["empty"]
    uai: str
    school_year: int
    slot_minutes: int = Field(ge=1, le=240)
    day_start: ClockTime
    day_end: ClockTime


def ensure_base(config: BaseConfig) -> bool:
    """Make the base from its request unless it is there already; return whether it was made now.

    Raises:
        StartError: There is neither a base nor a request, or the request is malformed or for another base.
    """
    folder, request = config.folder, config.folder / "new-base.json"
    if not folder.is_dir():
        raise StartError("There is no folder for the school year in PRONOTE_DATA.")
    _remove_remains(folder)
    made = False
    if not config.base_path.exists():
        if not request.exists():
            raise StartError("The folder of the school year holds neither base.sqlite nor new-base.json.")
        _make(config, _parse(request, config))
        made = True
    if request.exists():
        request.unlink()
        sync(folder)
    return made


def _parse(request: Path, config: BaseConfig) -> NewBase:
    try:
        wanted = NewBase.model_validate_json(request.read_bytes())
    except ValidationError as error:
        raise StartError(f"new-base.json is not valid: {explain(error)}.") from None
    except OSError as error:
        raise StartError(f"new-base.json cannot be read: {error.strerror}.") from None
    if wanted.uai != config.uai or wanted.school_year != config.school_year:
        raise StartError("new-base.json is for another school or school year than PRONOTE_UAI, PRONOTE_SCHOOL_YEAR.")
    if wanted.day_start >= wanted.day_end:
        raise StartError("new-base.json is not valid: dayEnd must be later than dayStart.")
    return wanted


def _make(config: BaseConfig, wanted: NewBase) -> None:
    temporary = config.folder / f"{TEMPORARY_PREFIX}{secrets.token_hex(4)}"
    connection = connect(temporary, create=True)
    try:
        connection.execute(statements.WRITE_APPLICATION_ID)
        migrate(connection)
        with write_transaction(connection):
            connection.execute(
                statements.INSERT_BASE,
                {
                    "uai": wanted.uai,
                    "school_year": wanted.school_year,
                    "slot_minutes": wanted.slot_minutes,
                    "day_start": wanted.day_start,
                    "day_end": wanted.day_end,
                    "version": config.version,
                    "time": rfc3339(now_utc()),
                },
            )
    finally:
        connection.close()
    # A log left over from a base that was moved away would be replayed into the new one.
    for suffix in ("-wal", "-shm", "-journal"):
        config.base_path.with_name(config.base_path.name + suffix).unlink(missing_ok=True)
    sync(temporary)
    temporary.rename(config.base_path)
    sync(config.folder)


def _remove_remains(folder: Path) -> None:
    for remains in folder.glob(f"{TEMPORARY_PREFIX}*"):
        remains.unlink(missing_ok=True)
