"""Cookies of PRONOTE.net.

For each Espace a session, where to go back to, the number of a departure to the ENT, and half of a link; and the secret
of forms.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from pronote_net.departures import NUMBER
from pronote_net.espaces import SECTION_TITLES, Espace
from pronote_net.halves import HALF

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from pronote_net.site import Site

RETURN_SECONDS: Final = 900
"""How long a person may take to log in again and still come back to where they were."""

DEPARTURE_SECONDS: Final = 600
"""How long a person may take at the ENT before a first login."""

LINK_SECONDS: Final = 600
"""How long a link to a first login is good for, as at the server."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9_.~=+/-]{1,256}")
_FORM_SECRET: Final = re.compile(r"[0-9a-f]{32}")
_QUERY: Final = re.compile(r"(?:(?:semaine|enfant|periode)=[A-Za-z0-9-]{1,40}&?){0,3}")


def session_token(request: Request, espace: Espace) -> str:
    """Return the token of a visitor's session in an Espace; empty without one."""
    return _kept(request, _session(espace), _TOKEN)


def keep_session(response: Response, site: Site, espace: Espace, token: str) -> None:
    """Have the browser keep a session until it is closed."""
    _set(response, site, _session(espace), token)


def end_session(response: Response, site: Site, espace: Espace) -> None:
    """Have the browser forget a session."""
    _set(response, site, _session(espace), "", 0)


def form_secret(request: Request) -> str:
    """Return the secret that a visitor's forms must repeat; empty without one."""
    return _kept(request, "pronote-form", _FORM_SECRET)


def keep_form_secret(response: Response, site: Site, secret: str) -> None:
    """Have the browser keep the secret."""
    _set(response, site, "pronote-form", secret)


def new_form_secret() -> str:
    """Make a secret."""
    return secrets.token_hex(16)


def departure(request: Request, espace: Espace) -> str:
    """Return the number with which a browser was sent to the ENT; empty without one."""
    return _kept(request, _departure(espace), NUMBER)


def keep_departure(response: Response, site: Site, espace: Espace, number: str) -> None:
    """Have the browser keep it."""
    _set(response, site, _departure(espace), number, DEPARTURE_SECONDS)


def forget_departure(request: Request, response: Response, site: Site, espace: Espace) -> None:
    """Forget it."""
    if _departure(espace) in request.cookies:
        _set(response, site, _departure(espace), "", 0)


def link_half(request: Request, espace: Espace) -> str:
    """Return the browser's half of the link of a first login; empty without one."""
    return _kept(request, _link(espace), HALF)


def keep_link_half(response: Response, site: Site, espace: Espace, half: str) -> None:
    """Have the browser keep its half of a link."""
    _set(response, site, _link(espace), half, LINK_SECONDS)


def forget_link_half(request: Request, response: Response, site: Site, espace: Espace) -> None:
    """Forget it."""
    if _link(espace) in request.cookies:
        _set(response, site, _link(espace), "", 0)


def keep_return(response: Response, site: Site, espace: Espace, section: str, query: str) -> None:
    """Remember where a person was when the session had ended."""
    if safe_return(f"{section}?{query}"):
        _set(response, site, _return(espace), quote(f"{section}?{query}"), RETURN_SECONDS)


def wanted_return(request: Request, espace: Espace) -> str:
    """Return where in an Espace the person was, relative to its folder; empty: its home page."""
    return safe_return(unquote(request.cookies.get(_return(espace), "")))


def forget_return(request: Request, response: Response, site: Site, espace: Espace) -> None:
    """Forget it."""
    if _return(espace) in request.cookies:
        _set(response, site, _return(espace), "", 0)


def safe_return(text: str) -> str:
    """Return a section of an Espace with its query when it is one of ours, else nothing. Pure."""
    section, _, query = text.partition("?")
    if section not in SECTION_TITLES or not _QUERY.fullmatch(query):
        return ""
    return f"{section}?{query}" if query else section


def _session(espace: Espace) -> str:
    return f"pronote-{espace.slug}"


def _departure(espace: Espace) -> str:
    return f"pronote-{espace.slug}-depart"


def _link(espace: Espace) -> str:
    return f"pronote-{espace.slug}-lien"


def _return(espace: Espace) -> str:
    return f"pronote-{espace.slug}-retour"


def _kept(request: Request, name: str, shape: re.Pattern[str]) -> str:
    """A cookie of ours; empty when there is none, or what the browser sent cannot be one."""
    value = request.cookies.get(name, "")
    return value if shape.fullmatch(value) else ""


def _set(response: Response, site: Site, name: str, value: str, max_age: int | None = None) -> None:
    response.set_cookie(
        name, value, max_age=max_age, path=f"{site.path}/", secure=site.https, httponly=True, samesite="lax"
    )
