"""Speaks to the port for PRONOTE.net of a running server, as a replica does."""

from __future__ import annotations

import base64
import http.client
import json
import subprocess
import time
from typing import Any

from tests.conformance.harness import Answer, Server, Volume, _ask
from tests.support.ports import free_port

TOKEN = "token-of-the-replicas-of-this-base"
PASSWORD = "Correct-Horse-7-Battery"
VISITOR = "192.0.2.10"
ESPACES = {
    "Direction": 16,
    "Professeurs": 1,
    "VieScolaire": 13,
    "Parents": 2,
    "Eleves": 3,
    "Accompagnants": 25,
    "Entreprise": 4,
    "Academie": 5,
    "Inscription": 18,
}


def site_document(**changes: object) -> dict[str, Any]:
    """Return a site document with every Espace published."""
    return {
        "revision": time.time_ns() // 1_000_000,
        "published": True,
        "url": "https://jean-moulin.pronote.example.org/pronote",
        "espaces": list(ESPACES),
        "inactivityMinutes": 60,
        "delegations": [],
        **changes,
    }


def prepare_net(volume: Volume) -> dict[str, str]:
    """Write the Secret of PRONOTE.net; return the variables that name it."""
    folder = volume.root / "net"
    volume.write_mounted(folder, {"token": TOKEN + "\n", "verifier-key": base64.b64encode(bytes(range(32))).decode()})
    return {
        "PRONOTE_NET": str(folder),
        "PRONOTE_NET_PORT": str(free_port()),
        "PRONOTE_SITE": str(volume.root / "site" / "site.json"),
    }


class NetServer(Server):
    """A server with the port for PRONOTE.net."""

    @property
    def net_port(self) -> int:
        """The port."""
        return int(self.extra["PRONOTE_NET_PORT"])

    def net(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        visitor: str = VISITOR,
        session: str | None = None,
        token: str = TOKEN,
    ) -> Answer:
        """Ask the port as a replica does for a visitor."""
        connection = http.client.HTTPSConnection("localhost", self.net_port, timeout=30, context=self.tls_context())
        headers = {"authorization": f"Bearer {token}", "x-visitor-address": visitor}
        if session is not None:
            headers["x-pronote-session"] = session
        content = None
        if body is not None:
            headers["content-type"] = "application/json"
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return _ask(connection, method, path, headers, content)

    def publish(self, document: object) -> Answer:
        """Send a site document as the agent does."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=30)
        headers = {"content-type": "application/json"}
        return _ask(connection, "PUT", "/v1/site", headers, json.dumps(document).encode())

    def run(self, *arguments: str, text: str | None = None) -> str:
        """Run a command of the server's on its base."""
        words = [self._words()[0], *arguments]
        done = subprocess.run(words, env=self.environment, input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def add_user(self, username: str, mode: str) -> None:
        """Add a user with the usual password."""
        self.run("user", "add", username, "--mode", mode, "--password-stdin", text=PASSWORD + "\n")

    def enter(self, username: str, espace: str, *, visitor: str = VISITOR, password: str = PASSWORD) -> Answer:
        """Log in in a browser by password."""
        body = {"espace": espace, "username": username, "password": password}
        return self.net("POST", "/net/v1/logins", body, visitor=visitor)
