"""Programs are taken out of a Debian package, which is not installed: its services never start."""

import subprocess
from pathlib import Path

import pytest

from local_cluster import debian
from local_cluster.errors import LocalClusterError
from local_cluster.progress import Progress

QUIET = Progress(quiet=True)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose apt-get downloads a real package that holds `usr/bin/tool`, after an update; returns its log."""
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    fields = "Package: tools\nVersion: 1\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: tools\n"
    (tree / "DEBIAN" / "control").write_text(fields)
    (tree / "usr" / "bin").mkdir(parents=True)
    (tree / "usr" / "bin" / "tool").write_text("#!/bin/sh\necho it works\n")
    (tree / "usr" / "bin" / "tool").chmod(0o755)
    subprocess.run(["dpkg-deb", "--build", tree, tmp_path / "tools.deb"], check=True, capture_output=True)
    programs = tmp_path / "programs"
    programs.mkdir()
    apt = programs / "apt-get"
    apt.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/log\ncase "$*" in\n'
        f"*update*) touch {tmp_path}/lists;;\n"
        f"*download*) test -e {tmp_path}/lists && cp {tmp_path}/tools.deb tools_1_all.deb;;\nesac\n"
    )
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return tmp_path / "log"


def test_the_program_works_where_it_was_put_and_nothing_is_installed(machine: Path, tmp_path: Path) -> None:
    target = tmp_path / "state" / "bin" / "tool"
    (tmp_path / "lists").touch()
    debian.extract("tools", {"usr/bin/tool": target}, QUIET)
    assert subprocess.run([target], capture_output=True, text=True, check=True).stdout == "it works\n"
    assert "install" not in machine.read_text()
    assert [path.name for path in target.parent.iterdir()] == ["tool"]


@pytest.mark.parametrize(("user", "updates"), [(0, True), (1000, False)])
def test_lists_that_are_missing_are_fetched_by_root_only(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, updates: bool
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: user)
    target = tmp_path / "tool"
    if updates:
        debian.extract("tools", {"usr/bin/tool": target}, QUIET)
    else:
        with pytest.raises(LocalClusterError, match="download"):
            debian.extract("tools", {"usr/bin/tool": target}, QUIET)
    assert ("update" in machine.read_text()) == updates == target.exists()


def test_a_package_without_the_program_is_said_so(machine: Path, tmp_path: Path) -> None:
    (tmp_path / "lists").touch()
    with pytest.raises(LocalClusterError, match="The package tools has no usr/bin/other"):
        debian.extract("tools", {"usr/bin/other": tmp_path / "other"}, QUIET)


def test_a_machine_without_apt_is_told_to_bring_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalClusterError, match="Missing: tool") as told:
        debian.extract("tools", {"usr/bin/tool": tmp_path / "tool"}, QUIET)
    assert "Put it on the PATH" in str(told.value)
