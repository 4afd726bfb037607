"""The operator of an earlier commit, out of the history of this checkout."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = "operator/pronote_operator"


@dataclass(frozen=True)
class Earlier:
    """An operator's source.

    Args:
        commit: that it is of; empty for the checkout itself.
        subject: of that commit.
        path: for PYTHONPATH, before all else.
        differs: whether it is another than the checkout's.
    """

    commit: str
    subject: str
    path: Path
    differs: bool

    def __str__(self) -> str:
        what = f"{self.commit[:9]} ({self.subject})" if self.commit else "the checkout itself (it has no history)"
        return what if self.differs else f"{what}, whose operator is the same"


def earlier_version(folder: Path) -> Earlier:
    """The operator as it was before its last change.

    The last commit, along first parents, whose operator is another than that of the checkout with what is not
    committed; in a checkout that was cut short the oldest that there is; without any history the checkout itself.
    Whoever uses it says which it is: `str` of the answer.

    Args:
        folder: to put it in.
    """
    commits = (_git("rev-list", "--first-parent", "HEAD") or b"").decode().split()
    if not commits:
        return Earlier("", "", ROOT / "operator", differs=False)
    chosen = next((commit for commit in commits if _differs(commit)), commits[-1])
    packed = _git("archive", chosen, PACKAGE)
    assert packed is not None, f"commit {chosen} has no {PACKAGE}"
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed, check=True)
    subject = (_git("log", "-1", "--format=%s", chosen) or b"").decode().strip()
    return Earlier(chosen, subject, folder / "operator", differs=_differs(chosen))


def _differs(commit: str) -> bool:
    return _git("diff", "--quiet", commit, "--", PACKAGE) is None


def _git(*arguments: str) -> bytes | None:
    """What git prints; None when it fails, or is not there."""
    # Whoever runs the tests need not own the checkout.
    command = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None
