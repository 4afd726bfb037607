"""Validation of an ENT's tickets at its CAS server, and nowhere else.

python-cas speaks the four protocols. It fetches with a session of `requests` that is given to it: ours follows no
redirects, trusts only whom the delegation says, and has bounds on time and size. The XML is looked at by defusedxml
before python-cas parses it, because Python's own parser expands entities.
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from xml.etree.ElementTree import ParseError

import requests
from cas import CASClient
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

if TYPE_CHECKING:
    from pronote_net.metrics import Metrics
    from pronote_net.site import Delegation

TOTAL_SECONDS: Final = 5.0
STEP_SECONDS: Final = 2.5
"""For connecting, and for each wait for bytes."""

MAX_ANSWER_BYTES: Final = 256 * 1024
THREADS: Final = 16

MAX_USER: Final = 256
MAX_NAMES: Final = 100
MAX_VALUES: Final = 100
MAX_TEXT: Final = 1000

_TICKET: Final = re.compile(r"ST-[A-Za-z0-9._~-]{1,253}")
"""The CAS protocol allows letters, digits and hyphens; servers add the few others. None means anything in XML."""

_VERSIONS: Final = {"CAS1": 1, "CAS2": 2, "CAS3": 3, "SAML1": "CAS_2_SAML_1_0"}

log = logging.getLogger("pronote_net")


class CasDown(Exception):  # noqa: N818 - what happened
    """The CAS server does not answer, or not as a CAS server does."""


@dataclass(frozen=True)
class Person:
    """Who a ticket is for, as the ENT tells."""

    user: str = field(repr=False)
    attributes: dict[str, list[str]] = field(repr=False)


def is_ticket(text: str) -> bool:
    """Tell whether a text can be a ticket."""
    return _TICKET.fullmatch(text) is not None


def login_url(delegation: Delegation, service: str) -> str:
    """Return where a visitor logs in at the ENT. Both URLs come from the site document."""
    return f"{delegation.cas_url.rstrip('/')}/login?service={quote(service, safe='')}"


class TicketValidator:
    """Validates tickets in a few threads, so that a CAS server that is slow holds up nobody but its own people."""

    def __init__(self, metrics: Metrics) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "cas")
        self._metrics = metrics

    def close(self) -> None:
        """Let go of what has not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def validate(self, delegation: Delegation, service: str, ticket: str) -> Person | None:
        """Return who a ticket is for; None when the CAS server does not accept it.

        Args:
            service: URL that the ticket was made for.

        Raises:
            CasDown: See there.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                person = await loop.run_in_executor(self._threads, ask_cas, delegation, service, ticket)
        except (CasDown, TimeoutError) as error:
            self._metrics.cas_validations.labels("unreachable").inc()
            log.warning("A CAS server does not answer as it should")
            raise CasDown from error
        self._metrics.cas_validations.labels("invalid" if person is None else "valid").inc()
        return person


def ask_cas(delegation: Delegation, service: str, ticket: str) -> Person | None:
    """Validate a ticket; blocks.

    Raises:
        CasDown: The CAS server does not answer, or not as a CAS server does.
    """
    with _Session(delegation) as session:
        client = CASClient(
            version=_VERSIONS[delegation.protocol],
            service_url=service,
            server_url=f"{delegation.cas_url.rstrip('/')}/",
            session=session,
        )
        try:
            user, attributes, _ = client.verify_ticket(ticket)
        except (
            requests.RequestException,
            HTTPError,
            ssl.SSLError,
            ParseError,
            DefusedXmlException,
            # What python-cas makes of XML that is none of a CAS server's.
            AttributeError,
            IndexError,
            KeyError,
            StopIteration,
            TypeError,
            ValueError,
        ):
            raise CasDown from None
    user = (user or "").strip()
    if not 0 < len(user) <= MAX_USER:
        return None
    return Person(user, _bounded(attributes or {}))


def _bounded(attributes: dict[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in list(attributes.items())[:MAX_NAMES]:
        values = value if isinstance(value, list) else [value]
        texts = [text for text in values if isinstance(text, str) and len(text) <= MAX_TEXT]
        if texts and len(name) <= MAX_TEXT:
            found[name] = texts[:MAX_VALUES]
    return found


class _Adapter(HTTPAdapter):
    """Trusts the authorities of a context, and no others."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, ssl_context=self._context, **options)

    def cert_verify(self, *_: Any) -> None:
        """Add nobody's authorities: requests would add its own."""


class _Session(requests.Session):
    """Asks one CAS server within bounds."""

    def __init__(self, delegation: Delegation) -> None:
        super().__init__()
        self._xml = delegation.protocol != "CAS1"
        self.trust_env = False
        self.headers["accept-encoding"] = "identity"  # what is small on the wire is not large in memory
        self.adapters.clear()
        # A certificate that is not valid is refused by the context itself.
        try:
            context = ssl.create_default_context(cadata=delegation.ca_bundle)
        except (ssl.SSLError, ValueError):
            raise CasDown from None
        self.mount(f"{delegation.cas_url.rstrip('/')}/", _Adapter(context))

    def request(self, *arguments: Any, **options: Any) -> requests.Response:
        """Ask, and read the whole answer.

        Raises:
            requests.RequestException: It is no answer of a CAS server.
            DefusedXmlException: It declares a document type.
        """
        until = time.monotonic() + TOTAL_SECONDS
        options |= {"allow_redirects": False, "timeout": (STEP_SECONDS, STEP_SECONDS), "stream": True}
        answer = super().request(*arguments, **options)
        content = bytearray()
        try:
            # One wait at a time: `iter_content` waits until a whole chunk has come, however slowly.
            while chunk := answer.raw.read1(16 * 1024):
                content += chunk
                if len(content) > MAX_ANSWER_BYTES or time.monotonic() > until:
                    raise requests.RequestException("too large or too slow")
        finally:
            answer.close()
        if answer.status_code != 200:
            raise requests.RequestException("not answered with 200")
        if self._xml:
            fromstring(bytes(content), forbid_dtd=True)
        # What python-cas reads next.
        answer._content = bytes(content)
        answer._content_consumed = True
        answer.encoding = answer.encoding or "utf-8"
        return answer
