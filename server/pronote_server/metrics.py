"""Prometheus metrics of a server. Labels are closed lists: never a name, never an address."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from pronote_server.espaces import Espace
from pronote_server.words import CLIENT_MODES, Application, LoginResult, Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prometheus_client import Metric

    from pronote_server.sessions import Sessions
    from pronote_server.settings import Licences
    from pronote_server.suspension import Suspensions

    LicencesInForce = Callable[[], Licences]

KINDS: Final[tuple[tuple[Application, Mode, Espace | None], ...]] = (
    *((Application.CLIENT, mode, None) for mode in CLIENT_MODES),
    *((Application.PRONOTE_NET, espace.mode, espace) for espace in Espace),
)
"""Every kind of connection that there is: each is shown, from 0."""


class Metrics:
    """The metrics that the server counts itself."""

    def __init__(self, version: str, school_year: int) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        # Under a prefix of its own: the pod's agent shows these next to its own process metrics.
        ProcessCollector(namespace="pronote_server", registry=self.registry)
        Gauge(
            "pronote_info",
            "Version of the server and school year of the base in service; always 1.",
            ["version", "school_year"],
            registry=self.registry,
        ).labels(version, str(school_year)).set(1)
        self.logins = Counter(
            "pronote_logins_total",
            "Logins by how they ended.",
            ["application", "mode", "espace", "result"],
            registry=self.registry,
        )
        for kind in KINDS:
            for result in LoginResult:
                self.count_login(*kind, result, 0)
        self.requests = Counter(
            "pronote_http_requests_total",
            "HTTP requests by listener and class of status.",
            ["listener", "code"],
            registry=self.registry,
        )
        self.settings_time = Gauge(
            "pronote_settings_last_reload_timestamp_seconds",
            "When the settings in force were read.",
            registry=self.registry,
        )
        self.settings_good = Gauge(
            "pronote_settings_last_reload_successful",
            "1 if the settings file was valid when it was last read, else 0 and earlier settings are in force.",
            registry=self.registry,
        )
        self.site_good = Gauge(
            "pronote_site_last_reload_successful",
            "1 if the mounted site document was valid when it was last read, else 0 and the earlier one is in force.",
            registry=self.registry,
        )
        self.net_files_good = Gauge(
            "pronote_net_files_last_reload_successful",
            "1 if token and key of PRONOTE.net were good when they were last read, else 0.",
            registry=self.registry,
        )
        self.superadmin_good = Gauge(
            "pronote_superadministrator_last_reload_successful",
            "1 if the superadministrator's files were good when last read, else 0 and earlier ones are in force.",
            registry=self.registry,
        )
        self.certificate_good = Gauge(
            "pronote_certificate_last_reload_successful",
            "1 if the TLS files were good when last read, else 0 and the earlier certificate is in force.",
            registry=self.registry,
        )
        self.certificate_expiry = Gauge(
            "pronote_certificate_expiry_timestamp_seconds",
            "When the TLS certificate in force ends.",
            registry=self.registry,
        )
        self.checkpoints = Counter(
            "pronote_checkpoints_total", "Checkpoints by result.", ["result"], registry=self.registry
        )
        for outcome in ("success", "failure"):
            self.checkpoints.labels(outcome)
        self.checkpoint_seconds = Histogram(
            "pronote_checkpoint_duration_seconds",
            "How long the checkpoints that succeeded took.",
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
            registry=self.registry,
        )
        self.audit_failures = Counter(
            "pronote_login_audit_failures_total",
            "Logins that could not be written into the audit.",
            registry=self.registry,
        )

    def count_login(
        self, application: Application, mode: Mode, espace: Espace | None, result: LoginResult, logins: int = 1
    ) -> None:
        """Count logins."""
        self.logins.labels(application.value, mode.value, espace or "", result.value).inc(logins)

    def render(self) -> bytes:
        """Return every metric in Prometheus's text format 0.0.4."""
        return generate_latest(self.registry)


class LiveCollector(Collector):
    """What is counted when it is asked for: connections, licences, suspended addresses."""

    def __init__(self, sessions: Sessions, suspensions: Suspensions, licences: LicencesInForce) -> None:
        self._sessions = sessions
        self._suspensions = suspensions
        self._licences = licences

    def collect(self) -> Iterable[Metric]:
        """Yield the present values."""
        self._sessions.expire(time.monotonic())
        yield self._connections()
        yield from self._places()
        yield GaugeMetricFamily(
            "pronote_blocked_addresses",
            "Addresses suspended after wrong logins.",
            value=len(self._suspensions.suspended(time.time())),
        )

    def _connections(self) -> Metric:
        family = GaugeMetricFamily(
            "pronote_connections", "Open connections on the server.", labels=["application", "mode", "espace"]
        )
        for application, mode, espace in KINDS:
            count = self._sessions.count(application, mode, espace)
            family.add_metric([application.value, mode.value, espace or ""], count)
        return family

    def _places(self) -> Iterable[Metric]:
        usage, licences = self._sessions.usage(), self._licences()
        used = GaugeMetricFamily("pronote_licences_used", "Licence places that are taken.", labels=["mode"])
        used.add_metric([Mode.ADMINISTRATIF.value], usage.administrative)
        used.add_metric([Mode.ENSEIGNANT.value], usage.teachers)
        used.add_metric([Mode.VIE_SCOLAIRE.value], usage.school_life)
        yield used
        limit = GaugeMetricFamily(
            "pronote_licences_limit", "Licence places; a mode without a limit is not shown.", labels=["mode"]
        )
        limit.add_metric([Mode.ADMINISTRATIF.value], licences.administrative)
        limit.add_metric([Mode.ENSEIGNANT.value], licences.teachers)
        yield limit
        yield GaugeMetricFamily(
            "pronote_licences_reserved",
            "Administrative places that only superadministrators may take.",
            value=licences.reserved_for_administrators,
        )
