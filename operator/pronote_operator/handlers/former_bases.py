"""Telling bases that are published no more: a publication that names another base now, stands back, or is gone.

Which base that is follows from the ConfigMaps with a site document that a publication has. One of another base than it
names is stopped, sent, and deleted once the server says that nothing is published: killed anywhere, the next pass finds
it as far as it came. While it is there, no other publication can publish that base.

A deleted publication has nothing left to follow from, as nothing here has a finalizer. Its ConfigMap is collected, and
a kubelet takes away from the server what it had brought. What it had not brought yet is withdrawn by who hears of the
deletion.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pronote_operator.api.publication import Publication
from pronote_operator.builders.names import Names, base_of_site
from pronote_operator.builders.webroutes import site_configmap
from pronote_operator.cluster.agent import AgentError
from pronote_operator.errors import ApiError
from pronote_operator.handlers.agents import Agents
from pronote_operator.handlers.book import ChildBook
from pronote_operator.handlers.children import Children, Wanted
from pronote_operator.handlers.keys import Key, base_key
from pronote_operator.handlers.served_bases import ServedBases
from pronote_operator.handlers.site import withdraw
from pronote_operator.handlers.store import ObjectStore
from pronote_operator.planning.facts import Ownership, ownership
from pronote_operator.planning.site_order import Site
from pronote_operator.planning.web_facts import site_in
from pronote_operator.planning.withdrawal import Patience, patience

logger = logging.getLogger(__name__)

CONFIG_MAP = "ConfigMap"
RETRY_SECONDS = 5.0
"""How soon a former base is asked again that did not answer."""
ASK_SECONDS = 10.0
"""For so long one pass may speak with the agent of a former base."""


def wanted_site(publication: Publication, base: str, document: dict[str, Any]) -> Wanted:
    """The ConfigMap with a site document, as the server's pod of a base mounts it."""
    manifest = site_configmap(publication, base, document)
    return Wanted(CONFIG_MAP, manifest["metadata"]["name"], manifest, lambda _: manifest, site_in)


@dataclass(frozen=True, slots=True)
class Untold:
    """A former base that has not confirmed that nothing is published of it.

    Args:
        base: its name.
        said: why not.
        holds: whether the next base waits for it.
    """

    base: str
    said: str
    holds: bool

    @property
    def child(self) -> tuple[str, str]:
        """The ConfigMap that says what it is to be told."""
        return CONFIG_MAP, Names(self.base).site

    def __str__(self) -> str:
        return (
            f"PronoteBase {self.base}, which was published before, has not confirmed that it is published no more: "
            f"{self.said}"
        )


class FormerBases:
    """Tells bases that are published no more.

    Args:
        bases: what the passes over bases came to.
        mark_gone: called with the key of a publication that is gone and left a base to be told: it wants a pass.
        clock: the present, aware.
    """

    def __init__(
        self,
        *,
        store: ObjectStore,
        book: ChildBook,
        bases: ServedBases,
        agents: Agents,
        mark_gone: Callable[[Key], None],
        clock: Callable[[], dt.datetime],
    ) -> None:
        self._store = store
        self._book = book
        self._bases = bases
        self._agents = agents
        self._mark_gone = mark_gone
        self._clock = clock
        self._since: dict[Key, dict[str, dt.datetime]] = {}
        """When a former base of a publication was first found not to answer."""
        self._left: dict[Key, dict[str, Site]] = {}
        """What was last written of the bases that publications published which are gone."""

    async def withdraw(
        self,
        publication: Publication,
        key: Key,
        children: Children,
        *,
        keep: str | None,
        on_change: Callable[[str], Awaitable[None]] | None = None,
    ) -> list[Untold]:
        """Have every base but one that the publication published told that it is published no more.

        Args:
            keep: name of the base that it is to publish; None: none.
            on_change: told of a former base before its pages are stopped.
        Returns:
            Those that have not confirmed it, and are to be asked again: their ConfigMaps must stay.
        Raises:
            ApiError: the API server refused.
        """
        untold = []
        former = {base: name for base, name in self._sites(key) if base != keep}
        for base in self._since.get(key, {}).keys() - former.keys() - self._left.get(key, {}).keys():
            self._bear_no_more(key, base)  # or named again, or its ConfigMap is gone: the next time begins anew
        for base, name in former.items():
            if (body := await children.own(CONFIG_MAP, name)) is not None:
                place, written = base_key(key.namespace, base), site_in(body)
                stopped = written is not None and not written.get("published")
                if on_change is not None and not stopped and self._may_publish(place):
                    await on_change(base)
                said = await self._tell(publication, place, children, written)
                still = self._bear(key, base, said)
                if still is None:
                    await children.remove(CONFIG_MAP, name)
                else:
                    untold.append(still)
        return untold

    def leave(self, key: Key) -> None:
        """A publication is gone, or going; what is known of its children is to be forgotten only after this call."""
        self._since.pop(key, None)
        for base, name in list(self._sites(key)):
            child = self._book.of(key)[CONFIG_MAP, name]
            body = child.take_body()
            if body is not None and ownership(body["metadata"], "", key.kind) is not Ownership.LEAVING:
                continue  # it only bears our labels
            if body is not None:
                child.facts = site_in(body)
            if isinstance(child.facts, Mapping):
                self._left.setdefault(key, {})[base] = child.facts
        if key in self._left:
            self._mark_gone(key)

    async def tell_left(self, key: Key) -> float | None:
        """Tell the bases of a publication that is gone, also if there is one of its name again.

        Returns:
            Seconds until it wants to be called again; None when nothing is left to tell.
        """
        left = self._left.get(key, {})
        for base, written in list(left.items()):
            try:
                said = await self._ask(base_key(key.namespace, base), written, None)
            except ApiError as error:
                said = str(error)
            if self._bear(key, base, said) is None and left.get(base) is written:
                del left[base]
        if not left:
            self._left.pop(key, None)
            return None
        return RETRY_SECONDS

    def _sites(self, key: Key) -> Iterator[tuple[str, str]]:
        """(base, name) of each ConfigMap with a site document that a publication seems to have."""
        for kind, name in self._book.of(key):
            if kind == CONFIG_MAP and (base := base_of_site(name)) is not None:
                yield base, name

    async def _tell(self, publication: Publication, base: Key, children: Children, written: Site | None) -> str | None:
        async def write(document: dict[str, Any]) -> None:
            await children.bring(wanted_site(publication, base.name, document))

        return await self._ask(base, written, write)

    async def _ask(
        self, base: Key, written: Site | None, write: Callable[[dict[str, Any]], Awaitable[None]] | None
    ) -> str | None:
        """Why a base has not confirmed that nothing is published of it; None when it has, or cannot publish."""
        if not self._may_publish(base):
            return None
        try:
            async with asyncio.timeout(ASK_SECONDS):
                await withdraw(written=written, find=lambda: self._agents.of(base), write=write)
        except AgentError as error:
            return f"{error.reason}: {error}"
        except TimeoutError:
            return f"Unreachable: no answer within {ASK_SECONDS:g} s"
        return None

    def _may_publish(self, base: Key) -> bool:
        body = self._store.get(base)
        if body is None or body["metadata"].get("deletionTimestamp"):
            return False
        facts = self._bases.facts(base)
        if facts is None:
            return not self._bases.passed(base)  # else it has no server
        return facts.replicas > 0 and facts.net

    def _bear(self, key: Key, base: str, said: str | None) -> Untold | None:
        """Whether a base is to be asked again, given why it has not confirmed."""
        if said is None:
            self._bear_no_more(key, base)
            return None
        now = self._clock()
        bear = patience(self._since.setdefault(key, {}).setdefault(base, now), now)
        if bear is Patience.LET_GO:
            self._bear_no_more(key, base)
            logger.warning("%s: %s; it is asked no more.", key, Untold(base, said, holds=False))
            return None
        return Untold(base, said, holds=bear is Patience.HOLD)

    def _bear_no_more(self, key: Key, base: str) -> None:
        since = self._since.get(key, {})
        since.pop(base, None)
        if not since:
            self._since.pop(key, None)
