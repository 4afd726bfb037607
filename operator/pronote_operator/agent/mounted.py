"""Files of mounted Secrets, read again when they change.

The kubelet replaces a mounted Secret by swapping one symbolic link. Looking at a file when it is needed (a request, a
handshake) costs microseconds on the tmpfs that it is on, follows a change at once, and costs nothing when nobody asks.
"""

from __future__ import annotations

import hmac
import logging
import ssl
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

_Mark = tuple[tuple[str, int, int, int], ...]

MINIMUM_TOKEN_BYTES: Final = 16
"""A shorter token is taken for a broken Secret: nobody gets in with it."""


class Token:
    """The bearer token. Without a usable file no token is right."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mark: _Mark | None = None
        self._value = b""

    def matches(self, presented: str) -> bool:
        """Whether a caller presented the token that the file holds now; takes as long for a wrong one."""
        self._reload()
        right = hmac.compare_digest(presented.encode("utf-8", "surrogateescape"), self._value)
        return right and len(self._value) >= MINIMUM_TOKEN_BYTES

    @property
    def usable(self) -> bool:
        """Whether any token can be right."""
        self._reload()
        return len(self._value) >= MINIMUM_TOKEN_BYTES

    def _reload(self) -> None:
        mark = _mark_of(self._path)
        if mark == self._mark:
            return
        self._mark = mark
        try:
            self._value = self._path.read_bytes().strip()
        except OSError as error:
            self._value = b""
            logger.error("The token cannot be read: nobody can use the admin API", extra=_told(error))
            return
        if len(self._value) < MINIMUM_TOKEN_BYTES:
            logger.error("The token has less than %d bytes: nobody can use the admin API", MINIMUM_TOKEN_BYTES)
        else:
            logger.info("The token was read")


class Certificate:
    """The TLS certificate of the HTTPS port; each new connection gets the one that the Secret holds then.

    With a Secret that is missing or broken the last good certificate stays; without any, handshakes fail, and the rest
    of the agent works: a certificate must not take a school out of service.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mark: _Mark | None = None
        self._current: ssl.SSLContext | None = None
        self.context = _context()
        """Give this one to the listener: it only passes each handshake on to the current certificate's context."""
        self.context.sni_callback = self._use_current
        self._reload()

    def _use_current(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> int | None:
        # Called at every handshake, with or without a server name in it.
        self._reload()
        if self._current is None:
            return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
        connection.context = self._current
        return None

    def _reload(self) -> None:
        # Both files through the real folder: a swap of the link between the two reads cannot mix two Secrets.
        folder = (self._folder / "tls.crt").resolve().parent
        files = folder / "tls.crt", folder / "tls.key"
        mark = _mark_of(*files)
        if mark == self._mark:
            return
        context = _context()
        try:
            context.load_cert_chain(*files)
        except (OSError, ssl.SSLError) as error:
            # Not marked: a pair that was half written is tried again at the next handshake.
            logger.error("The TLS certificate cannot be loaded, the last good one stays", extra=_told(error))
            return
        self._mark, self._current = mark, context
        logger.info("The TLS certificate was loaded")


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    # No resumption: a connection always proves the certificate of its time.
    context.num_tickets = 0
    return context


def _mark_of(*paths: Path) -> _Mark | None:
    try:
        found = [(str(path.resolve()), path.stat()) for path in paths]
    except OSError:
        return None
    return tuple((name, stat.st_ino, stat.st_mtime_ns, stat.st_size) for name, stat in found)


def _told(error: Exception) -> dict[str, dict[str, str]]:
    return {"fields": {"error": f"{type(error).__name__}: {error}"}}
