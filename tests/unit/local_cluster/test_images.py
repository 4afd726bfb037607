"""Both ways of building agree: what an image runs as is written once, in its Dockerfile."""

import re

import pytest

from local_cluster import dockerfile, images
from local_cluster.images import KINDS, Kind

TEXT = """\
FROM debian AS build
ENV LEFT=behind
USER 0
FROM debian
ARG VERSION
ENV PATH=/opt/pronote/bin:/usr/bin
ENV PRONOTE_VERSION=$VERSION
USER 10001:10001
ENTRYPOINT ["thing"]
CMD ["run", "fast"]
"""


def test_the_settings_are_those_of_the_last_stage() -> None:
    settings = dockerfile.run_settings(TEXT, {"VERSION": "2026.2.5"})
    assert settings.environment == {"PATH": "/opt/pronote/bin:/usr/bin", "PRONOTE_VERSION": "2026.2.5"}
    assert settings.user == "10001:10001"
    assert settings.entrypoint == ["thing"]
    assert settings.command == ["run", "fast"]


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_an_image_runs_without_root_and_finds_its_programs(kind: Kind) -> None:
    spec = images.spec(kind, kind.versions[0])
    assert spec.user == "10001:10001"
    assert spec.environment["PATH"].startswith("/opt/pronote/bin:")
    assert spec.entrypoint == [f"pronote-{kind.name}"]


def test_the_server_knows_its_version() -> None:
    server = KINDS["server"]
    assert {"2026.2.5", "2026.2.6"} <= set(server.versions)
    for version in server.versions:
        assert images.spec(server, version).environment["PRONOTE_VERSION"] == version


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_the_dockerfile_installs_the_same_packages_and_libraries(kind: Kind) -> None:
    text = kind.dockerfile.read_text()
    assert f"/build/{kind.name}.packages" in text
    assert f"COPY requirements/{kind.requirements.name} " in text
    installed = re.search(r"install\.py code /opt/pronote /build (.*)$", text, re.MULTILINE)
    assert installed
    assert installed[1].split() == list(kind.packages)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_locked_library_has_its_hash(kind: Kind) -> None:
    lines = kind.requirements.read_text().splitlines()
    names = [line for line in lines if re.match(r"[\w.-]+==", line)]
    assert names
    assert all(line.endswith("\\") for line in names)
