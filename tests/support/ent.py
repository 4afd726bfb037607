"""Logging in at the tests' CAS server, as pronotepy wants it done."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from bs4 import BeautifulSoup

if TYPE_CHECKING:
    from requests.cookies import RequestsCookieJar

    from tests.support.cas_server import CasServer


class EntLoginError(Exception):
    """The ENT does not take the person's name or password."""


def ent_of(cas: CasServer) -> Callable[..., RequestsCookieJar]:
    """A function for pronotepy's `ent=`: logs in at the ENT and gives the cookies of it.

    pronotepy's own requests must trust the ENT's authority too: see `trusting`.
    """

    def log_in(username: str, password: str, **_: str) -> RequestsCookieJar:
        with requests.Session() as session:
            session.trust_env = False
            session.verify = str(cas.ca_file)
            page = f"{cas.url}/login"
            fields = form_fields(session.get(page, timeout=20).text)
            fields |= {"username": username, "password": password}
            # Django wants to see, over TLS, where a form was sent from.
            answer = session.post(page, data=fields, headers={"Referer": page}, timeout=20)
            if BeautifulSoup(answer.text, "html.parser").find("input", {"name": "password"}):
                raise EntLoginError(f"{username} may not log in at the ENT")
            return session.cookies

    return log_in


@contextmanager
def trusting(bundle: Path, *authorities: Path) -> Iterator[None]:
    """Let every `requests` of this process, and so pronotepy's, trust these authorities and no others.

    Args:
        bundle: file that is written with all of them.
        authorities: files with their certificates, PEM.
    """
    bundle.write_text("\n".join(path.read_text() for path in authorities))
    before = os.environ.get("REQUESTS_CA_BUNDLE")
    os.environ["REQUESTS_CA_BUNDLE"] = str(bundle)
    try:
        yield
    finally:
        if before is None:
            del os.environ["REQUESTS_CA_BUNDLE"]
        else:
            os.environ["REQUESTS_CA_BUNDLE"] = before


def form_fields(page: str) -> dict[str, str]:
    """The named inputs of the page's form, with their values."""
    form = BeautifulSoup(page, "html.parser").find("form")
    assert form is not None, "the page has no form"
    return {str(field["name"]): str(field.get("value", "")) for field in form.find_all("input") if field.get("name")}
