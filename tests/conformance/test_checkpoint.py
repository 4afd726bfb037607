"""Checkpoints: consistent while the server writes, whole or absent, and fit to be served."""

from __future__ import annotations

import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conformance.harness import SUPERADMIN, YEAR, Server, Volume

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


@contextmanager
def _writing(server: Server, command: str) -> Iterator[None]:
    words = shlex.split(command)
    environment = os.environ | {
        "SERVER_PORT": str(server.client_port),
        "SERVER_CA": str(server.volume.tls / "ca.crt"),
        "SERVER_USERNAME": SUPERADMIN[0],
        "SERVER_PASSWORD": SUPERADMIN[1],
    }
    words[0] = sys.executable if words[0] == "python" else words[0]
    process = subprocess.Popen(words, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        yield
        assert process.poll() is None, "the writer has ended"
    finally:
        process.kill()
        process.wait()


def test_a_checkpoint_is_named_described_and_on_disk(server: Server) -> None:
    answer = server.admin("POST", "/v1/checkpoint")
    assert answer.status == 200
    document = answer.json
    folder = server.volume.checkpoints / document["name"]
    assert Path(document["path"]) == folder
    assert document["schoolYear"] == YEAR
    assert document["version"] == "2026.2.5"
    assert document["sizeBytes"] == (folder / "base.sqlite").stat().st_size > 0
    assert datetime.fromisoformat(document["createdTime"]).tzinfo is not None
    assert server.admin("DELETE", f"/v1/checkpoint/{document['name']}").status in (200, 204)
    assert not folder.exists()
    assert server.admin("DELETE", f"/v1/checkpoint/{document['name']}").status == 404


def test_checkpoints_taken_while_it_writes_are_consistent_and_whole(server: Server, writer_command: str) -> None:
    taken = []
    stop = threading.Event()
    seen_unfinished = []

    def look() -> None:
        while not stop.is_set():
            for folder in server.volume.checkpoints.iterdir():
                named = not folder.name.startswith(".") and "." not in folder.name
                if named and not (folder / "base.sqlite").exists() and folder.exists():
                    seen_unfinished.append(folder.name)

    looker = threading.Thread(target=look)
    looker.start()
    try:
        with _writing(server, writer_command):
            for _ in range(10):
                answer = server.admin("POST", "/v1/checkpoint")
                assert answer.status == 200
                taken.append(answer.json["name"])
    finally:
        stop.set()
        looker.join()
    assert len(set(taken)) == 10
    assert seen_unfinished == []
    for name in taken:
        base = server.volume.checkpoints / name / "base.sqlite"
        assert not base.with_name("base.sqlite-wal").exists()
        with sqlite3.connect(f"file:{base}?immutable=1", uri=True) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            # What the verification of a snapshot counts.
            assert connection.execute("SELECT count(*) FROM pupils").fetchone()[0] >= 0
        connection.close()


def test_a_server_starts_on_the_content_of_a_checkpoint(server: Server, command: str, tmp_path: Path) -> None:
    name = server.admin("POST", "/v1/checkpoint").json["name"]
    volume = Volume(tmp_path)
    volume.prepare()
    shutil.rmtree(volume.year_folder)
    shutil.copytree(server.volume.checkpoints / name, volume.year_folder)
    restored = Server(command, volume)
    try:
        restored.start()
        assert restored.admin("GET", "/v1/info").json["schoolYear"] == YEAR
    finally:
        restored.kill()


def test_names_that_are_no_checkpoint_delete_nothing(server: Server) -> None:
    keep = server.volume.checkpoints / "keep-me"
    keep.mkdir()
    for name in ("keep-me", "..", "%2E%2E", "..%2Fyears", "%2E%2E%2Fyears%2F2026", "checkpoint-x"):
        assert server.admin("DELETE", f"/v1/checkpoint/{name}").status in (400, 404)
    assert keep.is_dir()
    assert (server.volume.year_folder / "base.sqlite").exists()
