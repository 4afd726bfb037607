"""A base with an archive, restored again and again, and what must be true after each restore however it went."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from tests.cluster.backups import names, policy, restored, take, wait_restored
from tests.cluster.preparing import DataVolume, data_volume
from tests.cluster.schools import School

TEACHER = "Tableau-noir-1887"


@dataclass(frozen=True)
class Content:
    """What a school sees of its data.

    Args:
        users: of the base.
        annexes: by path, with their content.
    """

    users: tuple[str, ...]
    annexes: dict[str, str]


@dataclass(frozen=True)
class Asked:
    """A restore that is asked for.

    Args:
        spec: `spec.restore`.
        before: what was in service.
        after: what is in service when it was restored.
        safety: names of the safety snapshots that there were.
    """

    spec: dict[str, str]
    before: Content
    after: Content
    safety: tuple[str, ...]

    @property
    def request_id(self) -> str:
        return self.spec["requestId"]

    def is_told(self, base: dict[str, Any]) -> bool:
        """Whether the base's status tells the end."""
        told = base["status"].get("restore", {})
        return told.get("requestId") == self.request_id and told.get("phase") in ("Succeeded", "Failed")


@dataclass
class Restorable:
    """See the module. The base is in service."""

    school: School
    volume: DataVolume
    snapshots: dict[str, str]
    """By kind: an archive, and a backup, which holds no annexes; of the same moment."""
    stored: Content
    _serial: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    def of(cls, school: School) -> Self:
        """Make a base ready for restores; no policy covers it in the end, so that nothing else happens to it."""
        with policy(school.kube) as name:
            school.apply(backupPolicy=name).wait_ready(timeout=240)
            volume = data_volume(school)
            school.add_user("avant", TEACHER)
            volume.write_annex("marque.txt", "avant")
            volume.write_annex("lettre.txt", "une lettre")
            stored = content(school, volume)
            snapshots = {kind: take(school, kind, timeout=180) for kind in ("archive", "sauvegarde")}
            school.apply(backupPolicy=None)
            school.wait_settled()
        return cls(school, volume, snapshots, stored)

    def go_on(self, kind: str = "archive") -> Asked:
        """Work goes on after the snapshot: a user, an annex and a changed one. Then somebody is about to ask for it."""
        number = next(self._serial)
        self.school.add_user(f"apres-{number}", TEACHER)
        self.volume.write_annex("marque.txt", f"apres-{number}")
        self.volume.write_annex(f"ajout-{number}.txt", "ajout")
        before = content(self.school, self.volume)
        after = self.stored if kind == "archive" else Content(self.stored.users, before.annexes)
        spec = {"requestId": f"r-{secrets.token_hex(4)}", "snapshot": self.snapshots[kind]}
        return Asked(spec, before, after, tuple(names(self.school, "securite")))

    def ask(self, kind: str = "archive") -> Asked:
        """The same, and ask."""
        asked = self.go_on(kind)
        self.school.apply(restore=asked.spec)
        return asked

    def problems(self, asked: Asked, timeout: float = 180) -> list[str]:
        """Wait for the end of a restore, and say what is wrong: nothing, if it ran exactly once or not at all."""
        told = wait_restored(self.school, asked.request_id, timeout)
        records = self.volume.records(asked.request_id)
        ends = [record for record in records if record["event"] == "end"]
        if len(ends) != 1:
            return [f"it ended {len(ends)} times: {records}"]
        (end,) = ends
        good = end["result"] == "Restored"
        found = content(self.school, self.volume)
        taken = [name for name in names(self.school, "securite") if name not in asked.safety]
        left = sorted(path.name for path in self.volume.journal.parent.iterdir())
        expected = {
            "what is in service": (found, asked.after if good else asked.before),
            "phase": (told["phase"], "Succeeded" if good else "Failed"),
            "Restored": (restored(self.school), ("True", "Succeeded") if good else ("False", end["reason"])),
            "swaps": (sum(record["event"] == "swap" for record in records), int(good)),
            "safety snapshots": (taken, [end["safetySnapshot"]] if end["safetySnapshot"] else []),
            "one safety snapshot": (end["safetySnapshot"] is not None, good or end["safetySnapshot"] is not None),
            "left in .prepare": (left, ["journal.jsonl", "reserve"]),
            "school years": (len(list((self.volume.root / "years").iterdir())), 1),
        }
        return [f"{what}: {is_} instead of {wanted}" for what, (is_, wanted) in expected.items() if is_ != wanted]

    def phase(self, asked: Asked) -> str:
        """How the journal says that it ended."""
        return str(self.volume.records(asked.request_id)[-1].get("result"))


def content(school: School, volume: DataVolume) -> Content:
    """What is in service now."""
    return Content(tuple(sorted(school.users())), volume.annexes)


@contextmanager
def entered_at_once(managers: list[Any]) -> Iterator[list[Any]]:
    """Enter many contexts side by side; leave them one by one."""
    with ExitStack() as stack:
        with ThreadPoolExecutor(len(managers)) as pool:
            entering = [pool.submit(stack.enter_context, manager) for manager in managers]
        yield [one.result() for one in entering]
