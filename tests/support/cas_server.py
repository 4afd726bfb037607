"""An ENT's CAS server as a process: django-cas-server over TLS, with an authority of its own."""

from __future__ import annotations

import json
import os
import re
import secrets
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.conformance.certificates import Authority, new_authority, write_certificate
from tests.support.cas_accounts import PEOPLE, CasAccount
from tests.support.ports import free_port
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
START_SECONDS = 20.0


class CasServer:
    """One server. As a context manager it is started, and stopped at the end.

    Tickets and sessions outlive a stop: they are in a database in the folder.

    Args:
        folder: for its files.
        services: beginnings of the URLs of services that may have tickets; other services are refused.
        host: the address to listen on; that of the pods' bridge, when pods must reach it.
        names: further host names of its certificate.
        accounts: who may log in.
    """

    def __init__(
        self,
        folder: Path,
        services: Iterable[str],
        *,
        host: str = "127.0.0.1",
        names: tuple[str, ...] = (),
        accounts: Iterable[CasAccount] = PEOPLE,
    ) -> None:
        self.folder = folder
        self.host = host
        self.port = free_port()
        self.authority: Authority = new_authority("ENT")
        self._accounts: dict[str, CasAccount] = {}
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        write_certificate(folder / "tls", self.authority, (host, *names))
        (folder / "secret").write_text(secrets.token_urlsafe(32))
        patterns = [f"^{re.escape(service)}" for service in services]
        (folder / "site.json").write_text(json.dumps({"host": host, "port": self.port, "services": patterns}))
        self.add(*accounts)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """What a delegation names."""
        return f"https://{self.host}:{self.port}/cas"

    @property
    def ca_file(self) -> Path:
        """Its authority's certificate, PEM."""
        return self.folder / "tls" / "ca.crt"

    def add(self, *accounts: CasAccount) -> None:
        """Let further people log in, or tell other things of them; at once, also while it runs."""
        self._accounts |= {account.username: account for account in accounts}
        told = {
            name: {"password": account.password, "attributes": dict(account.attributes)}
            for name, account in self._accounts.items()
        }
        fresh = self.folder / "accounts.json.new"
        fresh.write_text(json.dumps(told))
        fresh.replace(self.folder / "accounts.json")

    def start(self) -> None:
        """Start it, or start it again, and wait until it answers.

        Raises:
            AssertionError: it ends, or does not answer in time.
        """
        assert self._process is None, "the CAS server runs already"
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), *sys.path]))}
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.cas_site", str(self.folder)],
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._answers, START_SECONDS, what="the CAS server answers", last=self._log)

    def stop(self) -> None:
        """End it, and wait until it is gone."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    @property
    def log_path(self) -> Path:
        """What the process writes."""
        return self.folder / "cas.log"

    def _log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the CAS server ended with {self._process.returncode}\n{self._log()}"
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(self.ca_file))),
        )
        try:
            with opener.open(f"{self.url}/login", timeout=5) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"the CAS server answers {error.code}\n{self._log()}") from error
        except OSError:
            return False
