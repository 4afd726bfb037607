"""Reads the current context of a kubeconfig, and writes one for a plain address."""

from __future__ import annotations

import base64
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Upstream:
    """An API server and how to be somebody there."""

    url: str
    tls: ssl.SSLContext | None
    """None for plain HTTP."""
    token: str | None
    """A bearer token, used for requests that bring none."""


def read_kubeconfig(path: Path) -> Upstream:
    """The cluster and user of the current context: certificates and tokens, inline or as files; nothing that runs a
    program.

    Raises:
        KeyError, OSError, ssl.SSLError: the file is not usable.
    """
    config = yaml.safe_load(path.read_text())
    context = _named(config["contexts"], config["current-context"])["context"]
    cluster = _named(config["clusters"], context["cluster"])["cluster"]
    user = _named(config["users"], context["user"]).get("user") or {}
    url = str(cluster["server"]).rstrip("/")
    token = user.get("token")
    if not token and user.get("tokenFile"):
        token = (path.parent / user["tokenFile"]).read_text().strip()
    if not url.startswith("https:"):
        return Upstream(url, None, token)
    tls = ssl.create_default_context(cadata=_text(cluster, "certificate-authority", path.parent))
    if cluster.get("insecure-skip-tls-verify"):
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    certificate, key = (_text(user, name, path.parent) for name in ("client-certificate", "client-key"))
    if certificate and key:
        # The ssl module loads a key from files only.
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as pair:
            pair.write(f"{certificate}\n{key}\n")
            pair.flush()
            tls.load_cert_chain(pair.name)
    return Upstream(url, tls, token)


def write_kubeconfig(path: Path, url: str, *, namespace: str = "default") -> Path:
    """A kubeconfig without credentials for an address."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": url}}],
        "users": [{"name": "test", "user": {}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": namespace}}],
        "current-context": "test",
    }
    path.write_text(yaml.safe_dump(config))
    return path


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    for entry in entries:
        if entry["name"] == name:
            return entry
    raise KeyError(name)


def _text(section: dict[str, Any], name: str, folder: Path) -> str | None:
    if section.get(f"{name}-data"):
        return base64.b64decode(section[f"{name}-data"]).decode()
    return (folder / section[name]).read_text() if section.get(name) else None
