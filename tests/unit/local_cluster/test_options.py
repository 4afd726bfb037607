"""An instance stays what it was started as, and two instances never share a port."""

from pathlib import Path

import pytest

from local_cluster import LocalClusterError, options
from local_cluster.options import Options
from local_cluster.paths import State


@pytest.fixture
def state(tmp_path: Path) -> State:
    """An empty state folder."""
    return State(tmp_path)


def _make(state: State, name: str, *, fake: bool = True, api_only: bool = False, nodes: int = 3) -> Options:
    made = options.resolve(state, name, fake=fake, api_only=api_only, nodes=nodes)
    options.write(state.instance(name).settings, made)
    return made


def test_options_are_read_back_as_written(state: State) -> None:
    made = _make(state, "a")
    assert options.read(state.instance("a").settings) == made


def test_an_instance_keeps_its_ports(state: State) -> None:
    assert _make(state, "a") == _make(state, "a")


def test_the_number_of_nodes_may_change(state: State) -> None:
    assert _make(state, "a", nodes=3).ports == _make(state, "a", nodes=9).ports
    assert options.read(state.instance("a").settings) == _make(state, "a", nodes=9)


def test_no_two_instances_share_a_port(state: State) -> None:
    ports = [_make(state, name).ports for name in "abc"]
    every = [port for given in ports for port in (given.apiserver, given.etcd, given.etcd_peer)]
    assert len(set(every)) == len(every)


def test_another_kind_under_the_same_name_is_refused_by_name(state: State) -> None:
    _make(state, "a", fake=True)
    with pytest.raises(LocalClusterError, match=r"'a' exists and is of another kind \(fake\)"):
        _make(state, "a", fake=False)


def test_the_real_instance_is_found_among_the_others(state: State) -> None:
    assert options.real_instance(state) is None
    _make(state, "bench")
    _make(state, "school", fake=False)
    assert options.real_instance(state) == "school"


def test_a_damaged_file_counts_as_no_instance(state: State) -> None:
    path = state.instance("a").settings
    path.parent.mkdir(parents=True)
    for text in ("", "[]", "{}", '{"ports": {}}'):
        path.write_text(text)
        assert options.read(path) is None
