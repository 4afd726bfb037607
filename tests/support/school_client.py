"""Speaks the reference server's Client protocol, as a Client in a school does; also to a server that comes and goes."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REQUEST_SECONDS = 10.0
"""An answer that takes longer counts as none."""


@dataclass(frozen=True)
class Door:
    """Where a server is and how to know it.

    Attributes:
        host: that its certificate bears.
        address: to connect to, and port.
        ca: file with the authority of its certificate (PEM).
    """

    host: str
    address: tuple[str, int]
    ca: Path


@dataclass(frozen=True)
class Login:
    """Whom to connect as.

    Attributes:
        school_year: a past one, to read; None for the one in service.
    """

    username: str
    password: str = field(repr=False)
    mode: str = "vie-scolaire"
    school_year: int | None = None


class RefusedError(Exception):
    """The server answered, with an error."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason


class UnreachableError(Exception):
    """There was no answer; ``sent`` tells whether the server may have got the request."""

    def __init__(self, cause: Exception, *, sent: bool) -> None:
        super().__init__(f"{type(cause).__name__}: {cause}")
        self.sent = sent


class _Connection(http.client.HTTPSConnection):
    """Connects to one address and checks the certificate for another name."""

    def __init__(self, door: Door, context: ssl.SSLContext, patience: float) -> None:
        super().__init__(door.host, door.address[1], timeout=patience, context=context)
        self._door = door
        self._patience = patience
        self._tls = context

    def connect(self) -> None:
        """Open the connection."""
        plain = socket.create_connection(self._door.address, timeout=self._patience)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sock = self._tls.wrap_socket(plain, server_hostname=self._door.host)
        except BaseException:
            plain.close()
            raise


class SchoolClient:
    """One Client: a connection, which is opened again after it broke, and a session. For one thread.

    Args:
        patience: seconds after which an answer counts as none.
    """

    def __init__(self, door: Door, login: Login, *, patience: float = REQUEST_SECONDS) -> None:
        self._login = login
        self._context = ssl.create_default_context(cafile=str(door.ca))
        self._connection = _Connection(door, self._context, patience)
        self._session: str | None = None

    def log_in(self) -> None:
        """Begin a session.

        Raises:
            RefusedError: the server does not admit it.
            UnreachableError: no answer.
        """
        self._session = None
        login = self._login
        body: dict[str, object] = {"username": login.username, "password": login.password, "mode": login.mode}
        if login.school_year is not None:
            body["schoolYear"] = login.school_year
        self._session = self._ask("POST", "/client/v1/login", body)["session"]

    def add_absence(self, pupil: int, start_time: str, minutes: int, reason: str) -> dict[str, Any]:
        """Enter an absence; it is on the server's disk when this returns.

        Raises:
            RefusedError: it was not entered.
            UnreachableError: unless ``sent``, it was not entered.
        """
        body = {"pupil": pupil, "startTime": start_time, "minutes": minutes, "reason": reason}
        return self._asked("POST", "/client/v1/absences", body)

    def years(self) -> dict[int, str]:
        """The school years with their state, `InService` or `Kept`; it takes no login.

        Raises:
            RefusedError: the server does not serve yet.
            UnreachableError: no answer.
        """
        return {year["schoolYear"]: year["state"] for year in self._ask("GET", "/client/v1/years")["years"]}

    def absences(self) -> list[dict[str, Any]]:
        """Every absence, by id."""
        return self._every("absences")

    def pupils(self) -> list[dict[str, Any]]:
        """Every pupil, by id."""
        return self._every("pupils")

    def close(self) -> None:
        """End the session, if the server is there to end it, and close the connection."""
        try:
            if self._session is not None:
                self._ask("POST", "/client/v1/logout")
        except (RefusedError, UnreachableError):
            pass
        finally:
            self._connection.close()

    def _every(self, what: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        more = True
        while more:
            page = self._asked("GET", f"/client/v1/{what}?after={rows[-1]['id'] if rows else 0}")
            rows += page[what]
            more = page["more"]
        return rows

    def _asked(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Ask, with a session: a new one when the server knows the present one no longer, as after its restart."""
        if self._session is None:
            self.log_in()
        try:
            return self._ask(method, path, body)
        except RefusedError as refused:
            if refused.reason != "SessionExpired":
                raise
        self.log_in()
        return self._ask(method, path, body)

    def _ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        headers = {} if self._session is None else {"authorization": f"Bearer {self._session}"}
        content = None
        if body is not None:
            headers["content-type"] = "application/json"
            content = json.dumps(body).encode()
        sent = False
        try:
            if self._connection.sock is None:
                self._connection.connect()
            sent = True
            self._connection.request(method, path, body=content, headers=headers)
            response = self._connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise UnreachableError(error, sent=sent) from None
        try:
            document: dict[str, Any] = json.loads(answer or b"{}")
        except ValueError as error:
            self._connection.close()
            raise UnreachableError(error, sent=True) from None
        if response.status >= 400:
            raise RefusedError(response.status, str(document.get("reason")))
        return document
