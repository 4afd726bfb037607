"""Coming in and going out: the common page, the pages of the Espaces, logging in by password or by an ENT."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pronote_net import cookies, departures
from pronote_net.cas import CasDown, is_ticket, login_url
from pronote_net.desk import Desk, espace_of, same_secret
from pronote_net.espaces import BY_SLUG, Espace
from pronote_net.halves import joined, split
from pronote_net.school import Person, read
from pronote_net.start import start_call
from pronote_net.upstream import Refused, away

if TYPE_CHECKING:
    from starlette.requests import Request

    from pronote_net.site import Delegation, Site

MAX_USERNAME = 64
MAX_PASSWORD = 256

WRONG_CREDENTIALS = "Identifiant ou mot de passe incorrect."


def entrance_routes(desk: Desk) -> list[Route]:
    """Return the routes."""
    entrance = Entrance(desk)
    return [
        Route("/", entrance.common, methods=["GET"]),
        Route("/mobile.{slug}.html", entrance.page, methods=["GET"]),
        Route("/{slug}.html", entrance.page, methods=["GET"]),
        Route("/{slug}/entrer", entrance.log_in, methods=["POST"]),
        Route("/{slug}/entrer-par-ent", entrance.log_in_once, methods=["POST"]),
        Route("/{slug}/sortir", entrance.log_out, methods=["POST"]),
        Route("/{slug}/au-revoir", entrance.goodbye, methods=["GET"]),
    ]


class Entrance:
    """The endpoints."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def common(self, _request: Request) -> Response:
        """The common page: links to the published Espaces."""
        site = await self._desk.sites.in_force()
        return self._desk.page("common.html", site, espaces=site.published_espaces)

    async def page(self, request: Request) -> Response:
        """The page of an Espace."""
        espace = espace_of(request)
        site = await self._desk.sites.for_espace(espace)
        delegation = site.delegation_of(espace)
        ticket = request.query_params.get("ticket")
        if ticket is not None and delegation is not None:
            return await self._delegated(request, site, espace, delegation, ticket)
        if await self._is_inside(request, espace):
            return self._inside(request, site, espace)
        if delegation is not None and request.query_params.get("login") != "true":
            return RedirectResponse(login_url(delegation, _service(request, site)), 302)
        answer = await self._desk.upstream.ask(
            "POST", "/net/v1/pages", self._desk.visit(request), {"espace": espace.name}
        )
        over = "Votre session a expiré : connectez-vous de nouveau." if "expiree" in request.query_params else ""
        return self._login_page(request, site, espace, error=over, start=start_call(answer))

    async def log_in(self, request: Request) -> Response:
        """By password; with the link of a ticket, the ENT's account is tied to the person's.

        The page has half of the link, and the browser that showed the ticket the other: a link that was seen, or put
        into somebody else's browser, is none.
        """
        espace = espace_of(request)
        form = await self._desk.form(request)
        site = await self._desk.sites.for_espace(espace)
        username, password, link = (form.get(name, "") for name in ("identifiant", "motdepasse", "lien"))
        username, account = username.strip(), departures.shown(form.get("compte", ""))
        if not (0 < len(username) <= MAX_USERNAME and username.isprintable() and 0 < len(password) <= MAX_PASSWORD):
            return self._login_page(
                request, site, espace, error=WRONG_CREDENTIALS, link=link, account=account, status=401
            )
        wanted: dict[str, Any] = {"espace": espace.name, "username": username, "password": password}
        if link:
            wanted["link"] = joined(link, cookies.link_half(request, espace))
            if not wanted["link"]:
                raise Refused(401, "SessionExpired")
        try:
            found = await self._desk.upstream.ask("POST", "/net/v1/logins", self._desk.visit(request), wanted)
        except Refused as refused:
            if refused.reason != "WrongCredentials":
                raise
            return self._login_page(
                request,
                site,
                espace,
                error=WRONG_CREDENTIALS,
                link=link,
                account=account,
                username=username,
                status=401,
            )
        return self._opened(request, site, espace, found)

    async def log_in_once(self, request: Request) -> Response:
        """By the one-time login of a ticket."""
        espace = espace_of(request)
        form = await self._desk.form(request)
        site = await self._desk.sites.for_espace(espace)
        wanted = {"espace": espace.name, "login": form.get("login", ""), "password": form.get("passe", "")}
        try:
            found = await self._desk.upstream.ask("POST", "/net/v1/one-time-logins", self._desk.visit(request), wanted)
        except Refused as refused:
            if refused.reason != "WrongCredentials":
                raise
            raise Refused(403, "FormExpired") from None
        return self._opened(request, site, espace, found)

    async def log_out(self, request: Request) -> Response:
        """End the session."""
        espace = espace_of(request)
        form = await self._desk.own_form(request)
        site = await self._desk.sites.in_force()
        visit = self._desk.visit(request, cookies.session_token(request, espace))
        if visit.session:
            try:
                person = read(Person, await self._desk.upstream.ask("GET", "/net/v1/session", visit))
            except Refused as refused:
                if refused.status != 401:
                    raise
            else:
                if not same_secret(form.get("jeton", ""), person.csrf):
                    raise Refused(403, "FormExpired")
                await self._desk.upstream.ask("DELETE", "/net/v1/session", visit)
        answer = RedirectResponse(f"{site.path}/{espace.slug}/au-revoir", 303)
        cookies.end_session(answer, site, espace)
        cookies.forget_return(request, answer, site, espace)
        return answer

    async def goodbye(self, request: Request) -> Response:
        """What stays open after a logout."""
        espace = espace_of(request)
        site = await self._desk.sites.in_force()
        return self._desk.page("goodbye.html", site, espace=espace, ent=site.delegation_of(espace) is not None)

    async def _is_inside(self, request: Request, espace: Espace) -> bool:
        visit = self._desk.visit(request, cookies.session_token(request, espace))
        if not visit.session:
            return False
        try:
            found = read(Person, await self._desk.upstream.ask("GET", "/net/v1/session", visit))
        except Refused as refused:
            if refused.status != 401:
                raise
            return False
        return found.espace == espace.name

    async def _delegated(
        self, request: Request, site: Site, espace: Espace, delegation: Delegation, ticket: str
    ) -> Response:
        """Come back from the ENT with a ticket."""
        again = ("Recommencer", f"{site.path}/{espace.page}")
        number = request.query_params.get(departures.PARAMETER, "")
        if not is_ticket(ticket) or (number and not departures.NUMBER.fullmatch(number)):
            return self._desk.notice(Refused(403, "TicketInvalid"), espace, [again])
        visit = self._desk.visit(request)
        service = departures.service_of(_service(request, site), number)
        try:
            person = await self._desk.tickets.validate(delegation, service, ticket)
        except CasDown:
            links = [("Se connecter sans l’ENT", f"{site.path}/{espace.page}?login=true")] if delegation.direct else []
            return self._desk.notice(Refused(502, "CasDown", 60), espace, [again, *links])
        if person is None:
            return self._desk.notice(Refused(403, "TicketInvalid"), espace, [again])
        told = {
            "espace": espace.name,
            "delegation": delegation.name,
            "ticket": ticket,
            "user": person.user,
            "attributes": person.attributes,
        }
        try:
            found = await self._desk.upstream.ask("POST", "/net/v1/cas-logins", visit, told)
        except Refused as refused:
            if refused.reason != "TicketUsed":
                raise
            return self._desk.notice(refused, espace, [again])
        match found.get("outcome"):
            case "Known":
                return self._known(request, site, espace, found)
            case "FirstLogin" if not number:
                return self._sent_once_more(request, site, espace, delegation)
            case "FirstLogin" if not same_secret(number, cookies.departure(request, espace)):
                return self._desk.notice(Refused(403, "DepartureUnknown"), espace, [again])
            case "FirstLogin":
                account = departures.described(person, delegation)
                return self._first_login(request, site, espace, str(found.get("link", "")), account)
            case _:
                return self._desk.notice(Refused(403, "IdentificationFailed"), espace)

    def _sent_once_more(self, request: Request, site: Site, espace: Espace, delegation: Delegation) -> Response:
        """Have whoever is at this browser come back from the ENT with a ticket that only this browser can show.

        It is done once: whoever comes back without the cookie is told so, and sent nowhere.
        """
        number = departures.new_number()
        service = departures.service_of(_service(request, site), number)
        answer = RedirectResponse(login_url(delegation, service), 302)
        cookies.keep_departure(answer, site, espace, number)
        return answer

    def _first_login(self, request: Request, site: Site, espace: Espace, link: str, account: str) -> Response:
        try:
            shown, kept = split(link)
        except ValueError:
            raise away() from None
        answer = self._login_page(request, site, espace, link=shown, account=account)
        cookies.keep_link_half(answer, site, espace, kept)
        cookies.forget_departure(request, answer, site, espace)
        return answer

    def _known(self, request: Request, site: Site, espace: Espace, found: dict[str, Any]) -> Response:
        login, password = str(found.get("login", "")), str(found.get("password", ""))
        secret = cookies.form_secret(request) or cookies.new_form_secret()
        answer = self._desk.page(
            "delegated.html",
            site,
            espace=espace,
            start=start_call(found, login, password),
            login=login,
            password=password,
            secret=secret,
        )
        cookies.keep_form_secret(answer, site, secret)
        return answer

    def _login_page(
        self,
        request: Request,
        site: Site,
        espace: Espace,
        *,
        error: str = "",
        link: str = "",
        account: str = "",
        username: str = "",
        start: str = "",
        status: int = 200,
    ) -> Response:
        secret = cookies.form_secret(request) or cookies.new_form_secret()
        answer = self._desk.page(
            "login.html",
            site,
            status=status,
            espace=espace,
            error=error,
            link=link,
            account=account,
            username=username,
            start=start,
            secret=secret,
            ent=site.delegation_of(espace) is not None,
        )
        cookies.keep_form_secret(answer, site, secret)
        return answer

    def _opened(self, request: Request, site: Site, espace: Espace, found: dict[str, Any]) -> Response:
        answer = self._inside(request, site, espace)
        cookies.keep_session(answer, site, espace, str(found.get("token", "")))
        cookies.forget_link_half(request, answer, site, espace)
        return answer

    def _inside(self, request: Request, site: Site, espace: Espace) -> Response:
        """Go to where the person was, or to the home page."""
        wanted = cookies.wanted_return(request, espace) or "accueil"
        answer = RedirectResponse(f"{site.path}/{espace.slug}/{wanted}", 303)
        cookies.forget_return(request, answer, site, espace)
        return answer


def expired(request: Request, site: Site, espace: Espace) -> Response:
    """Send a person whose session has ended to the login page, and remember where they were."""
    answer = RedirectResponse(f"{site.path}/{espace.page}?{urlencode({'expiree': 1})}", 303)
    section = request.url.path.rpartition("/")[2]
    if cookies.session_token(request, espace):
        cookies.end_session(answer, site, espace)
    cookies.keep_return(answer, site, espace, section, request.url.query)
    return answer


def _service(request: Request, site: Site) -> str:
    """Return the URL that the ENT knows a page by."""
    espace = BY_SLUG[request.path_params["slug"]]
    mobile = request.url.path.rpartition("/")[2].startswith("mobile.")
    return site.page_url(f"mobile.{espace.page}" if mobile else espace.page)
