"""Requests to the API server: few verbs, plain dictionaries, every answer checked.

Built on the Kubernetes library's transport (credentials, TLS, pooling). Paths come from `kinds`: nothing is discovered.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio import client as kube

from pronote_operator.api.constants import FIELD_MANAGER
from pronote_operator.cluster.kinds import ACCESS_REVIEWS, BY_KIND, Kind
from pronote_operator.errors import ApiError

Object = dict[str, Any]

_JSON = "application/json"
_METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_APPLY = "application/apply-patch+yaml"
_NEVER_STORED = "1"
"""A resource version that no object bears: etcd's first revision is that of an empty store."""
_MERGE = "application/merge-patch+json"


class KubeClient:
    """The operator's requests.

    Args:
        requests: the library's client for short requests.
        watches: another one for watch streams.
        timeout_seconds: bound of one short request.
    """

    def __init__(self, requests: kube.ApiClient, watches: kube.ApiClient, *, timeout_seconds: float = 30) -> None:
        self._requests = requests
        self._watches = watches
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)

    @property
    def api_client(self) -> kube.ApiClient:
        """The library's client, for the library's own tools (leader election)."""
        return self._requests

    async def headers(self) -> dict[str, str]:
        """What every request bears: who asks."""
        return await self._headers(self._requests)

    async def close(self) -> None:
        """Close both sessions."""
        await self._requests.close()  # type: ignore[no-untyped-call]
        await self._watches.close()  # type: ignore[no-untyped-call]

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        """One object, or None when it is not there. Raises ApiError for any other refusal."""
        try:
            return await self._send("GET", kind.path(namespace, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def pages(
        self,
        kind: Kind,
        namespace: str | None,
        *,
        selector: str = "",
        fields: str = "",
        metadata_only: bool = False,
        limit: int = 200,
    ) -> AsyncIterator[Object]:
        """The pages of a list, each as the API server's List object.

        Args:
            selector: of labels.
            fields: selector of fields.
        """
        token = ""
        while True:
            query = {"limit": str(limit)}
            if selector:
                query["labelSelector"] = selector
            if fields:
                query["fieldSelector"] = fields
            if token:
                query["continue"] = token
            accept = _METADATA_LIST if metadata_only else _JSON
            page = await self._send("GET", kind.collection(namespace), query=query, accept=accept)
            token = page["metadata"].get("continue", "")
            page["items"] = page.get("items") or []  # an empty list of metadata comes as null
            yield page
            if not token:
                return

    async def apply(self, manifest: Object) -> Object:
        """Server-side apply with the project's field manager; other managers' values of our fields are taken over."""
        return await self._apply(BY_KIND[manifest["kind"]], manifest)

    async def apply_new(self, manifest: Object) -> Object | None:
        """Server-side apply that can only create; None when an object of that name is there: it is left as it is.

        A resource version in the manifest binds it to the object as it was at that version. The API server ignores it
        where there is no object, and refuses every object that there is.
        """
        metadata = {**manifest["metadata"], "resourceVersion": _NEVER_STORED}
        try:
            return await self.apply({**manifest, "metadata": metadata})
        except ApiError as error:
            if error.status == 409:
                return None
            raise

    async def merge(self, change: Object) -> Object:
        """JSON merge patch of the object that `change` names: lists are replaced as wholes."""
        metadata = change["metadata"]
        path = BY_KIND[change["kind"]].path(metadata["namespace"], metadata["name"])
        query = {"fieldManager": FIELD_MANAGER}
        return await self._send("PATCH", path, query=query, body=change, content_type=_MERGE)

    async def apply_status(self, kind: Kind, manifest: Object) -> Object:
        """Server-side apply of a status: only fields of the status become the operator's."""
        return await self._apply(kind, manifest, "status")

    async def apply_as(self, manager: str, kind: Kind, manifest: Object, *, force: bool = False) -> Object:
        """Server-side apply in somebody else's name than the operator's.

        Args:
            manager: field manager.
            force: take over fields that others hold with another value.
        Raises:
            ApiError: among others 409 Conflict, without `force`, naming who holds a field.
        """
        return await self._apply(kind, manifest, manager=manager, force=force)

    async def annotate_as(self, manager: str, kind: Kind, namespace: str, name: str, change: dict[str, str]) -> Object:
        """Set annotations of an object in somebody else's name than the operator's; others stay as they are."""
        return await self.merge_as(manager, kind, namespace, name, {"metadata": {"annotations": change}})

    async def merge_as(self, manager: str, kind: Kind, namespace: str | None, name: str, change: Object) -> Object:
        """JSON merge patch in somebody else's name than the operator's; what `change` leaves out stays as it is."""
        query = {"fieldManager": manager}
        return await self._send("PATCH", kind.path(namespace, name), query=query, body=change, content_type=_MERGE)

    async def create(self, kind: Kind, namespace: str | None, manifest: Object) -> Object:
        """Create an object."""
        query = {"fieldManager": FIELD_MANAGER}
        return await self._send("POST", kind.collection(namespace), query=query, body=manifest, content_type=_JSON)

    async def delete(self, kind: Kind, namespace: str | None, name: str, *, uid: str | None = None) -> None:
        """Delete an object; one that is already gone is no error.

        Args:
            uid: of the object that is meant; another one of that name is refused (409).
        """
        options: Object = {"kind": "DeleteOptions", "apiVersion": "v1"}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        try:
            await self._send("DELETE", kind.path(namespace, name), body=options, content_type=_JSON)
        except ApiError as error:
            if error.status != 404:
                raise

    async def allowed(self, verb: str, kind: Kind, namespace: str | None) -> bool:
        """Whether the operator itself may do this, asked of the authorizer without trying (no 403 is caused)."""
        attributes = {"verb": verb, "group": kind.group, "resource": kind.plural, "namespace": namespace or ""}
        review = {
            "apiVersion": ACCESS_REVIEWS.api_version,
            "kind": ACCESS_REVIEWS.kind,
            "spec": {"resourceAttributes": attributes},
        }
        answer = await self._send("POST", ACCESS_REVIEWS.collection(), body=review, content_type=_JSON)
        return bool(answer["status"].get("allowed"))

    async def watch(
        self, kind: Kind, namespace: str | None, *, selector: str, since: str, seconds: int, fields: str = ""
    ) -> AsyncIterator[Object]:
        """Watch events and bookmarks from a resource version on; ends when the server ends it.

        Args:
            since: resource version of the list that came before.
            seconds: how long the server keeps the stream.
        Raises:
            ApiError: the server refused, or sent an ERROR event (410: list again).
        """
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": since,
            "timeoutSeconds": str(seconds),
        }
        if selector:
            query["labelSelector"] = selector
        if fields:
            query["fieldSelector"] = fields
        url = f"{self._watches.configuration.host}{kind.collection(namespace)}?{urlencode(query)}"
        timeout = aiohttp.ClientTimeout(total=seconds + 30, sock_connect=10)
        headers = {**await self._headers(self._watches), "Accept": _JSON}
        answer = await self._watches.call_api("GET", url, header_params=headers, _request_timeout=timeout)
        async with answer.response as response:
            if response.status != 200:
                raise _refusal(response.status, await response.read())
            async for line in response.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise _refusal(int(event["object"].get("code", 500)), json.dumps(event["object"]).encode())
                yield event

    async def _headers(self, api_client: kube.ApiClient) -> dict[str, str]:
        auth = await api_client.configuration.auth_settings()
        headers: dict[str, str] = {"User-Agent": api_client.user_agent}
        if "BearerToken" in auth:
            headers["Authorization"] = auth["BearerToken"]["value"]
        return headers

    async def _apply(
        self, kind: Kind, manifest: Object, subresource: str = "", *, manager: str = FIELD_MANAGER, force: bool = True
    ) -> Object:
        metadata = manifest["metadata"]
        path = kind.path(metadata.get("namespace"), metadata["name"], subresource)
        query = {"fieldManager": manager, "force": str(force).lower()}
        return await self._send("PATCH", path, query=query, body=manifest, content_type=_APPLY)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Object | None = None,
        content_type: str | None = None,
        accept: str = _JSON,
    ) -> Object:
        url = f"{self._requests.configuration.host}{path}"
        if query:
            url = f"{url}?{urlencode(query)}"
        headers = {**await self._headers(self._requests), "Accept": accept}
        if content_type:
            headers["Content-Type"] = content_type
        answer = await self._requests.call_api(
            method, url, header_params=headers, body=body, _request_timeout=self._timeout
        )
        data: bytes = await answer.read()  # type: ignore[no-untyped-call]
        if answer.status >= 400:
            raise _refusal(answer.status, data)
        stored: Object = json.loads(data)
        return stored


def _refusal(status: int, data: bytes) -> ApiError:
    try:
        document = json.loads(data)
        causes = (document.get("details") or {}).get("causes") or [{}]
        return ApiError(status, document.get("reason", ""), document.get("message", ""), causes[0].get("reason", ""))
    except (ValueError, AttributeError):
        return ApiError(status, "", data[:200].decode("utf-8", "replace"))
