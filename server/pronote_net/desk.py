"""What the routes of a replica share: the server, the site, and the answers that every page may need."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pronote_net import cookies, rendering
from pronote_net.bodies import read_form
from pronote_net.espaces import BY_SLUG, Espace
from pronote_net.refusals import SUSPENDED, notice_of
from pronote_net.upstream import Refused, Visit
from pronote_net.visitor import visitor_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import HTMLResponse

    from pronote_net.cas import TicketValidator
    from pronote_net.config import NetConfig
    from pronote_net.metrics import Metrics
    from pronote_net.site import Site, Sites
    from pronote_net.upstream import Upstream


@dataclass(frozen=True)
class Desk:
    """What the routes share."""

    config: NetConfig
    upstream: Upstream
    sites: Sites
    tickets: TicketValidator
    metrics: Metrics

    def visit(self, request: Request, session: str = "") -> Visit:
        """Return for whom the server is asked.

        Raises:
            Refused: The connection has no address.
        """
        peer = request.client.host if request.client else ""
        try:
            address = visitor_address(
                peer, request.headers.getlist("x-forwarded-for"), self.config.trusted, self.config.hops
            )
        except ValueError:
            raise Refused(400, "InvalidRequest") from None
        return Visit(address, session)

    def page(
        self, template: str, site: Site, *, status: int = 200, retry_after: int | None = None, **values: Any
    ) -> HTMLResponse:
        """Return a page of the site."""
        headers = {} if retry_after is None else {"retry-after": str(retry_after)}
        common = {"root": site.path, "school": site.display_name}
        return rendering.page(template, {**common, **values}, status=status, headers=headers)

    def notice(self, refused: Refused, espace: Espace | None, links: Sequence[tuple[str, str]] = ()) -> HTMLResponse:
        """Return the page of a refusal."""
        site = self.sites.known
        notice = notice_of(refused, espace)
        values = {
            "root": self.config.path if site is None else site.path,
            "school": "" if site is None else site.display_name,
            "notice": notice,
            "links": links,
        }
        headers = {} if refused.retry_after is None else {"retry-after": str(refused.retry_after)}
        status = refused.status
        return rendering.page("notice.html", values, status=status, headers=headers, suspended=notice is SUSPENDED)

    async def form(self, request: Request) -> dict[str, str]:
        """Read a form that one of our pages has sent.

        Raises:
            Refused: It comes from elsewhere, or its secret is not the visitor's.
        """
        form = await self.own_form(request)
        if not same_secret(form.get("jeton", ""), cookies.form_secret(request)):
            raise Refused(403, "FormExpired")
        return form

    async def own_form(self, request: Request) -> dict[str, str]:
        """Read a form, whose secret is still to be compared.

        Raises:
            Refused: The browser says that it comes from elsewhere.
        """
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise Refused(403, "FormExpired")
        return await read_form(request)


def espace_of(request: Request) -> Espace:
    """Return the Espace that a path names.

    Raises:
        Refused: There is none.
    """
    espace = BY_SLUG.get(request.path_params["slug"])
    if espace is None:
        raise Refused(404, "NotFound")
    return espace


def same_secret(given: str, wanted: str) -> bool:
    """Compare two secrets, in the same time whatever they are; an empty one is never the same."""
    return bool(wanted) and hmac.compare_digest(given.encode(), wanted.encode())
