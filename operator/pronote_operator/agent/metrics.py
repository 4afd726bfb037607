"""The agent's own metrics, and their union with the server's in one exposition."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families

OWN_PREFIXES: Final = ("pronote_agent_", "pronote_snapshot", "pronote_restore")
"""The server's families of these prefixes are left out: a family may be described only once."""

_VERBS: Final = frozenset({"GET", "POST", "PUT", "DELETE"})


class AgentMetrics:
    """The agent's families in a registry of their own (no process metrics: the server's would collide with them)."""

    def __init__(self, version: str, uai: str) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        info = Gauge("pronote_agent_info", "The agent of a base.", ["version", "uai"], registry=self.registry)
        info.labels(version=version, uai=uai).set(1)
        self._requests = Counter(
            "pronote_agent_proxy_requests",
            "Requests to the guarded admin API, by what the caller was answered.",
            ["verb", "code"],
            registry=self.registry,
        )
        self.server_up = Gauge(
            "pronote_agent_server_up",
            "Whether the server gave usable metrics at this scrape.",
            registry=self.registry,
        )
        self.scrape_seconds = Gauge(
            "pronote_agent_server_scrape_duration_seconds",
            "Time that the server took to give its metrics at this scrape.",
            registry=self.registry,
        )

    def count(self, verb: str, code: int) -> None:
        """Count one request; unknown verbs share one label value, so that callers cannot make series."""
        self._requests.labels(verb=verb if verb in _VERBS else "other", code=str(code)).inc()

    def exposition(self, of_server: str) -> str:
        """The agent's families, then the server's (already checked by `checked`)."""
        return generate_latest(self.registry).decode() + of_server


def checked(text: str) -> str:
    """The server's exposition without the agent's families and without repeated descriptions, ending in a newline.

    Lines are otherwise passed on as they are. Prometheus refuses a whole scrape for one bad line, so a text that cannot
    be read is refused here: the agent's own families then still arrive, and tell that the server's are missing.

    Raises:
        ValueError: the text is no Prometheus exposition.
    """
    for _ in text_string_to_metric_families(text):
        pass
    lines = list(_foreign(text))
    return "\n".join(lines) + "\n" if lines else ""


def _foreign(text: str) -> Iterator[str]:
    described: set[tuple[str, ...]] = set()
    for line in text.split("\n"):
        words = line.split(None, 3)
        if not words:
            continue
        if words[0] == "#":
            description = tuple(words[1:3])
            if description[0] not in ("HELP", "TYPE") or description in described:
                continue
            described.add(description)
            name = description[-1]
        else:
            name = words[0]
        if not name.startswith(("#", *OWN_PREFIXES)):
            yield line
