"""The process that makes and judges certificates: asked for real, killed, silent, idle, and left behind."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from pronote_operator.builders.certificates import Certificates
from pronote_operator.certification.certifier import Certified, Certifier, CertifierError
from pronote_operator.certification.issuing import LEAF_LIFETIME, reason_to_renew, renewal_time
from pronote_operator.errors import BundleError
from tests.unit.planning.test_ca_bundle import GOOD, OVER
from tests.unit.planning.test_ca_bundle import NOW as BUNDLE_NOW

NOW = dt.datetime(2026, 9, 1, 8, tzinfo=dt.UTC)
NAMES = ("jean-moulin-client.schools.svc", "jean-moulin-agent.schools.svc")
WORKER = "pronote_operator.certification.worker"


@pytest.fixture
async def certifier() -> AsyncIterator[Certifier]:
    async with Certifier() as certifier:
        yield certifier


async def certified(
    certifier: Certifier, held: Certificates | None = None, now: dt.datetime = NOW, names: tuple[str, ...] = NAMES
) -> Certified:
    return await certifier.certified(held, subject="jean-moulin", organisation="schools", names=names, now=now)


def workers(parent: int | None = None) -> list[int]:
    """Processes for certificates that this process, or `parent`, has started and that have not ended."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            command = (entry / "cmdline").read_bytes().decode().split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if stat[0] != "Z" and int(stat[1]) == (parent or os.getpid()) and WORKER in command:
            found.append(int(entry.name))
    return found


async def until(what: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "in vain"
        await asyncio.sleep(0.02)


async def test_what_is_issued_is_in_order_and_says_when_to_renew_it(certifier: Certifier) -> None:
    made = await certified(certifier)
    assert reason_to_renew(made.certificates, NAMES, NOW) is None
    assert made.renew == renewal_time(made.certificates)


async def test_what_is_in_order_is_kept_as_it_is(certifier: Certifier) -> None:
    made = await certified(certifier)
    again = await certified(certifier, made.certificates, NOW + dt.timedelta(days=1))
    assert again.certificates is made.certificates
    assert again.renew == made.renew


async def test_what_ends_soon_or_lacks_a_name_is_renewed_by_the_same_authority(certifier: Certifier) -> None:
    made = await certified(certifier)
    old = await certified(certifier, made.certificates, NOW + LEAF_LIFETIME)
    more = await certified(certifier, made.certificates, names=(*NAMES, "pronote.example.org"))
    for renewed in (old, more):
        assert renewed.certificates.authority == made.certificates.authority
        assert renewed.certificates.leaf != made.certificates.leaf
    assert old.renew > made.renew


async def test_many_are_asked_for_at_once_of_one_process_and_nobody_gets_anothers(certifier: Certifier) -> None:
    names = [(f"school-{number}.schools.svc",) for number in range(50)]
    made = await asyncio.gather(*(certified(certifier, names=one) for one in names))
    assert [reason_to_renew(one.certificates, name, NOW) for one, name in zip(made, names, strict=True)] == [None] * 50
    assert len(workers()) == 1


async def test_who_is_asked_for_and_goes_away_does_not_shift_the_answers(certifier: Certifier) -> None:
    await certified(certifier)
    (worker,) = workers()
    os.kill(worker, signal.SIGSTOP)
    leaving = asyncio.create_task(certified(certifier, names=("leaving.schools.svc",)))
    staying = asyncio.create_task(certified(certifier))
    await asyncio.sleep(0.05)
    leaving.cancel()
    os.kill(worker, signal.SIGCONT)
    assert reason_to_renew((await staying).certificates, NAMES, NOW) is None


async def test_certificates_of_a_person_are_judged(certifier: Certifier) -> None:
    assert await certifier.bundle(f"words\n{GOOD}", BUNDLE_NOW) == GOOD
    with pytest.raises(BundleError, match="the last ended on"):
        await certifier.bundle(OVER, BUNDLE_NOW)


async def test_a_private_key_of_a_person_is_not_even_handed_on(certifier: Certifier) -> None:
    with pytest.raises(BundleError, match="private key"):
        await certifier.bundle(f"{GOOD}-----BEGIN PRIVATE KEY-----\n", BUNDLE_NOW)
    assert workers() == []


async def test_a_process_that_is_killed_is_replaced_and_asked_again(certifier: Certifier) -> None:
    await certified(certifier)
    (first,) = workers()
    os.kill(first, signal.SIGSTOP)
    asked = [asyncio.create_task(certified(certifier)) for _ in range(3)]
    await asyncio.sleep(0.05)
    os.kill(first, signal.SIGKILL)
    for one in await asyncio.gather(*asked):
        assert reason_to_renew(one.certificates, NAMES, NOW) is None
    assert workers() != [first]


async def test_a_process_killed_between_two_questions_is_replaced(certifier: Certifier) -> None:
    await certified(certifier)
    os.kill(workers()[0], signal.SIGKILL)
    assert reason_to_renew((await certified(certifier)).certificates, NAMES, NOW) is None


async def test_a_process_that_is_silent_is_ended_and_another_asked() -> None:
    async with Certifier(answer_seconds=2) as certifier:
        await certified(certifier)
        (silent,) = workers()
        os.kill(silent, signal.SIGSTOP)
        await certified(certifier)
        assert silent not in workers()


async def test_without_any_process_the_pass_fails_and_says_so(
    certifier: Certifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(CertifierError, match="gives no answer"):
        await certified(certifier)


async def test_a_process_that_ends_at_once_is_not_started_for_ever(
    certifier: Certifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(CertifierError, match="gives no answer"):
        await certified(certifier)


async def test_a_question_that_makes_no_sense_is_told_without_what_it_held(certifier: Certifier) -> None:
    with pytest.raises(CertifierError) as failed:
        await certifier.certified(None, subject="canary" * 20, organisation="schools", names=NAMES, now=NOW)
    assert "ValueError" in str(failed.value)
    assert "canary" not in str(failed.value)
    assert reason_to_renew((await certified(certifier)).certificates, NAMES, NOW) is None


async def test_a_process_without_questions_ends_and_the_next_question_has_another() -> None:
    async with Certifier(idle_seconds=0.2) as certifier:
        made = await certified(certifier)
        (first,) = workers()
        await until(lambda: not workers())
        assert (await certified(certifier, made.certificates)).certificates is made.certificates
        assert workers() not in ([], [first])


async def test_a_process_whose_last_question_was_given_up_ends_too() -> None:
    async with Certifier(idle_seconds=0.2) as certifier:
        await certified(certifier)
        (worker,) = workers()
        os.kill(worker, signal.SIGSTOP)
        leaving = asyncio.create_task(certified(certifier))
        await asyncio.sleep(0.05)
        leaving.cancel()
        await asyncio.wait((leaving,))
        os.kill(worker, signal.SIGCONT)
        await until(lambda: not workers())


async def test_keys_are_not_seen_in_the_process_table(certifier: Certifier) -> None:
    made = await certified(certifier)
    await certified(certifier, made.certificates)
    (worker,) = workers()
    for what in ("cmdline", "environ"):
        assert b"PRIVATE" not in Path(f"/proc/{worker}/{what}").read_bytes()
    assert "PRIVATE" not in repr(made)


async def test_the_end_of_the_operator_is_the_end_of_the_process() -> None:
    async with Certifier() as certifier:
        await certified(certifier)
        assert len(workers()) == 1
    assert workers() == []


OPERATOR = """
import asyncio, datetime as dt
from pronote_operator.certification.certifier import Certifier

async def main():
    async with Certifier() as certifier:
        await certifier.certified(
            None, subject="a", organisation="b", names=["c"], now=dt.datetime(2026, 9, 1, tzinfo=dt.UTC)
        )
        print("asked", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_an_operator_that_is_killed_leaves_no_process_behind() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    operator = subprocess.Popen([sys.executable, "-c", OPERATOR], stdout=subprocess.PIPE, env=environment)
    assert operator.stdout is not None
    assert operator.stdout.readline() == b"asked\n"
    (worker,) = workers(operator.pid)
    operator.kill()
    operator.wait()
    operator.stdout.close()
    await until(lambda: not Path(f"/proc/{worker}").exists() or "Z" in _state(worker))


def _state(process: int) -> str:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


IMPORTS = """
import sys
from pronote_operator.cluster.lean import leave_out_what_is_not_used
leave_out_what_is_not_used()
import pronote_operator.app, pronote_operator.process
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""


def test_the_operators_own_process_does_not_load_the_library_for_certificates() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    told = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True, env=environment)
    loaded = told.stdout.split()
    assert "pronote_operator" in loaded
    assert "cryptography" not in loaded
