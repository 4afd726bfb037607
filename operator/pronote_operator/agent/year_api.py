"""The agent's requests about school years: which bases the volume holds, and the coming year's is made."""

from __future__ import annotations

import asyncio
import functools
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from pronote_operator.agent.answers import BadRequestError, Route, chosen, failure, json_answer, read_object
from pronote_operator.agent.server import Server, ServerError
from pronote_operator.prepare.clock import now
from pronote_operator.prepare.outcome import of_os_error
from pronote_operator.prepare.years import listed_years, make_year

_YEAR: Final = re.compile(r"/v1/years/([0-9]{4})")

FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2999
"""As in the data plan."""


@dataclass(frozen=True)
class YearApi:
    """``GET /v1/years`` and ``PUT /v1/years/{year}``.

    Args:
        server: says which year is in service.
        volume: the data volume.
        uai: of the base.
    """

    server: Server
    volume: Path
    uai: str
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)
    """The lock of the volume keeps other processes out; this one lets two callers wait for each other."""

    def route(self, method: str, target: str) -> Route | tuple[str, ...] | None:
        """See `answers.Api`."""
        handlers: dict[str, Route] = {}
        if target == "/v1/years":
            handlers = {"GET": self._list}
        elif found := _YEAR.fullmatch(target):
            handlers = {"PUT": functools.partial(self._make, int(found[1]))}
        return chosen(handlers, method)

    async def _list(self, _body: bytes) -> web.Response:
        try:
            in_service = await self.server.school_year()
        except ServerError as error:
            return failure("ServerNotReady", error.message)
        return json_answer({"years": await self._listed(in_service)})

    async def _make(self, school_year: int, body: bytes) -> web.Response:
        past = read_object(body, {"from"}).get("from")
        if isinstance(past, bool) or not isinstance(past, int) or not FIRST_YEAR <= past <= LAST_YEAR:
            raise BadRequestError(f"from is a school year from {FIRST_YEAR} to {LAST_YEAR}")
        if not past < school_year <= LAST_YEAR:
            raise BadRequestError(f"the school year {school_year} must be later than from ({past})")
        try:
            in_service = await self.server.school_year()
        except ServerError as error:
            return failure("ServerNotReady", error.message)
        if school_year < in_service:
            raise BadRequestError(f"the school year in service is {in_service}; no earlier one is made")
        try:
            async with self._one:
                await asyncio.to_thread(make_year, str(self.volume), self.uai, school_year, past, now)
        except BlockingIOError:
            return failure("Busy", "another process is at work on the data volume")
        except OSError as error:
            outcome = of_os_error(error)
            return failure(outcome.reason, outcome.message)
        listed = await self._listed(in_service)
        return json_answer(next(year for year in listed if year["schoolYear"] == school_year))

    async def _listed(self, in_service: int) -> list[dict[str, Any]]:
        return await asyncio.to_thread(listed_years, str(self.volume), in_service)
