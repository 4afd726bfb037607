"""The settings that borg gives a new repository, and what is changed in them."""

from __future__ import annotations

import builtins
import configparser
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pronote_operator.snapshots import reserve, store

SETTINGS = "[repository]\nversion = 1\nmax_segment_size = 524288000\nid = 0123\nkey = first\n\tsecond\n"


class Faulty:
    """A file of which the last part cannot be read."""

    def __enter__(self) -> Iterator[str]:
        yield from SETTINGS.splitlines(keepends=True)
        raise OSError(errno.EIO, "Input/output error")

    def __exit__(self, *_: object) -> None:
        pass


def read(path: Path) -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(path.read_text())
    return dict(parser["repository"])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config"
    path.write_text(SETTINGS)
    return path


def test_only_the_size_of_segments_is_changed(config: Path) -> None:
    before = read(config)
    store._set_segment_bytes(config)
    assert read(config) == {**before, "max_segment_size": str(reserve.SEGMENT_BYTES)}


def test_a_fault_of_the_volume_half_way_never_spoils_them(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = builtins.open

    def faulty(file: Any, *arguments: Any, **others: Any) -> Any:
        reads = not arguments and "mode" not in others
        return Faulty() if file == config and reads else whole(file, *arguments, **others)

    monkeypatch.setattr(builtins, "open", faulty)
    store._set_segment_bytes(config)
    monkeypatch.undo()
    assert read(config)["version"] == "1"
    assert read(config)["key"] == "first\nsecond"
