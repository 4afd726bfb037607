"""What is compiled is pinned, and is compiled again only when a pin changes."""

import dataclasses
import re
from pathlib import Path

import pytest

from local_cluster import build, pins
from local_cluster.paths import State
from local_cluster.pins import COMPONENTS, TRAEFIK, Component

ALL = (*COMPONENTS, TRAEFIK)
FOREIGN = [component for component in ALL if component.package != "."]


@pytest.mark.parametrize("component", FOREIGN, ids=lambda component: component.name)
def test_the_module_of_a_component_is_required_at_one_exact_version(component: Component) -> None:
    assert re.fullmatch(r"v\d+\.\d+\.\d+", pins.module_version(component))


@pytest.mark.parametrize("component", FOREIGN, ids=lambda component: component.name)
def test_every_module_of_a_component_has_its_checksum(component: Component) -> None:
    assert "h1:" in (component.pins / "go.sum").read_text()


@pytest.mark.parametrize("component", ALL, ids=lambda component: component.name)
def test_no_component_wants_a_newer_go_than_the_oldest_that_is_accepted(component: Component) -> None:
    found = re.search(r"^go (\d+)\.(\d+)\.(\d+)$", (component.pins / "go.mod").read_text(), re.MULTILINE)
    assert found
    assert tuple(map(int, found.groups())) <= pins.GO_MINIMUM


def test_a_program_that_no_module_provides_is_an_error() -> None:
    with pytest.raises(ValueError, match="requires no module"):
        pins.module_version(Component("x", "etcd", "example.org/elsewhere"))


def test_kubernetes_programs_know_their_version() -> None:
    kubelet = next(component for component in COMPONENTS if component.name == "kubelet")
    assert f"version.gitVersion={pins.module_version(kubelet)}" in pins.ldflags(kubelet)


@pytest.fixture
def component(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Component:
    """A component whose pins may be changed."""
    monkeypatch.setattr(pins, "PACKAGE_ROOT", tmp_path)
    folder = tmp_path / "go" / "thing"
    folder.mkdir(parents=True)
    (folder / "go.mod").write_text("module thing\n\ngo 1.26.0\n")
    return Component("thing", "thing", ".")


def test_the_build_key_follows_pins_compiler_and_package(component: Component) -> None:
    key = pins.build_key(component, "go1.26.8")
    assert pins.build_key(component, "go1.26.8") == key
    assert pins.build_key(component, "go1.27.0") != key
    assert pins.build_key(dataclasses.replace(component, package="./other"), "go1.26.8") != key
    (component.pins / "go.mod").write_text("module thing\n\ngo 1.26.1\n")
    assert pins.build_key(component, "go1.26.8") != key


def test_a_program_is_outdated_when_it_is_missing_or_its_pins_have_changed(
    component: Component, tmp_path: Path
) -> None:
    state = State(tmp_path / "state")
    assert build.outdated(state, [component]) == [component]
    state.bin.mkdir(parents=True)
    (state.bin / "thing").touch()
    (state.bin / ".thing.key").write_text(f"{pins.build_key(component, 'go1.26.8')} go1.26.8\n")
    assert build.outdated(state, [component]) == []
    (component.pins / "go.sum").write_text("more\n")
    assert build.outdated(state, [component]) == [component]


def test_a_half_written_key_counts_as_outdated(component: Component, tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    state.bin.mkdir(parents=True)
    (state.bin / "thing").touch()
    (state.bin / ".thing.key").write_text("")
    assert build.outdated(state, [component]) == [component]
