"""A small synchronous client for tests: any kind by its name, server-side apply, waiting with the last state in the
message."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

from tests.support.kubeconfig import read_kubeconfig
from tests.support.waiting import wait_until

Object = dict[str, Any]
Manifest = str | Path | Mapping[str, Any]

BUSY, BUSY_SECONDS = 429, 10
"""The status that means "come again", and for how long that is done, once a second."""


@dataclass(frozen=True)
class Resource:
    """Where objects of a kind live."""

    prefix: str
    """``/api/v1`` or ``/apis/GROUP/VERSION``."""
    plural: str
    namespaced: bool

    def path(self, namespace: str | None, name: str = "") -> str:
        """Of an object, or of the collection; of all namespaces when none is given."""
        middle = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{self.prefix}{middle}/{self.plural}" + (f"/{name}" if name else "")


class ApiError(AssertionError):
    """The API server refused. ``status`` is the HTTP code, ``message`` its own words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


class Kube:
    """Somebody at an API server. As a context manager it closes its connections at the end.

    Kinds are given by kind, plural, singular or short name (``PronoteBase``, ``pvc``); core kinds come first, then the
    groups in the API server's order. Built-in and custom kinds are alike.

    Args:
        kubeconfig: current context.
        kubectl: the program, for `kubectl`.
    """

    def __init__(self, kubeconfig: Path, *, kubectl: str = "kubectl") -> None:
        upstream = read_kubeconfig(kubeconfig)
        self.kubeconfig = kubeconfig
        self._kubectl = kubectl
        headers = {"Authorization": f"Bearer {upstream.token}"} if upstream.token else {}
        self._http = httpx.Client(
            base_url=upstream.url, verify=upstream.tls or True, headers=headers, timeout=30, trust_env=False
        )
        self._resources: dict[str, Resource] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    # Objects.

    def apply(
        self, manifest: Manifest, *, namespace: str | None = None, manager: str = "test", force: bool = True
    ) -> list[Object]:
        """Apply server-side.

        Args:
            manifest: an object, YAML text (several documents allowed), or the path of a YAML file.
            namespace: of namespaced objects that name none.

        Raises:
            ApiError: at the first object that is refused.
        """
        applied = []
        for wanted in _documents(manifest):
            resource = self._resource(wanted["kind"], wanted["apiVersion"])
            metadata = wanted["metadata"]
            path = resource.path(metadata.get("namespace") or namespace or "default", metadata["name"])
            query = {"fieldManager": manager, "force": str(force).lower()}
            headers = {"Content-Type": "application/apply-patch+yaml"}
            applied.append(self.request("PATCH", path, content=json.dumps(wanted), headers=headers, params=query))
        return applied

    def get(self, kind: str, name: str, namespace: str | None = "default") -> Object | None:
        """An object, None when there is none."""
        try:
            return self.request("GET", self._resource(kind).path(namespace, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list(self, kind: str, namespace: str | None = None, *, selector: str = "") -> list[Object]:
        """Objects of a kind in a namespace, or in all."""
        query = {"labelSelector": selector} if selector else {}
        found = self.request("GET", self._resource(kind).path(namespace), params=query)
        items: list[Object] = found["items"]
        return items

    def patch(
        self, kind: str, name: str, change: Mapping[str, Any], namespace: str | None = "default", *, part: str = ""
    ) -> Object:
        """A merge patch; ``part`` is a subresource such as ``status``."""
        path = self._resource(kind).path(namespace, name) + (f"/{part}" if part else "")
        headers = {"Content-Type": "application/merge-patch+json"}
        return self.request("PATCH", path, content=json.dumps(change), headers=headers)

    def delete(self, kind: str, name: str, namespace: str | None = "default", *, wait: float = 0) -> None:
        """Delete an object; absent is fine. With ``wait`` seconds, until it is gone."""
        try:
            self.request("DELETE", self._resource(kind).path(namespace, name))
        except ApiError as error:
            if error.status != 404:
                raise
        if wait:
            self.wait_gone(kind, name, namespace, timeout=wait)

    # Waiting.

    def wait_for(
        self,
        kind: str,
        name: str,
        predicate: Callable[[Object], object],
        namespace: str | None = "default",
        *,
        timeout: float = 60,
        what: str = "",
    ) -> Object:
        """Wait until an object is there and fits; then give it.

        Raises:
            AssertionError: after ``timeout`` seconds, with the last state of the object in the message.
        """
        seen: list[Object | None] = [None]

        def look() -> Object | None:
            seen[0] = found = self.get(kind, name, namespace)
            return found if found is not None and predicate(found) else None

        label = what or getattr(predicate, "__name__", "a predicate")
        return wait_until(look, timeout, what=f"{kind} {namespace}/{name}: {label}", last=lambda: describe(seen[0]))

    def wait_for_condition(
        self,
        kind: str,
        name: str,
        condition: str,
        namespace: str | None = "default",
        *,
        status: str = "True",
        reason: str | None = None,
        timeout: float = 60,
    ) -> Object:
        """Wait for a condition of the object's present generation."""

        def fits(found: Object) -> bool:
            held = condition_of(found, condition)
            generation = found["metadata"].get("generation")
            current = held.get("observedGeneration", generation) == generation
            return current and held.get("status") == status and reason in (None, held.get("reason"))

        what = f"{condition}={status}" + (f" {reason}" if reason else "")
        return self.wait_for(kind, name, fits, namespace, timeout=timeout, what=what)

    def wait_gone(self, kind: str, name: str, namespace: str | None = "default", *, timeout: float = 60) -> None:
        """Wait until an object is gone."""
        seen: list[Object | None] = [None]

        def look() -> bool:
            seen[0] = self.get(kind, name, namespace)
            return seen[0] is None

        wait_until(look, timeout, what=f"{kind} {namespace}/{name} is gone", last=lambda: describe(seen[0]))

    # The rest.

    @contextmanager
    def namespace(self, prefix: str = "test", labels: Mapping[str, str] | None = None) -> Iterator[str]:
        """A namespace with a name of its own, deleted at the end (not waited for)."""
        name = f"{prefix}-{secrets.token_hex(4)}"
        metadata = {"name": name, "labels": dict(labels or {})}
        self.request("POST", "/api/v1/namespaces", json={"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        try:
            yield name
        finally:
            self.delete("namespace", name, None)

    def kubectl(self, *arguments: str, stdin: Manifest | None = None, check: bool = True) -> str:
        """Run kubectl as this user, for what only it does (client-side apply, replace, wait); its output.

        Raises:
            AssertionError: it failed; both its outputs are in the message.
        """
        text = None if stdin is None else yaml.safe_dump_all([dict(document) for document in _documents(stdin)])
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig)}
        done = subprocess.run(
            [self._kubectl, *arguments], input=text, env=environment, capture_output=True, text=True, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + ("" if check else done.stderr)

    def request(self, method: str, path: str, **options: Any) -> Object:
        """Any request; the answer's JSON.

        An API server that asks to come again is asked again, as Kubernetes' own clients do: it makes room for a new
        kind after that has been established.

        Raises:
            ApiError: a status of 400 or more.
        """
        for _ in range(BUSY_SECONDS):
            response = self._http.request(method, path, **options)
            if response.status_code != BUSY:
                break
            time.sleep(1)
        if response.status_code >= 400:
            try:
                message = str(response.json().get("message", response.text))
            except ValueError:
                message = response.text
            raise ApiError(response.status_code, message)
        answer: Object = response.json()
        return answer

    def _resource(self, kind: str, api_version: str = "") -> Resource:
        key = f"{api_version}/{kind}".lower() if api_version else kind.lower()
        if key not in self._resources:
            # Also when a CRD has come since: a kind that is not known is looked for again.
            self._resources = dict(self._discover())
        if key not in self._resources:
            # Not an ApiError 404, which `get` takes for an absent object.
            raise LookupError(f"the API server serves no {key}")
        return self._resources[key]

    def _discover(self) -> Iterator[tuple[str, Resource]]:
        groups = self.request("GET", "/apis")["groups"]
        versions = [("v1", "/api/v1")]
        versions += [(v["groupVersion"], f"/apis/{v['groupVersion']}") for group in groups for v in group["versions"]]
        named: dict[str, Resource] = {}
        for api_version, prefix in versions:
            for found in self.request("GET", prefix)["resources"]:
                if "/" in found["name"]:
                    continue
                resource = Resource(prefix, found["name"], found["namespaced"])
                yield f"{api_version}/{found['kind']}".lower(), resource
                names = (found["kind"], found["name"], found.get("singularName"), *found.get("shortNames", ()))
                for name in filter(None, names):
                    named.setdefault(name.lower(), resource)
        yield from named.items()


def condition_of(found: Mapping[str, Any], kind: str) -> Object:
    """A condition of an object by its type; empty when it has none."""
    conditions = found.get("status", {}).get("conditions", ())
    return next((condition for condition in conditions if condition["type"] == kind), {})


def describe(found: Mapping[str, Any] | None) -> str:
    """An object as YAML without managed fields, and without the data of a Secret; for messages."""
    if found is None:
        return "(there is none)"
    shown = {**found, "metadata": {**found["metadata"], "managedFields": None}}
    if found.get("kind") == "Secret":
        shown["data"] = sorted(found.get("data") or ())
    return yaml.safe_dump(shown, sort_keys=False)


def _documents(manifest: Manifest) -> list[Mapping[str, Any]]:
    if isinstance(manifest, Mapping):
        return [manifest]
    text = manifest.read_text() if isinstance(manifest, Path) else manifest
    return [document for document in yaml.safe_load_all(text) if document]
