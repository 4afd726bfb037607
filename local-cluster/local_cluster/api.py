"""A small client of the API server: enough to wait for it and to apply a few objects, without starting kubectl."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Manifest = dict[str, Any]

FIELD_MANAGER = "local-cluster"

_COLLECTIONS = {
    "Namespace": "namespaces",
    "Node": "nodes",
    "Service": "services",
    "EndpointSlice": "endpointslices",
    "StorageClass": "storageclasses",
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "CustomResourceDefinition": "customresourcedefinitions",
    "GatewayClass": "gatewayclasses",
    "IngressClass": "ingressclasses",
}


class ApiError(Exception):
    """The API server refused, or could not be reached.

    Args:
        status: HTTP status; 0 when there was no answer.
        message: what it said.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}" if status else message)
        self.status = status


class Api:
    """Speaks to the API server that a kubeconfig (with embedded certificates) names.

    Args:
        server: URL.
        certificates: folder with ca.crt and the user's .crt and .key.
        user: whose certificate.
        timeout: seconds for one request.
    """

    def __init__(self, server: str, certificates: Path, user: str = "admin", timeout: float = 10.0) -> None:
        where = urlsplit(server)
        self._host, self._port, self._timeout = where.hostname or "", where.port or 443, timeout
        self._tls = ssl.create_default_context(cafile=str(certificates / "ca.crt"))
        self._tls.load_cert_chain(certificates / f"{user}.crt", certificates / f"{user}.key")

    def ready(self) -> bool:
        """Whether the API server says that it is ready."""
        try:
            self.request("GET", "/readyz")
        except ApiError:
            return False
        return True

    def get(self, path: str) -> Manifest:
        """Reads an object or a list."""
        answer: Manifest = json.loads(self.request("GET", path))
        return answer

    def apply(self, manifest: Mapping[str, Any]) -> None:
        """Applies an object on the server's side; changes nothing when it is as it should be."""
        query = f"?fieldManager={FIELD_MANAGER}&force=true"
        self.request("PATCH", object_path(manifest) + query, manifest, "application/apply-patch+yaml")

    def patch(self, path: str, change: Mapping[str, Any]) -> None:
        """Merges a change into an object."""
        self.request("PATCH", f"{path}?fieldManager={FIELD_MANAGER}", change, "application/merge-patch+json")

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, kind: str = "application/json"
    ) -> bytes:
        """One request.

        Raises:
            ApiError: refused, or no answer.
        """
        with self._connection() as connection:
            try:
                connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": kind})
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException) as error:
                raise ApiError(0, str(error)) from error
        if answer.status >= 400:
            raise ApiError(answer.status, _message(content))
        return content

    def watch(self, path: str, patience: float) -> Iterator[Manifest]:
        """The events of a collection until the server ends the watch.

        Args:
            path: of the collection, with its query.
            patience: seconds of silence after which the connection counts as lost.
        """
        with self._connection(patience) as connection:
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                if answer.status >= 400:
                    raise ApiError(answer.status, _message(answer.read()))
                for line in answer:
                    yield json.loads(line)
            except (OSError, http.client.HTTPException) as error:
                raise ApiError(0, str(error)) from error

    @contextlib.contextmanager
    def _connection(self, timeout: float | None = None) -> Iterator[http.client.HTTPSConnection]:
        connection = http.client.HTTPSConnection(
            self._host, self._port, timeout=timeout or self._timeout, context=self._tls
        )
        try:
            yield connection
        finally:
            connection.close()


def object_path(manifest: Mapping[str, Any]) -> str:
    """The URL path of an object of a kind that this package applies."""
    version, metadata = manifest["apiVersion"], manifest["metadata"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    namespace = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    return f"{root}{namespace}/{_COLLECTIONS[manifest['kind']]}/{metadata['name']}"


def _message(content: bytes) -> str:
    try:
        return str(json.loads(content)["message"])
    except (ValueError, KeyError, TypeError):
        return content.decode(errors="replace")[:300]
