"""HTTPRoutes: a kind that the cluster may not have, or get later."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

import aiohttp

from pronote_operator.cluster.client import KubeClient
from pronote_operator.cluster.kinds import HTTP_ROUTES
from pronote_operator.cluster.reflector import Reflector
from pronote_operator.errors import ApiError
from pronote_operator.handlers.book import ChildBook

logger = logging.getLogger(__name__)

LIST_SECONDS = 30.0


class Routes:
    """Watches HTTPRoutes once the cluster has them.

    Args:
        reflect: makes the reflector of one namespace (None: all).
        served: namespaces that the operator serves.
    """

    def __init__(
        self,
        client: KubeClient,
        book: ChildBook,
        *,
        reflect: Callable[[str | None], Reflector],
        served: Iterable[str | None],
    ) -> None:
        self._client = client
        self._book = book
        self._reflect = reflect
        self._served = tuple(served)
        self._group: asyncio.TaskGroup | None = None
        self._lock = asyncio.Lock()
        self._watched = False

    async def start_in(self, group: asyncio.TaskGroup) -> None:
        """Where the streams live; they are started if the cluster has the kind by now."""
        self._group = group
        try:
            await self._watch()
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            logger.warning("Whether there are HTTPRoutes cannot be told (%s); asked again when one is wanted.", error)

    async def there(self) -> bool:
        """Whether the cluster has HTTPRoutes; if so, ours are known on return.

        Raises:
            ApiError: the API server refused to say.
            TimeoutError: the list did not come in time.
        """
        if not await self._watch():
            return False
        async with asyncio.timeout(LIST_SECONDS):
            for namespace in self._served:
                await self._book.first_list(HTTP_ROUTES, namespace or "")
        return True

    async def _watch(self) -> bool:
        async with self._lock:
            if self._watched or not await self._kind_is_served():
                return self._watched
            assert self._group is not None, "started"
            for namespace in self._served:
                self._group.create_task(self._reflect(namespace).run(), name="reflector httproutes")
            self._watched = True
            logger.info("The cluster has HTTPRoutes: ours are watched.")
            return True

    async def _kind_is_served(self) -> bool:
        try:
            async for _ in self._client.pages(HTTP_ROUTES, self._served[0], metadata_only=True, limit=1):
                return True
        except ApiError as error:
            if error.status != 404:
                raise
        return False
