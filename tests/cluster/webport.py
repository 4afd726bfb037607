"""A base's port for PRONOTE.net on the cluster, spoken to as a replica does: sessions in browsers come and go."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from pronote_operator.builders.names import AGENT_PORT, NET_PORT, NET_TOKEN_KEY
from tests.cluster.schools import School

VISITOR = "192.0.2.10"


@dataclass(frozen=True)
class WebPort:
    """The port of one base.

    Args:
        client: trusts the base's own authority.
    """

    school: School
    client: httpx.Client

    def publish(self, *espaces: str) -> None:
        """Bring a site document in force through the agent, as the operator does."""
        document = {
            "revision": time.time_ns() // 1_000_000,
            "published": True,
            "url": "https://jean-moulin.pronote.example.org/pronote",
            "espaces": list(espaces),
            "inactivityMinutes": 60,
            "delegations": [],
        }
        token = self.school.secret(f"{self.school.name}-agent", "token")
        answer = self._ask(AGENT_PORT, "PUT", "/v1/site", document, token)
        assert answer.status_code in (200, 204), answer.text
        found = self._ask(AGENT_PORT, "GET", "/v1/site", None, token).json()
        assert (found["revision"], found["espaces"]) == (document["revision"], document["espaces"])

    def published(self) -> bool:
        """Whether the server says that anything is published, as the operator asks it."""
        token = self.school.secret(f"{self.school.name}-agent", "token")
        answer = self._ask(AGENT_PORT, "GET", "/v1/site", None, token)
        assert answer.status_code in (200, 404), answer.text
        return answer.status_code == 200 and bool(answer.json()["published"])

    def log_in(self, espace: str, username: str, password: str, visitor: str = VISITOR) -> httpx.Response:
        """Log in in a browser; a good answer has the session as `token`."""
        body = {"espace": espace, "username": username, "password": password}
        return self.ask("POST", "/net/v1/logins", body, visitor=visitor)

    def ask(
        self, method: str, path: str, body: object = None, *, session: str | None = None, visitor: str = VISITOR
    ) -> httpx.Response:
        """Ask as a replica does for a visitor."""
        headers = {"X-Visitor-Address": visitor, **({"X-Pronote-Session": session} if session else {})}
        token = self.school.secret(f"{self.school.name}-net", NET_TOKEN_KEY)
        return self._ask(NET_PORT, method, path, body, token, **headers)

    def _ask(self, port: int, method: str, path: str, body: Any, token: str, **headers: str) -> httpx.Response:
        pod = self.school.pod
        assert pod is not None, "no pod"
        space, name = self.school.namespace, self.school.name
        return self.client.request(
            method,
            f"https://{pod['status']['podIP']}:{port}{path}",
            json=body,
            headers={"Authorization": f"Bearer {token}", **headers},
            extensions={"sni_hostname": f"{name}-agent.{space}.svc"},
        )


@contextmanager
def web_port(school: School) -> Iterator[WebPort]:
    """The port of a base that is in service."""
    parameters = school.child("ConfigMap", f"{school.name}-parameters")["data"]["parameters.json"]
    context = ssl.create_default_context(cadata=json.loads(parameters)["caCertificate"])
    with httpx.Client(verify=context, trust_env=False, timeout=20) as client:
        yield WebPort(school, client)
