"""Asking a CAS server whether it answers: one request over TLS, bounded, nothing of the answer kept but its status."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from pronote_operator.planning.delegation import CasServer
from pronote_operator.planning.reachability import (
    ANSWER_SECONDS,
    Reach,
    answered,
    connect_failed,
    may_be_asked,
    not_trusted,
    timed_out,
)

USER_AGENT = "pronote-operator"


class _ForbiddenAddressError(OSError):
    """The name stands for an address at which no CAS server can be."""


class _Resolver(AbstractResolver):
    """Names to addresses, without those that may not be asked: judged where the connection is made, not before."""

    def __init__(self, allowed: Callable[[str], bool]) -> None:
        self._system = aiohttp.ThreadedResolver()
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._system.resolve(host, port, family)
        good = [one for one in found if self._allowed(one["host"])]
        if found and not good:
            raise _ForbiddenAddressError(host)
        return good

    async def close(self) -> None:
        await self._system.close()


class CasClient:
    """Asks CAS servers.

    Args:
        allowed: whether a server may be at an address.
        seconds: how long one may take in all.
    """

    def __init__(self, *, allowed: Callable[[str], bool] = may_be_asked, seconds: float = ANSWER_SECONDS) -> None:
        self._allowed = allowed
        self._timeout = aiohttp.ClientTimeout(total=seconds)
        self._seconds = seconds

    async def ask(self, server: CasServer) -> Reach:
        """Whether the server answers at its login page. Never raises but for being cancelled."""
        url = URL(f"{server.url}/login")
        try:
            async with asyncio.timeout(self._seconds + 1):
                # To read the well-known authorities takes tens of milliseconds: not on the loop.
                trust = await asyncio.to_thread(_trust, server.ca_bundle)
                return await self._ask(url, trust)
        except aiohttp.ClientConnectorCertificateError as error:
            return not_trusted(getattr(error.certificate_error, "verify_code", 0))
        except TimeoutError:
            return timed_out()
        except aiohttp.ClientConnectorSSLError:
            return connect_failed("what answers does not speak TLS as it should")
        except aiohttp.ClientConnectorDNSError as error:
            if isinstance(error.os_error, _ForbiddenAddressError):
                return connect_failed("its address is one of the operator's own machine or link")
            return connect_failed("its name does not resolve")
        except (aiohttp.ClientConnectorError, ConnectionError):
            return connect_failed("nobody accepts connections there")
        except (aiohttp.ClientError, OSError, ValueError):
            return connect_failed("what answers is no HTTP")

    async def _ask(self, url: URL, trust: ssl.SSLContext) -> Reach:
        # aiohttp does not ask the resolver about a host that is an address already.
        if _is_address(url.host or "") and not self._allowed(url.host or ""):
            return connect_failed("its address is one of the operator's own machine or link")
        connector = aiohttp.TCPConnector(
            ssl=trust, force_close=True, use_dns_cache=False, resolver=_Resolver(self._allowed), limit=1
        )
        async with (
            aiohttp.ClientSession(
                connector=connector,
                timeout=self._timeout,
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": USER_AGENT},
                max_line_size=8190,
                max_field_size=8190,
            ) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            # The body is not read: it is the visitor's page, and may be of any size.
            return answered(response.status)


def _trust(ca_bundle: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=ca_bundle)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
