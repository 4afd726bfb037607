"""Namespaces that hold a base: rights on their Secrets, and the stream of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import aiohttp

from pronote_operator.cluster.kinds import SECRETS
from pronote_operator.cluster.reflector import Reflector
from pronote_operator.cluster.rights import SecretRights
from pronote_operator.errors import ApiError
from pronote_operator.handlers.book import ChildBook

logger = logging.getLogger(__name__)

LIST_SECONDS = 30.0


class Namespaces:
    """Keeps one stream of Secrets for each namespace that holds a base.

    Args:
        reflect: makes the reflector of one namespace.
    """

    def __init__(self, *, rights: SecretRights, reflect: Callable[[str], Reflector], book: ChildBook) -> None:
        self._rights = rights
        self._reflect = reflect
        self._book = book
        self._streams: dict[str, asyncio.Task[None]] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._group: asyncio.TaskGroup | None = None

    def start_in(self, group: asyncio.TaskGroup) -> None:
        """Where the streams live."""
        self._group = group

    async def prepare(self, namespace: str) -> None:
        """Return when the Secrets of the namespace are known.

        Raises:
            TimeoutError: rights or list did not come in time.
            ApiError: the rights could not be granted.
        """
        if self._book.knows(SECRETS, namespace):
            return
        async with self._locks.setdefault(namespace, asyncio.Lock()):
            if namespace not in self._streams:
                await self._rights.grant(namespace)
                assert self._group is not None, "started"
                self._streams[namespace] = self._group.create_task(
                    self._reflect(namespace).run(), name=f"secrets of {namespace}"
                )
            async with asyncio.timeout(LIST_SECONDS):
                await self._book.first_list(SECRETS, namespace)

    def unused(self, namespace: str) -> None:
        """The last base of the namespace is gone."""
        stream = self._streams.pop(namespace, None)
        if stream is not None:
            stream.cancel()
        self._book.unlisted(SECRETS, namespace)
        assert self._group is not None, "started"
        self._group.create_task(self._give_back(namespace), name=f"rights of {namespace}")

    async def release_unused(self, namespaces_in_use: set[str]) -> None:
        """Give rights back where the last base went while no operator ran."""
        await self._rights.revoke_unused(namespaces_in_use)

    async def _give_back(self, namespace: str) -> None:
        async with self._locks.setdefault(namespace, asyncio.Lock()):
            if namespace in self._streams:
                return  # a base came back meanwhile
            try:
                await self._rights.revoke(namespace)
            except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                logger.warning("Rights in %s could not be given back (%s); the next start does it.", namespace, error)
