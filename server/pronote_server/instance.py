"""The state of a running server, and what a change of its mounted files does to it."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from pronote_server.addresses import is_in, parse_address
from pronote_server.audit import LoginAudit
from pronote_server.metrics import LiveCollector, Metrics
from pronote_server.passwords import PasswordPool
from pronote_server.sessions import Session, Sessions
from pronote_server.settings import Settings, SettingsError, load_settings
from pronote_server.superadmin import CredentialsError, SuperAdmin, load_credentials
from pronote_server.suspension import Suspensions
from pronote_server.tls import CertificateError, TlsListener, load_certificate
from pronote_server.usernames import username_key
from pronote_server.watch import Watched
from pronote_server.web.coding import CodingName
from pronote_server.web.key_files import AcceptedTokens, KeyFileError, read_token, read_verifier_key
from pronote_server.web.sealing import Sealer
from pronote_server.web.site import SiteError, SiteInForce, load_site
from pronote_server.web.state import WebState
from pronote_server.words import Application, IpControl, State

if TYPE_CHECKING:
    from pathlib import Path

    from pronote_server.config import ServerConfig
    from pronote_server.storage.database import Database
    from pronote_server.storage.kept import KeptBase

log = logging.getLogger(__name__)


class Instance:
    """Everything that requests share. Only the event loop touches it.

    Attributes:
        settings: Settings in force; the defaults until `has_settings`.
        has_settings: Good settings were read.
        superadmin: Superadministrator in force; None until good files were read.
        database: The base; None until it is open.
        kept: Bases of past years by their year, the newest first.
        tls: The listener's certificate; None until good files were read.
        sealer: Seals what the web protocol needs of passwords; None without PRONOTE.net.
        web: The sessions of PRONOTE.net.
    """

    def __init__(self, config: ServerConfig) -> None:
        self.config = config
        self.state = State.STARTING
        self.settings = Settings()
        self.has_settings = False
        self.superadmin: SuperAdmin | None = None
        self.database: Database | None = None
        self.kept: dict[int, KeptBase] = {}
        self.tls: TlsListener | None = None
        self.metrics = Metrics(config.base.version, config.base.school_year)
        self.sessions = Sessions(config.idle_seconds)
        self.suspensions = Suspensions()
        self.audit = LoginAudit()
        self.passwords = PasswordPool()
        self.sites = SiteInForce()
        self.sealer: Sealer | None = None
        self.net_tokens = AcceptedTokens()
        self.web = WebState(config.net.coding.coding if config.net else CodingName.BOTH.coding)
        self.checkpointing = asyncio.Lock()
        self._draining_since: float | None = None
        self.metrics.registry.register(LiveCollector(self.sessions, self.suspensions, lambda: self.settings.licences))

    def drain(self) -> None:
        """Begin the stop: not ready any more."""
        self.state = State.DRAINING
        self._draining_since = time.monotonic()

    def drained_seconds(self) -> float:
        """Return how long the stop has been under way, 0 before it."""
        return 0.0 if self._draining_since is None else time.monotonic() - self._draining_since

    def base(self) -> Database:
        """Return the open base.

        Raises:
            RuntimeError: It is not open yet; no listener for Clients is open then.
        """
        if self.database is None:
            raise RuntimeError("the base is not open")
        return self.database

    def base_of(self, school_year: int | None) -> Database | KeptBase:
        """Return the base of a past year that is kept, or the one in service for None.

        Raises:
            RuntimeError: The base in service is not open yet.
            KeyError: No base of that year is kept.
        """
        return self.base() if school_year is None else self.kept[school_year]

    def watched(self) -> tuple[Watched, ...]:
        """Return the groups of files that are read again when they change."""
        groups = [
            Watched((self.config.settings,), self.reload_settings),
            Watched(_files(self.config.superadmin, "username", "password"), self.reload_superadmin),
            Watched(_files(self.config.tls, "tls.crt", "tls.key", "ca.crt"), self.reload_certificate),
        ]
        if self.config.site is not None:
            groups.append(Watched((self.config.site,), self.reload_site))
        if self.config.net is not None:
            groups.append(Watched(_files(self.config.net.folder, "token", "verifier-key"), self.reload_net_files))
        return tuple(groups)

    async def reload_settings(self) -> None:
        """Put the settings file in force, or keep the earlier settings when it is not valid."""
        try:
            settings = await asyncio.to_thread(load_settings, self.config.settings)
        except SettingsError as error:
            self.metrics.settings_good.set(0)
            log.warning("Settings not read again", extra={"data": {"reason": str(error)}})
            return
        self.settings = settings
        self.has_settings = True
        self.metrics.settings_good.set(1)
        self.metrics.settings_time.set(time.time())
        if settings.security.ip_control is IpControl.OFF:
            self.suspensions.clear()
        ended = self.sessions.close_where(self._may_not_stay)
        log.info("Settings in force", extra={"data": {"endedConnections": ended}})

    async def reload_superadmin(self) -> None:
        """Put the superadministrator's files in force, or keep the earlier ones when they are not good.

        Connections that were opened with the earlier name or password end.
        """
        try:
            found = await asyncio.to_thread(load_credentials, self.config.superadmin)
            present = self.superadmin
            if (
                present is not None
                and present.username == found.username
                and await self.passwords.check(present.password_hash, found.password, bounded=False)
            ):
                self.metrics.superadmin_good.set(1)
                return
            hashed = await self.passwords.hash(found.password)
        except CredentialsError as error:
            self.metrics.superadmin_good.set(0)
            log.warning("Superadministrator not read again", extra={"data": {"reason": str(error)}})
            return
        self.superadmin = SuperAdmin(found.username, username_key(found.username) or "", hashed)
        self.metrics.superadmin_good.set(1)
        ended = self.sessions.close_where(lambda session: session.person.user_id is None)
        log.info("Superadministrator in force", extra={"data": {"endedConnections": ended}})

    async def reload_certificate(self) -> None:
        """Serve the certificate of the files to new connections, or keep the earlier one when they are not good."""
        try:
            certificate = await asyncio.to_thread(load_certificate, self.config.tls)
        except CertificateError as error:
            self.metrics.certificate_good.set(0)
            log.warning("TLS certificate not read again", extra={"data": {"reason": str(error)}})
            if self.tls is None and error.usable is not None:
                # Nothing better at the start: whoever mends the certificate finds the rest in service.
                self.tls = TlsListener(error.usable)
            return
        if self.tls is None:
            self.tls = TlsListener(certificate)
        else:
            self.tls.certificate = certificate
        self.metrics.certificate_good.set(1)
        self.metrics.certificate_expiry.set(certificate.expiry)
        log.info("TLS certificate in force")

    async def reload_site(self) -> None:
        """Put the mounted site document in force if it is the newest, or keep what is in force when it is not valid."""
        path = self.config.site
        if path is None:
            return
        try:
            found = await asyncio.to_thread(load_site, path)
        except SiteError as error:
            self.metrics.site_good.set(0)
            log.warning("Site document not read again", extra={"data": {"reason": str(error)}})
            return
        self.metrics.site_good.set(1)
        self.sites.mounted(found)
        self.apply_site()

    def apply_site(self) -> None:
        """Put in force what follows from the site document besides what each request looks up."""
        site = self.sites.site
        if site is not None:
            self.sessions.set_idle_seconds(Application.PRONOTE_NET, site.inactivity_minutes * 60)
        log.info("Site in force", extra={"data": {"revision": site.revision if site else None}})

    async def reload_net_files(self) -> None:
        """Put token and key of PRONOTE.net in force, or keep the earlier ones when they are not good."""
        if self.config.net is None:
            return
        folder = self.config.net.folder
        try:
            token = await asyncio.to_thread(read_token, folder)
            key = await asyncio.to_thread(read_verifier_key, folder)
        except KeyFileError as error:
            self.metrics.net_files_good.set(0)
            log.warning("Files of PRONOTE.net not read again", extra={"data": {"reason": str(error)}})
            return
        self.net_tokens.put_in_force(token, time.monotonic())
        self.sealer = Sealer(key)
        self.metrics.net_files_good.set(1)
        log.info("Files of PRONOTE.net in force")

    def _may_not_stay(self, session: Session) -> bool:
        prohibited = is_in(parse_address(session.address), self.settings.security.prohibited_addresses)
        return prohibited or self.settings.is_disabled(session.machine)


def _files(folder: Path, *names: str) -> tuple[Path, ...]:
    return tuple(folder / name for name in names)
