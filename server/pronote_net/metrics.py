"""What a replica counts. Labels are closed lists: never a name, never an address."""

from __future__ import annotations

from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

KINDS: Final = ("page", "call", "static")
UPSTREAM_ERRORS: Final = ("connect", "timeout", "broken")
CAS_RESULTS: Final = ("valid", "invalid", "unreachable")


class Metrics:
    """The metrics of one replica."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(namespace="pronote_net", registry=self.registry)
        self.requests = Counter(
            "pronote_net_requests_total",
            "Visitors' requests by kind (page, call of the web protocol, static file) and class of status.",
            ["kind", "code"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "pronote_net_request_duration_seconds",
            "From the head of a visitor's request to the end of the answer.",
            ["kind"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=self.registry,
        )
        self.upstream_errors = Counter(
            "pronote_net_upstream_errors_total",
            "Requests that the server did not answer.",
            ["error"],
            registry=self.registry,
        )
        self.cas_validations = Counter(
            "pronote_net_cas_validations_total",
            "Tickets of ENTs by what their CAS server said.",
            ["result"],
            registry=self.registry,
        )
        for kind in KINDS:
            self.seconds.labels(kind)
            for code in range(2, 6):
                self.requests.labels(kind, f"{code}xx")
        for error in UPSTREAM_ERRORS:
            self.upstream_errors.labels(error)
        for result in CAS_RESULTS:
            self.cas_validations.labels(result)

    def render(self) -> bytes:
        """Return every metric in Prometheus's text format 0.0.4."""
        return generate_latest(self.registry)
