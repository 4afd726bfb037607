"""A school at work: pupils, and Clients that call the roll without a break."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_cluster.sockets import wait_for_answer
from tests.cluster.schools import ANSWER_SECONDS, School
from tests.cluster.stage import ROOT
from tests.support.school_client import Door, Login, SchoolClient

LOGIN = Login("surveillante", "Cahier-appel-1887")
_COLUMNS = "nationalId,lastName,firstName,birthDate,class"


def import_pupils(school: School, count: int) -> None:
    """Enter so many pupils."""
    rows = "".join(f"{n:09}AB,Nom{n},Prénom{n},2014-05-31,{n % 24}e\n" for n in range(count))
    said = school.execute("pronote-server", "pupil", "import", "/dev/stdin", stdin=f"{_COLUMNS}\n{rows}")
    assert said.split() == [str(count), "pupils"], said


def add_writer(school: School) -> None:
    """Add the user of `LOGIN`, who may enter absences."""
    words = ("user", "add", LOGIN.username, "--mode", LOGIN.mode, "--password-stdin")
    school.execute("pronote-server", *words, stdin=LOGIN.password)


def door(school: School, folder: Path) -> Door:
    """Where Clients of this machine reach the school: its Service's address, known by its own authority."""
    parameters = json.loads(school.child("ConfigMap", f"{school.name}-parameters")["data"]["parameters.json"])
    folder.mkdir(parents=True, exist_ok=True)
    authority = folder / "ca.crt"
    authority.write_text(parameters["caCertificate"])
    address = school.child("Service", f"{school.name}-client")["spec"]["clusterIP"]
    wait_for_answer(address, parameters["port"], ANSWER_SECONDS)
    return Door(parameters["host"], (address, parameters["port"]), authority)


@contextmanager
def writing(at: Door, output: Path, *, clients: int, pause: float, seconds: float = 900) -> Iterator[None]:
    """Let Clients write, until the end of the context; what came of it is in `output` then (`school_writer`)."""
    words = {
        "--connect": f"{at.address[0]}:{at.address[1]}",
        "--host": at.host,
        "--ca": str(at.ca),
        "--username": LOGIN.username,
        "--mode": LOGIN.mode,
        "--clients": str(clients),
        "--pause": str(pause),
        "--seconds": str(seconds),
        "--output": str(output),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.school_writer", *(word for pair in words.items() for word in pair)],
        env={**os.environ, "SCHOOL_WRITER_PASSWORD": LOGIN.password},
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield
        assert process.poll() is None, f"the writer ended: {process.communicate()[1]}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def texts_in(at: Door) -> list[str]:
    """The texts of all absences that the server has, as a Client sees them."""
    client = SchoolClient(at, LOGIN)
    try:
        client.log_in()
        return [str(absence["reason"]) for absence in client.absences()]
    finally:
        client.close()
