"""Image archives without Docker: one tar that containerd, Docker and kind can all load, the same bytes every time."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True)
class Layer:
    """An uncompressed layer in a file.

    Attributes:
        path: of the tar.
        digest: "sha256:…" of its bytes.
        comment: what it holds, for `docker history`.
    """

    path: Path
    digest: str
    comment: str = ""


@dataclass(frozen=True)
class ImageSpec:
    """What an image runs as.

    Attributes:
        name: with its tag, for example "localhost/pronote-operator:dev".
        architecture: as Go and Debian call it: amd64, arm64.
        entrypoint: program and leading arguments.
        command: arguments unless others are given.
        environment: variables that are set in every container.
        user: "uid:gid".
        labels: annotations of the image.
    """

    name: str
    architecture: str
    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """One file or folder of a layer that is written by this program.

    Attributes:
        name: path in the image, without a leading slash.
        content: bytes of a file; None for a folder.
        mode: permission bits.
    """

    name: str
    content: bytes | None
    mode: int = 0o644


def layer_from_file(path: Path, comment: str = "") -> Layer:
    """A layer that is already a tar."""
    with path.open("rb") as file:
        return Layer(path, f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}", comment)


def write_layer(path: Path, entries: Sequence[Entry], comment: str = "") -> Layer:
    """Writes a layer of root's, read-only for everyone else, without any date.

    Args:
        path: of the tar.
        entries: what it holds; sorted here, missing parent folders are added.
        comment: what it holds, in words.
    """
    named = {entry.name: entry for entry in entries}
    for entry in entries:
        for parent in Path(entry.name).parents:
            if str(parent) != ".":
                named.setdefault(str(parent), Entry(str(parent), None, 0o755))
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    with tarfile.open(fresh, "w", format=tarfile.PAX_FORMAT) as tar:
        for name in sorted(named):
            _add(tar, named[name])
    fresh.rename(path)
    return layer_from_file(path, comment)


def config_of(spec: ImageSpec, layers: Sequence[Layer]) -> bytes:
    """The image's configuration; its digest is the image's id."""
    settings: dict[str, Any] = {
        "Env": [f"{name}={value}" for name, value in spec.environment.items()],
        "Entrypoint": list(spec.entrypoint),
        "Cmd": list(spec.command),
        "Labels": dict(spec.labels),
    }
    if spec.user:
        settings["User"] = spec.user
    content = {
        "created": "1970-01-01T00:00:00Z",
        "architecture": spec.architecture,
        "os": "linux",
        "config": {name: value for name, value in settings.items() if value},
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": layer.comment} for layer in layers],
    }
    return _json(content)


def manifest_of(config: bytes, layers: Sequence[Layer]) -> bytes:
    """The manifest; its digest is what containerd shows for an image."""
    return _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor(_CONFIG, _digest(config), len(config)),
            "layers": [_descriptor(_LAYER, layer.digest, layer.path.stat().st_size) for layer in layers],
        }
    )


def write_archive(path: Path, specs: Sequence[ImageSpec], layers: Sequence[Layer]) -> None:
    """Writes images that share their layers as one tar: an OCI layout with Docker's own manifest beside it.

    Args:
        path: of the archive; replaced when there.
        specs: what each image runs as.
        layers: from the bottom up.
    """
    blobs: list[bytes] = []
    index: list[dict[str, Any]] = []
    docker: list[dict[str, Any]] = []
    for spec in specs:
        config = config_of(spec, layers)
        manifest = manifest_of(config, layers)
        blobs += [config, manifest]
        names = {
            "io.containerd.image.name": spec.name,
            "org.opencontainers.image.ref.name": spec.name.rpartition(":")[2],
        }
        index.append({**_descriptor(_MANIFEST, _digest(manifest), len(manifest)), "annotations": names})
        docker.append(
            {"Config": _blob(config), "RepoTags": [spec.name], "Layers": [_path(layer.digest) for layer in layers]}
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    with tarfile.open(fresh, "w", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, Entry("oci-layout", _json({"imageLayoutVersion": "1.0.0"})))
        _add(tar, Entry("index.json", _json({"schemaVersion": 2, "manifests": index})))
        _add(tar, Entry("manifest.json", _json(docker)))
        for blob in blobs:
            _add(tar, Entry(_blob(blob), blob))
        for layer in {layer.digest: layer for layer in layers}.values():
            header = tarfile.TarInfo(_path(layer.digest))
            header.size = layer.path.stat().st_size
            with layer.path.open("rb") as file:
                tar.addfile(header, file)
    fresh.rename(path)


def contents(path: Path) -> dict[str, str]:
    """The images of an archive.

    Returns:
        name → digest of the manifest.
    """
    with tarfile.open(path) as tar:
        file = tar.extractfile("index.json")
        index = json.load(file) if file else {"manifests": []}
    return {item["annotations"]["io.containerd.image.name"]: item["digest"] for item in index["manifests"]}


def _add(tar: tarfile.TarFile, entry: Entry) -> None:
    header = tarfile.TarInfo(entry.name)
    header.mode = entry.mode
    if entry.content is None:
        header.type = tarfile.DIRTYPE
        tar.addfile(header)
    else:
        header.size = len(entry.content)
        tar.addfile(header, io.BytesIO(entry.content))


def _descriptor(kind: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest, "size": size}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _path(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _blob(content: bytes) -> str:
    return _path(_digest(content))


def _json(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":"), sort_keys=True).encode()
