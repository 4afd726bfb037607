"""Questions of the plugin to the API server, with the person's own rights."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from kubernetes.aio.config import ConfigException, kube_config

from pronote_operator.api.casdelegation import CasDelegation
from pronote_operator.api.pronotebase import PronoteBase
from pronote_operator.api.publication import Publication
from pronote_operator.api.versionchannel import VersionChannel
from pronote_operator.builders.names import PARAMETERS_KEY, Names
from pronote_operator.cli.published import Published, paired
from pronote_operator.cli.rollover_facts import Following, following
from pronote_operator.cluster.client import KubeClient, Object
from pronote_operator.cluster.kinds import BASES, CHANNELS, CONFIG_MAPS, DELEGATIONS, PUBLICATIONS, Kind
from pronote_operator.cluster.transport import load_configuration, own_namespace, sessions
from pronote_operator.errors import ApiError


class NotFoundError(LookupError):
    """What was asked for is not there; the message says what is."""


class RefusedError(Exception):
    """What was asked for makes no sense now, or did not work; the message says why."""


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[tuple[KubeClient, str]]:
    """A client with the current context's credentials, and that context's namespace."""
    configuration = await load_configuration()
    client = KubeClient(*sessions(configuration, meter=lambda verb, code: None, limit=8))
    try:
        yield client, _current_namespace()
    finally:
        await client.close()


async def bases(client: KubeClient, namespace: str | None, name: str | None) -> list[PronoteBase]:
    """One base, or all of a namespace (None: of all namespaces), by namespace and name.

    Raises:
        NotFoundError: there is none of that name.
    """
    if name is not None:
        body = await client.get(BASES, namespace, name)
        if body is None:
            raise NotFoundError(f"base {name} not found in namespace {namespace}; look with --all-namespaces")
        return [PronoteBase.model_validate(body)]
    found = [PronoteBase.model_validate(item) async for item in _items(client, BASES, namespace)]
    return sorted(found, key=lambda base: (base.metadata.namespace, base.metadata.name))


async def one_base(client: KubeClient, namespace: str, name: str) -> PronoteBase:
    """One base.

    Raises:
        NotFoundError: there is none of that name.
    """
    (found,) = await bases(client, namespace, name)
    return found


async def published(client: KubeClient, namespace: str | None, name: str | None) -> list[Published]:
    """One publication, or all of a namespace (None: of all namespaces), each with its delegations.

    Raises:
        NotFoundError: there is none of that name.
    """
    if name is not None:
        body = await client.get(PUBLICATIONS, namespace, name)
        if body is None:
            raise NotFoundError(f"publication {name} not found in namespace {namespace}; look with --all-namespaces")
        found = [Publication.model_validate(body)]
    else:
        found = [Publication.model_validate(item) async for item in _items(client, PUBLICATIONS, namespace)]
    delegations = [CasDelegation.model_validate(item) async for item in _items(client, DELEGATIONS, namespace)]
    return paired(found, delegations)


async def connection_parameters(client: KubeClient, namespace: str, base: str) -> str:
    """The content of a Client's parameters file.

    Raises:
        NotFoundError: there is no such base, or its parameters are not there yet.
    """
    body = await client.get(CONFIG_MAPS, namespace, Names(base).parameters)
    if body is None:
        raise NotFoundError(
            f"no connection parameters of base {base} in namespace {namespace}: is it there (kubectl get pnb -A), and "
            "does an operator run?"
        )
    text: str = body["data"][PARAMETERS_KEY]
    return text


async def channel_named(client: KubeClient, name: str) -> VersionChannel:
    """One version channel.

    Raises:
        NotFoundError: there is none of that name; the message lists those that there are.
    """
    return VersionChannel.model_validate(await channel_body(client, name))


async def channel_body(client: KubeClient, name: str) -> Object:
    """One version channel as the API server has it.

    Raises:
        NotFoundError: there is none of that name; the message lists those that there are.
    """
    body = await client.get(CHANNELS, None, name)
    if body is not None:
        return body
    try:
        names = await channel_names(client)
    except ApiError:  # whoever may read one by its name need not be allowed to list them
        raise NotFoundError(f"version channel {name} not found") from None
    there = f"there are: {', '.join(names)}" if names else "there is none in this cluster"
    raise NotFoundError(f"version channel {name} not found; {there}")


async def channel_names(client: KubeClient) -> list[str]:
    """The names of all version channels."""
    return sorted([item["metadata"]["name"] async for item in _items(client, CHANNELS, None)])


async def fleet_of(client: KubeClient, channel: str) -> tuple[Following, ...] | None:
    """The bases that follow a channel, of all namespaces, by name; None where they may not be listed."""
    try:
        found = [base async for item in _items(client, BASES, None) if (base := following(item, channel)) is not None]
    except ApiError as error:
        if error.status == 403:
            return None
        raise
    return tuple(sorted(found, key=lambda base: base.key))


async def _items(client: KubeClient, kind: Kind, namespace: str | None) -> AsyncIterator[Object]:
    async for page in client.pages(kind, namespace):
        for item in page["items"]:
            yield item


def _current_namespace() -> str:
    try:
        _, active = kube_config.list_kube_config_contexts()  # type: ignore[no-untyped-call]
    except ConfigException:
        return own_namespace()  # inside a pod
    return str((active.get("context") or {}).get("namespace") or "default")
