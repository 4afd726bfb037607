"""Image archives: the same bytes every time, in the form that containerd and Docker both read."""

import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from local_cluster import archive
from local_cluster.archive import Entry, ImageSpec, Layer

ENTRIES = [Entry("opt/b", b"two", 0o755), Entry("etc/a", b"one")]
SPECS = [
    ImageSpec(f"localhost/thing:{tag}", "amd64", ["thing"], ["run"], {"VERSION": tag}, "10001:10001")
    for tag in ("1", "2")
]


@pytest.fixture
def layer(tmp_path: Path) -> Layer:
    """A layer of two files."""
    return archive.write_layer(tmp_path / "layer.tar", ENTRIES, "two files")


@pytest.fixture
def image(tmp_path: Path, layer: Layer) -> Path:
    """An archive of two images that share a layer."""
    path = tmp_path / "image.tar"
    archive.write_archive(path, SPECS, [layer])
    return path


def _blobs(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {member.name: file.read() for member in tar if (file := tar.extractfile(member))}


def _json(blobs: dict[str, bytes], name: str) -> Any:
    return json.loads(blobs[name])


def test_a_layer_has_the_same_bytes_whatever_the_order_of_its_entries(tmp_path: Path, layer: Layer) -> None:
    assert archive.write_layer(tmp_path / "other.tar", ENTRIES[::-1]).digest == layer.digest


def test_a_layer_belongs_to_root_and_holds_no_date(layer: Layer) -> None:
    with tarfile.open(layer.path) as tar:
        members = tar.getmembers()
    assert [(member.name, member.mode) for member in members] == [
        ("etc", 0o755),
        ("etc/a", 0o644),
        ("opt", 0o755),
        ("opt/b", 0o755),
    ]
    assert {(member.uid, member.gid, member.mtime) for member in members} == {(0, 0, 0)}


def test_an_archive_has_the_same_bytes_every_time(tmp_path: Path, layer: Layer, image: Path) -> None:
    archive.write_archive(tmp_path / "again.tar", SPECS, [layer])
    assert (tmp_path / "again.tar").read_bytes() == image.read_bytes()


def test_every_blob_bears_the_digest_of_its_content(image: Path) -> None:
    blobs = {name: content for name, content in _blobs(image).items() if name.startswith("blobs/")}
    assert blobs
    assert all(name == f"blobs/sha256/{hashlib.sha256(content).hexdigest()}" for name, content in blobs.items())


def test_images_share_their_layers(image: Path, layer: Layer) -> None:
    blobs = _blobs(image)
    docker = _json(blobs, "manifest.json")
    assert [item["RepoTags"] for item in docker] == [["localhost/thing:1"], ["localhost/thing:2"]]
    assert docker[0]["Layers"] == docker[1]["Layers"] == [f"blobs/{layer.digest.replace(':', '/')}"]


def test_docker_and_oci_describe_the_same_images(image: Path) -> None:
    blobs = _blobs(image)
    for described, docker in zip(_json(blobs, "index.json")["manifests"], _json(blobs, "manifest.json"), strict=True):
        manifest = _json(blobs, f"blobs/{described['digest'].replace(':', '/')}")
        assert f"blobs/{manifest['config']['digest'].replace(':', '/')}" == docker["Config"]
        assert described["annotations"]["io.containerd.image.name"] == docker["RepoTags"][0]
        config = _json(blobs, docker["Config"])
        assert config["rootfs"]["diff_ids"] == [item["digest"] for item in manifest["layers"]]


def test_an_image_runs_as_it_is_told_to(image: Path) -> None:
    blobs = _blobs(image)
    config = _json(blobs, _json(blobs, "manifest.json")[0]["Config"])["config"]
    assert config == {"User": "10001:10001", "Env": ["VERSION=1"], "Entrypoint": ["thing"], "Cmd": ["run"]}


def test_the_contents_of_an_archive_are_its_images_and_their_digests(image: Path) -> None:
    index = _json(_blobs(image), "index.json")["manifests"]
    assert archive.contents(image) == {
        "localhost/thing:1": index[0]["digest"],
        "localhost/thing:2": index[1]["digest"],
    }
